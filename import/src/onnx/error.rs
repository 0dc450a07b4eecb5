//! What can be wrong with an ONNX file.

use std::path::PathBuf;

use thiserror::Error;

use lemma_model::ShapeError;

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
    /// The file is larger than a protobuf may be.
    #[error("{bytes} bytes are more than the {limit} that an ONNX file may have")]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// Largest size that is read.
        limit: u64,
    },
    /// The bytes are not a complete ONNX model.
    #[error("not a complete ONNX model: {0}")]
    Malformed(String),
    /// An operator that is not supported at all.
    #[error("node `{node}` is a `{operator}`, which is not supported")]
    UnsupportedOperator {
        /// Name of the node.
        node: String,
        /// Its operator, with the domain where it is not ONNX's own.
        operator: String,
    },
    /// Several operators that are not supported.
    #[error(
        "{} operators are not supported: {}; the first is node `{node}`",
        operators.len(), operators.join(", ")
    )]
    UnsupportedOperators {
        /// Name of the first such node.
        node: String,
        /// The operators, each once, with what to do instead where that is known.
        operators: Vec<String>,
    },
    /// A form of an operator that is not supported.
    #[error("node `{node}` ({operator}): {problem}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Its operator.
        operator: String,
        /// What about it.
        problem: String,
    },
    /// A constant that holds an infinite value or one that is not a number.
    #[error("constant `{tensor}` holds {value} at position {position}; weights must be finite")]
    NotFinite {
        /// Name of the initializer or of the node that holds the constant.
        tensor: String,
        /// Position in row-major order.
        position: usize,
        /// The value.
        value: f32,
    },
    /// A constant whose description does not fit its data, or that is too large.
    #[error("constant `{tensor}`: {problem}")]
    BadTensor {
        /// Name of the initializer or of the node that holds the constant.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
    /// Weights kept in another file that is missing or too short.
    #[error("constant `{tensor}` is kept in `{location}`, which {problem}")]
    ExternalData {
        /// Name of the initializer.
        tensor: String,
        /// The other file, as written in this one.
        location: String,
        /// What is wrong.
        problem: String,
    },
    /// More than a file may have or ask for.
    #[error("{place}: {problem}")]
    Budget {
        /// Where.
        place: String,
        /// What is too much.
        problem: String,
    },
    /// The nodes feed each other in a circle.
    #[error("node `{node}` depends on its own result")]
    Cycle {
        /// A node on the circle.
        node: String,
    },
    /// A node or an output reads a value that nothing produces.
    #[error("`{reader}` reads `{value}`, which nothing produces")]
    Undefined {
        /// Name of the node or output.
        reader: String,
        /// The value.
        value: String,
    },
    /// Two things produce the same value.
    #[error("value `{0}` is produced twice")]
    Duplicate(String),
    /// An input whose type or shape cannot be used.
    #[error("input `{input}`: {problem}")]
    BadInput {
        /// Name of the input.
        input: String,
        /// What is wrong.
        problem: String,
    },
    /// An axis without a size, and nothing that gives one.
    #[error("axis {axis} of input `{input}` is dynamic, and nothing gives its size")]
    DynamicAxis {
        /// Name of the input.
        input: String,
        /// The axis.
        axis: usize,
        /// Sizes of all its axes, where they are known.
        extents: Vec<Option<usize>>,
    },
    /// A shape for an input that does not exist.
    #[error("a shape is given for `{wanted}`; the inputs are {}", known.join(", "))]
    NoInput {
        /// The name that was given.
        wanted: String,
        /// The inputs.
        known: Vec<String>,
    },
    /// An output that does not exist.
    #[error("there is no output `{wanted}`; the outputs are {}", known.join(", "))]
    NoOutput {
        /// The name that was given.
        wanted: String,
        /// The outputs.
        known: Vec<String>,
    },
    /// The shapes of the lowered graph do not fit together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}
