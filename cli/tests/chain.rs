//! Committed tensors from model to verified chain: library, program, contract.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lemma::circuits::Compiled;
use lemma::circuits::check::violations;
use lemma::circuits::relation::Assignment;
use lemma::contracts::evm;
use lemma::graph::Visibility;
use lemma::model::{Model, Op, Unary};
use lemma::quantizer::calibrate::{Method, Ranges};
use lemma::quantizer::quantize::{Options, quantize};
use lemma::quantizer::report::quantize_inputs;
use lemma::{CompileError, CompileOptions, Folder, Inputs, Openings, ProofFile, Salt, compile};
use ndarray::{Array1, Array2};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use lemma_testkit::networks::{random_inputs, random_model, tensor};

/// Fractional bits of the tensors that pass from model to model.
const BITS: i32 = 10;

/// A dense layer and a ReLU from `x` (inputs) to `y` (outputs).
fn layer(seed: u64, inputs: usize, outputs: usize) -> Model {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, &[1, inputs]).unwrap();
    let weight = Array2::from_shape_simple_fn((inputs, outputs), || rng.gen_range(-1.0..1.0));
    let bias = Some(Array1::from_shape_simple_fn(outputs, || rng.gen_range(0.0..0.5)));
    let dense = model.push("dense", Op::Dense { weight, bias }, &[x]).unwrap();
    let y = model.push("relu", Op::Unary(Unary::Relu), &[dense]).unwrap();
    model.outputs.push(("y".into(), y));
    model
}

fn options(committed: &[&str]) -> CompileOptions {
    let committed: Vec<String> = committed.iter().map(|name| (*name).to_owned()).collect();
    let fractional_bits = committed.iter().map(|name| (name.clone(), BITS)).collect();
    CompileOptions { bits: Some(12), committed, fractional_bits, ..CompileOptions::default() }
}

/// Three models, each reading what the one before committed to, with keys; made once.
fn folders() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let parent = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let mut samples: Vec<Inputs> = (0..50)
            .map(|_| Inputs::from([("x".into(), tensor(&mut rng, &[1, 20], 1.0))]))
            .collect();
        let models = [
            ("a", layer(2, 20, 9), &["y"][..]),
            ("b", layer(3, 9, 9), &["x", "y"]),
            ("c", layer(4, 9, 3), &["x"]),
        ];
        for (name, model, committed) in models {
            let outputs =
                |x: &Inputs| Inputs::from([("x".into(), model.execute(x).unwrap().pop().unwrap())]);
            let next = samples.iter().map(outputs).collect();
            let (package, report) =
                compile(name, model, &samples, &[], &options(committed), &()).unwrap();
            let folder = Folder::new(parent.path().join(name));
            folder.write_package(&package, &report).unwrap();
            let (proving, verifying) = package.setup(&()).unwrap();
            folder.write_keys(&package, &proving, &verifying).unwrap();
            samples = next;
        }
        let input: Vec<f64> = (0..20).map(|i| f64::from(i % 7) / 8.0 - 0.4).collect();
        std::fs::write(
            parent.path().join("input.json"),
            serde_json::json!({ "x": [input] }).to_string(),
        )
        .unwrap();
        prove(parent.path(), "a", &["--input", "input.json", "--openings", "a.open"], "a.json");
        prove(parent.path(), "b", &["--opening", "x=a.open", "--openings", "b.open"], "b.json");
        prove(parent.path(), "c", &["--opening", "x=b.open"], "c.json");
        parent
    });
    parent.path()
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lemma"))
        .current_dir(folder)
        .arg("--json")
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), said)
}

fn prove(folder: &Path, model: &str, arguments: &[&str], proof: &str) -> Value {
    let (code, result, said) = run(folder, &[&["prove", model, "-o", proof], arguments].concat());
    assert_eq!(code, Some(0), "{said}");
    result
}

fn verify_chain(models: &[&str], proofs: &[&str]) -> (Option<i32>, Value) {
    let keys: Vec<String> = models.iter().map(|model| format!("{model}/verifying.key")).collect();
    let pairs = keys.iter().zip(proofs).flat_map(|(key, proof)| ["--key", key, proof]);
    let (code, result, _) =
        run(folders(), &["verify-chain"].into_iter().chain(pairs).collect::<Vec<_>>());
    (code, result)
}

