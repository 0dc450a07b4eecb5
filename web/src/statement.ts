/** The statement that public values make about the model of a key; the object that `lemma verify --json` prints. */

import { hex, word } from "./bytes.js";
import type { VerifyingKey } from "./key.js";
import { Refusal } from "./refusal.js";
import { isCommitted, type PrivateInput, publicValues, type TensorSignature } from "./signature.js";

/** A public tensor with its values, or a committed one with its digest. */
export interface Tensor extends TensorSignature {
  /** The integers, row-major; none when committed. */
  readonly values: readonly bigint[];
  /** 32 bytes in hexadecimal, only when committed. */
  readonly digest?: string;
}

/** What a proof says; the names are those of docs/json.md, integers are `bigint`. */
export interface Statement {
  readonly model: string;
  readonly circuit_digest: string;
  readonly vk_digest: string;
  readonly development: boolean;
  /** keccak256 of the context's bytes, or zeros for none. */
  readonly context: string;
  readonly tensors: readonly Tensor[];
  readonly private_inputs: readonly PrivateInput[];
}

/** Reads values, in fold order, by the signature of a key. */
export function decode(key: VerifyingKey, values: readonly bigint[], context: Uint8Array): Statement {
  let at = 0;
  const tensors = key.signature.map((signature): Tensor => {
    const own = values.slice(at, at + Number(publicValues(signature) ?? 0n));
    at += own.length;
    if (isCommitted(signature.role)) return { ...signature, values: [], digest: hex(word(own[0] ?? 0n)) };
    const { name, low, high } = signature;
    const outside = own.findIndex((value) => value < low || value > high);
    if (outside >= 0) {
      const where = `entry ${outside} of public tensor \`${name}\``;
      throw new Refusal("statement.out-of-range", `${where} is outside its range ${low}..=${high}`);
    }
    return { ...signature, values: own };
  });
  return {
    model: key.model,
    circuit_digest: hex(key.circuitDigest),
    vk_digest: hex(key.digest),
    development: key.development,
    context: hex(context),
    tensors,
    private_inputs: key.privateInputs,
  };
}

/** Name of the largest entry of the first output that has one row of named entries; the first on ties. */
export function answer(statement: Statement): string | undefined {
  for (const { role, labels, values } of statement.tensors) {
    if (role !== "output" || labels === "none") continue;
    const names = "entries" in labels ? labels.entries : labels.values;
    const width = "entries" in labels ? Math.max(names.length, 1) : 1;
    const largest = values.reduce<bigint | undefined>((most, v) => (most === undefined || v > most ? v : most), undefined);
    if (largest === undefined || values.length > width) continue;
    const index = width === 1 ? Number(largest) : values.indexOf(largest);
    if (names[index] !== undefined) return names[index];
  }
  return undefined;
}
