//! Softmax and ArgMax over the last axis.

use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::graph::{Interval, LinearMap, Op as Primitive, Table, ZERO};
use crate::model::{MASKED, Node, NodeId};

impl Lowering<'_> {
    /// `exp(x - max) / sum`: the exponential by table of the distance to the maximum, the reciprocal of the sum once a row. Scores that a
    /// constant mask forbids are left out altogether. Before a matrix product the division waits until after it.
    pub(super) fn softmax(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let operand = self.operand(node, 0)?;
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let group = node.shape.last().copied().unwrap_or(1);
        let live = self.live_scores(node, source)?;
        let groups: Arc<[u32]> = live.iter().map(|row| row.len() as u32).collect();
        let index: Arc<[u32]> = live.iter().flatten().copied().collect();
        let scores = self.push(node, Primitive::Gather(index.clone()), &[operand], &[index.len()], operand.frac)?;
        let (scores, shift, frac) = self.shifted(node, scores, self.softmax_bits(source))?;
        let keys = Interval { lo: 0, hi: (1 << bits) - 1 };
        let exponential = |distance: i64| quantize_value(libm::exp(-super::dequantize(distance, frac)), self.unit_bits());
        let table = Table::tabulate(&format!("exp -{frac}"), keys, exponential).map(Arc::new);
        let table = table.ok_or_else(|| self.unsupported(node, "the exponential's table is too long"))?;
        let edge = 1i64 << (2 * bits - 1);
        let range = Interval { lo: -edge, hi: edge - 1 };
        let op = Primitive::TableBelowMax { shift, groups, range, table };
        let compact = self.push(node, op, &[scores], &[index.len()], self.unit_bits())?;
        let mut places = vec![ZERO; node.shape.iter().product()];
        for (from, to) in index.iter().enumerate() {
            places.get_mut(*to as usize).into_iter().for_each(|place| *place = from as u32);
        }
        let exponentials = self.push(node, Primitive::Gather(places.into()), &[compact], &node.shape, compact.frac)?;
        let reciprocal = self.reciprocal_sums(node, exponentials, group)?;
        if self.divides_later(id) {
            self.divisors.insert(id, reciprocal);
            return Ok(exponentials);
        }
        let reciprocals = self.broadcast(node, reciprocal, &node.shape)?;
        let frac = exponentials.frac + reciprocal.frac;
        self.push(node, Primitive::Product, &[exponentials, reciprocals], &node.shape, frac)
    }

    /// Flat indices of the scores of each row that no mask forbids.
    fn live_scores(&self, node: &Node, source: NodeId) -> Result<Vec<Vec<u32>>, QuantizeError> {
        let group = node.shape.last().copied().unwrap_or(1);
        let mask = self.model.mask(source).and_then(|(mask, _)| mask.broadcast(node.shape.clone()));
        let allowed: Vec<bool> = match &mask {
            Some(mask) => mask.iter().map(|v| *v > MASKED).collect(),
            None => vec![true; node.shape.iter().product()],
        };
        let rows = allowed.chunks(group).enumerate();
        let live: Vec<Vec<u32>> =
            rows.map(|(row, flags)| (0..flags.len()).filter(|i| flags[*i]).map(|i| (row * group + i) as u32).collect()).collect();
        if live.iter().any(Vec::is_empty) {
            return Err(self.unsupported(node, "a row of the softmax has no score that the mask allows"));
        }
        Ok(live)
    }

    /// Fractional bits of an exponential: a little fewer than an activation's, so that its product with the reciprocal of a long row's sum,
    /// which has as many more, still fits two limbs.
    fn unit_bits(&self) -> i32 {
        self.options.bits as i32 - 3
    }

    /// `1 / sum` of each row. The largest entry of a row is the table's first, one; the range check of the sum says so.
    fn reciprocal_sums(&mut self, node: &Node, exponentials: Tensor, group: usize) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let mut row = node.shape.clone();
        row.last_mut().into_iter().for_each(|last| *last = 1);
        let ones = Arc::new(LinearMap::Dense { weight: vec![1; group].into(), outputs: 1, inputs: group });
        let sums = self.push(node, Primitive::Linear(ones), &[exponentials], &row, exponentials.frac)?;
        let one = 1i64 << exponentials.frac;
        let range = Interval { lo: one, hi: one + (1i64 << (2 * bits)) - 1 };
        let sums = self.push(node, Primitive::Requantize { shift: 0, range }, &[sums], &row, sums.frac)?;
        let frac = bits as i32 + 3;
        let numerator = (frac + sums.frac) as u32;
        self.push(node, Primitive::Reciprocal { bits: numerator }, &[sums], &row, frac)
    }

    /// Fractional bits at which the differences inside a row fill the activation bits.
    pub(super) fn softmax_bits(&self, operand: NodeId) -> i32 {
        let spread = self.ranges.of(operand).map_or(1.0, |range| f64::from(range.spread)).max(1e-3);
        self.fitting(spread).min(self.natural(operand))
    }

    /// The index of the largest element, from the unrounded values: rounding first could make ties.
    pub(super) fn argmax(&mut self, node: &Node) -> Result<Tensor, QuantizeError> {
        let mut operand = self.operand(node, 0)?;
        let shape = self.shape(operand);
        let group = shape.last().copied().unwrap_or(1);
        let limbs = u64::BITS - self.bounds(operand).size().leading_zeros();
        if limbs > 4 * self.options.bits {
            let source = node.inputs.first().copied().unwrap_or(NodeId(0));
            operand = self.narrow(node, operand, self.ranges.magnitude(source))?;
        }
        self.push(node, Primitive::ArgMax { group }, &[operand], &node.shape, 0)
    }
}
