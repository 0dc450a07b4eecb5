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
        "layer `{layer}`: element {index} is {} the calibrated range {}{}; \
         this input differs from the calibration data: compile again with data like it or with \
         more headroom",
        if *value > range.high { "above" } else { "below" },
        real_range(range, *fractional_bits),
        others_too(*others)
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
        /// Fractional bits of the value and of the range.
        fractional_bits: i32,
        /// How many other elements of the layer are outside.
        others: usize,
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
            values.push(value.map_err(|Outside { index, value, range, others }| {
                let (layer, fractional_bits) = (node.layer.clone(), self.compared_bits(id));
                ExecuteError::OutOfRange { layer, index, value, range, fractional_bits, others }
            })?);
        }
        Ok(values)
    }

    /// Fractional bits of what a node compares with its range.
    fn compared_bits(&self, id: usize) -> i32 {
        let Some(node) = self.nodes().get(id) else { return 0 };
        let operand = node.inputs.first().map(|operand| self.node(*operand).fractional_bits);
        match (&node.op, operand) {
            (
                Op::Rescale { shift, .. } | Op::Relu { shift, .. } | Op::Table { shift, .. },
                Some(bits),
            ) => bits - *shift as i32,
            _ => node.fractional_bits,
        }
    }
}

/// A range of integers in the units of the model.
fn real_range(range: &Interval, fractional_bits: i32) -> String {
    let real = |end: i64| {
        let value = end as f64 * f64::from(-fractional_bits).exp2();
        // As many digits as tell the ends of a range.
        let digits = (3 - value.abs().max(1e-300).log10().floor() as i32).clamp(0, 12) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    format!("[{}, {}]", real(range.low), real(range.high))
}

fn others_too(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", and another one is outside".into(),
        _ => format!(", and {others} others are outside"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_told_in_the_units_of_the_model() {
        let error = ExecuteError::OutOfRange {
            layer: "age".into(),
            index: 3,
            value: -900,
            range: Interval { low: -512, high: 511 },
            fractional_bits: 3,
            others: 2,
        };
        let said = error.to_string();
        assert!(
            said.contains("`age`: element 3 is below the calibrated range [-64, 63.88]"),
            "{said}"
        );
        assert!(said.contains("2 others are outside") && !said.contains("900"), "{said}");
        let wide = Interval { low: -(1 << 40), high: 1 << 40 };
        assert_eq!(real_range(&wide, 45), "[-0.03125, 0.03125]");
        assert_eq!(real_range(&wide, -2), "[-4398046511104, 4398046511104]");
    }
}
