// What is verified before anything is changed: real proofs from vectors/, and simulated ones.

import { readFileSync } from "node:fs";
import { readable } from "../dist/signature.js";
import { cat, json, keyBody, keyFile, keyParts, proofFile, u32, utf8 } from "./simulator.mjs";

const ROLES = ["input", "output", "committed input", "committed output"];
const [INPUT, OUTPUT, COMMITTED_INPUT, COMMITTED_OUTPUT] = [0, 1, 2, 3];
const LOW = -(1n << 63n);
const HIGH = (1n << 63n) - 1n;

const vector = (name) => readFileSync(new URL(`../vectors/${name}`, import.meta.url));

/** Proofs that `lemma prove` made. */
export const REAL = ["image", "shown", "hidden"].map((name) => ({
  name,
  key: new Uint8Array(vector(`${name}.key`)),
  proof: new Uint8Array(vector(`${name}.json`)),
}));

/** A key and a proof file from what they say. */
export function scene(parts, values, { context = new Uint8Array(), body = keyBody(parts) } = {}) {
  const decoded = ({ bits, role, labels: [kind, names] = [0] }, at) =>
    values[at].map((value, index) => {
      const labels = [undefined, { entries: names }, { values: names }][kind] ?? "none";
      return readable({ fractional_bits: bits, role: ROLES[role], labels }, index, value);
    });
  const file = proofFile(parts, body, context, values, decoded);
  return { key: keyFile(body), body, file, proof: utf8(json(file)) };
}

const tensor = (name, role, shape, bits, low, high, labels) => ({ name, role, shape, bits, low, high, labels });

/** Every kind of tensor, label and role. */
export function everything(change = () => {}) {
  const parts = keyParts(
    [
      tensor("image", INPUT, [1, 2], 8, -1000n, 1000n),
      tensor("class", OUTPUT, [1], 0, 0n, 2n, [2, ["cat", "dog", "b\u202eird \"\\`\n"]]),
      tensor("scores", OUTPUT, [1, 3], -3, LOW, HIGH, [1, ["cat", "dog", "é🙂"]]),
      tensor("state", COMMITTED_OUTPUT, [1, 4], 5, -8n, 7n),
      tensor("embedding", COMMITTED_INPUT, [2], 5, -8n, 7n),
    ],
    [
      { name: "mask", shape: [1, 2], bits: 0, low: 0n, high: 1n },
      { name: "scale", shape: [], bits: 30, low: LOW, high: HIGH },
    ],
  );
  change(parts);
  return parts;
}

export const EVERYTHING = [[128n, -64n], [2n], [LOW, HIGH, 0n], [12345678901234567890n], [(1n << 250n) + 1n]];

/** Numbers of all sizes at all scales. */
export function decimals() {
  let state = 1n;
  const random = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
    return state;
  };
  const scales = [-256, -255, -200, -70, -60, -21, -10, -1, 0, 1, 2, 3, 10, 19, 20, 21, 53, 63, 64, 100, 200, 255, 256];
  const fixed = [0n, 1n, -1n, 5n, LOW, HIGH, LOW + 1n, (1n << 53n) + 1n, -(1n << 53n) - 3n];
  const rows = scales.map(() => [...fixed, ...Array.from({ length: 15 }, () => BigInt.asIntN(64, random()) >> (random() & 63n))]);
  // Of 22 bits each: some lie in the middle of two shortest decimals.
  for (const bits of [14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]) {
    scales.push(bits);
    rows.push(rows[0].map(() => BigInt.asIntN(22, random() >> 20n)));
  }
  const tensors = scales.map((bits, at) => tensor(`${at} by ${bits}`, OUTPUT, [rows[at].length], bits, LOW, HIGH));
  return scene(keyParts(tensors), rows);
}

const TOKENS = ["<unk>", "<s>", "</s>", " a", "b", "<0x0A>", "<0xC3>", "<0xa4>", "\ufeff", " <s>\u0085"];
const row = (name, role, labels) => tensor(name, role, [1, 8], 0, 0n, 9n, labels);
const generated = (p, n, caller = "nonce") => cat(utf8("lemma generation"), u32(p), u32(n), utf8(caller));
const big = (values) => values.map(BigInt);

function shown(p, n, change = () => {}, context = generated(p, n)) {
  const parts = keyParts([row("tokens", INPUT), row("next", OUTPUT, [2, TOKENS])]);
  const values = [big([1, 3, 4, 5, 6, 7, 8, 9]), big([4, 4, 5, 6, 7, 8, 9, 2])];
  change(parts, values);
  return scene(parts, values, { context });
}

