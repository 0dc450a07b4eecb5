//! Importers: model files to the float [`Model`](lemma_model::Model).
//!
//! An importer trusts nothing: a file is checked before anything is built from it, and whatever it
//! holds, the result is a model whose shapes are consistent and whose weights are finite, or a
//! typed error that names the file and the place. Nothing past the float model knows which format a
//! model came from.

mod encoding;
mod format;
pub mod gguf;
pub mod huggingface;
pub mod language;
pub mod llama2c;
#[cfg(feature = "onnx")]
pub mod onnx;
mod options;
mod role;

pub use format::{Format, ImportError, load};
pub use options::Options;
pub use role::Role;