fn at(file: &str) -> PathBuf {
    folders().join(file)
}

#[test]
fn three_models_make_a_chain() {
    let (code, result) = verify_chain(&["a", "b", "c"], &["a.json", "b.json", "c.json"]);
    assert_eq!((code, &result["verified"]), (Some(0), &Value::Bool(true)), "{result}");
    let links = result["links"].as_array().unwrap();
    assert_eq!(
        links.iter().map(|link| link["proof"].as_u64().unwrap()).collect::<Vec<_>>(),
        [0, 1]
    );
    assert!(links.iter().all(|link| link["output"] == "y" && link["input"] == "x"));
    let tensors = |i: usize| result["statements"][i]["tensors"].clone();
    assert_eq!(tensors(0)[0]["role"], "committed output");
    assert_eq!(tensors(0)[0]["digest"], tensors(1)[0]["digest"]);
    assert_eq!(tensors(1)[1]["digest"], links[1]["digest"]);
    assert!(tensors(1)[0]["values"].as_array().unwrap().is_empty());
    // The last output is public, and what the three layers compute, to within their rounding.
    let input: Value = serde_json::from_slice(&std::fs::read(at("input.json")).unwrap()).unwrap();
    let x = input["x"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap() as f32)
        .collect::<Vec<_>>();
    let mut x = Array2::from_shape_vec((1, 20), x).unwrap().into_dyn();
    for model in [layer(2, 20, 9), layer(3, 9, 9), layer(4, 9, 3)] {
        x = model.execute(&Inputs::from([("x".into(), x)])).unwrap().pop().unwrap();
    }
    let output = tensors(2)[1].clone();
    let scale = f64::from(output["fractional_bits"].as_i64().unwrap() as i32).exp2();
    for (value, expected) in output["values"].as_array().unwrap().iter().zip(&x) {
        assert!(
            (value.as_i64().unwrap() as f64 / scale - f64::from(*expected)).abs() < 0.02,
            "{output} {x}"
        );
    }
    let part = verify_chain(&["b", "c"], &["b.json", "c.json"]);
    assert_eq!(part.0, Some(0));
}

#[test]
fn a_foreign_link_is_named() {
    // The same input, proven again: new salts, so other digests.
    prove(folders(), "a", &["--input", "input.json", "--openings", "again.open"], "again.json");
    let (code, result) = verify_chain(&["a", "b", "c"], &["again.json", "b.json", "c.json"]);
    assert_eq!((code, &result["verified"]), (Some(1), &Value::Bool(false)));
    let reason = result["reason"].as_str().unwrap();
    assert!(
        reason.contains("proof 1 (model `a`) to proof 2 (model `b`)") && reason.contains("`x`"),
        "{reason}"
    );
    // The second link: another tensor under the right salt.
    let opening = Openings::read(&at("b.open")).unwrap().tensors.pop().unwrap();
    let salt = format!("x={}", lemma::salt_text(&opening.salt));
    let mut values: Vec<f64> =
        opening.values.iter().map(|v| *v as f64 / f64::from(BITS).exp2()).collect();
    let salted = |values: &[f64], proof: &str| {
        let input = format!("{proof}.input.json");
        std::fs::write(at(&input), serde_json::json!({ "x": [values] }).to_string()).unwrap();
        prove(folders(), "c", &["--input", &input, "--salt", &salt], proof);
        verify_chain(&["a", "b", "c"], &["a.json", "b.json", proof])
    };
    assert_eq!(
        salted(&values, "same.json").0,
        Some(0),
        "salt and values are all that a digest depends on"
    );
    values[4] += 1.0 / f64::from(BITS).exp2();
    let (code, result) = salted(&values, "other.json");
    assert_eq!(code, Some(1));
    assert!(
        result["reason"].as_str().unwrap().contains("proof 2 (model `b`) to proof 3 (model `c`)"),
        "{result}"
    );
    assert_eq!(verify_chain(&["a"], &["a.json"]).0, Some(1));
    assert_eq!(verify_chain(&["b", "a"], &["b.json", "a.json"]).0, Some(1));
}

