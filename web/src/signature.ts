/** What a key says about tensors: names, shapes, scales, ranges and labels. The names are those of docs/json.md. */

import type { Reader } from "./bytes.js";
import { Refusal } from "./refusal.js";

export const MAX_ENTRIES = 1n << 30n;
const MAX_FRACTIONAL_BITS = 256;
const U64 = (1n << 64n) - 1n;

export const ROLES = ["input", "output", "committed input", "committed output"] as const;
export type Role = (typeof ROLES)[number];

export const isInput = (role: Role): boolean => role === "input" || role === "committed input";
export const isCommitted = (role: Role): boolean => role.startsWith("committed");

/** Names for people: none, one a position along the last axis, or one a value. */
export type Labels = "none" | { readonly entries: readonly string[] } | { readonly values: readonly string[] };

/** An input that a statement does not show: the prover chose it. */
export interface PrivateInput {
  readonly name: string;
  /** Empty for a scalar; entries are row-major. */
  readonly shape: readonly bigint[];
  /** An integer `v` means `v / 2^fractional_bits`. */
  readonly fractional_bits: number;
  /** Least integer that the circuit admits. */
  readonly low: bigint;
  /** Greatest integer that the circuit admits. */
  readonly high: bigint;
}

/** A public or committed tensor. */
export interface TensorSignature extends PrivateInput {
  readonly role: Role;
  readonly labels: Labels;
}

/** Number of entries of a shape; `undefined` above 2^30. */
export function entries(shape: readonly bigint[]): bigint | undefined {
  let product = 1n;
  for (const dimension of shape) {
    product *= dimension;
    if (product > U64) return undefined;
  }
  return product <= MAX_ENTRIES ? product : undefined;
}

/** The entries, or one for a digest. */
export function publicValues(tensor: TensorSignature): bigint | undefined {
  const count = entries(tensor.shape);
  return count !== undefined && isCommitted(tensor.role) ? 1n : count;
}

/** The real number that an integer stands for, rounded to a double. */
export const real = (value: bigint, fractionalBits: number): number => Number(value) * 2 ** -fractionalBits;

/** A double in the fewest digits that give it back, never with an exponent: as Rust prints it. */
export function decimal(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const sign = value < 0 ? "-" : "";
  const [shortest = "", exponent = "0"] = Math.abs(value).toString().split("e");
  const [whole = "", fraction = ""] = shortest.split(".");
  const power = fraction.length - Number(exponent);
  const digits = roundedUp(BigInt(whole + fraction), power, Math.abs(value)).toString();
  if (power <= 0) return sign + digits + "0".repeat(-power);
  const padded = digits.padStart(power + 1, "0");
  const tail = padded.slice(-power).replace(/0+$/, "");
  return sign + padded.slice(0, -power) + (tail === "" ? "" : `.${tail}`);
}

/**
 * `digits / 10^power` is a shortest decimal of a double. Where the double lies in the middle of it and the next one,
 * JavaScript takes the even one and Rust the greater.
 */
function roundedUp(digits: bigint, power: number, value: number): bigint {
  // value = mantissa / 2^scale, exactly.
  let [mantissa, scale] = [value, 0];
  while (!Number.isInteger(mantissa)) [mantissa, scale] = [mantissa * 2, scale + 1];
  const [left, right] = [BigInt(mantissa) * 2n, 2n * digits + 1n];
  const tens = 10n ** BigInt(Math.abs(power));
  const middle = power >= 0 ? left * tens === right << BigInt(scale) : left === (right * tens) << BigInt(scale);
  return middle ? digits + 1n : digits;
}

/** The label of an entry: of its position, or of its value. */
export function label({ labels }: TensorSignature, index: number, value: bigint): string | undefined {
  if (labels === "none") return undefined;
  if ("entries" in labels) return labels.entries[index % labels.entries.length];
  return value >= 0n && value < labels.values.length ? labels.values[Number(value)] : undefined;
}

