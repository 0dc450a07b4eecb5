//! What can be wrong with a file that holds a language model.

use std::io;
use std::path::PathBuf;

use lemma_model::ShapeError;
use thiserror::Error;

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
    Read(#[from] io::Error),
    /// The bytes are not a whole file of their format.
    #[error("damaged or cut short: {0}")]
    Malformed(String),
    /// A model that is understood and not supported.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A field of the description.
    #[error("`{field}`: {problem}")]
    Field {
        /// Its name.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// A tensor that is missing, too many, or does not fit the description.
    #[error("tensor `{tensor}` {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// A weight that is infinite or not a number.
    #[error("tensor `{tensor}` holds {value} at position {position}; weights must be finite")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// Position in row-major order.
        position: usize,
        /// The value.
        value: f32,
    },
    /// No number of tokens.
    #[error("a language model is compiled for a number of tokens; 1 to {longest} are possible")]
    NoTokens {
        /// Most tokens.
        longest: usize,
    },
    /// A number of tokens that the model was not made for.
    #[error("{found} tokens; 1 to {longest} can be compiled from this file")]
    Tokens {
        /// Most tokens.
        longest: usize,
        /// Tokens asked for.
        found: usize,
    },
    /// A shape that is too large.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

impl Problem {
    /// Of a field of the description.
    pub(crate) fn field(field: impl Into<String>, problem: impl Into<String>) -> Problem {
        Problem::Field { field: field.into(), problem: problem.into() }
    }

    /// Of a tensor.
    pub(crate) fn tensor(tensor: impl Into<String>, problem: impl Into<String>) -> Problem {
        Problem::Tensor { tensor: tensor.into(), problem: problem.into() }
    }

    /// Of a row of a tensor whose first element is at `first`, where it has a value that is not
    /// finite.
    pub(crate) fn not_finite(tensor: &str, first: usize, row: &[f32]) -> Result<(), Problem> {
        match row.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((at, &value)) => Err(Problem::NotFinite {
                tensor: tensor.to_owned(),
                position: first.saturating_add(at),
                value,
            }),
        }
    }
}
