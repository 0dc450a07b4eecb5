/**
 * The pairing equation and everything around it.
 *
 *     e(A, B) = e(alpha, beta) e(IC_0 + chi IC_1 + phi IC_2, gamma) e(C1, delta1) e(C2, delta2)
 *     chi     = keccak256(TAG || key digest || context || n || x_1 || ... || x_n || C1) mod r
 *     phi     = x_1 chi + x_2 chi^2 + ... + x_n chi^n
 */

import { bn254 } from "@noble/curves/bn254.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ascii, equal, hex, integer, keccak, unhex, word } from "./bytes.js";
import { maxBytes, type Opened, openFile, readFile } from "./file.js";
import { type Generation, generation, splitContext } from "./generation.js";
import { readKey, type VerifyingKey } from "./key.js";
import { type PointG1, type PointG2, R } from "./point.js";
import { type Code, Refusal } from "./refusal.js";
import { answer, decode, type Statement } from "./statement.js";

const TAG = ascii("lemma challenge v1".padEnd(32, "\0"));
const { Fr, Fp12 } = bn254.fields;

/** What a caller asks of a proof besides that it holds. */
export interface Demand {
  /** The bytes that the proof must be bound to, or their hexadecimal digits; any when left out. */
  readonly context?: Uint8Array | string;
  /** The digest of the key as the model's owner gives it: 32 bytes, or their hexadecimal digits. */
  readonly keyDigest?: Uint8Array | string;
  /** Whether it must be a generated text. */
  readonly generation?: boolean;
}

/** A proof that holds and is what was asked for. */
export interface Accepted {
  readonly ok: true;
  readonly statement: Statement;
  /** The generated text, when the context says that it is one and the text follows the rule; else `null`. */
  readonly generation: Generation | null;
  /** Name of the largest entry of an output with one row of named entries, unless it is a generation. */
  readonly answer: string | null;
  /** The caller's bytes of the context, in hexadecimal. */
  readonly context: string;
}

/** Why a proof is not accepted. `reason` may hold text of the files: show it with `oneLine`. */
export interface Refused {
  readonly ok: false;
  readonly code: Code;
  readonly reason: string;
}

/** A key file that was read, or why it is refused. */
export type OpenedKey = { readonly ok: true; readonly key: VerifyingKey } | Refused;

/** Parses and checks a `verifying.key` file, for many proofs. */
export function openKey(keyBytes: Uint8Array): OpenedKey {
  return outcome(() => ({ ok: true, key: readKey(keyBytes) }) as const);
}

/** Verifies the proof file `proofBytes` under the key file, or the key that {@link openKey} made. */
export function verify(key: Uint8Array | VerifyingKey, proofBytes: Uint8Array, demand: Demand = {}): Accepted | Refused {
  const wantedContext = demanded(demand.context, "context");
  const wantedKey = demanded(demand.keyDigest, "keyDigest");
  return outcome(() => accept(key instanceof Uint8Array ? readKey(key) : key, proofBytes, wantedContext, wantedKey, demand));
}

function accept(
  key: VerifyingKey,
  proofBytes: Uint8Array,
  wantedContext: Uint8Array | undefined,
  wantedKey: Uint8Array | undefined,
  demand: Demand,
): Accepted {
  if (wantedKey !== undefined && !equal(wantedKey, key.digest)) {
    throw new Refusal("key.other-digest", `the key has the digest ${hex(key.digest)}, and ${hex(wantedKey)} is asked for`);
  }
  const limit = maxBytes(key);
  if (BigInt(proofBytes.length) > limit) {
    throw new Refusal("file.too-large", `${proofBytes.length} bytes, of which at most ${limit} are read`);
  }
  const opened = openFile(readFile(proofBytes), key);
  const context = opened.context.length === 0 ? new Uint8Array(32) : keccak(opened.context);
  const statement = decode(key, opened.values, context);
  if (!holds(key, opened, context)) {
    throw new Refusal("rejected", "the proof does not prove this statement under this key and context");
  }
  const parts = splitContext(opened.context);
  const text = parts === undefined ? null : generation(statement, parts);
  const caller = parts?.caller ?? opened.context;
  if (demand.generation === true && text === null) {
    throw new Refusal("no-generation", "this proof is none of a generation, and one is asked for");
  }
  if (wantedContext !== undefined && !equal(wantedContext, caller)) {
    const found = `the proof is bound to the context ${hex(caller)}`;
    throw new Refusal("other-context", `${found}, and ${hex(wantedContext)} is asked for`);
  }
  return { ok: true, statement, generation: text, answer: text ? null : (answer(statement) ?? null), context: hex(caller) };
}

/** Whether the equation holds: the product of five pairings is one. */
function holds(key: VerifyingKey, { values, proof }: Opened, context: Uint8Array): boolean {
  const field = values.map((value) => Fr.create(value));
  const hash = keccak_256.create().update(TAG).update(key.digest).update(context).update(word(BigInt(field.length)));
  for (const value of field) hash.update(word(value));
  const chi = integer(hash.update(proof.c1Bytes).digest()) % R;
  const phi = field.reduceRight((sum, value) => Fr.mul(Fr.add(sum, value), chi), 0n);
  const [ic0, ic1, ic2] = key.ic;
  const folded = ic0.add(ic1.mulAddUnsafe(chi, ic2, phi));
  const pairs: [PointG1, PointG2][] = [
    [proof.a, proof.b],
    [key.alpha1.negate(), key.beta2],
    [folded.negate(), key.gamma2],
    [proof.c1.negate(), key.delta1],
    [proof.c2.negate(), key.delta2],
  ];
  // The pairing of the identity is one.
  const factors = pairs.filter(([point]) => !point.is0()).map(([g1, g2]) => ({ g1, g2 }));
  return Fp12.eql(bn254.pairingBatch(factors), Fp12.ONE);
}

function demanded(value: Uint8Array | string | undefined, name: string): Uint8Array | undefined {
  if (value === undefined || value instanceof Uint8Array) return value;
  const bytes = unhex(value.replace(/^0x/, ""));
  if (bytes === undefined) throw new TypeError(`${name}: pairs of hexadecimal digits are expected`);
  return bytes;
}

function outcome<T>(run: () => T): T | Refused {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, reason: error.message };
    throw error;
  }
}
