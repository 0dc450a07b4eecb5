//! Softmax and ArgMax over the last axis.

use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::graph::{Interval, LinearMap, Op as Primitive, Table};
use crate::model::{Node, NodeId};

impl Lowering<'_> {
    /// `exp(x - max) / sum`: the exponential by table of the distance to the maximum, the reciprocal of the sum once a row.
    ///
    /// The exponential never falls below one unit, which proves the sum positive; that adds at most `2^-bits` to an entry.
    pub(super) fn softmax(&mut self, node: &Node) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let operand = self.operand(node, 0)?;
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let group = node.shape.last().copied().unwrap_or(1);
        let (operand, shift, frac) = self.shifted(node, operand, self.softmax_bits(source))?;
        let keys = Interval { lo: 0, hi: (1 << bits) - 1 };
        let exponential = |distance: i64| quantize_value((-super::dequantize(distance, frac)).exp(), bits as i32).max(1);
        let table = Table::tabulate(&format!("exp -{frac}"), keys, exponential).map(Arc::new).ok_or_else(|| {
            QuantizeError::Unsupported { layer: node.name.clone(), problem: "the exponential's table is too long".into() }
        })?;
        let rows = node.shape.iter().product::<usize>() / group.max(1);
        let magnitude = 1i64 << (bits + 1);
        let range = Interval { lo: -magnitude, hi: magnitude - 1 };
        let op = Primitive::TableBelowMax { shift, groups: vec![group as u32; rows].into(), range, table };
        let exponentials = self.push(node, op, &[operand], &node.shape, bits as i32)?;
        let mut row = node.shape.clone();
        if let Some(last) = row.last_mut() {
            *last = 1;
        }
        let ones = LinearMap::Dense { weight: vec![1; group].into(), outputs: 1, inputs: group };
        let sums = self.push(node, Primitive::Linear(Arc::new(ones)), &[exponentials], &row, bits as i32)?;
        let precision = 2 * bits + (group.max(1) as u64).next_power_of_two().trailing_zeros();
        let reciprocal = self.push(node, Primitive::Reciprocal { bits: precision }, &[sums], &row, (precision - bits) as i32)?;
        let reciprocals = self.broadcast(node, reciprocal, &node.shape)?;
        self.push(node, Primitive::Product, &[exponentials, reciprocals], &node.shape, precision as i32)
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
