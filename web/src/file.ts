/** The proof file: JSON whose readable part must say what its key and its values say. */

import { equal, hex, integer, unhex, utf8, utf8Length } from "./bytes.js";
import { Parser } from "./json.js";
import type { VerifyingKey } from "./key.js";
import { type Proof, readProof } from "./proof.js";
import { R } from "./point.js";
import { Refusal } from "./refusal.js";
import {
  entries,
  isCommitted,
  type PrivateInput,
  publicValues,
  readable,
  ROLES,
  type Role,
  type TensorSignature,
} from "./signature.js";
import { quoted } from "./visible.js";

const FORMAT = "lemma-proof-2";
const [I64_LOW, I64_HIGH] = [-(1n << 63n), (1n << 63n) - 1n];

interface FileTensor {
  name: string;
  role: Role;
  shape: bigint[];
  fractional_bits: bigint;
  values: bigint[];
  decoded: string[];
  digest?: string;
}

interface FileInput {
  name: string;
  shape: bigint[];
  fractional_bits: bigint;
  low: bigint;
  high: bigint;
}

/** A proof file as it stands: nothing in it is checked. */
export interface ProofFile {
  format: string;
  model: string;
  verifying_key: string;
  context: string;
  tensors: FileTensor[];
  private_inputs: FileInput[];
  proof: string;
}

/** What a file that fits its key holds. */
export interface Opened {
  /** In fold order: an integer, or the digest of a committed tensor. */
  readonly values: bigint[];
  readonly context: Uint8Array;
  readonly proof: Proof;
}

/** Most bytes of a file for a key: names and labels escaped, values at their longest, and 2 MiB beside. */
export function maxBytes(key: VerifyingKey): bigint {
  const [beside, fields, perValue] = [1n << 21n, 1n << 10n, 128n];
  const text = (length: string): bigint => BigInt(utf8Length(length)) * 6n;
  let total = beside + text(key.model);
  for (const tensor of key.signature) {
    const { labels } = tensor;
    const names = labels === "none" ? [] : "entries" in labels ? labels.entries : labels.values;
    const longest = names.reduce((most, name) => (text(name) > most ? text(name) : most), 0n);
    const values = (publicValues(tensor) ?? 0n) * (perValue + longest);
    total += fields + text(tensor.name) + BigInt(tensor.shape.length) * perValue + values;
  }
  for (const { name, shape } of key.privateInputs) total += fields + text(name) + BigInt(shape.length) * perValue;
  return total;
}

/** Parses the JSON. */
export function readFile(bytes: Uint8Array): ProofFile {
  const text = utf8(bytes);
  if (text === undefined) throw new Refusal("file.json", "the proof file is malformed: it is not UTF-8");
  const string = { read: (parser: Parser) => parser.string() };
  const i64 = { read: (parser: Parser) => parser.integer(I64_LOW, I64_HIGH) };
  const i32 = { read: (parser: Parser) => parser.integer(-(1n << 31n), (1n << 31n) - 1n) };
  const shape = { read: (parser: Parser) => parser.list((one) => one.integer(0n, (1n << 64n) - 1n)) };
  const tensor = {
    name: string,
    role: { read: readRole },
    shape,
    fractional_bits: i32,
    values: { read: (parser: Parser) => parser.list(i64.read) },
    decoded: { read: (parser: Parser) => parser.list(string.read) },
    digest: { ...string, optional: true as const },
  };
  const input = { name: string, shape, fractional_bits: i32, low: i64, high: i64 };
  const file = Parser.parse(text, (parser) =>
    parser.object<ProofFile>({
      format: string,
      model: string,
      verifying_key: string,
      context: string,
      tensors: { read: (list) => list.list((one) => one.object<FileTensor>(tensor)) },
      private_inputs: { read: (list) => list.list((one) => one.object<FileInput>(input)) },
      proof: string,
    }),
  );
  if (file.format !== FORMAT) {
    const found = `the proof file has format \`${file.format}\``;
    throw new Refusal("file.format", `${found}, this build reads \`${FORMAT}\``);
  }
  return file;
}

function readRole(parser: Parser): Role {
  const name = parser.string();
  const role = ROLES.find((role) => role === name);
  if (role === undefined) throw parser.wrong("an unknown role");
  return role;
}

