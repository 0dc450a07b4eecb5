// What a caller may demand, and what it gets.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CODES, openKey, verify } from "../dist/index.js";
import { REAL } from "./scenes.mjs";

const [{ key, proof }] = REAL;
const digest = JSON.parse(new TextDecoder().decode(proof)).verifying_key;

test("a digest and a context are taken as bytes and as digits", () => {
  const bytes = Uint8Array.from(Buffer.from(digest.slice(2), "hex"));
  for (const keyDigest of [digest, digest.slice(2), digest.slice(2).toUpperCase(), bytes]) {
    for (const context of ["0x2a0f", "2A0F", Uint8Array.of(0x2a, 0x0f)]) {
      assert.equal(verify(key, proof, { keyDigest, context }).ok, true);
    }
  }
});

test("another digest is refused before the proof is read, and so is a part of it", () => {
  for (const keyDigest of [digest.replace(/..$/, "00"), digest.slice(0, -2), "", new Uint8Array(32)]) {
    assert.equal(verify(key, new Uint8Array(), { keyDigest }).code, "key.other-digest");
  }
});

test("an empty context is a context", () => {
  assert.equal(verify(key, proof, { context: "" }).code, "other-context");
});

test("a demand that is no digits is a mistake of the caller", () => {
  for (const demand of [{ context: "0x2" }, { context: "x" }, { keyDigest: "0x0g" }, { context: "0x0x2a" }]) {
    assert.throws(() => verify(key, proof, demand), TypeError);
  }
});

test("an opened key serves many proofs", () => {
  const opened = openKey(key);
  assert.equal(opened.ok, true);
  for (let round = 0; round < 3; round++) assert.equal(verify(opened.key, proof).answer, "trouser");
  assert.equal(openKey(new Uint8Array(3)).code, "key.truncated");
});

test("every code is in the table of README.md", () => {
  const table = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  assert.deepEqual(CODES.filter((code) => !table.includes(`\`${code}\``)), []);
});
