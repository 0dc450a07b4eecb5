/** The proof: A, C1 and C2 of G1, B of G2, in ten words of 32 bytes. */

import { type PointG1, type PointG2, readG1, readG2 } from "./point.js";
import { Refusal } from "./refusal.js";

const BYTES = 320;

export interface Proof {
  readonly a: PointG1;
  readonly b: PointG2;
  readonly c1: PointG1;
  readonly c2: PointG1;
  /** The coordinates of C1 as they are hashed. */
  readonly c1Bytes: Uint8Array;
}

/** Parses the canonical encoding. */
export function readProof(bytes: Uint8Array): Proof {
  if (bytes.length !== BYTES) {
    throw new Refusal("proof.length", `a proof is ${BYTES} bytes, these are ${bytes.length}`);
  }
  const c1Bytes = bytes.subarray(192, 256);
  // B last: its subgroup is what takes time.
  const a = readG1(bytes.subarray(0, 64), "proof.point", "A");
  const c1 = readG1(c1Bytes, "proof.point", "C1");
  const c2 = readG1(bytes.subarray(256, 320), "proof.point", "C2");
  const b = readG2(bytes.subarray(64, 192), "proof.point", "B");
  return { a, b, c1, c2, c1Bytes };
}