/** Compares everything readable with the key. */
export function openFile(file: ProofFile, key: VerifyingKey): Opened {
  if (!equal(field(file.verifying_key, "verifying_key"), key.digest)) {
    const found = `the proof file was made with key ${file.verifying_key}`;
    throw new Refusal("file.other-key", `${found}, this key is ${hex(key.digest)}`);
  }
  if (file.model !== key.model) {
    const found = `the proof file names model \`${file.model}\``;
    throw new Refusal("file.other-model", `${found}, the key is for \`${key.model}\``);
  }
  if (file.tensors.length !== key.signature.length) {
    const found = `the proof file ${file.tensors.length}`;
    throw new Refusal("file.tensor-count", `the key has ${key.signature.length} public tensors, ${found}`);
  }
  const same =
    file.private_inputs.length === key.privateInputs.length &&
    key.privateInputs.every((input, index) => sameInput(file.private_inputs[index], input));
  if (!same) {
    const names = key.privateInputs.map(({ name }) => quoted(name)).join(", ");
    const rule = "the proof file does not name the private inputs of the key";
    throw new Refusal("file.private-inputs", `${rule}: [${names}]`);
  }
  key.signature.forEach((signature, index) => {
    const tensor = file.tensors[index];
    if (tensor !== undefined) compare(tensor, signature, index);
  });
  const values: bigint[] = [];
  for (const tensor of file.tensors) {
    if (tensor.digest === undefined) for (const value of tensor.values) values.push(value);
    else values.push(readDigest(tensor.digest, values.length));
  }
  const context = field(file.context, "context");
  return { values, context, proof: readProof(field(file.proof, "proof")) };
}

/** 32 bytes below r: a digest plus r would be another name for it. */
function readDigest(text: string, index: number): bigint {
  const word = field(text, "digest");
  if (word.length !== 32) {
    throw new Refusal("file.hex", "field `digest` of the proof file is not hexadecimal with a leading 0x");
  }
  const value = integer(word);
  if (value >= R) {
    throw new Refusal("statement.not-canonical", `public value ${index} is not below the field modulus r`);
  }
  return value;
}

function sameInput(found: FileInput | undefined, expected: PrivateInput): boolean {
  return (
    found !== undefined &&
    found.name === expected.name &&
    sameShape(found.shape, expected.shape) &&
    found.fractional_bits === BigInt(expected.fractional_bits) &&
    found.low === expected.low &&
    found.high === expected.high
  );
}

const sameShape = (a: readonly bigint[], b: readonly bigint[]): boolean =>
  a.length === b.length && a.every((dimension, at) => dimension === b[at]);

function compare(found: FileTensor, key: TensorSignature, index: number): void {
  const committed = isCommitted(key.role);
  const fields: [string, boolean][] = [
    ["name", found.name === key.name],
    ["role", found.role === key.role],
    ["shape", sameShape(found.shape, key.shape)],
    ["fractional bits", found.fractional_bits === BigInt(key.fractional_bits)],
    ["digest", (found.digest !== undefined) === committed],
  ];
  const other = fields.find(([, same]) => !same);
  if (other !== undefined) {
    const where = `public tensor ${index} of the proof file has another ${other[0]}`;
    throw new Refusal("file.signature", `${where} than \`${key.name}\` of the key`);
  }
  const expected = committed ? 0n : (entries(key.shape) ?? -1n);
  for (const { length } of [found.values, found.decoded]) {
    if (BigInt(length) !== expected) {
      const counts = `has ${expected} entries, the proof file ${length}`;
      throw new Refusal("file.value-count", `public tensor \`${key.name}\` ${counts}`);
    }
  }
  found.values.forEach((value, at) => {
    const [means, says] = [readable(key, at, value), found.decoded[at] ?? ""];
    if (means !== says) {
      const entry = `entry ${at} of public tensor \`${key.name}\` reads \`${says}\` in the proof file`;
      throw new Refusal("file.decoded", `${entry}, its integer means \`${means}\``);
    }
  });
}

function field(text: string, name: string): Uint8Array {
  const bytes = text.startsWith("0x") ? unhex(text.slice(2)) : undefined;
  if (bytes === undefined) {
    throw new Refusal("file.hex", `field \`${name}\` of the proof file is not hexadecimal with a leading 0x`);
  }
  return bytes;
}
