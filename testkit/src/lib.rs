//! What the tests of several crates share: random models with inputs, proofs made with a trapdoor,
//! and the files of the project.

pub mod networks;
mod project;
pub mod simulator;
pub mod transformers;

pub use project::{MODELS, OUTSIDE, file, model_file};
