//! One folder is one state, and a command replaces no file that is not its own.

#[path = "support/program.rs"]
mod program;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lemma::text::Tokenizer;
use lemma::{
    CompileOptions, Demand, Folder, Package, PackageError, PreparedKey, ProofFile, Report, compile,
};
use ndarray::ArrayViewD;
use rand::SeedableRng;
use rand::rngs::StdRng;

use lemma_testkit::networks::{random_inputs, random_model};
use program::{fails, json};

/// A small model of a seed.
fn compiled(seed: u64) -> (Package, Report) {
    let model = random_model(seed);
    let mut rng = StdRng::seed_from_u64(seed + 500);
    let samples: Vec<_> = (0..3).map(|_| random_inputs(&model, &mut rng)).collect();
    let options = CompileOptions { bits: Some(7), ..CompileOptions::default() };
    compile("small", model, &samples, &[], &options, &()).unwrap()
}

/// An input of the model of a seed, as the program takes it.
fn input(seed: u64, path: &Path) {
    let inputs = random_inputs(&random_model(seed), &mut StdRng::seed_from_u64(seed + 500));
    let arrays: serde_json::Map<String, serde_json::Value> =
        inputs.iter().map(|(name, array)| (name.clone(), nested(array.view()))).collect();
    std::fs::write(path, serde_json::Value::Object(arrays).to_string()).unwrap();
}

fn nested(array: ArrayViewD<f32>) -> serde_json::Value {
    match array.ndim() {
        0 => array.sum().into(),
        _ => array.outer_iter().map(nested).collect(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with keys and an input; made once.
fn scene() -> &'static Path {
    static SCENE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let parent = SCENE.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        let (package, report) = compiled(3);
        let folder = Folder::new(parent.path().join("model"));
        folder.write_package(&package, &report).unwrap();
        json(&["setup", text(folder.path())]);
        input(3, &parent.path().join("input.json"));
        parent
    });
    parent.path()
}

/// A copy of the scene's folder.
fn copy() -> (tempfile::TempDir, Folder, String) {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::new(parent.path().join("model"));
    std::fs::create_dir(folder.path()).unwrap();
    for file in ["model.lemma", "report.json", "report.txt", "proving.key", "verifying.key"] {
        std::fs::copy(scene().join("model").join(file), folder.path().join(file)).unwrap();
    }
    (parent, folder, text(&scene().join("input.json")).to_owned())
}

#[test]
fn setups_at_once_leave_keys_that_belong_together_and_proofs_meanwhile_belong_to_them() {
    let (_parent, folder, input) = copy();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lemma"));
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let proofs: Vec<_> = (0..3).map(|i| folder.path().join(format!("{i}.json"))).collect();
    let setups: Vec<_> = (0..4).map(|_| run(&["setup", text(folder.path())])).collect();
    let proving: Vec<_> = proofs
        .iter()
        .map(|proof| run(&["prove", text(folder.path()), "--input", &input, "-o", text(proof)]))
        .collect();
    for process in setups.into_iter().chain(proving) {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let package = folder.package().unwrap();
    let proving = folder.proving_key(&package).unwrap();
    let verifying = folder.verifying_key().unwrap();
    assert_eq!(proving.verifying_key(), &verifying);
    let last = folder.path().join("last.json");
    json(&["prove", text(folder.path()), "--input", &input, "-o", text(&last)]);
    let file = ProofFile::from_json(&std::fs::read(last).unwrap()).unwrap();
    assert!(file.verify(&PreparedKey::new(verifying), &Demand::default()).is_ok());
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_str().unwrap().starts_with('.')), "{names:?}");
}

#[test]
fn keys_of_two_setups_are_refused() {
    let (_parent, folder, input) = copy();
    let first = std::fs::read(folder.verifying_key_path()).unwrap();
    let digest = folder.verifying_key().unwrap().digest().to_string();
    assert_eq!(json(&["setup", text(folder.path())])["replaced"], digest);
    std::fs::write(folder.verifying_key_path(), first).unwrap();
    let out = folder.path().join("proof.json");
    let said = fails(1, &["prove", text(folder.path()), "--input", &input, "-o", text(&out)]);
    assert!(
        said.contains("verifying.key") && said.contains("another setup") && !out.exists(),
        "{said}"
    );
}

