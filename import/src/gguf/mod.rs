//! GGUF: the files of llama.cpp and its relatives.
//!
//! A header, typed metadata, a table of tensors, and their data, in blocks that share a scale where
//! they are quantized. All of it is dequantized to the float model; nothing past this module knows
//! how a number was stored.
//!
//! Architectures `llama` (Llama, Mistral, SmolLM and others), `qwen2` and `qwen3`. Whatever the
//! metadata say about an architecture and is not understood, and every tensor that the model does
//! not need, is refused by name: a model that is computed differently is another model.

mod architecture;
mod bytes;
mod file;
mod metadata;
mod names;
mod vocabulary;

use std::io::{BufRead, Seek};
use std::path::Path;

use lemma_model::Model;

use crate::language::{self, ImportError, Problem};

pub use file::Gguf;
pub use metadata::{Array, Metadata, Value};
pub use vocabulary::{PieceKind, Vocabulary, VocabularyKind};

/// How a file begins.
pub const MAGIC: &[u8; 4] = b"GGUF";

/// How to build the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Number of tokens; at most the longest sequence of the file.
    pub tokens: Option<usize>,
}

/// Reads a file into a float model: input `tokens` `[1, T]`, output `logits`
/// `[1, T, vocabulary]`.
///
/// # Errors
/// An [`ImportError`] with the file and the [`Problem`].
pub fn load(path: &Path, options: &Options) -> Result<Model, ImportError> {
    let read = || self::read(Gguf::open(path)?, options);
    read().map_err(|problem: Problem| ImportError { path: path.to_path_buf(), problem })
}

/// Makes the float model of an open file.
///
/// # Errors
/// The [`Problem`] with it.
pub fn read<R: BufRead + Seek>(mut file: Gguf<R>, options: &Options) -> Result<Model, Problem> {
    let decoder = architecture::decoder(&mut file)?;
    let tokens = language::tokens(decoder.most_tokens(), options.tokens)?;
    let model = language::decoder(&decoder, &mut file, tokens)?;
    file.finish()?;
    Ok(model)
}

/// Reads the vocabulary of a file, if it has one.
///
/// # Errors
/// As [`load`].
pub fn vocabulary(path: &Path) -> Result<Option<Vocabulary>, ImportError> {
    let read = || Vocabulary::take(Gguf::open(path)?.metadata());
    read().map_err(|problem: Problem| ImportError { path: path.to_path_buf(), problem })
}
