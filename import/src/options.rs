//! What the importers are told beside the file.

use std::collections::BTreeMap;

/// How to fix what a file leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Number of tokens of a language model; of an ONNX file the size of every dynamic axis whose
    /// size `shapes` does not give, other than the batch axis, which is then 1.
    pub tokens: Option<usize>,
    /// Shapes of inputs, with all their axes; a named axis has its size in other inputs too. Of
    /// ONNX files only.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Shapes of arrays with samples of inputs, asked last for the size of a dynamic axis.
    pub samples: BTreeMap<String, Vec<usize>>,
    /// The outputs to keep, in this order; all when empty. What only others need is not looked at.
    /// Of ONNX files only.
    pub outputs: Vec<String>,
    /// The model reads one whole text: beside the ids, its inputs are those of a text that fills
    /// all positions with nothing before it ([`Role`](crate::Role)), and what it hands to a next
    /// call is no output.
    pub whole_text: bool,
}
