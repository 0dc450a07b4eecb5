//! The exact integer interpreter: the definition of what a graph means.

use thiserror::Error;

use super::Graph;
use super::interval::Interval;
use super::op::{Op, Outside};

/// Why an execution stops.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExecuteError {
    /// The number of input tensors is wrong.
    #[error("the model takes {expected} inputs, {found} were given")]
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        found: usize,
    },
    /// The number of salts is wrong.
    #[error("the model commits to {expected} tensors, {found} salts were given")]
    SaltCount {
        /// Committed tensors of the model.
        expected: usize,
        /// Salts given.
        found: usize,
    },
    /// An input has the wrong number of elements.
    #[error("input `{name}` has {found} elements, the model takes {expected}")]
    InputLength {
        /// The input.
        name: String,
        /// Elements that the model takes.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A value left the range that calibration declared.
    #[error(
        "layer `{layer}`: element {index} is {} the calibrated range [{}, {}]; \
         this input differs from the calibration data: compile again with data like it or with \
         more headroom",
        if *value > range.high { "above" } else { "below" }, range.low, range.high
    )]
    OutOfRange {
        /// The layer.
        layer: String,
        /// Flat index of the element.
        index: usize,
        /// The integer value; the message leaves it out, since it may be private.
        value: i64,
        /// The declared range.
        range: Interval,
    },
}

impl Graph {
    /// Values of every node for the given inputs, in the order of [`Graph::inputs`].
    pub fn execute(&self, inputs: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, ExecuteError> {
        if inputs.len() != self.inputs.len() {
            return Err(ExecuteError::InputCount {
                expected: self.inputs.len(),
                found: inputs.len(),
            });
        }
        let mut values: Vec<Vec<i64>> = Vec::with_capacity(self.nodes().len());
        for (id, node) in self.nodes().iter().enumerate() {
            let value = if let Op::Input { .. } = node.op {
                let position = self.inputs.iter().position(|port| port.node.0 == id);
                let Some((port, given)) = position.map(|p| (&self.inputs[p], &inputs[p])) else {
                    return Err(ExecuteError::InputCount {
                        expected: self.inputs.len(),
                        found: inputs.len(),
                    });
                };
                if given.len() != node.len() {
                    let (expected, found) = (node.len(), given.len());
                    return Err(ExecuteError::InputLength {
                        name: port.name.clone(),
                        expected,
                        found,
                    });
                }
                node.op.operation().evaluate(node.len(), &[given])
            } else {
                let operands: Vec<&[i64]> =
                    node.inputs.iter().map(|i| values[i.0].as_slice()).collect();
                node.op.operation().evaluate(node.len(), &operands)
            };
            values.push(value.map_err(|Outside { index, value, range }| {
                let layer = node.layer.clone();
                ExecuteError::OutOfRange { layer, index, value, range }
            })?);
        }
        Ok(values)
    }
}
