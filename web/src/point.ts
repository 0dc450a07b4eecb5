/**
 * Points in the layout of the EVM precompiles: 32-byte big-endian coordinates; `c0 + c1 u` of the
 * extension field as `c1 c0`.
 */

import { bn254 } from "@noble/curves/bn254.js";
import { integer, words } from "./bytes.js";
import { type Code, Refusal } from "./refusal.js";

const { G1, G2, fields } = bn254;

/** The scalar field's order r. */
export const R: bigint = fields.Fr.ORDER;
const Q: bigint = fields.Fp.ORDER;

export type PointG1 = InstanceType<typeof G1.Point>;
export type PointG2 = InstanceType<typeof G2.Point>;

/** `x | y`: on the curve and not the identity; G1 has no other subgroup. */
export function readG1(bytes: Uint8Array, code: Code, name: string): PointG1 {
  const [x = 0n, y = 0n] = coordinates(bytes, 2, code, name);
  const { Fp } = fields;
  if (!Fp.eql(Fp.sqr(y), Fp.add(Fp.mul(Fp.sqr(x), x), 3n))) {
    throw invalid(code, name, "it is not on the curve");
  }
  return G1.Point.fromAffine({ x, y });
}

/** `x.c1 | x.c0 | y.c1 | y.c0`: on the curve, of order r and not the identity. */
export function readG2(bytes: Uint8Array, code: Code, name: string): PointG2 {
  const [x1 = 0n, x0 = 0n, y1 = 0n, y0 = 0n] = coordinates(bytes, 4, code, name);
  const { Fp2 } = fields;
  const [x, y] = [Fp2.fromBigTuple([x0, x1]), Fp2.fromBigTuple([y0, y1])];
  const right = Fp2.add(Fp2.mul(Fp2.sqr(x), x), G2.Point.CURVE().b);
  if (!Fp2.eql(Fp2.sqr(y), right)) throw invalid(code, name, "it is not on the curve");
  const point = G2.Point.fromAffine({ x, y });
  try {
    // Of what this checks only the order is left. The point remembers that it passed; the pairing asks again.
    point.assertValidity();
  } catch {
    throw invalid(code, name, "it is outside the subgroup of order r");
  }
  return point;
}

function coordinates(bytes: Uint8Array, count: number, code: Code, name: string): bigint[] {
  const values = words(bytes, count).map(integer);
  if (values.some((value) => value >= Q)) throw invalid(code, name, "a coordinate is not below the field modulus");
  if (values.every((value) => value === 0n)) throw invalid(code, name, "it is the point at infinity");
  return values;
}

function invalid(code: Code, name: string, why: string): Refusal {
  const which = code === "proof.point" ? `point ${name} of the proof` : `${name} of the key`;
  return new Refusal(code, `${which} is invalid: ${why}`);
}
