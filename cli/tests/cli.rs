//! The program, end to end, on the model that comes with it.

#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use program::{fails, json, lemma};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/lenet_fashion");

fn model(file: &str) -> String {
    format!("{MODEL}/{file}")
}

/// A folder with the compiled model, its keys and a proof of image 0; made once.
fn compiled() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("compiled");
        let folder = path.to_str().unwrap();
        let result = json(&[
            "compile",
            &model("model.onnx"),
            "--calibration",
            &model("calibration.npz"),
            "--test",
            &model("test_1000.npz"),
            "--labels",
            "label",
            "--classes",
            &model("classes.json"),
            "-o",
            folder,
        ]);
        let accuracy = &result["report"]["accuracy"];
        let [float, integer] = ["float", "integer"].map(|kind| accuracy[kind].as_f64().unwrap());
        assert!((float - integer).abs() <= 0.005, "{accuracy}");
        let keys = json(&["setup", folder]);
        assert!(keys["setup_seconds"].as_f64().unwrap() > 0.0);
        assert!(keys["proving_key_bytes"].as_u64().unwrap() < 60_000_000);
        let proof = path.join("proof.json");
        let input = model("test_1000.npz");
        let proved = json(&["prove", folder, "--input", &input, "-o", proof.to_str().unwrap()]);
        assert!(proved["prove_seconds"].as_f64().unwrap() > 0.0);
        assert!(proved["peak_bytes"].as_u64().unwrap() < 400_000_000);
        assert_eq!(proved["proof_bytes"], 320);
        (parent, path)
    });
    path
}

fn at(file: &str) -> String {
    compiled().join(file).to_str().unwrap().to_owned()
}

fn proof() -> Value {
    serde_json::from_slice(&std::fs::read(at("proof.json")).unwrap()).unwrap()
}

/// Verifies an altered proof file and expects it to be rejected.
fn rejected(proof: &Value, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, proof.to_string()).unwrap();
    fails(3, &["verify", "--key", &at("verifying.key"), path.to_str().unwrap()])
}

#[test]
fn an_honest_proof_verifies_and_says_what_it_proves() {
    let verified = json(&["verify", "--key", &at("verifying.key"), &at("proof.json")]);
    assert_eq!(verified["verified"], true);
    assert!(verified["verify_seconds"].as_f64().unwrap() > 0.0);
    let text = lemma(&["verify", "--key", &at("verifying.key"), &at("proof.json")]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("ankle boot") && text.contains("development key"), "{text}");
}

#[test]
fn inspect_has_its_documented_keys() {
    let inspection = json(&["inspect", compiled().to_str().unwrap()]);
    for key in ["constraints", "wires", "lookups", "table_rows", "public_values", "activations"] {
        assert!(inspection[key].as_u64().unwrap() > 0, "{key}");
    }
    assert!(inspection["constraints"].as_u64().unwrap() <= 30_000);
    assert_eq!(inspection["activations"], 6508);
    assert_eq!(inspection["public_values"], 10);
}

#[test]
fn the_checker_is_satisfied() {
    let checked = json(&[
        "check",
        compiled().to_str().unwrap(),
        "--input",
        &model("test_1000.npz"),
        "--index",
        "7",
    ]);
    assert_eq!(checked["satisfied"], true);
}

#[test]
fn rejects_every_altered_public_value() {
    let honest = proof();
    let values = honest["tensors"][0]["values"].as_array().unwrap().clone();
    for index in 0..values.len() {
        for change in [1, -1, 1 << 20] {
            let mut altered = honest.clone();
            altered["tensors"][0]["values"][index] =
                (values[index].as_i64().unwrap() + change).into();
            rejected(&altered, "value.json");
        }
    }
    let mut swapped = honest.clone();
    swapped["tensors"][0]["values"].as_array_mut().unwrap().swap(0, 1);
    rejected(&swapped, "swapped.json");
    let mut dropped = honest.clone();
    dropped["tensors"][0]["values"].as_array_mut().unwrap().pop();
    rejected(&dropped, "dropped.json");
    let key = at("verifying.key");
    fails(3, &["verify", "--key", &key, "--context", "0x07", &at("proof.json")]);
    assert!(lemma(&["verify", "--key", &key, "--context", "", &at("proof.json")]).status.success());
    let mut context = honest;
    context["context"] = "0x01".into();
    rejected(&context, "context.json");
}

