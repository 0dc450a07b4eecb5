//! Rearrangements: an index into the operands, computed by doing the same to a tensor of indices.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use lemma_graph::{Op as Primitive, ZERO};
use lemma_model::{Node, NodeId, View};

impl Lowering<'_> {
    pub(super) fn view(
        &mut self,
        id: NodeId,
        node: &Node,
        view: &View,
    ) -> Result<Tensor, QuantizeError> {
        if let Some(weighing) =
            node.inputs.first().and_then(|source| self.weighings.get(source).copied())
        {
            self.weighings.insert(id, weighing);
        }
        let mut operands = Vec::with_capacity(node.inputs.len());
        for index in 0..node.inputs.len() {
            operands.push(self.operand(node, index)?);
        }
        self.rearranged(node, view, &operands)
    }

    /// A view of other tensors than the node's own operands, of their shapes.
    pub(super) fn rearranged(
        &mut self,
        node: &Node,
        view: &View,
        operands: &[Tensor],
    ) -> Result<Tensor, QuantizeError> {
        let mut operands = operands.to_vec();
        let frac = operands.iter().map(|t| t.frac).max().unwrap_or(0);
        for operand in &mut operands {
            *operand = self.raise(node, *operand, frac)?;
        }
        let first = operands.first().copied();
        let unsupported = || QuantizeError::Unsupported {
            layer: node.name.clone(),
            problem: "a malformed view".into(),
        };
        if let (View::Reshape, Some(operand)) = (view, first) {
            return self.reshaped(node, operand, &node.shape);
        }
        let mut start = 0;
        let indices: Vec<ArrayD<u32>> = operands
            .iter()
            .map(|operand| {
                let all = indices(&self.shape(*operand), start);
                start += all.len() as u32;
                all
            })
            .collect();
        let indices: Vec<_> = indices.iter().map(|operand| operand.view()).collect();
        let moved = view.arrange(&indices, &node.shape, |_| ZERO).ok_or_else(unsupported)?;
        if moved.shape() != node.shape {
            return Err(unsupported());
        }
        let index: Arc<[u32]> = moved.iter().copied().collect();
        let padding = match view {
            View::Pad { value, .. } if *value != 0.0 => Some(*value),
            _ => None,
        };
        let gathered =
            self.push(node, Primitive::Gather(index.clone()), &operands, &node.shape, frac)?;
        let Some(value) = padding else { return Ok(gathered) };
        let value = quantize_value(f64::from(value), frac);
        let constants: Arc<[i64]> =
            index.iter().map(|i| if *i == ZERO { value } else { 0 }).collect();
        let constants = self.push(node, Primitive::Constant(constants), &[], &node.shape, frac)?;
        self.push(node, Primitive::Sum([1, 1].into()), &[gathered, constants], &node.shape, frac)
    }

    /// The same elements in another shape.
    pub(super) fn reshaped(
        &mut self,
        node: &Node,
        tensor: Tensor,
        shape: &[usize],
    ) -> Result<Tensor, QuantizeError> {
        let identity: Arc<[u32]> = (0..self.graph.node(tensor.id).len() as u32).collect();
        self.push(node, Primitive::Gather(identity), &[tensor], shape, tensor.frac)
    }

    /// Numpy broadcasting.
    pub(super) fn broadcast(
        &mut self,
        node: &Node,
        tensor: Tensor,
        shape: &[usize],
    ) -> Result<Tensor, QuantizeError> {
        let own = self.shape(tensor);
        if own == shape {
            return Ok(tensor);
        }
        let indices = indices(&own, 0);
        let moved = indices.broadcast(IxDyn(shape)).ok_or_else(|| QuantizeError::Unsupported {
            layer: node.name.clone(),
            problem: format!("shape {own:?} does not broadcast to {shape:?}"),
        })?;
        let index: Arc<[u32]> = moved.iter().copied().collect();
        self.push(node, Primitive::Gather(index), &[tensor], shape, tensor.frac)
    }

    /// Axes in another order.
    pub(super) fn permuted(
        &mut self,
        node: &Node,
        tensor: Tensor,
        order: &[usize],
    ) -> Result<Tensor, QuantizeError> {
        if order.iter().copied().eq(0..order.len()) {
            return Ok(tensor);
        }
        let moved = indices(&self.shape(tensor), 0).permuted_axes(IxDyn(order));
        let shape = moved.shape().to_vec();
        let index: Arc<[u32]> = moved.iter().copied().collect();
        self.push(node, Primitive::Gather(index), &[tensor], &shape, tensor.frac)
    }
}

/// The flat index of every element, from `start`.
fn indices(shape: &[usize], start: u32) -> ArrayD<u32> {
    let mut next = start..;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || next.next().unwrap_or(ZERO))
}
