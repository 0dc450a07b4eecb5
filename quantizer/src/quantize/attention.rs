//! Products of two computed matrices, and token embeddings.

use std::sync::Arc;

use ndarray::Array2;

use super::linear::{UNROUNDED_WEIGHT_BITS, power_of_two};
use super::weights::{Size, columns};
use super::{FEWEST, Lowering, QuantizeError, Tensor};
use lemma_graph::{Causal, Interval, MatMul, Op as Primitive, RowTable};
use lemma_model::{Node, NodeId, Op, View};

/// What a matrix product is in an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Queries times keys, or any other product.
    Scores,
    /// Probabilities times values.
    Values,
}

/// Most bits of an embedding's entry.
const EMBEDDING_BITS: i32 = 28;

impl Lowering<'_> {
    /// `[.., m, k] x [.., k, n]`. When the left operand is a softmax that was left without its
    /// division, the result is divided instead.
    pub(super) fn matmul(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let weighing = node.inputs.first().and_then(|id| self.weighings.get(id).copied());
        let divisor = weighing.and_then(|weighing| weighing.divisor);
        let [left, right] = self.factors(id, node, divisor)?;
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
            _ if m == k && weighing.is_some_and(|weighing| weighing.causal) => Causal::Left,
            Some(_) => Causal::Result,
            None => Causal::No,
        };
        self.hidden.extend(scores.into_iter().flatten().filter(|_| causal == Causal::Result));
        let dims = MatMul { batch, m, k, n, causal };
        let product = self.push(
            node,
            Primitive::MatMul(dims),
            &[left, right],
            &node.shape,
            left.frac + right.frac,
        )?;
        let Some(divisor) = divisor else { return Ok(product) };
        // One reciprocal a row of the left operand, whatever its leading axes looked like.
        let mut rows = node.shape.clone();
        rows.last_mut().into_iter().for_each(|last| *last = 1);
        let divisor = self.reshaped(node, divisor, &rows)?;
        let divisor = self.broadcast(node, divisor, &node.shape)?;
        self.push(
            node,
            Primitive::Product,
            &[product, divisor],
            &node.shape,
            product.frac + divisor.frac,
        )
    }

    /// The operands of a matrix product, rounded where that is cheaper or needed.
    fn factors(
        &mut self,
        id: NodeId,
        node: &Node,
        divisor: Option<Tensor>,
    ) -> Result<[Tensor; 2], QuantizeError> {
        let placement = self.options.placement;
        if let Some(divisor) = divisor {
            let right = if self.stays_small(node, divisor)? {
                self.operand(node, 1)?
            } else {
                self.factor(node, 1, None)?
            };
            return Ok([self.operand(node, 0)?, right]);
        }
        let exact = match self.role(node) {
            Role::Scores => [placement.exact_scores; 2],
            Role::Values => [false, placement.exact_values],
        };
        let room = self.product_room(id);
        let small = |operands: [Tensor; 2], lowering: &Self| {
            let k = lowering.shape(operands[0]).last().copied().unwrap_or(1) as u128;
            let [a, b] = operands.map(|t| u128::from(lowering.bounds(t).magnitude()));
            a.checked_mul(b)
                .and_then(|product| product.checked_mul(k))
                .is_some_and(|sum| sum < 1 << room)
        };
        let operand = |lowering: &mut Self, index: usize, fit| {
            if exact[index] {
                lowering.operand(node, index)
            } else {
                lowering.factor(node, index, fit)
            }
        };
        let right = operand(self, 1, None)?;
        let fit = Some((self.wanted[id.0], right.frac)).filter(|_| !exact[1]);
        let left = operand(self, 0, fit)?;
        if small([left, right], self) {
            return Ok([left, right]);
        }
        let right = self.factor(node, 1, None)?;
        Ok([self.factor(node, 0, Some((self.wanted[id.0], right.frac)))?, right])
    }

    /// What a matrix product is in an attention.
    fn role(&self, node: &Node) -> Role {
        let mut left = node.inputs.first().and_then(|id| self.model.node(*id));
        loop {
            match left {
                Some(Node { op: Op::View(_), inputs, .. }) => {
                    left = inputs.first().and_then(|id| self.model.node(*id))
                }
                Some(Node { op: Op::Softmax, .. }) => return Role::Values,
                _ => return Role::Scores,
            }
        }
    }

    /// Fractional bits that a matrix product wants of an operand, when `own` are wanted of its
    /// result.
    pub(super) fn factor_bits(&self, id: NodeId, node: &Node, operand: NodeId, own: i32) -> i32 {
        let placement = self.options.placement;
        let natural = |index: usize| node.inputs.get(index).map_or(0, |id| self.natural(*id) - 1);
        let left = node.inputs.first() == Some(&operand);
        match self.role(node) {
            Role::Scores if placement.exact_scores => {
                self.exact_score_bits(id, node, own).map_or(FEWEST, |bits| bits[usize::from(!left)])
            }
            Role::Values if placement.exact_values && !left => FEWEST,
            _ if left => self.matrix_bits(natural(0), own, natural(1)),
            _ => natural(1),
        }
    }

    /// Fractional bits of the operands of a product whose rescale to `own` drops all their bits:
    /// the fewest that their weights allow, and what the last limb leaves as far as the integers
    /// have room. Less one limb, as in [`Lowering::wants`]; `None` when an operand is not a dense
    /// layer's result.
    ///
    /// With 18 and 17 as the fewest for a result of 10, 25 bits are to be dropped: three limbs of
    /// 12, of which 11 bits are idle. The operands share them, 18 + 6 and 17 + 5, so the weights
    /// are finer for nothing.
    fn exact_score_bits(&self, id: NodeId, node: &Node, own: i32) -> Option<[i32; 2]> {
        let limb = self.limb();
        let [left, right] =
            [self.fewest_bits(*node.inputs.first()?)?, self.fewest_bits(*node.inputs.get(1)?)?];
        let terms = self.model.node(*node.inputs.first()?)?.shape.last().copied()? as f64;
        let excess = left.0 + right.0 - own;
        let spare = (excess + limb - 1).div_euclid(limb) * limb - excess;
        let room = f64::from(self.product_room(id) - 1) - (left.1 + right.1 + terms.log2());
        let spare = spare.min(room.floor() as i32).max(0);
        Some([left.0 + spare - spare / 2 - limb, right.0 + spare / 2 - limb])
    }

    /// Bits of the integers of a matrix product, so that the constant factors which it is
    /// multiplied by still fit.
    fn product_room(&self, id: NodeId) -> u32 {
        let costs = |factors: &ndarray::ArrayD<f32>| {
            power_of_two(&factors.iter().copied().collect::<Vec<_>>()).is_none()
        };
        let scaled = self.readers(id).any(|(_, node)| {
            matches!(node.op, Op::Mul)
                && (0..2).any(|i| self.constant_value(node, i).is_some_and(costs))
        });
        if scaled { 59 - self.options.weight_bits } else { 60 }
    }

    /// Of a dense layer's result with the fewest bits of its weights: the fractional bits, and the
    /// logarithm of the bound of its integers.
    fn fewest_bits(&self, id: NodeId) -> Option<(i32, f64)> {
        let node = self.model.node(id)?;
        match &node.op {
            Op::View(_) => self.fewest_bits(*node.inputs.first()?),
            Op::Dense { weight, .. } => {
                let operand = self.natural(*node.inputs.first()?) - 1;
                let values = || columns(weight);
                let Size { largest, heaviest } =
                    self.shared.weights.size(id, weight.dim().0, values);
                let coarsest = self.coarsest(largest) + UNROUNDED_WEIGHT_BITS;
                Some((
                    operand + coarsest,
                    f64::from(self.options.bits as i32 - 1 + coarsest) + heaviest.max(1e-9).log2(),
                ))
            }
            _ => None,
        }
    }

    /// Operand `index` of a matrix product, at most two bits wider than an activation. `fit` holds
    /// the fractional bits wanted of the product and those of the other operand.
    fn factor(
        &mut self,
        node: &Node,
        index: usize,
        fit: Option<(i32, i32)>,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, index)?;
        if self.bounds(operand).magnitude() <= 1 << (self.options.bits + 1) {
            return Ok(operand);
        }
        let source = node.inputs.get(index).copied().unwrap_or(NodeId(0));
        let magnitude = self.ranges.magnitude(source);
        let natural = self.declared(magnitude, false).0;
        match fit.map(|(own, other)| natural - self.matrix_bits(natural, own, other)) {
            None | Some(0) => self.rescale_operand(node, index),
            Some(coarser) => self.rescale(node, operand, magnitude * f64::from(coarser).exp2()),
        }
    }

    /// Fractional bits of the left operand of a matrix product: `natural`, or up to three fewer so
    /// that the product's rescale to `own` fits one limb when the right operand has `other`. With
    /// 11 and 11 for a result of 9, a bit more is to be dropped than a limb of 12 has: 10.
    fn matrix_bits(&self, natural: i32, own: i32, other: i32) -> i32 {
        natural - (natural + other - own - self.limb()).clamp(0, 3)
    }

    /// Whether the right operand of a softmax product can stay unrounded: one limb more in the
    /// result's rescale for two constraints less an element.
    fn stays_small(&mut self, node: &Node, divisor: Tensor) -> Result<bool, QuantizeError> {
        let (left, right) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let k = self.shape(left).last().copied().unwrap_or(1) as u128;
        let bounds = [left, right, divisor].map(|t| u128::from(self.bounds(t).magnitude()));
        let product = bounds.iter().try_fold(k, |product, bound| product.checked_mul(*bound));
        Ok(product.is_some_and(|product| product < 1 << 60))
    }

    /// The nodes that read a node, in order.
    pub(super) fn readers(&self, id: NodeId) -> impl Iterator<Item = (NodeId, &Node)> {
        let readers = self.shared.readers.get(id.0).into_iter().flatten();
        readers.filter_map(|reader| Some((*reader, self.model.node(*reader)?)))
    }

    /// Whether every user of a softmax is a matrix product from the left.
    pub(super) fn only_weighs(&self, id: NodeId) -> bool {
        if self.model.outputs.iter().any(|(_, output)| *output == id) {
            return false;
        }
        let mut users = self.readers(id).peekable();
        users.peek().is_some()
            && users.all(|(user, node)| match &node.op {
                Op::MatMul => node.inputs.first() == Some(&id) && node.inputs.get(1) != Some(&id),
                Op::View(View::Reshape) => {
                    let width = self.model.node(id).and_then(|source| source.shape.last());
                    node.shape.last() == width && self.only_weighs(user)
                }
                _ => false,
            })
    }

    /// Rows of a constant table.
    pub(super) fn embedding(
        &mut self,
        id: NodeId,
        node: &Node,
        table: &Array2<f32>,
    ) -> Result<Tensor, QuantizeError> {
        if let Some(rows) = self.chosen_rows(node, table)? {
            return Ok(rows);
        }
        let mut ids = self.operand(node, 0)?;
        // Ids that are computed are proven to be rows of the table.
        let range = Interval { low: 0, high: table.dim().0 as i64 - 1 };
        if ids.frac == 0 && !range.covers(self.bounds(ids)) {
            let shape = self.shape(ids);
            ids = self.push(node, Primitive::Rescale { shift: 0, range }, &[ids], &shape, 0)?;
        }
        let values = || table.iter().copied().collect();
        let largest = self.shared.weights.size(id, table.dim().1, values).largest;
        let finest = EMBEDDING_BITS - largest.max(1e-9).log2().ceil() as i32;
        let coarsest = self.coarsest(largest).max(self.natural(id) - 1);
        let frac = (self.wanted[id.0] + self.limb()).max(coarsest).min(finest);
        let rows = RowTable::new(table.dim().1, self.shared.weights.integers(id, frac, values))
            .ok_or_else(|| self.unsupported(node, "an empty embedding"))?;
        self.push(node, Primitive::RowGather(Arc::new(rows)), &[ids], &node.shape, frac)
    }

    /// Token ids.
    pub(super) fn tokens(
        &mut self,
        node: &Node,
        vocabulary: usize,
    ) -> Result<Tensor, QuantizeError> {
        let range = Interval { low: 0, high: vocabulary as i64 - 1 };
        let tensor = self.push(node, Primitive::Input { range }, &[], &node.shape, 0)?;
        self.inputs.push((node.name.clone(), tensor.id));
        Ok(tensor)
    }
}
