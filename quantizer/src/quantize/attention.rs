//! Products of two computed matrices, and token embeddings.

use std::sync::Arc;

use ndarray::Array2;

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::graph::{Causal, Interval, MatMul, Op as Primitive, RowTable};
use crate::model::{Node, NodeId, Op, View};

/// Most bits of an embedding's entry.
const EMBEDDING_BITS: i32 = 28;

impl Lowering<'_> {
    /// `[.., m, k] x [.., k, n]`. When the left operand is a softmax that was left without its division, the result is divided instead.
    pub(super) fn matmul(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let divisor = node.inputs.first().and_then(|id| self.divisors.get(id).copied());
        let right = match divisor {
            Some(divisor) if self.stays_small(node, divisor.reciprocals)? => self.operand(node, 1)?,
            _ => self.factor(node, 1, None)?,
        };
        let left =
            if divisor.is_some() { self.operand(node, 0)? } else { self.factor(node, 0, Some((self.wanted[id.0], right.frac)))? };
        let (a, b) = (self.shape(left), self.shape(right));
        let (leading, m, n) = match node.shape.as_slice() {
            [leading @ .., m, n] => (leading.to_vec(), *m, *n),
            _ => return Err(self.unsupported(node, "a matrix product of fewer than two axes")),
        };
        let k = a.last().copied().unwrap_or(1);
        let full = |rows: usize, columns: usize| [leading.clone(), vec![rows, columns]].concat();
        let batch = leading.iter().product();
        let left = if a.len() < 2 { left } else { self.broadcast(node, left, &full(m, k))? };
        let right = if b.len() < 2 { right } else { self.broadcast(node, right, &full(k, n))? };
        let scores = self.causal_scores(id).filter(|_| m == n);
        let causal = match &scores {
            _ if m == k && divisor.is_some_and(|divisor| divisor.causal) => Causal::Left,
            Some(_) => Causal::Result,
            None => Causal::No,
        };
        self.hidden.extend(scores.into_iter().flatten().filter(|_| causal == Causal::Result));
        let dims = MatMul { batch, m, k, n, causal };
        let product = self.push(node, Primitive::MatMul(dims), &[left, right], &node.shape, left.frac + right.frac)?;
        let Some(divisor) = divisor else { return Ok(product) };
        // One reciprocal a row of the left operand, whatever its leading axes looked like.
        let mut rows = node.shape.clone();
        rows.last_mut().into_iter().for_each(|last| *last = 1);
        let divisor = self.reshaped(node, divisor.reciprocals, &rows)?;
        let divisor = self.broadcast(node, divisor, &node.shape)?;
        self.push(node, Primitive::Product, &[product, divisor], &node.shape, product.frac + divisor.frac)
    }

    /// Operand `index` of a matrix product, at most two bits wider than an activation. `fit` holds the fractional bits wanted of the product and
    /// those of the other operand.
    fn factor(&mut self, node: &Node, index: usize, fit: Option<(i32, i32)>) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, index)?;
        if self.bounds(operand).magnitude() <= 1 << (self.options.bits + 1) {
            return Ok(operand);
        }
        let source = node.inputs.get(index).copied().unwrap_or(NodeId(0));
        let magnitude = self.ranges.magnitude(source);
        let natural = self.declared(magnitude, false).0;
        match fit.map(|(own, other)| natural - self.matrix_bits(natural, own, other)) {
            None | Some(0) => self.narrow_operand(node, index),
            Some(coarser) => self.narrow(node, operand, magnitude * f64::from(coarser).exp2()),
        }
    }

    /// Fractional bits of the left operand of a matrix product: `natural`, or up to three fewer so that the product's rescale to `own` fits one
    /// limb when the right operand has `other`.
    pub(super) fn matrix_bits(&self, natural: i32, own: i32, other: i32) -> i32 {
        natural - (natural + other - own - self.options.bits as i32).clamp(0, 3)
    }

    /// Whether the right operand of a softmax product can stay unrounded: one limb more in the result's rescale for two constraints less an element.
    fn stays_small(&mut self, node: &Node, divisor: Tensor) -> Result<bool, QuantizeError> {
        let (left, right) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let k = self.shape(left).last().copied().unwrap_or(1) as u128;
        let bounds = [left, right, divisor].map(|t| u128::from(self.bounds(t).magnitude()));
        let product = bounds.iter().try_fold(k, |product, bound| product.checked_mul(*bound));
        Ok(product.is_some_and(|product| product < 1 << 60))
    }

    /// Whether every user of a softmax is a matrix product that can be divided afterwards.
    pub(super) fn divides_later(&self, id: NodeId) -> bool {
        if self.model.outputs.iter().any(|(_, output)| *output == id) {
            return false;
        }
        let mut users = self.model.nodes.iter().enumerate().filter(|(_, node)| node.inputs.contains(&id)).peekable();
        users.peek().is_some()
            && users.all(|(user, node)| match &node.op {
                Op::MatMul => node.inputs.first() == Some(&id) && node.inputs.get(1) != Some(&id),
                Op::View(View::Reshape) => {
                    let width = self.model.node(id).and_then(|source| source.shape.last());
                    node.shape.last() == width && self.divides_later(NodeId(user))
                }
                _ => false,
            })
    }

    /// Rows of a constant table.
    pub(super) fn embedding(&mut self, id: NodeId, node: &Node, table: &Array2<f32>) -> Result<Tensor, QuantizeError> {
        let mut ids = self.operand(node, 0)?;
        // Ids that are computed are proven to be rows of the table.
        let range = Interval { lo: 0, hi: table.dim().0 as i64 - 1 };
        if ids.frac == 0 && !range.covers(self.bounds(ids)) {
            let shape = self.shape(ids);
            ids = self.push(node, Primitive::Requantize { shift: 0, range }, &[ids], &shape, 0)?;
        }
        let largest = table.iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
        let finest = EMBEDDING_BITS - largest.max(1e-9).log2().ceil() as i32;
        let frac = (self.wanted[id.0] + self.options.bits as i32).min(finest);
        let values: Arc<[i32]> = table.iter().map(|v| quantize_value(f64::from(*v), frac) as i32).collect();
        let rows = RowTable::new(table.dim().1, values).ok_or_else(|| self.unsupported(node, "an empty embedding"))?;
        self.push(node, Primitive::RowGather(Arc::new(rows)), &[ids], &node.shape, frac)
    }

    /// Token ids.
    pub(super) fn tokens(&mut self, node: &Node, vocabulary: usize) -> Result<Tensor, QuantizeError> {
        let range = Interval { lo: 0, hi: vocabulary as i64 - 1 };
        let tensor = self.push(node, Primitive::Input { range }, &[], &node.shape, 0)?;
        self.inputs.push((node.name.clone(), tensor.id));
        Ok(tensor)
    }
}