#[test]
fn a_proof_with_another_digest_is_rejected() {
    let mut files: Vec<Value> = ["a.json", "b.json"]
        .map(|file| serde_json::from_slice(&std::fs::read(at(file)).unwrap()).unwrap())
        .to_vec();
    // Both digests of the link, made equal again after the proofs.
    let forged = format!("0x{:064x}", 12345);
    files[0]["tensors"][0]["digest"] = forged.clone().into();
    files[1]["tensors"][0]["digest"] = forged.into();
    for (file, name) in files.iter().zip(["forged-a.json", "forged-b.json"]) {
        std::fs::write(at(name), file.to_string()).unwrap();
    }
    for proofs in [
        ["forged-a.json", "b.json"],
        ["a.json", "forged-b.json"],
        ["forged-a.json", "forged-b.json"],
        ["b.json", "a.json"],
    ] {
        let (code, result) = verify_chain(&["a", "b"], &proofs);
        assert_eq!(
            (code, &result["verified"]),
            (Some(3), &Value::Bool(false)),
            "{proofs:?}: {result}"
        );
    }
    let (code, ..) =
        run(folders(), &["verify-chain", "--key", "a/verifying.key", "a.json", "b.json"]);
    assert_eq!(code, Some(3), "one key for all proofs");
}

#[test]
fn the_contract_takes_a_committed_proof() {
    let key = Folder::new(at("b")).verifying_key().unwrap();
    let file = ProofFile::from_json(&std::fs::read(at("b.json")).unwrap()).unwrap();
    let (values, context, proof) = file.open(&key).unwrap();
    assert_eq!(values.as_slice().len(), 2);
    let gas = evm::run(&key, &values, context, &proof, evm::Fork::Osaka).unwrap();
    assert!(gas.succeeded(), "{gas:?}");
    let mut other = values.as_slice().to_vec();
    other.swap(0, 1);
    assert!(
        !evm::run(&key, &lemma::PublicValues::new(other), context, &proof, evm::Fork::Osaka)
            .unwrap()
            .succeeded()
    );
    let (code, result, _) = run(folders(), &["calldata", "b.json"]);
    assert_eq!(code, Some(0));
    let digest = &file.tensors[1].digest.as_ref().unwrap()[2..];
    assert!(result["calldata"].as_str().unwrap().ends_with(digest));
}

