//! Folders of Hugging Face: the float models against what `transformers` computes of the same
//! files, and hostile folders.

mod hostile;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lemma_import::huggingface::{Options, is_decoder, load};
use lemma_import::language::Problem;
use ndarray::{ArrayD, Axis};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/huggingface");

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn oracle() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path("expected.json")).unwrap()).unwrap()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The logits of a folder for some tokens, one row a token.
fn logits(folder: &Path, tokens: &[f64]) -> Result<Vec<Vec<f32>>, Problem> {
    let options = Options { tokens: Some(tokens.len()) };
    let model = load(folder, &options).map_err(|error| error.problem)?;
    model.check().unwrap();
    let ids = tokens.iter().map(|id| *id as f32).collect();
    let ids = ArrayD::from_shape_vec(vec![1, tokens.len()], ids).unwrap();
    let outputs = model.run(&BTreeMap::from([("tokens".to_owned(), ids)])).unwrap();
    let rows = outputs[0].index_axis(Axis(0), 0);
    Ok(rows.outer_iter().map(|row| row.iter().copied().collect()).collect())
}

#[track_caller]
fn agrees(name: &str, found: &[Vec<f32>], expected: &serde_json::Value) {
    let rows = expected.as_array().unwrap();
    assert_eq!(found.len(), rows.len());
    for (at, (found, row)) in found.iter().zip(rows).enumerate() {
        let row = numbers(row);
        assert_eq!(found.len(), row.len());
        for (found, expected) in found.iter().zip(row) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5 * (1.0 + expected.abs()),
                "{name}, row {at}: {found}, {expected}"
            );
        }
    }
}

/// `bert` gives classes of tokens, `sentences` the normalised mean of vectors, the others classes
/// of texts; `electra` has narrow tables, `roberta` positions behind that of padding.
#[test]
fn encoders_are_those_of_transformers() {
    let oracle = oracle();
    let tokens = numbers(&oracle["tokens"]);
    let mask = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    let segments = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    for name in ["bert", "distilbert", "roberta", "electra", "sentences"] {
        assert!(!is_decoder(&path(name)).unwrap());
        let model = load(&path(name), &Options { tokens: Some(8) }).unwrap();
        model.check().unwrap();
        let row = |values: &[f64]| {
            let values = values.iter().map(|value| *value as f32).collect();
            ArrayD::from_shape_vec(vec![1, 8], values).unwrap()
        };
        let mut ids = tokens.clone();
        if name == "roberta" {
            (ids[0], ids[6], ids[7]) = (2.0, 1.0, 1.0);
        }
        let mut inputs = BTreeMap::from([
            ("input_ids".to_owned(), row(&ids)),
            ("attention_mask".to_owned(), row(&mask)),
        ]);
        if matches!(name, "bert" | "electra" | "sentences") {
            inputs.insert("token_type_ids".to_owned(), row(&segments));
        }
        assert_eq!(model.inputs.len(), inputs.len(), "{name}");
        let output = model.run(&inputs).unwrap().swap_remove(0);
        let width = *output.shape().last().unwrap();
        let output: Vec<f32> = output.iter().copied().collect();
        let found: Vec<Vec<f32>> = output.chunks(width).map(<[f32]>::to_vec).collect();
        agrees(name, &found, &oracle[name]);
    }
}

/// `llama` has frequencies as of Llama 3 and biases everywhere, `mistral` narrow heads in several
/// shards, `qwen2` a linear scaling and one table for both ends, `qwen3` normalised heads in BF16,
/// `gpt2` layer norms, learned positions and fused maps.
#[test]
fn logits_are_those_of_transformers() {
    let oracle = oracle();
    let tokens = numbers(&oracle["tokens"]);
    for name in ["llama", "mistral", "qwen2", "qwen3", "gpt2"] {
        let found = logits(&path(name), &tokens).unwrap();
        agrees(name, &found, &oracle[name]);
    }
}

#[test]
fn the_number_of_tokens_is_the_callers() {
    for (name, longest) in [("qwen2", 12), ("gpt2", 12), ("mistral", 10)] {
        for tokens in [0, longest + 1] {
            let error = load(&path(name), &Options { tokens: Some(tokens) }).unwrap_err();
            assert!(
                matches!(error.problem, Problem::Tokens { longest: l, .. } if l == longest),
                "{error}"
            );
        }
    }
    let error = load(&path("gpt2"), &Options::default()).unwrap_err();
    assert!(matches!(error.problem, Problem::NoTokens { longest: 12 }), "{error}");
}