#[test]
fn rejects_altered_proof_bytes() {
    let honest = proof();
    let hex = honest["proof"].as_str().unwrap();
    for position in (2..hex.len()).step_by(37) {
        let old = hex.as_bytes()[position];
        let new = if old == b'0' { "1" } else { "0" };
        let mut altered = honest.clone();
        altered["proof"] = format!("{}{new}{}", &hex[..position], &hex[position + 1..]).into();
        rejected(&altered, "bytes.json");
    }
    let mut short = honest.clone();
    short["proof"] = hex[..hex.len() - 2].into();
    rejected(&short, "short.json");
}

#[test]
fn rejects_the_key_of_another_setup() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    std::fs::copy(at("model.lemma"), folder.path().join("model.lemma")).unwrap();
    json(&["setup", path]);
    let key = folder.path().join("verifying.key");
    fails(3, &["verify", "--key", key.to_str().unwrap(), &at("proof.json")]);
}

#[test]
fn keys_of_another_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let calibration = model("calibration.npz");
    json(&[
        "compile",
        &model("model.onnx"),
        "--calibration",
        &calibration,
        "--bits",
        "11",
        "-o",
        path,
    ]);
    // The key of the 12-bit circuit beside the 11-bit model.
    std::fs::copy(at("proving.key"), folder.path().join("proving.key")).unwrap();
    let out = folder.path().join("proof.json");
    let said =
        fails(1, &["prove", path, "--input", &model("test_1000.npz"), "-o", out.to_str().unwrap()]);
    assert!(said.contains("proving.key") && said.contains("lemma setup"), "{said}");
    assert!(!out.exists());
    json(&["setup", path]);
    let key = folder.path().join("verifying.key");
    fails(3, &["verify", "--key", key.to_str().unwrap(), &at("proof.json")]);
}

#[test]
fn models_with_nan_or_unknown_operators_are_named_and_nothing_is_written() {
    let honest = std::fs::read(model("model.onnx")).unwrap();
    let place =
        |bytes: &[u8]| honest.windows(bytes.len()).position(|window| window == bytes).unwrap();
    // Field 4 of a node, its operator, of four bytes.
    let relu = place(b"\x22\x04Relu") + 2;
    let alterations: [(&str, usize, &[u8], &str); 2] = [
        ("operator.onnx", relu, b"Rexu", "Rexu"),
        // The weights of the dense layers fill the middle of the file; all ones is a NaN at any
        // alignment.
        ("nan.onnx", honest.len() / 2, &[0xff; 16], "NaN"),
    ];
    for (name, position, bytes, expected) in alterations {
        let folder = tempfile::tempdir().unwrap();
        let mut altered = honest.clone();
        altered[position..position + bytes.len()].copy_from_slice(bytes);
        let file = folder.path().join(name);
        std::fs::write(&file, altered).unwrap();
        let out = folder.path().join("compiled");
        let arguments = [
            "compile",
            file.to_str().unwrap(),
            "--calibration",
            &model("calibration.npz"),
            "-o",
            out.to_str().unwrap(),
        ];
        let said = fails(1, &arguments);
        assert!(said.contains(name) && said.contains(expected), "{said}");
        assert!(!out.exists(), "{name}");
    }
}

#[test]
fn folders_that_cannot_be_written_are_named_and_files_that_stood_stay() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("occupied");
    std::fs::write(&occupied, b"mine").unwrap();
    let [occupied, inside] = [occupied.clone(), occupied.join("proof.json")]
        .map(|path| path.to_str().unwrap().to_owned());
    let said = fails(
        1,
        &[
            "compile",
            &model("model.onnx"),
            "--calibration",
            &model("calibration.npz"),
            "-o",
            &occupied,
        ],
    );
    assert!(said.contains("occupied"), "{said}");
    let said = fails(
        1,
        &["prove", compiled().to_str().unwrap(), "--input", &model("test_1000.npz"), "-o", &inside],
    );
    assert!(said.contains("proof.json"), "{said}");
    assert_eq!(std::fs::read(&occupied).unwrap(), b"mine");
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_keeps_its_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("proof.json");
    std::fs::write(&proof, b"earlier").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(folder.path().join("probe"), b"").is_ok() {
        println!("skipped: this user may write to read-only folders");
        return;
    }
    let arguments = [
        "prove",
        compiled().to_str().unwrap(),
        "--input",
        &model("test_1000.npz"),
        "-o",
        proof.to_str().unwrap(),
    ];
    let said = fails(1, &arguments);
    assert!(said.contains("proof.json"), "{said}");
    assert_eq!(std::fs::read(&proof).unwrap(), b"earlier");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn damaged_files_are_named_and_nothing_is_written() {
    for file in ["model.lemma", "proving.key", "verifying.key"] {
        let bytes = std::fs::read(at(file)).unwrap();
        for cut in [0, 7, 40, bytes.len() / 2, bytes.len() - 1, bytes.len()] {
            let folder = tempfile::tempdir().unwrap();
            for other in ["model.lemma", "proving.key", "verifying.key"] {
                std::fs::copy(at(other), folder.path().join(other)).unwrap();
            }
            let mut damaged = bytes.get(..cut).unwrap().to_vec();
            if cut == bytes.len() {
                // In full length: one bit in the middle.
                damaged[cut / 2] ^= 4;
            }
            std::fs::write(folder.path().join(file), damaged).unwrap();
            let path = folder.path().to_str().unwrap();
            let out = folder.path().join("proof.json");
            let out = out.to_str().unwrap();
            let said = if file == "verifying.key" {
                fails(1, &["verify", "--key", &format!("{path}/{file}"), &at("proof.json")])
            } else {
                fails(1, &["prove", path, "--input", &model("test_1000.npz"), "-o", out])
            };
            assert!(said.contains(file), "{file} cut at {cut}: {said}");
            assert!(!Path::new(out).exists());
        }
    }
}

