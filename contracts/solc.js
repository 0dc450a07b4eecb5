#!/usr/bin/env node
// solc as a command, from the npm package: what Foundry asks of a compiler (FOUNDRY_SOLC), and the tests.
//
//   solc.js --version
//   solc.js --standard-json < input.json
"use strict";

const fs = require("fs");
const solc = require("solc");

// Foundry adds paths, which mean nothing to a compiler that is given all sources.
const options = process.argv.slice(2);
if (options.includes("--version")) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace(".Emscripten.clang", ".Linux.g++")}\n`);
} else if (options.includes("--standard-json")) {
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("usage: solc.js --version | --standard-json < input.json\n");
  process.exitCode = 2;
}
