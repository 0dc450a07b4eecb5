#!/usr/bin/env node
// solc as a command, from the npm package: what Foundry asks of a compiler (FOUNDRY_SOLC), and the tests.
//
//   solc.js --version
//   solc.js --standard-json < input.json
"use strict";

const fs = require("fs");
const solc = require("solc");

const [mode] = process.argv.slice(2);
if (mode === "--version") {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace(".Emscripten.clang", ".Linux.g++")}\n`);
} else if (mode === "--standard-json") {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("usage: solc.js --version | --standard-json < input.json\n");
  process.exitCode = 2;
}
