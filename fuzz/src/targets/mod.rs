//! One target a kind of file.

mod calldata;
mod data;
mod faulty;
mod gguf;
mod keys;
mod model;
mod onnx;
mod proof;
mod tokenizer;

use std::path::Path;

use anyhow::Result;

use crate::Rng;
use crate::outcome::Outcome;

/// A reader of files.
pub trait Target {
    /// Files that it accepts.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// A changed file; `other` is a second one that was accepted or refused.
    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8>;

    /// Reads a file. Panics when something that must hold does not.
    fn run(&mut self, input: &[u8]) -> Outcome;
}

/// Makes a target, with keys from a folder.
pub type Make = fn(&Path) -> Result<Box<dyn Target>>;

/// All targets.
pub const ALL: [(&str, Make); 10] = [
    ("proof", |folder| Ok(Box::new(proof::Proof::new(folder)?))),
    ("verifying-key", |folder| Ok(Box::new(keys::Verifying::new(folder)?))),
    ("proving-key", |folder| Ok(Box::new(keys::Proving::new(folder)?))),
    ("model", |_| Ok(Box::new(model::Model::new()?))),
    ("onnx", |folder| Ok(Box::new(onnx::Onnx::new(folder)))),
    ("gguf", |_| Ok(Box::new(gguf::Gguf))),
    ("npz", |_| Ok(Box::new(data::Npz))),
    ("json", |_| Ok(Box::new(data::Json))),
    ("tokenizer", |_| Ok(Box::new(tokenizer::Tokenizers))),
    ("calldata", |folder| Ok(Box::new(calldata::Calldata::new(folder)?))),
];

/// One that has faults, to see that they are found.
const FAULTY: (&str, Make) = ("faulty", |_| Ok(Box::new(faulty::Faulty)));

/// The target of a name.
pub fn find(name: &str) -> Option<Make> {
    ALL.iter().chain([&FAULTY]).find(|(known, _)| *known == name).map(|(_, make)| *make)
}
