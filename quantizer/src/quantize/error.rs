//! Why a model is not quantized.

use thiserror::Error;

use lemma_graph::GraphError;

/// Why a model is not quantized.
#[derive(Debug, Error)]
pub enum QuantizeError {
    /// An operation the integer graph has no form for.
    #[error("layer `{layer}`: {problem}")]
    Unsupported {
        /// The layer.
        layer: String,
        /// What is not supported.
        problem: String,
    },
    /// A function has no value between arguments that calibration saw.
    #[error(
        "layer `{layer}`: {function} has a pole or no value near {value}, and calibration saw \
            arguments on either side: no table has a row there; \
         keep the arguments on one side"
    )]
    Pole {
        /// The layer.
        layer: String,
        /// The function, or the functions it is made of.
        function: String,
        /// An argument without a value.
        value: f64,
    },
    /// No table of a function is accurate where calibration saw it.
    #[error(
        "layer `{layer}`: a table of {function} is off by {error} at {value}, which calibration \
            saw: it is too steep there for the range of its \
         arguments; calibrate without such values, bound them, or use more activation bits"
    )]
    Unresolved {
        /// The layer.
        layer: String,
        /// The function, or the functions it is made of.
        function: String,
        /// The largest error; infinite where the argument is rounded to one without a value.
        error: f64,
        /// The argument with that error.
        value: f64,
    },
    /// Tables of functions with too many rows together.
    #[error(
        "layer `{layer}`: {most} rows are left for the tables of functions, and its own takes \
            more; use fewer activation bits, or split the model"
    )]
    Rows {
        /// The layer.
        layer: String,
        /// Rows that tables before it have left.
        most: u64,
    },
    /// The graph refuses an operation.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An option out of its range.
    #[error("{0}")]
    Options(String),
}
