//! The operators of domain `ai.onnx.ml`, in which exporters write models of tables: scalers,
//! encoders, linear models and trees.

mod columns;
mod encode;
mod ensemble;
mod forest;
mod linear;
mod scores;
mod support;
mod trees;

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, axis_of};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// The columns of operand `at`, which must be a table of one row or a row.
    fn table(&self, node: &Node, args: &Args, at: usize) -> Result<usize, Problem> {
        let shape = args.get(at).map(|x| x.shape().to_vec()).unwrap_or_default();
        match shape.as_slice() {
            [1, columns] => Ok(*columns),
            _ => Err(node.problem(format!(
                "operand {at} of {shape:?}; a table of one row [1, columns] is expected"
            ))),
        }
    }
}

/// Refuses numbers that are not finite.
fn finite(node: &Node, attribute: &str, values: &[f32]) -> Result<(), Problem> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(node
                .problem(format!("attribute `{attribute}` has {} at position {at}", values[at])))
        }
    }
}
