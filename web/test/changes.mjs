// Small changes of bytes and files.

import { cat, json, utf8 } from "./simulator.mjs";

export const flip = (bytes, at, mask) => {
  const out = bytes.slice();
  out[at] ^= mask;
  return out;
};

// A byte that is not zero, from a position.
export const mask = (at) => ((at * 2654435761) >>> 24) % 255 + 1;

export const bytes = (digits) => Uint8Array.from(Buffer.from(digits.replace(/^0x/, ""), "hex"));

/** A case with a changed file. */
export const changed = (key, file, name, change) => {
  const copy = structuredClone(file);
  change(copy);
  return { name, key, proof: utf8(json(copy)) };
};

export const replaced = (bytes, at, other) => cat(bytes.slice(0, at), other, bytes.slice(at + other.length));
