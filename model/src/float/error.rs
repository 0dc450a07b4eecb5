//! Why a model cannot be run.

use thiserror::Error;

use super::MAX_LIVE_ELEMENTS;
use crate::ShapeError;

/// Why a model could not be run.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ExecuteError {
    /// The model itself is inconsistent.
    #[error("the model is inconsistent: {0}")]
    Model(#[from] ShapeError),
    /// An input was not given.
    #[error("input `{name}` of shape {shape:?} is missing; given: {given:?}")]
    MissingInput {
        /// Name in the model.
        name: String,
        /// Shape in the model.
        shape: Vec<usize>,
        /// The names that were given.
        given: Vec<String>,
    },
    /// An array was given that is no input.
    #[error("`{name}` is not an input of the model; its inputs are {inputs:?}")]
    UnknownInput {
        /// The name that was given.
        name: String,
        /// The model's inputs.
        inputs: Vec<String>,
    },
    /// An input has another shape than the model's.
    #[error("input `{name}` has shape {found:?}; the model takes {expected:?}")]
    InputShape {
        /// Name in the model.
        name: String,
        /// Shape in the model.
        expected: Vec<usize>,
        /// Shape that was given.
        found: Vec<usize>,
    },
    /// An input holds an infinite value or one that is not a number.
    #[error("input `{name}` holds {value} at position {position}; every value must be finite")]
    NotFinite {
        /// Name in the model.
        name: String,
        /// Position in row-major order.
        position: usize,
        /// The value.
        value: f32,
    },
    /// A token input holds something else than an id of the vocabulary.
    #[error(
        "input `{name}` holds {value} at position {position}; ids, and flags of a mask, are \
            integers in 0..{vocabulary}"
    )]
    NotToken {
        /// Name of the input or of the embedding.
        name: String,
        /// Position in row-major order.
        position: usize,
        /// The value.
        value: f32,
        /// Number of ids.
        vocabulary: usize,
    },
    /// The live tensors would be too large.
    #[error("running node `{node}` needs more than {MAX_LIVE_ELEMENTS} live elements")]
    TooLarge {
        /// The node that would pass the limit.
        node: String,
    },
    /// An output is infinite or not a number.
    #[error("output `{name}` is not finite: the model overflows on this input")]
    OutputNotFinite {
        /// Name of the output.
        name: String,
    },
}
