//! Checkpoints of llama2.c: Llama-style decoders in one flat file.
//!
//! Seven little-endian `i32` (width, hidden width of the MLP, layers, heads, key-value heads,
//! vocabulary, longest sequence; a negative vocabulary says that the classifier has weights of its
//! own), then `f32` weights, then two tables of rotation angles that nothing needs. The file's
//! length must be exactly what its header says and at most [`MAX_BYTES`], so memory is bounded by
//! the file.
//!
//! The model is made by [`language`].

mod file;

use std::path::{Path, PathBuf};

use thiserror::Error;

use lemma_model::{Model, ShapeError};

use crate::language;

pub use file::{HEADER_BYTES, is_header};

/// Largest file: 2^30 weights.
pub const MAX_BYTES: u64 = 1 << 32;

/// Added to the mean square of a normalisation.
pub const EPSILON: f32 = 1e-5;

/// How to build the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Number of tokens; at most the longest sequence of the file.
    pub tokens: usize,
}

/// A file that could not be imported, and why.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct ImportError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Why a file could not be imported.
#[derive(Debug, Error)]
pub enum Problem {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// The header is not one of a supported model.
    #[error("not a llama2.c checkpoint: {0}")]
    Header(String),
    /// A header of a later format.
    #[error(
        "a checkpoint of format version {version} (magic 0x616b3432); version 0, which has no \
            magic, is read: export the model in version 0"
    )]
    Version {
        /// The version.
        version: u32,
    },
    /// The file is longer or shorter than its header says.
    #[error(
        "{found} bytes, but its header describes a file of {expected}; it is cut short or damaged"
    )]
    Length {
        /// Bytes that the header describes.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// The file is larger than is read.
    #[error("{bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// Bytes of the file.
        bytes: u64,
    },
    /// A weight that is infinite or not a number.
    #[error("`{tensor}` holds {value} at position {position}; weights must be finite")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Position in row-major order.
        position: usize,
        /// The value.
        value: f32,
    },
    /// A number of tokens that the model was not made for.
    #[error("{found} tokens; 1 to {longest} can be compiled from this file")]
    Tokens {
        /// Longest sequence of the file, at most [`language::MAX_TOKENS`].
        longest: usize,
        /// Tokens asked for.
        found: usize,
    },
    /// A shape that is too large.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// Reads a checkpoint into a float model.
///
/// # Errors
/// An [`ImportError`] with the file and the [`Problem`].
pub fn load(path: &Path, options: &Options) -> Result<Model, ImportError> {
    let read = || {
        let (config, mut weights) = file::open(path)?;
        let longest = config.most_tokens();
        if !(1..=longest).contains(&options.tokens) {
            return Err(Problem::Tokens { longest, found: options.tokens });
        }
        language::decoder(&config, &mut weights, options.tokens)
    };
    read().map_err(|problem| ImportError { path: path.to_path_buf(), problem })
}
