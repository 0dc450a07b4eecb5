//! Checkpoints of llama2.c: the float model against what numpy computes from the same bytes, and
//! damaged files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lemma_import::llama2c::{MAX_BYTES, Options, Problem, load};
use lemma_model::Model;
use ndarray::{ArrayD, Axis, s};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/llama2c");

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn run(model: &Model, tokens: &[usize]) -> Vec<ArrayD<f32>> {
    let ids = tokens.iter().map(|id| *id as f32).collect();
    let ids = ArrayD::from_shape_vec(vec![1, tokens.len()], ids).unwrap();
    model.run(&BTreeMap::from([("tokens".to_owned(), ids)])).unwrap()
}

fn oracle() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path("logits.json")).unwrap()).unwrap()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn largest(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

/// `shared.bin` has grouped heads and no classifier of its own, `separate.bin` the opposite.
#[test]
fn logits_are_those_of_the_oracle() {
    let oracle = oracle();
    let tokens: Vec<usize> = numbers(&oracle["tokens"]).into_iter().map(|v| v as usize).collect();
    for name in ["shared", "separate"] {
        let file = path(&format!("{name}.bin"));
        let model = load(&file, &Options { tokens: tokens.len() }).unwrap();
        let outputs = run(&model, &tokens);
        for (at, row) in oracle[name].as_array().unwrap().iter().map(numbers).enumerate() {
            let found = outputs[0].index_axis(Axis(1), at);
            for (found, expected) in found.iter().zip(&row) {
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-4,
                    "{name}, position {at}: {found}, {expected}"
                );
            }
        }
    }
}

#[test]
fn what_follows_a_position_does_not_change_it() {
    let model = load(&path("shared.bin"), &Options { tokens: 6 }).unwrap();
    let [one, other] = [[1, 5, 9, 13, 2, 3], [1, 5, 9, 13, 38, 7]]
        .map(|tokens| run(&model, &tokens).swap_remove(0));
    let (one, other) = (one.index_axis(Axis(0), 0), other.index_axis(Axis(0), 0));
    let differs = |at| one.index_axis(Axis(0), at) != other.index_axis(Axis(0), at);
    assert_eq!([0, 1, 2, 3, 4, 5].map(differs), [false, false, false, false, true, true]);
}

/// The pieces of `tok512.bin`, not decoded further.
fn pieces(path: &Path) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[4..];
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        pieces.push(rest[8..8 + length].to_vec());
        rest = &rest[8 + length..];
    }
    pieces
}

#[test]
fn the_story_model_tells_the_golden_opening() {
    let Some(folder) = lemma_testkit::model_file("stories260K") else { return };
    let model = load(&folder.join("stories260K.bin"), &Options { tokens: 64 }).unwrap();
    let mut tokens = [0; 64];
    tokens[0] = 1;
    for at in 1..tokens.len() {
        let logits = run(&model, &tokens).swap_remove(0);
        tokens[at] = largest(&logits.slice(s![0, at - 1, ..]).to_vec());
    }
    let pieces = pieces(&folder.join("tok512.bin"));
    let text =
        String::from_utf8(tokens[1..].iter().flat_map(|id| pieces[*id].clone()).collect()).unwrap();
    let golden = "Once upon a time, there was a little girl named Lily. She loved to play outside \
        in the park. One day, she saw a \
                  big, red ball.";
    assert!(text.trim_start().starts_with(golden), "{text}");
}

/// Loads `bytes` as a checkpoint of 4 tokens.
fn problem(bytes: &[u8]) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    std::fs::write(&path, bytes).unwrap();
    let error = load(&path, &Options { tokens: 4 }).expect_err("the file must be refused");
    assert!(error.to_string().contains("model.bin"));
    error.problem
}

fn with_field(index: usize, value: i32) -> Vec<u8> {
    let mut bytes = std::fs::read(path("shared.bin")).unwrap();
    bytes[4 * index..4 * index + 4].copy_from_slice(&value.to_le_bytes());
    bytes
}

#[test]
fn rejects_a_file_that_is_cut_short_or_too_long() {
    let bytes = std::fs::read(path("shared.bin")).unwrap();
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert!(matches!(problem(&bytes[..length]), Problem::Length { .. }), "{length}");
    }
    assert!(matches!(problem(&[&bytes[..], &[0]].concat()), Problem::Length { .. }));
}

#[test]
fn rejects_absurd_headers() {
    for field in 0..7 {
        for value in [0, i32::MIN, i32::MAX] {
            assert!(
                matches!(problem(&with_field(field, value)), Problem::Header(_)),
                "field {field} = {value}"
            );
        }
    }
    // A width that does not split, heads of odd width, key-value heads that are not shared evenly.
    for (field, value) in [(0, 18), (0, 12), (4, 3), (3, 16)] {
        assert!(
            matches!(problem(&with_field(field, value)), Problem::Header(_)),
            "field {field} = {value}"
        );
    }
    // Plausible, but of another file.
    for (field, value) in [(0, 32), (1, 25), (2, 3), (4, 4), (5, 41), (5, -40), (6, 14)] {
        assert!(
            matches!(problem(&with_field(field, value)), Problem::Length { .. }),
            "field {field} = {value}"
        );
    }
}

#[test]
fn rejects_weights_that_are_not_finite_and_names_the_tensor() {
    let bytes = std::fs::read(path("shared.bin")).unwrap();
    for (at, tensor) in [(28, "embedding"), (28 + 4 * 40 * 16, "attention gain")] {
        for value in [f32::NAN, f32::INFINITY] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let found = problem(&bytes);
            assert!(
                matches!(&found, Problem::NotFinite { tensor: t, position: 0, .. } if t == tensor),
                "{found}"
            );
        }
    }
}

#[test]
fn rejects_later_versions_by_their_name() {
    for version in [1, 2, 7] {
        let mut bytes = with_field(1, version);
        bytes[..4].copy_from_slice(b"24ka");
        let found = problem(&bytes);
        assert!(matches!(found, Problem::Version { version: v } if v == version as u32), "{found}");
        assert!(found.to_string().contains("in version 0"));
    }
}

/// A sparse file: its length is what the header says, and nothing is read of it.
#[test]
fn rejects_a_file_that_is_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    std::fs::File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
    let error = load(&path, &Options { tokens: 4 }).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLarge { .. }));
}

#[test]
fn rejects_a_number_of_tokens_that_the_file_does_not_have() {
    for tokens in [0, 13, usize::MAX] {
        let error = load(&path("shared.bin"), &Options { tokens }).unwrap_err();
        assert!(matches!(error.problem, Problem::Tokens { longest: 12, .. }));
    }
}
