// Cases about keys and points.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytes, changed, flip, mask, replaced } from "./changes.mjs";
import { EVERYTHING, everything, scene } from "./scenes.mjs";
import { cat, g1, g2, hex, json, keyBody, keyFile, outside, Q, u32, u64, utf8, word } from "./simulator.mjs";

/** Each byte of the key: in the file, where the checksum stops it, and in a key whose checksum and digest are right. */
export function* bytesOfTheKey(key, file, every) {
  const body = key.slice(20, -32);
  for (let at = 0; at < key.length; at += 4 * every) {
    yield { name: `byte ${at} of the key file`, key: flip(key, at, mask(at)), proof: utf8(json(file)) };
  }
  for (let at = 0; at < body.length; at += every) yield rekeyed(`byte ${at} of the key`, flip(body, at, mask(at)), file);
  for (let at = 0; at < body.length; at += 9 * every) {
    yield rekeyed(`the first ${at} bytes of the key`, body.slice(0, at), file);
    yield { name: `the first ${at} bytes of the key file`, key: key.slice(0, at), proof: utf8(json(file)) };
  }
  yield rekeyed("a byte behind the key", cat(body, [0]), file);
  yield { name: "a byte behind the key file", key: cat(key, [0]), proof: utf8(json(file)) };
  yield { name: "a key of no bytes", key: new Uint8Array(), proof: utf8(json(file)) };
  for (const length of [0, 1, 2 ** 31, 2 ** 32, 2 ** 53]) {
    yield { name: `a key file of length ${length}`, key: replaced(key, 12, u64(length)), proof: utf8(json(file)) };
  }
}

/** A key of these canonical bytes, and the file naming it: the proof is then one for another key. */
function rekeyed(name, body, file) {
  const proof = utf8(json({ ...file, verifying_key: hex(keccak_256(body)) }));
  return { name, key: keyFile(body), proof };
}

/** Points of proof and key: infinity, off the curve, outside the subgroup, coordinates not below q. */
export function* points(key, file) {
  const proof = bytes(file.proof);
  const body = key.slice(20, -32);
  const inProof = { A: 0, B: 64, C1: 192, C2: 256 };
  const inKey = { alpha1: 45, beta2: 109, gamma2: 237, delta1: 365, delta2: 493, ic0: 621, ic1: 685, ic2: 749 };
  for (const [where, places, whole] of [["proof", inProof, proof], ["key", inKey, body]]) {
    for (const [name, at] of Object.entries(places)) {
      const two = /^B$|2$/.test(name) && !/^C2$|^ic2$/.test(name) ? true : name === "delta1";
      const size = two ? 128 : 64;
      const old = whole.slice(at, at + size);
      const others = {
        "at infinity": new Uint8Array(size),
        "of ones": new Uint8Array(size).fill(255),
        "with zero y": cat(old.slice(0, size / 2), new Uint8Array(size / 2)),
        "with zero x": cat(new Uint8Array(size / 2), old.slice(size / 2)),
        "with x and y swapped": cat(old.slice(size / 2), old.slice(0, size / 2)),
        "the generator": two ? g2(1n) : g1(1n),
        "minus the generator": two ? g2(-1n) : g1(-1n),
        "another point": two ? g2(5n) : g1(5n),
        ...(two ? { "outside the subgroup": outside(), "with halves swapped": swapped(old) } : {}),
      };
      for (let coordinate = 0; coordinate < size; coordinate += 32) {
        const value = BigInt(hex(old.slice(coordinate, coordinate + 32)));
        for (const [shown, other] of [["q", Q], ["q - 1", Q - 1n], ["plus q", value + Q]]) {
          others[`with coordinate ${coordinate / 32} ${shown}`] = replaced(old, coordinate, word(other));
        }
      }
      for (const [shown, other] of Object.entries(others)) {
        const bad = replaced(whole, at, other);
        if (where === "proof") yield changed(key, file, `${name} ${shown}`, (copy) => (copy.proof = hex(bad)));
        else yield rekeyed(`${name} of the key ${shown}`, bad, file);
      }
    }
  }
}

const swapped = (point) => cat(point.slice(32, 64), point.slice(0, 32), point.slice(96), point.slice(64, 96));

