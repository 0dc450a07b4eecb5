/** Verifies lemma proofs without a server; see README.md. */

export { maxBytes } from "./file.js";
export type { Generation } from "./generation.js";
export { MAX_KEY_BYTES, type VerifyingKey } from "./key.js";
export { type Code, CODES } from "./refusal.js";
export { decimal, label, type Labels, type PrivateInput, real, type Role, type TensorSignature } from "./signature.js";
export type { Statement, Tensor } from "./statement.js";
export { type Accepted, type Demand, type OpenedKey, openKey, type Refused, verify } from "./verify.js";
export { oneLine, quoted, visible } from "./visible.js";
