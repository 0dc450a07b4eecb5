//! Flags: what masks are made of, as integers that are 0 or 1.

use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor};
use lemma_graph::Op as Primitive;
use lemma_model::{Node, NodeId, Op};

impl Lowering<'_> {
    /// The flags of a node of zeros and ones, without fractional bits: inputs, constants, and
    /// products, differences and rearrangements of flags.
    pub(super) fn flags(&mut self, id: NodeId) -> Result<Tensor, QuantizeError> {
        if let Some(tensor) = self.flags.get(&id) {
            return Ok(*tensor);
        }
        let model = self.model;
        let node =
            model.node(id).ok_or_else(|| QuantizeError::Options(format!("no node {}", id.0)))?;
        let tensor = match (&node.op, self.tensors.get(id.0).copied().flatten()) {
            (Op::Tokens { .. }, Some(tensor)) => tensor,
            (Op::Constant(values), _) => {
                let integers: Arc<[i64]> = values.iter().map(|value| *value as i64).collect();
                self.push(node, Primitive::Constant(integers), &[], &node.shape, 0)?
            }
            (Op::Mul | Op::Sub, _) => {
                let mut operands = vec![];
                for input in &node.inputs {
                    let operand = self.flags(*input)?;
                    operands.push(self.broadcast(node, operand, &node.shape)?);
                }
                let op = if matches!(node.op, Op::Mul) {
                    Primitive::Product
                } else {
                    Primitive::Sum([1, -1].into())
                };
                self.push(node, op, &operands, &node.shape, 0)?
            }
            (Op::View(view), _) => {
                let operands = node
                    .inputs
                    .iter()
                    .map(|input| self.flags(*input))
                    .collect::<Result<Vec<_>, _>>()?;
                self.rearranged(node, view, &operands)?
            }
            _ => {
                return Err(
                    self.unsupported(node, "a mask is made of something that is neither 0 nor 1")
                );
            }
        };
        self.flags.insert(id, tensor);
        Ok(tensor)
    }

    /// `1 - (1 - a)(1 - b)`.
    pub(super) fn either(
        &mut self,
        node: &Node,
        a: Tensor,
        b: Tensor,
    ) -> Result<Tensor, QuantizeError> {
        let shape = self.shape(a);
        let not = |lowering: &mut Self, x: Tensor| {
            let one = lowering.push(
                node,
                Primitive::Constant(vec![1; shape.iter().product()].into()),
                &[],
                &shape,
                0,
            )?;
            lowering.push(node, Primitive::Sum([1, -1].into()), &[one, x], &shape, 0)
        };
        let (a, b) = (not(self, a)?, not(self, b)?);
        let neither = self.push(node, Primitive::Product, &[a, b], &shape, 0)?;
        not(self, neither)
    }
}