#[test]
fn an_input_outside_the_calibrated_range_is_named_and_gives_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("bright.json");
    let bright = vec![vec![vec![vec![9.5f32; 28]; 28]]; 1];
    std::fs::write(&input, serde_json::json!({ "image": bright }).to_string()).unwrap();
    let out = folder.path().join("proof.json");
    let arguments = [
        "prove",
        compiled().to_str().unwrap(),
        "--input",
        input.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ];
    let said = fails(4, &arguments);
    assert!(said.contains("layer `image`") && said.contains("calibrated range"), "{said}");
    assert!(!out.exists());
}

#[test]
fn wrong_inputs_and_usage_are_errors_that_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("small.json");
    std::fs::write(&input, serde_json::json!({ "image": vec![vec![0.5f32; 27]; 28] }).to_string())
        .unwrap();
    let out = folder.path().join("proof.json");
    let out = out.to_str().unwrap();
    let said = fails(
        1,
        &["prove", compiled().to_str().unwrap(), "--input", input.to_str().unwrap(), "-o", out],
    );
    assert!(said.contains("image"), "{said}");
    let said = fails(1, &["setup", folder.path().to_str().unwrap()]);
    assert!(said.contains("model.lemma") && said.contains("lemma compile"), "{said}");
    fails(2, &["prove"]);
    let garbage = folder.path().join("garbage.onnx");
    std::fs::write(&garbage, b"not a model").unwrap();
    let calibration = model("calibration.npz");
    let said =
        fails(1, &["compile", garbage.to_str().unwrap(), "--calibration", &calibration, "-o", out]);
    assert!(said.contains("garbage.onnx"), "{said}");
    let unknown =
        [&model("model.onnx"), "--calibration", &calibration, "--public", "nothing", "-o", out];
    let said = fails(1, &[&["compile"], unknown.as_slice()].concat());
    assert!(said.contains("nothing") && said.contains("logits"), "{said}");
}

#[test]
fn the_contract_and_its_calldata_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("Verifier.sol");
    let written = json(&["contract", &at("verifying.key"), "-o", source.to_str().unwrap()]);
    assert!(written["runtime_bytes"].as_u64().unwrap() <= 6_000, "{written}");
    let text = std::fs::read_to_string(&source).unwrap();
    assert!(text.contains("pragma solidity ^0.8.24;") && text.contains("Development"));
    let said = lemma(&["contract", &at("verifying.key"), "-o", source.to_str().unwrap()]).stdout;
    let digest = written["verifying_key"].as_str().unwrap();
    assert!(text.contains(digest) && String::from_utf8(said).unwrap().contains(digest), "{digest}");
    let calldata = json(&["calldata", &at("proof.json")]);
    // Selector, context, ten words of proof, offset, length, ten values.
    assert_eq!(calldata["calldata"].as_str().unwrap().len(), 2 + 2 * (4 + 32 * (1 + 10 + 2 + 10)));
}

#[test]
fn the_demo_proof_passes_its_contract_within_the_gas_it_is_known_for() {
    let result = json(&["demo", "--evm", "--index", "3"]);
    assert_eq!(result["verified"], true);
    // Ten public values; the bytes of a proof move this by a few hundred.
    assert!(result["gas_used"].as_u64().unwrap() <= 265_000, "{}", result["gas_used"]);
}
