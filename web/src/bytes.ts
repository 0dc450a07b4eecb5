/** Bytes: hexadecimal, words, UTF-8, and the reader of the key's canonical bytes. */

import { keccak_256 } from "@noble/hashes/sha3.js";
import { Refusal } from "./refusal.js";

/** keccak256. */
export const keccak = (bytes: Uint8Array): Uint8Array => keccak_256(bytes);

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

export function concat(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** `0x` and two small digits a byte. */
export function hex(bytes: Uint8Array): string {
  let out = "0x";
  for (const byte of bytes) out += byte.toString(16).padStart(2, "0");
  return out;
}

/** The bytes of pairs of hexadecimal digits without a prefix; `undefined` when it is anything else. */
export function unhex(digits: string): Uint8Array | undefined {
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return undefined;
  const out = new Uint8Array(digits.length / 2);
  for (let at = 0; at < out.length; at++) out[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
  return out;
}

/** An unsigned big-endian integer. */
export function integer(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(hex(bytes));
}

/** A field element or count as 32 big-endian bytes. */
export function word(value: bigint): Uint8Array {
  return unhex(value.toString(16).padStart(64, "0")) ?? new Uint8Array(32);
}

/** Strict UTF-8: no replacement, and a byte order mark is a character as any other. */
export function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Length of a text in UTF-8. */
export const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/** Takes fields off the front; nothing is made before the bytes for it are known to be there. */
export class Reader {
  #left: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#left = bytes;
  }

  take(count: number | bigint, field: string): Uint8Array {
    if (BigInt(count) > BigInt(this.#left.length)) {
      throw new Refusal(
        "key.truncated",
        `the key ends inside ${field}: ${count} bytes needed, ${this.#left.length} left`,
      );
    }
    const head = this.#left.subarray(0, Number(count));
    this.#left = this.#left.subarray(Number(count));
    return head;
  }

  /** A byte in `0..=limit`. */
  choice(limit: number, field: string): number {
    const [found = 0] = this.take(1, field);
    if (found > limit) throw new Refusal("key.choice", `${field} is ${found}, expected at most ${limit}`);
    return found;
  }

  u32(field: string): number {
    return Number(integer(this.take(4, field)));
  }

  u64(field: string): bigint {
    return integer(this.take(8, field));
  }

  i32(field: string): number {
    return Number(BigInt.asIntN(32, integer(this.take(4, field))));
  }

  i64(field: string): bigint {
    return BigInt.asIntN(64, this.u64(field));
  }

  text(field: string): string {
    const text = utf8(this.take(this.u32(field), field));
    if (text === undefined) throw new Refusal("key.text", `${field} is not UTF-8`);
    return text;
  }

  /** The bytes that are not taken yet. */
  left(): Uint8Array {
    return this.#left;
  }

  end(): void {
    if (this.#left.length > 0) {
      throw new Refusal("key.trailing", `${this.#left.length} bytes follow the end of the key`);
    }
  }

  /** Eight magic bytes and a version. */
  header(magic: string, version: number): void {
    if (!equal(this.take(8, "the magic bytes"), ascii(magic))) {
      throw new Refusal("key.magic", "this is not a verifying key file");
    }
    const found = this.u32("the version");
    if (found !== version) {
      const wanted = `this build reads ${version}: run \`lemma setup\` again`;
      throw new Refusal("key.version", `the key has format version ${found}, ${wanted}`);
    }
  }
}

/** The first `count` words of 32 bytes. */
export function words(bytes: Uint8Array, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => bytes.subarray(32 * at, 32 * (at + 1)));
}

