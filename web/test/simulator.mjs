// Keys whose trapdoor is known, and proofs of any statement under them: what a prover who kept the trapdoor could do.
// So refusals behind the pairing equation are reached too. All of it is determined by the scalars below.

import { bn254 } from "@noble/curves/bn254.js";
import { keccak_256 } from "@noble/hashes/sha3.js";

const { G1, G2, fields } = bn254;
const { Fr } = fields;
export const R = Fr.ORDER;
export const Q = fields.Fp.ORDER;

export const utf8 = (text) => new TextEncoder().encode(text);
export const hex = (bytes) => `0x${Buffer.from(bytes).toString("hex")}`;
export const cat = (...parts) => new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));

const unsigned = (value, bytes) => Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex");
export const word = (value) => unsigned(value, 32);
export const u32 = (value) => unsigned(BigInt(value), 4);
export const u64 = (value) => unsigned(BigInt.asUintN(64, BigInt(value)), 8);
const i32 = (value) => unsigned(BigInt.asUintN(32, BigInt(value)), 4);
const text = (value) => {
  const bytes = typeof value === "string" ? utf8(value) : value;
  return cat(u32(bytes.length), bytes);
};

const known = new Map();
const once = (name, make) => known.get(name) ?? known.set(name, make()).get(name);
export const g1 = (scalar) => once(`1 ${scalar}`, () => g1Bytes(G1.Point.BASE.multiply(Fr.create(scalar))));
export const g2 = (scalar) => once(`2 ${scalar}`, () => g2Bytes(G2.Point.BASE.multiply(Fr.create(scalar))));
export const g1Bytes = ({ x, y }) => cat(word(x), word(y));
export const g2Bytes = ({ x, y }) => cat(word(x.c1), word(x.c0), word(y.c1), word(y.c0));

/** A point of the twist outside the subgroup of order r. */
export function outside() {
  const { Fp2 } = fields;
  for (let c0 = 1n; ; c0++) {
    const x = Fp2.fromBigTuple([c0, 0n]);
    const right = Fp2.add(Fp2.mul(Fp2.sqr(x), x), G2.Point.CURVE().b);
    let y;
    try {
      y = Fp2.sqrt(right);
    } catch {
      continue;
    }
    const point = G2.Point.fromAffine({ x, y });
    if (!point.isTorsionFree()) return g2Bytes(point);
  }
}

const TRAPDOOR = { alpha: 11n, beta: 13n, gamma: 17n, delta1: 19n, delta2: 23n, ic: [29n, 31n, 37n] };

/** What a key says; every part may be replaced, points by their bytes. */
export function keyParts(tensors, hidden = []) {
  const { alpha, beta, gamma, delta1, delta2, ic } = TRAPDOOR;
  const entries = (shape) => shape.reduce((product, dimension) => product * BigInt(dimension), 1n);
  const counts = tensors.map(({ role, shape }) => (role > 1 ? 1n : entries(shape)));
  return {
    magic: "lemma-vk",
    version: 2,
    development: 1,
    graph: keccak_256(utf8("graph")),
    alpha: g1(alpha),
    beta: g2(beta),
    gamma: g2(gamma),
    delta1: g2(delta1),
    delta2: g2(delta2),
    ic: ic.map(g1),
    count: counts.reduce((sum, count) => sum + count, 0n),
    model: "toy",
    tensors,
    hidden,
    tail: [],
  };
}

const numbers = ({ shape, bits, low, high }) =>
  cat(u32(shape.length), ...shape.map(u64), i32(bits), u64(low), u64(high));

export function keyBody(parts) {
  const tensors = parts.tensors.map(({ name, role, labels = [0], ...rest }) => {
    const [kind, names = []] = labels;
    const named = kind === 0 ? [] : [u32(names.length), ...names.map(text)];
    return cat(text(name), [role], numbers(rest), [kind], ...named);
  });
  const hidden = parts.hidden.map(({ name, ...rest }) => cat(text(name), numbers(rest)));
  return cat(
    ...[utf8(parts.magic), u32(parts.version), [parts.development], parts.graph, parts.alpha],
    ...[parts.beta, parts.gamma, parts.delta1, parts.delta2, ...parts.ic],
    ...[u64(parts.count), text(parts.model), u32(tensors.length), ...tensors, u32(hidden.length), ...hidden, parts.tail],
  );
}

export const keyFile = (body, checksum = keccak_256(body)) =>
  cat(utf8("lemma.vk"), u32(2), u64(body.length), body, checksum);

/** 320 bytes that prove these values in this context, whatever the model. */
export function simulate(digest, context, values) {
  const { alpha, beta, gamma, delta1, delta2, ic } = TRAPDOOR;
  const [a, b, c1] = [41n, 43n, 47n];
  const c1Bytes = g1(c1);
  const bound = context.length === 0 ? new Uint8Array(32) : keccak_256(context);
  const field = values.map((value) => Fr.create(value));
  const tag = cat(utf8("lemma challenge v1"), new Uint8Array(14));
  const hashed = keccak_256(cat(tag, digest, bound, word(BigInt(field.length)), ...field.map(word), c1Bytes));
  const chi = Fr.create(BigInt(hex(hashed)));
  const phi = field.reduceRight((sum, value) => Fr.mul(Fr.add(sum, value), chi), 0n);
  const folded = Fr.create(ic[0] + chi * ic[1] + phi * ic[2]);
  const c2 = Fr.div(Fr.create(a * b - alpha * beta - folded * gamma - c1 * delta1), delta2);
  return cat(g1(a), g2(b), c1Bytes, g1(c2));
}

const ROLES = ["input", "output", "committed input", "committed output"];

/** The proof file of a statement, as an object of texts and numbers. */
export function proofFile(parts, body, context, values, decoded) {
  const digest = keccak_256(body);
  const proof = simulate(digest, context, values.flat());
  const described = ({ name, shape, bits }) => ({ name, shape: shape.map(String).map(Number), fractional_bits: bits });
  return {
    format: "lemma-proof-2",
    model: parts.model,
    verifying_key: hex(digest),
    context: hex(context),
    tensors: parts.tensors.map((tensor, at) => ({
      ...described(tensor),
      role: ROLES[tensor.role],
      values: tensor.role > 1 ? [] : values[at],
      decoded: tensor.role > 1 ? [] : decoded(tensor, at),
      ...(tensor.role > 1 ? { digest: hex(word(values[at][0])) } : {}),
    })),
    private_inputs: parts.hidden.map((input) => ({ ...described(input), low: input.low, high: input.high })),
    proof: hex(proof),
  };
}

/** JSON with integers of any size. */
export function json(value) {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(json).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${json(field)}`).join(",")}}`;
}
