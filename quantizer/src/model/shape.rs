//! Shape rules of the float model.

use thiserror::Error;

/// A shape that does not fit its operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("node `{node}`: {problem}")]
pub struct ShapeError {
    /// The node's name.
    pub node: String,
    /// What does not fit.
    pub problem: String,
}
