//! Division: the reciprocal of numbers of one sign by `floor(2^n / x)`, exact to a share of itself
//! however far they lie apart, where a table has one step for all.

use std::collections::BTreeMap;

use super::functions::Tables;
use super::line::Line;
use super::{Lowering, QuantizeError, Tensor};
use lemma_graph::{Interval, Op as Primitive};
use lemma_model::{Node, NodeId, Op, Unary};

/// Fewest significant bits of the smallest divisor and of the smallest reciprocal.
const FEWEST_BITS: i32 = 6;

/// Significant bits of the smallest divisor that is an input.
const INPUT_BITS: i32 = 7;

/// Bits of a reciprocal, those of a signed factor and one to spare stay below this, so that their
/// product is not rounded before.
const PRODUCT_BITS: i32 = 48;

/// Constraints that an element takes, about; a table takes one a row.
const COST: usize = 14;

/// From this quotient of the largest to the smallest divisor on, a table's step is too coarse a
/// share of the smallest reciprocal.
const APART: f64 = 32.0;

/// Scales of a division.
#[derive(Clone, Copy, Debug)]
pub(super) struct Division {
    /// Whether the divisors are negative.
    negative: bool,
    /// Fractional bits of the divisor.
    frac: i32,
    /// Declared range of its magnitude.
    range: Interval,
    /// Fractional bits of the numerator.
    bits: i32,
}

impl Division {
    /// Fractional bits of the divisor.
    pub(super) fn operand_bits(&self) -> i32 {
        self.frac
    }
}

impl Lowering<'_> {
    /// Finds the reciprocals that are divisions: of operands of one sign, far apart or too few for
    /// a table. Also what they need of inputs.
    pub(super) fn plan_reciprocals(&self) -> (BTreeMap<NodeId, Division>, Tables) {
        let reciprocals = self
            .model
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| matches!(node.op, Op::Unary(Unary::Reciprocal)));
        let mut found: Vec<(NodeId, usize, f64, f64, bool)> = Vec::new();
        let mut finer: Vec<(Line, i32)> = Vec::new();
        for (id, node) in reciprocals {
            let Some(range) = node.inputs.first().and_then(|operand| self.ranges.of(*operand))
            else {
                continue;
            };
            let (low, high, negative) = if range.high < 0.0 {
                (-range.high, -range.low, true)
            } else {
                (range.low, range.high, false)
            };
            if low > 0.0 {
                found.push((
                    NodeId(id),
                    node.shape.iter().product(),
                    low.into(),
                    high.into(),
                    negative,
                ));
            }
        }
        let elements: usize = found.iter().map(|(_, elements, ..)| elements).sum();
        let few = elements.saturating_mul(COST) < 1 << self.options.bits;
        let mut divisions = BTreeMap::new();
        for (id, _, low, high, negative) in found {
            if let Some(division) =
                self.division(low, high, negative).filter(|_| few || high / low > APART)
            {
                divisions.insert(id, division);
                let operand = self.model.node(id).and_then(|node| node.inputs.first());
                let line = operand.and_then(|operand| self.line(*operand));
                finer.extend(line.map(|line| (line, INPUT_BITS - low.log2().floor() as i32)));
            }
        }
        let mut tables = Tables::default();
        finer.into_iter().for_each(|(line, frac)| tables.need(&line, frac));
        (divisions, tables)
    }

    fn division(&self, low: f64, high: f64, negative: bool) -> Option<Division> {
        let (low, high) = (low / self.options.headroom, high * self.options.headroom);
        let apart = (high / low).log2().ceil() as i32;
        let bits = self.options.bits as i32;
        let precision =
            (PRODUCT_BITS - 2 - bits - apart).min(bits - 2).max(FEWEST_BITS.min(bits - 2));
        if precision + apart + bits + 2 > PRODUCT_BITS {
            return None;
        }
        let frac = precision - low.log2().floor() as i32;
        let first = (low * f64::from(frac).exp2()).floor() as i64;
        let last = (high * f64::from(frac).exp2()).ceil() as i64;
        let size = ((last - first + 1) as u64).next_power_of_two() as i64;
        let range = Interval { low: first, high: first + size - 1 };
        Some(Division { negative, frac, range, bits: precision + 64 - last.leading_zeros() as i32 })
    }

    /// `1 / x`.
    pub(super) fn reciprocal(
        &mut self,
        node: &Node,
        division: &Division,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let divisor = self.signed(node, operand, division.negative)?;
        let divisor = self.raise(node, divisor, division.frac)?;
        let (divisor, shift, frac) = self.shifted(node, divisor, division.frac)?;
        let rounded = Primitive::Rescale { shift, range: division.range };
        let divisor = self.push(node, rounded, &[divisor], &node.shape, frac)?;
        let op = Primitive::Reciprocal { bits: division.bits as u32 };
        let result = self.push(node, op, &[divisor], &node.shape, division.bits - frac)?;
        self.signed(node, result, division.negative)
    }

    fn signed(
        &mut self,
        node: &Node,
        tensor: Tensor,
        negative: bool,
    ) -> Result<Tensor, QuantizeError> {
        if !negative {
            return Ok(tensor);
        }
        self.push(node, Primitive::Sum([-1].into()), &[tensor], &node.shape, tensor.frac)
    }
}
