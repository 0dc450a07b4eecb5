//! One target a kind of file.

mod calldata;
mod data;
mod keys;
mod model;
mod onnx;
mod proof;
mod tokenizer;

use anyhow::Result;

use crate::{Rng, bytes};

/// A reader of files.
pub trait Target {
    /// Files that it accepts.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// A changed file; `other` is a second one that it accepts.
    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        bytes::mutate(input, other, rng)
    }

    /// Reads a file; whether it is accepted. Panics when something that must hold does not.
    fn run(&self, input: &[u8]) -> bool;
}

/// A target with its name.
type Entry = (&'static str, fn() -> Result<Box<dyn Target>>);

/// All targets.
pub fn all() -> Vec<Entry> {
    vec![
        ("proof", || Ok(Box::new(proof::Proof::new()?))),
        ("verifying-key", || Ok(Box::new(keys::Verifying::new()?))),
        ("proving-key", || Ok(Box::new(keys::Proving::new()?))),
        ("model", || Ok(Box::new(model::Model::new()?))),
        ("onnx", || Ok(Box::new(onnx::Onnx::new()?))),
        ("npz", || Ok(Box::new(data::Npz::new()?))),
        ("json", || Ok(Box::new(data::Json::new()?))),
        ("tokenizer", || Ok(Box::new(tokenizer::Tokenizers))),
        ("calldata", || Ok(Box::new(calldata::Calldata::new()?))),
    ]
}
