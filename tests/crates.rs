//! Which crate may depend on which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The crates of the workspace and, of the workspace, what each may build with; tests and benches
/// are free.
const WALLS: [(&str, &[&str]); 12] = [
    ("lemma-graph", &[]),
    ("lemma-model", &[]),
    ("lemma-verifier", &[]),
    ("lemma-import", &["lemma-model"]),
    ("lemma-quantizer", &["lemma-graph", "lemma-model"]),
    ("lemma-circuits", &["lemma-graph"]),
    ("lemma-prover", &["lemma-circuits", "lemma-verifier"]),
    ("lemma-contracts", &["lemma-verifier"]),
    (
        "lemma",
        &[
            "lemma-circuits",
            "lemma-contracts",
            "lemma-graph",
            "lemma-import",
            "lemma-model",
            "lemma-prover",
            "lemma-quantizer",
            "lemma-verifier",
        ],
    ),
    ("lemma-cli", &["lemma"]),
    ("lemma-fuzz", &["lemma"]),
    ("lemma-testkit", &["lemma-model"]),
];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that `root` builds with, alone, without its tests and with the given flags.
fn dependencies(root: &str, flags: &[&str]) -> BTreeSet<String> {
    let common = ["tree", "--package", root, "--edges", "normal", "--prefix", "none", "--offline"];
    let text = cargo(&[&common[..], flags].concat());
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_crate_depends_on_what_its_floor_allows() {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let direct: BTreeSet<String> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .filter(|name| name.starts_with("lemma"))
            .collect();
        found.insert(package["name"].as_str().unwrap().to_owned(), direct);
    }
    let allowed: BTreeMap<String, BTreeSet<String>> = WALLS
        .into_iter()
        .map(|(name, others)| {
            (name.to_owned(), others.iter().map(|&other| other.to_owned()).collect())
        })
        .collect();
    assert_eq!(found, allowed, "a new crate or dependency: say here which floor it stands on");
}

#[test]
fn the_verifier_builds_without_threads_and_without_parsers_of_models() {
    let found = dependencies("lemma-verifier", &[]);
    assert!(found.contains("ark-bn254"));
    for forbidden in ["rayon", "prost", "ndarray", "tokenizers", "ark-groth16"] {
        assert!(!found.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_circuits_know_no_proof_system_and_no_importer() {
    let found = dependencies("lemma-circuits", &[]);
    for forbidden in ["ark-groth16", "prost", "ndarray"] {
        assert!(!found.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn the_library_builds_without_machine_and_program() {
    let whole = dependencies("lemma", &[]);
    let bare = dependencies("lemma", &["--no-default-features"]);
    assert!(whole.contains("revm") && whole.contains("prost"));
    for forbidden in ["revm", "prost", "tokenizers", "clap", "indicatif", "anyhow"] {
        assert!(!bare.contains(forbidden), "{forbidden}");
    }
}
