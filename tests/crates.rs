//! Which crate may depend on which.

use std::collections::BTreeSet;
use std::process::Command;

/// Everything that `root` builds with, alone and without its tests.
fn dependencies(root: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", root, "--edges", "normal", "--prefix", "none", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_verifier_depends_on_neither_the_prover_nor_the_importer_nor_threads() {
    let found = dependencies("lemma-verifier");
    assert!(found.contains("ark-bn254"));
    for forbidden in ["lemma-prover", "lemma-circuits", "lemma-quantizer", "tract-onnx", "rayon"] {
        assert!(!found.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_circuits_know_no_proof_system_and_no_importer() {
    let found = dependencies("lemma-circuits");
    assert!(found.contains("lemma-quantizer"));
    for forbidden in ["lemma-prover", "lemma-verifier", "ark-groth16", "tract-onnx"] {
        assert!(!found.contains(forbidden), "{forbidden}");
    }
}
