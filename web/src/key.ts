/** The verifying key: its file, its canonical bytes, the rules that it must pass. */

import { bn254 } from "@noble/curves/bn254.js";
import { ascii, concat, equal, hex, keccak, Reader } from "./bytes.js";
import { type PointG1, type PointG2, readG1, readG2 } from "./point.js";
import { Refusal } from "./refusal.js";
import { lintSignature, type PrivateInput, readPrivate, readTensor, refused, type TensorSignature } from "./signature.js";

const VERSION = 2;
/** Most bytes of a key file. */
export const MAX_KEY_BYTES = 1 << 24;

/** A verifying key that parses and breaks no rule; {@link readKey} makes it. */
export interface VerifyingKey {
  readonly model: string;
  /** keccak256 of the canonical bytes. */
  readonly digest: Uint8Array;
  /** Of the graph and of what the key says about its inputs and outputs. */
  readonly circuitDigest: Uint8Array;
  /** Whether one machine made the key and must be trusted to have forgotten its trapdoor. */
  readonly development: boolean;
  readonly publicValues: bigint;
  readonly signature: readonly TensorSignature[];
  readonly privateInputs: readonly PrivateInput[];
  readonly alpha1: PointG1;
  readonly beta2: PointG2;
  readonly gamma2: PointG2;
  readonly delta1: PointG2;
  readonly delta2: PointG2;
  readonly ic: readonly [PointG1, PointG1, PointG1];
}

/** Parses and checks the contents of a `verifying.key` file. */
export function readKey(file: Uint8Array): VerifyingKey {
  if (file.length > MAX_KEY_BYTES) {
    throw new Refusal("key.too-large", `${file.length} bytes, of which at most ${MAX_KEY_BYTES} are read`);
  }
  const reader = new Reader(file);
  reader.header("lemma.vk", VERSION);
  const body = reader.take(reader.u64("the length of the key"), "the key");
  const expected = reader.take(32, "the checksum");
  reader.end();
  const digest = keccak(body);
  if (!equal(expected, digest)) {
    const found = `its checksum is ${hex(expected)}, its contents have ${hex(digest)}`;
    throw new Refusal("key.checksum", `the key file is damaged: ${found}`);
  }
  return lint(readBody(body, digest));
}

function readBody(body: Uint8Array, digest: Uint8Array): VerifyingKey {
  const reader = new Reader(body);
  reader.header("lemma-vk", VERSION);
  const development = reader.choice(1, "the development flag") === 1;
  const graph = reader.take(32, "the graph digest");
  const alpha1 = reader.take(64, "alpha1");
  const [beta2, gamma2] = [reader.take(128, "beta2"), reader.take(128, "gamma2")];
  const [delta1, delta2] = [reader.take(128, "delta1_2"), reader.take(128, "delta2_2")];
  const [ic0, ic1, ic2] = [reader.take(64, "ic0"), reader.take(64, "ic1"), reader.take(64, "ic2")];
  const publicValues = reader.u64("the number of public values");
  const model = reader.text("the model's name");
  // From here to the end the bytes describe inputs and outputs.
  const described = reader.left();
  const signature: TensorSignature[] = [];
  for (let left = reader.u32("the number of public tensors"); left > 0; left--) signature.push(readTensor(reader));
  const privateInputs: PrivateInput[] = [];
  for (let left = reader.u32("the number of private inputs"); left > 0; left--) privateInputs.push(readPrivate(reader));
  reader.end();
  const circuit = concat(ascii("lemma circuit v1".padEnd(32, "\0")), graph, described);
  // The points last, since they are what takes time.
  const g1 = (bytes: Uint8Array, name: string): PointG1 => readG1(bytes, "key.point", name);
  const g2 = (bytes: Uint8Array, name: string): PointG2 => readG2(bytes, "key.point", name);
  return {
    model,
    digest,
    circuitDigest: keccak(circuit),
    development,
    publicValues,
    signature,
    privateInputs,
    alpha1: g1(alpha1, "alpha1"),
    ic: [g1(ic0, "ic0"), g1(ic1, "ic1"), g1(ic2, "ic2")],
    beta2: g2(beta2, "beta2"),
    gamma2: g2(gamma2, "gamma2"),
    delta1: g2(delta1, "delta1_2"),
    delta2: g2(delta2, "delta2_2"),
  };
}

function lint(key: VerifyingKey): VerifyingKey {
  if (key.model === "") throw refused("key.unnamed-model", "the key names no model");
  const tensors = lintSignature(key.signature, key.privateInputs);
  if (tensors !== key.publicValues) {
    const declared = `the key declares ${key.publicValues} public values, its tensors have ${tensors}`;
    throw refused("key.public-value-count", declared);
  }
  const [ic0, ic1, ic2] = key.ic;
  const g1 = { alpha1: key.alpha1, ic0, ic1, ic2, "the generator of G1": bn254.G1.Point.BASE };
  const g2 = {
    beta2: key.beta2,
    gamma2: key.gamma2,
    delta1_2: key.delta1,
    delta2_2: key.delta2,
    "the generator of G2": bn254.G2.Point.BASE,
  };
  unrelated(Object.entries(g1).map(([name, point]) => [name, String(point.x)]));
  unrelated(Object.entries(g2).map(([name, point]) => [name, `${point.x.c0} ${point.x.c1}`]));
  return key;
}

/** No two points have one x-coordinate: on these curves that is equality up to sign. */
function unrelated(points: [name: string, x: string][]): void {
  points.forEach(([first, x], at) => {
    const same = points.slice(at + 1).find(([, other]) => other === x);
    if (same !== undefined) {
      const pair = `${first} and ${same[0]} are equal up to sign`;
      const why = "whoever knows this relation can forge proofs; this key did not come from a complete setup";
      throw refused("key.related", `${pair}: ${why}`);
    }
  });
}
