//! solc from `node_modules`, with the settings that `bytecode` documents.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// The folder of this crate.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Whether the npm packages are installed; says so when they are not.
pub fn available() -> bool {
    let installed = root().join("node_modules/solc").exists();
    if !installed {
        println!("skipped: no Solidity compiler; run `npm ci` in contracts/ for this test");
    }
    installed
}

/// Creation code of each contract in `sources` (file name, text), by `file:contract`.
pub fn compile(sources: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    compile_with(sources, false)
}

/// As [`compile`]; `via_ir` chooses the other pipeline.
pub fn compile_with(sources: &BTreeMap<String, String>, via_ir: bool) -> BTreeMap<String, Vec<u8>> {
    let sources: BTreeMap<_, _> =
        sources.iter().map(|(name, text)| (name, json!({ "content": text }))).collect();
    let input = json!({
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "optimizer": { "enabled": true, "runs": 10000 },
            "viaIR": via_ir,
            "evmVersion": "cancun",
            "metadata": { "appendCBOR": false, "bytecodeHash": "none" },
            "outputSelection": { "*": { "*": ["evm.bytecode.object"] } },
        },
    });
    let mut node = Command::new("node")
        .arg(root().join("solc.js"))
        .arg("--standard-json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is installed");
    node.stdin
        .take()
        .expect("piped")
        .write_all(input.to_string().as_bytes())
        .expect("node reads its input");
    let output = node.wait_with_output().expect("node ends");
    let output: Value = serde_json::from_slice(&output.stdout).expect("solc answers in JSON");
    assert!(output["errors"].is_null(), "{}", output["errors"]);
    let mut compiled = BTreeMap::new();
    for (file, contracts) in output["contracts"].as_object().expect("solc compiled something") {
        for (name, contract) in contracts.as_object().expect("a file has contracts") {
            let code =
                contract["evm"]["bytecode"]["object"].as_str().expect("a contract has bytecode");
            compiled.insert(
                format!("{file}:{name}"),
                hex::decode(code).expect("bytecode is hexadecimal"),
            );
        }
    }
    compiled
}

/// Whether golden files are to be written instead of compared.
pub fn updating() -> bool {
    std::env::var_os("LEMMA_UPDATE_GOLDEN").is_some()
}

/// Compares a committed file with what it should contain, or writes it.
pub fn golden(path: &str, expected: &str) {
    let path = root().join(path);
    if updating() {
        std::fs::write(&path, expected).expect("the golden file can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is out of date: run contracts/test.sh --update", path.display());
}