#[test]
fn another_compilation_removes_the_keys_and_the_same_one_keeps_them() {
    let (_parent, folder, _) = copy();
    let (package, report) = compiled(3);
    let keys = package.setup(&()).unwrap();
    folder.write_package(&package, &report).unwrap();
    assert!(folder.has_keys());
    let (other, report) = compiled(4);
    folder.write_package(&other, &report).unwrap();
    assert!(!folder.has_keys());
    // Keys that took longer than the model stood.
    let late = folder.write_keys(&package, &keys.0, &keys.1);
    assert!(matches!(late, Err(PackageError::Changed { .. })), "{late:?}");
    let sealed: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(sealed["circuit_digest"], other.digest().to_string());
    assert!(
        std::fs::read_to_string(folder.path().join("report.txt"))
            .unwrap()
            .contains(&other.digest().to_string())
    );
}

#[test]
fn a_tokenizer_is_the_one_that_the_model_was_compiled_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::new(folder.path().join("model"));
    let (package, report) = compiled(3);
    let error = folder.tokenizer(&package).unwrap_err().to_string();
    assert!(error.contains("without a tokenizer"), "{error}");
    let tokenizer = Tokenizer::from_bytes(br#"{"chars": "ab"}"#.to_vec()).unwrap();
    folder.write_package(&package.with_tokenizer(Some(tokenizer)), &report).unwrap();
    let package = folder.package().unwrap();
    assert_eq!(folder.tokenizer(&package).unwrap().encode("ba", 9).unwrap().ids, [1, 0]);
    std::fs::write(folder.path().join("tokenizer"), br#"{"chars": "ba"}"#).unwrap();
    let error = folder.tokenizer(&package).unwrap_err().to_string();
    assert!(error.contains("not the tokenizer") && error.contains("lemma compile"), "{error}");
}

#[test]
fn files_of_others_are_not_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let mine = parent.path().join("tokenizer");
    std::fs::write(&mine, "mine").unwrap();
    let (package, report) = compiled(3);
    assert!(Folder::new(parent.path()).write_package(&package, &report).is_err());
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "nothing else is left");
    let (_parent, folder, input) = copy();
    let key = folder.verifying_key_path();
    for target in
        ["model.lemma", "verifying.key", "report.txt"].map(|name| folder.path().join(name))
    {
        let before = std::fs::read(&target).unwrap();
        let said =
            fails(1, &["prove", text(folder.path()), "--input", &input, "-o", text(&target)]);
        assert!(said.contains(text(&target)), "{said}");
        let said = fails(1, &["contract", text(&key), "-o", text(&target)]);
        assert!(said.contains(text(&target)), "{said}");
        assert_eq!(std::fs::read(&target).unwrap(), before);
    }
    let same = folder.path().join("same.json");
    let arguments = [
        "prove",
        text(folder.path()),
        "--input",
        &input,
        "-o",
        text(&same),
        "--openings",
        text(&same),
    ];
    let said = fails(1, &arguments);
    assert!(said.contains("only copy") && !same.exists(), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn files_without_an_end_are_refused() {
    let (_parent, folder, _) = copy();
    let key = folder.verifying_key_path();
    for arguments in [
        ["verify", "--key", "/dev/zero", "/dev/zero"],
        ["verify", "--key", text(&key), "/dev/zero"],
        ["prove", text(folder.path()), "--output=/dev/null", "--input=/dev/zero"],
    ] {
        let said = fails(1, &arguments);
        assert!(said.contains("/dev/"), "{said}");
    }
    fails(1, &["calldata", "/dev/zero"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let (_parent, folder, _) = copy();
    for json in [&["--json"][..], &[]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lemma"));
        let status = command
            .args(json)
            .args(["inspect", text(folder.path())])
            .stdout(full)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1));
        // An error that cannot be said is still the error.
        let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lemma"));
        let status = command
            .args(json)
            .args(["inspect", "/nonexistent"])
            .stdout(full())
            .stderr(full())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(1));
    }
}
