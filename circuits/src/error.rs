//! Why no circuit is made.

use lemma_graph::GraphError;
use thiserror::Error;

/// Why a graph does not become a circuit.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The graph is malformed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The plan names no usable table width.
    #[error("range tables of {0:?} bits: one to four widths between 4 and 20 are needed")]
    Plan(Vec<u32>),
    /// A committed tensor whose integers may not fit the words of a commitment.
    #[error(
        "`{name}` cannot be committed to: its integers reach from {low} to {high}, a commitment \
            holds 32 bits; \
         give it fewer fractional bits than {fractional_bits}"
    )]
    Commitment {
        /// The tensor.
        name: String,
        /// Its least integer.
        low: i64,
        /// Its greatest integer.
        high: i64,
        /// Its fractional bits.
        fractional_bits: i32,
    },
    /// Polynomial checks that a wrong result would survive too often.
    #[error(
        "a wrong result could pass with a chance of 2^-{bits:.1}, where 2^-{floor} is the most \
            that is accepted: split the model, or prove fewer inputs at once"
    )]
    Soundness {
        /// Bits of the lookups, the matrix products and the statement together.
        bits: f64,
        /// Bits that are asked for.
        floor: f64,
    },
    /// The graph cannot be serialised.
    #[error("cannot serialise the graph: {0}")]
    Serialize(#[from] postcard::Error),
}
