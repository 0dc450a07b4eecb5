// Every case of test/mutants.mjs is judged as the Rust verifier judged it, word for word.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CODES } from "../dist/index.js";
import { mutants } from "./mutants.mjs";
import { verdictHere } from "./verdict.mjs";

const recorded = JSON.parse(readFileSync(new URL("../vectors/verdicts.json", import.meta.url)));

// Reached from no file; api.test.mjs has it.
const DEMANDED_HERE = ["key.other-digest"];

// Rust takes a role in serde's other spelling of a variant; one spelling is enough here.
const STRICTER = ['toy: role {"input":null}'];

test("every case is judged as in Rust", () => {
  const hash = createHash("sha256");
  const differ = [];
  const codes = new Map();
  let count = 0;
  for (const one of mutants()) {
    hash.update(one.key).update(one.proof);
    const there = recorded.said[recorded.cases[count++]];
    const { code, said } = verdictHere(one);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (STRICTER.includes(one.name)) assert.ok(there.startsWith("accepted") && code === "file.json", one.name);
    else if (said !== there) differ.push({ name: one.name, here: said.slice(0, 300), there: there?.slice(0, 300) });
  }
  assert.deepEqual(differ.slice(0, 20), [], `${differ.length} differ`);
  assert.equal(count, recorded.cases.length);
  assert.equal(hash.digest("hex"), recorded.files, "the cases are not those that were recorded: run scripts/record.mjs");
  const reached = CODES.filter((code) => !codes.has(code) && !DEMANDED_HERE.includes(code));
  assert.deepEqual(reached, [], "every code is reached by a case");
  console.log(`${count} cases, ${codes.get("accepted")} accepted; ${JSON.stringify(Object.fromEntries(codes))}`);
});
