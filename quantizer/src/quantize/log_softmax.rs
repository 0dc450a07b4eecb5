//! Log-softmax over the last axis: `d - ln(sum exp d)` with `d = x - c`, the same for every `c`.
//!
//! `c` is the row's maximum, rounded to the exponential's scale, and half a step more: then
//! `d <= 0`, the largest exponential of a row is about one, and the logarithm is that of a sum
//! between about one and the length of the row, far from its pole. `d` itself is not rounded.

use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor, dequantize, quantize_value};
use lemma_graph::{Interval, LinearMap, Op as Primitive, Table};
use lemma_model::{Node, NodeId};

/// Fractional bits of an exponential beyond those of an activation: sums of thousands of them are
/// hardly rounded.
const EXPONENTIAL_BITS: i32 = 8;

/// Most rows of the logarithm's table.
const LOGARITHM_ROWS: f64 = (1u64 << 16) as f64;

impl Lowering<'_> {
    pub(super) fn log_softmax(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let frac = self.log_softmax_bits(source);
        if frac < 0 {
            return Err(self.unsupported(
                node,
                "the scores of a log-softmax lie too far apart; use more activation bits",
            ));
        }
        let operand = self.operand(node, 0)?;
        let x = self.raise(node, operand, frac + 1)?;
        let distances = self.below_maximum(node, x, frac)?;
        let logarithms = self.log_sums(id, node, distances, frac)?;
        let logarithms = self.broadcast(node, logarithms, &node.shape)?;
        let common = distances.frac.max(logarithms.frac);
        let (a, b) = (self.raise(node, distances, common)?, self.raise(node, logarithms, common)?);
        self.push(node, Primitive::Sum([1, -1].into()), &[a, b], &node.shape, common)
    }

    /// Fractional bits at which the differences inside a row fill the activation bits.
    pub(super) fn log_softmax_bits(&self, source: NodeId) -> i32 {
        let spread = self.ranges.of(source).map_or(1.0, |range| f64::from(range.spread)).max(1e-3);
        self.fitting(spread).min(self.natural(source))
    }

    /// `x` less the maximum of its row and half a step, where the maximum is rounded to `frac`
    /// fractional bits.
    fn below_maximum(
        &mut self,
        node: &Node,
        x: Tensor,
        frac: i32,
    ) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let group = node.shape.last().copied().unwrap_or(1);
        let rows = reduced(node);
        let edge = 1i64 << (2 * bits - 1);
        let range = Interval { low: -edge, high: edge - 1 };
        let (scores, shift, frac) = self.shifted(node, x, frac)?;
        let largest =
            self.push(node, Primitive::Max { shift, group, bits, range }, &[scores], &rows, frac)?;
        let largest = self.raise(node, largest, x.frac)?;
        let half =
            Primitive::Constant(vec![1i64 << (x.frac - frac - 1); rows.iter().product()].into());
        let half = self.push(node, half, &[], &rows, x.frac)?;
        let above =
            self.push(node, Primitive::Sum([1, 1].into()), &[largest, half], &rows, x.frac)?;
        let above = self.broadcast(node, above, &node.shape)?;
        self.push(node, Primitive::Sum([1, -1].into()), &[x, above], &node.shape, x.frac)
    }

    /// `ln(sum exp d)` of every row, from exponentials with keys of `frac` fractional bits.
    fn log_sums(
        &mut self,
        id: NodeId,
        node: &Node,
        distances: Tensor,
        frac: i32,
    ) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits as i32;
        let group = node.shape.last().copied().unwrap_or(1);
        let too_long = |lowering: &Self| {
            lowering.unsupported(
                node,
                "a table of the log-softmax is too long; use fewer activation bits",
            )
        };
        let unit = bits + EXPONENTIAL_BITS;
        let (distances, shift, frac) = self.shifted(node, distances, frac)?;
        let keys = Interval { low: -(1 << bits) - 1, high: 0 };
        let exponential = |key: i64| quantize_value(libm::exp(dequantize(key, frac)), unit);
        let table = Table::tabulate(&format!("Exp {frac} {unit}"), keys, exponential)
            .ok_or_else(|| too_long(self))?;
        let table = Arc::new(table);
        let exponentials =
            self.push(node, Primitive::Table { shift, table }, &[distances], &node.shape, unit)?;
        let rows = reduced(node);
        let ones = LinearMap::Dense { weight: vec![1; group].into(), outputs: 1, inputs: group };
        let sums =
            self.push(node, Primitive::Linear(Arc::new(ones)), &[exponentials], &rows, unit)?;
        let out = self.natural(id) + 2;
        let finest = (LOGARITHM_ROWS / group as f64).log2().floor() as i32;
        let wanted = (self.natural(id) - 2).min(finest).clamp(3, unit);
        let (sums, shift, wanted) = self.shifted(node, sums, wanted)?;
        // The largest exponential of a row lies within two steps of one.
        let least = quantize_value(libm::exp(-2.0 * dequantize(1, frac)), wanted).max(2) - 1;
        let keys = Interval { low: least, high: ((group as i64) << wanted) + 1 };
        let logarithm = |key: i64| quantize_value(libm::log(dequantize(key, wanted)), out);
        let table = Table::tabulate(&format!("Ln {wanted} {out} to {group}"), keys, logarithm)
            .ok_or_else(|| too_long(self))?;
        self.push(node, Primitive::Table { shift, table: Arc::new(table) }, &[sums], &rows, out)
    }
}

/// The shape of one number for each row.
fn reduced(node: &Node) -> Vec<usize> {
    let mut rows = node.shape.clone();
    rows.last_mut().into_iter().for_each(|last| *last = 1);
    rows
}