#[test]
fn openings_open_the_digests_and_nothing_else() {
    let openings = Openings::read(&at("b.open")).unwrap();
    let file = ProofFile::from_json(&std::fs::read(at("b.json")).unwrap()).unwrap();
    for (opening, tensor) in openings.tensors.iter().zip(&file.tensors) {
        assert_eq!((&opening.name, opening.role), (&tensor.name, tensor.role));
        assert_eq!(Some(opening.digest().unwrap().to_string()), tensor.digest);
        let mut other = opening.clone();
        other.values[0] += 1;
        assert_ne!(other.digest(), opening.digest());
        other = opening.clone();
        other.salt = Salt::new([7; Salt::BYTES]);
        assert_ne!(other.digest(), opening.digest());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(at("b.open")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mut altered: Value = serde_json::from_slice(&std::fs::read(at("b.open")).unwrap()).unwrap();
    altered["tensors"][1]["values"][0] = 7777.into();
    std::fs::write(at("altered.open"), altered.to_string()).unwrap();
    let no_tensor = &format!("w={}", "00".repeat(Salt::BYTES));
    for (arguments, expected) in [
        (&["--opening", "x=altered.open"][..], "was altered"),
        (&["--opening", "x=missing.open"], "missing.open"),
        (&["--opening", "z=b.open"], "no such input"),
        (&["--opening", "x=a.json"], "a.json"),
        (&["--salt", "x=0x12"], "62 hexadecimal"),
        (&["--opening", "x=b.open", "--salt", no_tensor], "`w` takes no salt"),
        (&["--opening", "x=b.open", "--salt", &no_tensor.replace('w', "x")], "has a salt already"),
    ] {
        let arguments = [&["prove", "c", "-o", "none.json"], arguments].concat();
        let (code, _, said) = run(folders(), &arguments);
        assert!(code == Some(1) && said.contains(expected), "{arguments:?}: {said}");
    }
    assert!(!at("none.json").exists());
    let (_, _, said) = run(folders(), &["prove", "a", "-o", "none.json", "--opening", "x=a.open"]);
    assert!(said.contains("20 values") && said.contains("`y` with 9 values"), "{said}");
}

#[test]
fn what_cannot_be_committed_is_refused() {
    let samples =
        [Inputs::from([("x".into(), tensor(&mut StdRng::seed_from_u64(9), &[1, 5], 1.0))])];
    let refused = |change: fn(&mut CompileOptions)| {
        let mut options = options(&["x", "y"]);
        change(&mut options);
        compile("m", layer(5, 5, 4), &samples, &[], &options, &()).unwrap_err()
    };
    assert!(
        matches!(refused(|o| o.public.push("x".into())), CompileError::Contradiction { name } if name == "x")
    );
    assert!(matches!(refused(|o| o.private.push("y".into())), CompileError::Contradiction { .. }));
    assert!(matches!(
        refused(|o| o.committed.push("z".into())),
        CompileError::UnknownTensor { .. }
    ));
    assert!(matches!(
        refused(|o| o.fractional_bits = [("z".into(), 3)].into()),
        CompileError::UnknownTensor { .. }
    ));
    let wide = refused(|o| o.fractional_bits = [("x".into(), 32)].into());
    assert!(wide.to_string().contains("fewer fractional bits than 32"), "{wide}");
    assert!(matches!(
        refused(|o| o.fractional_bits = [("x".into(), 70)].into()),
        CompileError::Quantize(_)
    ));
}

/// Input and output of random networks committed to: digests are the native ones, and all
/// constraints hold.
#[test]
fn random_networks_commit_to_what_they_compute() {
    for seed in 0..40 {
        let model = random_model(seed).relu_after_max_pool();
        let mut rng = StdRng::seed_from_u64(seed + 9000);
        let samples: Vec<_> = (0..4).map(|_| random_inputs(&model, &mut rng)).collect();
        let ranges = Ranges::observe(&model, samples.clone(), Method::Max).unwrap();
        let committed = vec!["x".to_owned(), "output".to_owned()];
        let fractional_bits = BTreeMap::from([
            ("x".to_owned(), rng.gen_range(4..16)),
            ("output".to_owned(), rng.gen_range(0..16)),
        ]);
        let argmax =
            model.outputs.iter().any(|(_, id)| matches!(model.node(*id).unwrap().op, Op::ArgMax));
        let fractional_bits = if argmax { BTreeMap::new() } else { fractional_bits };
        let options = Options {
            bits: 10,
            committed,
            fractional_bits: fractional_bits.clone(),
            ..Options::default()
        };
        let quantized =
            quantize(&model, &ranges, &options).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let compiled =
            Compiled::new(quantized.graph).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let graph = compiled.graph();
        for port in graph.inputs.iter().chain(&graph.outputs) {
            let found = graph.node(port.node).fractional_bits;
            assert_eq!(
                (port.visibility, fractional_bits.get(&port.name).copied().unwrap_or(found)),
                (Visibility::Committed, found)
            );
        }
        let inputs = quantize_inputs(graph, &samples[0]).unwrap();
        let salts: Vec<Salt> = (0..2).map(|_| Salt::new(rng.r#gen())).collect();
        let inference =
            compiled.infer_salted(&inputs, &salts).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let digest = |port: &lemma::graph::Port, values: &[i64], salt: &Salt| {
            lemma::circuits::commitment::digest(values, graph.node(port.node).fractional_bits, salt)
                .unwrap()
        };
        let expected = [
            digest(&graph.inputs[0], &inputs[0], &salts[0]),
            digest(&graph.outputs[0], &inference.outputs()[0], &salts[1]),
        ];
        assert_eq!(inference.public_values(), expected, "seed {seed}");
        assert_eq!(violations(&compiled, inference), [], "seed {seed}");
    }
}
