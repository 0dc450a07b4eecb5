//! Additive masks: constants that keep or forbid an attention score.

use ndarray::ArrayD;

use super::{Model, NodeId, Op};

/// Constants at or below this forbid; smaller ones are ordinary numbers.
pub const MASKED: f32 = -9000.0;

impl Model {
    /// The mask that node `id` adds to its operand, with the index of the operand that is masked: an [`Op::Add`] of a constant with entries at
    /// or below [`MASKED`].
    pub fn mask(&self, id: NodeId) -> Option<(&ArrayD<f32>, usize)> {
        let node = self.node(id).filter(|node| matches!(node.op, Op::Add))?;
        node.inputs.iter().enumerate().find_map(|(index, input)| match &self.node(*input)?.op {
            Op::Constant(values) if values.iter().any(|v| *v <= MASKED) => Some((values, 1 - index.min(1))),
            _ => None,
        })
    }
}
