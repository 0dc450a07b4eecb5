//! GGUF: the float models against what numpy computes from the same files, and hostile files.

mod hostile;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lemma_import::gguf::{Options, load};
use lemma_import::language::Problem;
use ndarray::{ArrayD, Axis};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gguf");

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// `llama.gguf` has tensors of every encoding, a classifier of its own and divisors of the rotary
/// frequencies; `qwen2.gguf` biases and a linear scaling, `qwen3.gguf` normalised heads that are
/// wider than their share; both share the embedding.
#[test]
fn logits_are_those_of_the_oracle() {
    let oracle: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path("logits.json")).unwrap()).unwrap();
    let tokens = numbers(&oracle["tokens"]);
    for name in ["llama", "qwen2", "qwen3"] {
        let options = Options { tokens: Some(tokens.len()) };
        let model = load(&path(&format!("{name}.gguf")), &options).unwrap();
        model.check().unwrap();
        let ids = tokens.iter().map(|id| *id as f32).collect();
        let ids = ArrayD::from_shape_vec(vec![1, tokens.len()], ids).unwrap();
        let outputs = model.run(&BTreeMap::from([("tokens".to_owned(), ids)])).unwrap();
        let rows = oracle[name].as_array().unwrap();
        assert_eq!(outputs[0].shape(), [1, rows.len(), 40]);
        for (at, row) in rows.iter().map(numbers).enumerate() {
            for (found, expected) in outputs[0].index_axis(Axis(1), at).iter().zip(&row) {
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                    "{name}, position {at}: {found}, {expected}"
                );
            }
        }
    }
}

#[test]
fn the_number_of_tokens_is_the_callers() {
    for tokens in [0, 13, usize::MAX] {
        let error = load(&path("qwen2.gguf"), &Options { tokens: Some(tokens) }).unwrap_err();
        assert!(matches!(error.problem, Problem::Tokens { longest: 12, .. }), "{error}");
    }
    let error = load(&path("qwen2.gguf"), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("qwen2.gguf"));
    assert!(matches!(error.problem, Problem::NoTokens { longest: 12 }), "{error}");
}
