//! What the tests of several crates share: random models with inputs, and the files of the project.

pub mod networks;
mod project;
pub mod transformers;

pub use project::{MODELS, OUTSIDE, file, model_file};