/** An entry as the proof file shows it: its label and its real number, or the label of its value. */
export function readable(tensor: TensorSignature, index: number, value: bigint): string {
  const name = label(tensor, index, value);
  const number = decimal(real(value, tensor.fractional_bits));
  if (name === undefined) return number;
  return tensor.labels !== "none" && "entries" in tensor.labels ? `${name}: ${number}` : name;
}

export function readTensor(reader: Reader): TensorSignature {
  const name = reader.text("a tensor's name");
  const role = ROLES[reader.choice(3, "a tensor's role")] ?? "output";
  const rest = readNumbers(reader, "a tensor's");
  const kind = reader.choice(2, "a tensor's kind of labels");
  if (kind === 0) return { name, role, ...rest, labels: "none" };
  const names: string[] = [];
  for (let left = reader.u32("the number of labels"); left > 0; left--) names.push(reader.text("a label"));
  return { name, role, ...rest, labels: kind === 1 ? { entries: names } : { values: names } };
}

export function readPrivate(reader: Reader): PrivateInput {
  return { name: reader.text("a private input's name"), ...readNumbers(reader, "a private input's") };
}

function readNumbers(reader: Reader, whose: string): Omit<PrivateInput, "name"> {
  const shape: bigint[] = [];
  for (let left = reader.u32(`${whose} rank`); left > 0; left--) shape.push(reader.u64(`${whose} shape`));
  const fractional_bits = reader.i32(`${whose} fractional bits`);
  return { shape, fractional_bits, low: reader.i64(`${whose} range`), high: reader.i64(`${whose} range`) };
}

/** Checks what a key says about its tensors and returns its number of public values. */
export function lintSignature(signature: readonly TensorSignature[], hidden: readonly PrivateInput[]): bigint {
  const names = new Set<string>();
  let total = 0n;
  const lint = (tensor: PrivateInput, index: number, input: boolean, role: string): void => {
    const { name, fractional_bits, low, high } = tensor;
    if (name === "") throw refused("key.unnamed-tensor", `tensor ${index} has no name`);
    const side = `${input ? "input" : "output"} ${name}`;
    if (names.has(side)) throw refused("key.duplicate-tensor", `two ${role} tensors are called \`${name}\``);
    names.add(side);
    if (Math.abs(fractional_bits) > MAX_FRACTIONAL_BITS) {
      const most = `${MAX_FRACTIONAL_BITS} is the most in either direction`;
      throw refused("key.fractional-bits", `tensor \`${name}\` has ${fractional_bits} fractional bits; ${most}`);
    }
    if (low > high) throw refused("key.empty-range", `tensor \`${name}\` has the empty range ${low}..=${high}`);
  };
  const tooLarge = (name: string): Refusal =>
    refused("key.tensor-too-large", `tensor \`${name}\` has more than ${MAX_ENTRIES} entries`);
  signature.forEach((tensor, index) => {
    lint(tensor, index, isInput(tensor.role), tensor.role);
    lintLabels(tensor);
    const count = publicValues(tensor);
    if (count === undefined || total + count > MAX_ENTRIES) throw tooLarge(tensor.name);
    total += count;
  });
  hidden.forEach((input, index) => {
    lint(input, signature.length + index, true, "input");
    if (entries(input.shape) === undefined) throw tooLarge(input.name);
  });
  return total;
}

function lintLabels({ name, shape, low, high, fractional_bits, labels }: TensorSignature): void {
  if (labels === "none") return;
  let expected: bigint;
  if ("entries" in labels) {
    expected = shape.at(-1) ?? 1n;
  } else {
    if (low !== 0n || fractional_bits !== 0) {
      const found = `found ${low}, ${fractional_bits} fractional bits`;
      const rule = `public tensor \`${name}\` labels its values, so they must be integers from 0`;
      throw refused("key.labelled-values", `${rule}: ${found}`);
    }
    expected = high + 1n;
  }
  const found = "entries" in labels ? labels.entries.length : labels.values.length;
  if (expected !== BigInt(found)) {
    throw refused("key.label-count", `public tensor \`${name}\` has ${found} labels where ${expected} are needed`);
  }
}

export const refused = (code: ConstructorParameters<typeof Refusal>[0], rule: string): Refusal =>
  new Refusal(code, `the key is refused: ${rule}`);
