// Writes vectors/verdicts.json: what the Rust verifier says of every case in test/mutants.mjs.
//
//     npm run compile && node scripts/record.mjs ../target/release/lemma

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mutants } from "../test/mutants.mjs";
import { verdictThere } from "../test/verdict.mjs";

const AT_ONCE = 4;
const [lemma = "lemma"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "lemma-verdicts-"));
const hash = createHash("sha256");
const texts = new Map();
const cases = [];

const run = (args) => new Promise((done) => execFile(lemma, args, { maxBuffer: 1 << 26 }, (_, stdout) => done(stdout)));

async function record(slot, { name, key, proof, context, generation }) {
  const [keyPath, proofPath] = [join(folder, `${slot}.key`), join(folder, `${slot}.json`)];
  writeFileSync(keyPath, key);
  writeFileSync(proofPath, proof);
  const demands = [...(context === undefined ? [] : ["--context", `0x${context}`]), ...(generation ? ["--generation"] : [])];
  const stdout = await run(["verify", "--json", "--key", keyPath, ...demands, proofPath]);
  if (stdout === "") throw new Error(`${name}: ${lemma} printed nothing`);
  return verdictThere(stdout);
}

const todo = mutants();
let count = 0;
const worker = async (slot) => {
  for (let next = todo.next(); !next.done; next = todo.next()) {
    const index = count++;
    hash.update(next.value.key).update(next.value.proof);
    const said = await record(slot, next.value);
    if (!texts.has(said)) texts.set(said, texts.size);
    cases[index] = texts.get(said);
  }
};
try {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, slot) => worker(slot)));
  const out = { files: hash.digest("hex"), cases, said: [...texts.keys()] };
  writeFileSync(new URL("../vectors/verdicts.json", import.meta.url), `${JSON.stringify(out)}\n`);
  console.log(`${out.cases.length} cases, ${texts.size} different verdicts`);
} finally {
  rmSync(folder, { recursive: true });
}
