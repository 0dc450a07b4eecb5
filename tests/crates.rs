//! Which crate may depend on which, and what the library does not speak of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates of the workspace and, of the workspace, what each may build with; tests and benches
/// are free.
const WALLS: [(&str, &[&str]); 13] = [
    ("lemma-graph", &[]),
    ("lemma-model", &[]),
    ("lemma-verifier", &[]),
    ("lemma-import", &["lemma-model"]),
    ("lemma-quantizer", &["lemma-graph", "lemma-model"]),
    ("lemma-circuits", &["lemma-graph"]),
    ("lemma-prover", &["lemma-circuits", "lemma-verifier"]),
    ("lemma-contracts", &["lemma-verifier"]),
    ("lemma-receipts", &["lemma-verifier"]),
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
            "lemma-receipts",
            "lemma-verifier",
        ],
    ),
    ("lemma-cli", &["lemma"]),
    ("lemma-fuzz", &["lemma"]),
    ("lemma-testkit", &["lemma-model", "lemma-verifier"]),
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

/// The Rust files below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.fold(Vec::new(), |mut files, path| {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
        files
    })
}

/// A line of code with an argument of a command line: `--` before a letter.
fn names_an_argument(line: &str) -> bool {
    let code = line.trim_start();
    let follows = |(at, _): (usize, &str)| code[at + 2..].starts_with(|c: char| c.is_alphabetic());
    !code.starts_with("//") && code.match_indices("--").any(follows)
}

/// A caller of the library has fields to set; which argument sets them, the program adds.
#[test]
fn the_library_names_no_arguments_of_the_program() {
    assert!(names_an_argument("    #[error(\"{found} tokens (`--tokens`)\")]"));
    assert!(!names_an_argument("    /// As `--tokens` does. -- And a dash."));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rooms = ["circuits", "contracts", "graph", "import", "model", "prover", "quantizer"];
    let rooms = rooms.map(|room| root.join(room).join("src"));
    let files: Vec<PathBuf> = rooms
        .iter()
        .chain([&root.join("src"), &root.join("verifier/src")])
        .flat_map(|folder| rust_files(folder))
        .collect();
    assert!(files.len() > 300, "{}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = text.lines().enumerate().find(|(_, line)| names_an_argument(line));
        assert_eq!(found, None, "{}", file.display());
    }
}