function hidden(p, n, change = () => {}, context = generated(p, n)) {
  const labels = [2, TOKENS];
  const parts = keyParts([row("prompt", COMMITTED_INPUT), row("text", INPUT), row("generated", INPUT), row("chosen", OUTPUT, labels)]);
  const values = [[77n], big([0, 0, 0, 1, 3, 6, 7, 0]), big([0, 0, 0, 1, 1, 1, 1, 0]), big([0, 0, 1, 3, 6, 7, 0, 0])];
  change(parts, values);
  parts.count = BigInt(values.flat().length);
  return scene(parts, values, { context });
}

const secretPrompt = (parts, values) => {
  parts.tensors.shift();
  values.shift();
  parts.hidden.push({ name: "prompt", shape: [1, 8], bits: 0, low: 0n, high: 9n });
};
const secret = (name, shape = [1, 8]) => ({ name, shape, bits: 0, low: 0n, high: 1n });
const extra = (name, role, value) => (parts, values) => {
  parts.tensors.push(row(name, role));
  values.push(role > 1 ? [value] : Array(8).fill(value));
  parts.count = BigInt(values.flat().length);
};

/** Statements under contexts that claim generations: good ones, and every kind that is none. */
export function* generations() {
  for (const [p, n] of [[3, 7], [3, 3], [8, 8], [1, 8], [0, 5], [7, 3], [3, 9], [9, 9], [2 ** 32 - 1, 2 ** 32 - 1], [2, 5], [4, 7], [3, 6], [3, 8]]) {
    yield [`shown ${p} ${n}`, shown(p, n)];
    yield [`hidden ${p} ${n}`, hidden(p, n)];
    yield [`private ${p} ${n}`, hidden(p, n, secretPrompt)];
  }
  const empty = (_, values) => values.forEach((list, at) => at > 0 && list.fill(0n));
  yield ["hidden, nothing written", hidden(3, 3, empty)];
  yield ["hidden, a prompt that fills it", hidden(8, 8, empty)];
  for (let length = 0; length <= 24; length++) {
    const context = generated(3, 7, "").slice(0, length);
    yield [`shown in ${length} bytes of context`, shown(3, 7, undefined, context)];
    yield [`hidden in ${length} bytes of context`, hidden(3, 7, undefined, context)];
  }
  yield ["another tag", shown(3, 7, undefined, cat(utf8("Lemma generation"), u32(3), u32(7)))];
  for (let at = 0; at < 8; at++) {
    for (const row of [1, 2, 3]) {
      for (const value of [4n, 0n, 1n]) {
        yield [`hidden ${row} ${at} ${value}`, hidden(3, 7, (_, values) => (values[row][at] = value))];
      }
    }
    for (const row of [0, 1]) yield [`shown ${row} ${at}`, shown(3, 7, (_, values) => (values[row][at] = 0n))];
  }
  const others = {
    "another name": (parts) => (parts.tensors[1].name = "logits"),
    "another input": extra("mask", INPUT, 1n),
    "another output": extra("logits", OUTPUT, 1n),
    "another committed output": extra("logits", COMMITTED_OUTPUT, 1n),
    "another committed input": extra("audio", COMMITTED_INPUT, 1n),
    "a private mask": (parts) => parts.hidden.push(secret("mask")),
    "a private prompt": (parts) => parts.hidden.push(secret("prompt ")),
    "two rows": (parts) => parts.tensors.forEach((one) => (one.shape = [2, 4])),
    "a row": (parts) => parts.tensors.forEach((one) => (one.shape = [8])),
    "three axes": (parts) => parts.tensors.forEach((one) => (one.shape = [1, 1, 8])),
    "another shape": (parts) => (parts.tensors[0].shape = [8]),
    "fractional bits": (parts) => (parts.tensors[0].bits = 1),
    "the last with fractional bits": (parts) => {
      parts.tensors.at(-1).bits = 1;
      parts.tensors.at(-1).labels = [0];
    },
    "no names": (parts) => (parts.tensors.at(-1).labels = [0]),
    "too few names on an input": (parts) => Object.assign(parts.tensors[1], { labels: [2, ["a", "b"]], high: 1n }),
  };
  for (const [name, change] of Object.entries(others)) {
    yield [`shown, ${name}`, shown(3, 7, change)];
    yield [`hidden, ${name}`, hidden(3, 7, change)];
    yield [`private, ${name}`, hidden(3, 7, (...all) => (secretPrompt(...all), change(...all)))];
  }
  const sizes = (parts, values) => (secretPrompt(parts, values), (parts.hidden[0].shape = [1, 9]));
  yield ["private, of another size", hidden(3, 7, sizes)];
}
