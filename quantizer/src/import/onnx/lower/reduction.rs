//! Reductions, softmax and norms.

use ndarray::Array1;
use tract_onnx::prelude::{OutletId, Tensor, TypedNode};
use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, Softmax, SoftmaxKind};

use super::{Lowering, Problem, floats, unsupported};
use crate::model::{NodeId, Op, Unary};

impl Lowering<'_> {
    pub(super) fn reduce(&mut self, node: &TypedNode, op: &Reduce) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let axes = op.axes.to_vec();
        match op.reducer {
            _ if axes.is_empty() => Ok(x),
            Reducer::Sum => self.push(&node.name, Op::Sum { axes }, &[x]),
            Reducer::MeanOfSquares => {
                let squares = self.push(&format!("{}.square", node.name), Op::Unary(Unary::Square), &[x])?;
                self.push(&node.name, Op::Mean { axes }, &[squares])
            }
            Reducer::ArgMax(false) => {
                let [axis] = axes[..] else {
                    return Err(unsupported(node, "one axis expected".into()));
                };
                let mut order: Vec<usize> = (0..self.shape_of(x).len()).filter(|&at| at != axis).collect();
                order.push(axis);
                let x = self.transposed(&format!("{}.order", node.name), x, &order)?;
                let positions = self.push(&node.name, Op::ArgMax, &[x])?;
                let shape = self.shape(OutletId::new(node.id, 0))?;
                self.reshaped(&format!("{}.keep", node.name), positions, &shape)
            }
            reducer => Err(unsupported(node, format!("reduction {reducer:?}"))),
        }
    }

    pub(super) fn softmax(&mut self, node: &TypedNode, op: &Softmax) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let shape = self.shape_of(x).to_vec();
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !op.axes.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(&op.axes).copied().collect();
        let moved = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let moved_shape = self.shape_of(moved).to_vec();
        let mut rows: Vec<usize> = moved_shape[..kept.len()].to_vec();
        rows.push(moved_shape[kept.len()..].iter().product());
        let flat = self.reshaped(&format!("{}.rows", node.name), moved, &rows)?;
        self.hide_view(flat)?;
        let flat = match self.hidden.get(&flat).copied() {
            Some(hidden) => {
                let name = self.unique(&format!("{}.mask", node.name));
                self.model.push_mask(&name, flat, hidden)?
            }
            None => flat,
        };
        let mut y = self.push(&node.name, Op::Softmax, &[flat])?;
        if op.kind == SoftmaxKind::LogSoftmax {
            y = self.push(&format!("{}.log", node.name), Op::Unary(Unary::Ln), &[y])?;
        }
        let y = self.reshaped(&format!("{}.split", node.name), y, &moved_shape)?;
        let mut inverse = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            inverse[from] = to;
        }
        self.transposed(&format!("{}.back", node.name), y, &inverse)
    }

    /// Root-mean-square normalisation of one axis, with a gain where a second operand gives one.
    pub(super) fn rms_norm(&mut self, node: &TypedNode, axis: usize, epsilon: &Tensor) -> Result<NodeId, Problem> {
        let epsilon = floats(epsilon, &node.name)?.sum();
        let gain = match node.inputs.len() {
            1 => None,
            _ => Some(self.weights(node, 1, "gain")?.into_iter().collect::<Array1<f32>>()),
        };
        let x = self.operand(node.inputs[0])?;
        let rank = self.shape_of(x).len();
        if axis >= rank {
            return Err(unsupported(node, format!("no axis {axis}")));
        }
        // Exchanging the axis with the last one is its own inverse.
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(axis, rank - 1);
        let x = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let y = self.push(&node.name, Op::RmsNorm { epsilon, gain }, &[x])?;
        self.transposed(&format!("{}.back", node.name), y, &order)
    }
}