/** Keys that break one rule each, with a proof that the trapdoor makes. */
export function* keys() {
  const make = (name, change, values = EVERYTHING) => {
    const parts = everything(change);
    try {
      const { key, proof } = scene(parts, values);
      return { name, key, proof };
    } catch {
      const { proof } = scene(everything(), EVERYTHING);
      return { name, key: keyFile(keyBody(parts)), proof };
    }
  };
  const g2s = ["beta", "gamma", "delta1", "delta2"];
  for (const first of g2s) {
    for (const second of g2s) if (first < second) yield make(`${first} is ${second}`, (parts) => (parts[first] = parts[second]));
    const scalars = { beta: 13n, gamma: 17n, delta1: 19n, delta2: 23n };
    yield make(`${first} is minus beta`, (parts) => first !== "beta" && (parts[first] = g2(-scalars.beta)));
  }
  yield make("gamma and deltas are equal", (parts) => (parts.delta1 = parts.delta2 = parts.gamma));
  for (let at = 0; at < 3; at++) {
    yield make(`ic${at} is alpha`, (parts) => (parts.ic[at] = parts.alpha));
    yield make(`ic${at} is minus ic0`, (parts) => at > 0 && (parts.ic[at] = g1(-29n)));
  }
  for (const development of [0, 1, 2, 255]) yield make(`development ${development}`, (parts) => (parts.development = development));
  for (const version of [0, 1, 3, 2 ** 31]) yield make(`version ${version}`, (parts) => (parts.version = version));
  yield make("another magic", (parts) => (parts.magic = "lemma.vk"));
  for (const count of [0n, 7n, 9n, 1n << 30n, (1n << 64n) - 1n]) yield make(`${count} public values`, (parts) => (parts.count = count));
  for (const model of ["", " ", "a\0b", "x".repeat(70000), "é", new Uint8Array([0xff]), new Uint8Array([0xed, 0xa0, 0x80])]) {
    yield make(`model ${typeof model === "string" ? JSON.stringify(model.slice(0, 9)) : hex(model)} ${model.length}`, (parts) => (parts.model = model));
  }
  yield make("no tensors", (parts) => ((parts.tensors = []), (parts.count = 0n)), []);
  yield make("nothing hidden", (parts) => (parts.hidden = []));
  const tensors = {
    "no name": { name: "" },
    "role 4": { role: 4 },
    "role 255": { role: 255 },
    "a name twice": { name: "embedding" },
    "a name of an output": { name: "scores" },
    "a private name": { name: "mask" },
    "256 bits": { bits: 256 },
    "257 bits": { bits: 257 },
    "-257 bits": { bits: -257 },
    "least bits": { bits: -(2 ** 31) },
    "an empty range": { low: 5n, high: 4n },
    "a narrow range": { low: -64n, high: 127n },
    "a range of one": { low: 128n, high: 128n },
    "a scalar": { shape: [] },
    "no entries": { shape: [1, 0] },
    "a huge axis beside none": { shape: [0, (1n << 64n) - 1n] },
    "more than fit": { shape: [1n << 31n] },
    "as many as fit": { shape: [1n << 30n] },
    "a product past 64 bits": { shape: [1n << 63n, 2n, 0n] },
    "a product past 64 bits, then none": { shape: [0n, 1n << 63n, 2n] },
    "a rank of 5000": { shape: Array(5000).fill(1) },
    "labels of kind 3": { labels: [3] },
    "no labels": { labels: [1, []] },
    "too few labels": { labels: [1, ["a"]] },
    "too many labels": { labels: [1, ["a", "b", "c"]] },
    "equal labels": { labels: [1, ["a", "a"]] },
    "empty labels": { labels: [1, ["", ""]] },
    "labels that are not UTF-8": { labels: [1, ["a", new Uint8Array([0xc3])]] },
    "labels of values below zero": { labels: [2, ["a"]] },
    "labels of values": { labels: [2, ["a", "b"]], low: 0n, high: 1n },
    "labels of values, scaled": { labels: [2, ["a", "b"]], low: 0n, high: 1n, bits: 0 },
    "labels of the greatest range": { labels: [2, ["a"]], low: 0n, high: (1n << 63n) - 1n, bits: 0 },
  };
  for (const [name, change] of Object.entries(tensors)) {
    yield make(`tensor: ${name}`, (parts) => Object.assign(parts.tensors[0], change));
    if (change.role === undefined) yield make(`committed: ${name}`, (parts) => Object.assign(parts.tensors[3], change));
    if (change.role === undefined && change.labels === undefined) {
      yield make(`private: ${name}`, (parts) => Object.assign(parts.hidden[1], change));
    }
  }
  for (const [at, value] of [[0, -1001n], [0, 1001n], [0, 1000n], [1, 3n], [1, -1n], [1, 0n]]) {
    const values = structuredClone(EVERYTHING);
    values[at][0] = value;
    yield make(`value ${value} of tensor ${at}`, () => {}, values);
  }
  const body = keyBody(everything());
  const { proof } = scene(everything(), EVERYTHING);
  for (const [name, count] of [["tensors", 821 + 7], ["length of the name", 821], ["length of the first name", 821 + 11]]) {
    for (const many of [0, 2 ** 16, 2 ** 32 - 1]) yield { name: `${name} ${many}`, key: keyFile(replaced(body, count, u32(many))), proof };
  }
  const large = new Uint8Array(2 ** 24 + 1);
  large.set(keyFile(body));
  yield { name: "2^24 + 1 bytes", key: large, proof };
  yield { name: "2^24 bytes", key: large.slice(0, -1), proof };
}
