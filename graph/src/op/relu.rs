//! `relu`: with or without a slope on the negative side.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cost::{Cost, Lengths, limbs};
use super::quotient::{OVERFLOW, Outside, divided, first, inside, only, quotients};
use super::reach::Reach;
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// Slopes of the negative side of a [`Op::Relu`](super::Op::Relu), in units of `2^-bits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// One slope for all elements, or one per element.
    pub slopes: Arc<[i64]>,
    /// Fractional bits of the slopes.
    pub bits: u32,
}

impl Leak {
    /// The plain ReLU.
    pub fn none() -> Leak {
        Leak { slopes: [0].into(), bits: 0 }
    }

    /// Slope of element `i`.
    pub fn slope(&self, i: usize) -> i64 {
        self.slopes.get(i).or(self.slopes.first()).copied().unwrap_or(0)
    }
}

/// [`Op::Relu`](super::Op::Relu) of the quotient `q` of element `i`.
pub fn relu(q: i64, i: usize, leak: &Leak) -> i64 {
    if q >= 0 { q << leak.bits } else { q * leak.slope(i) }
}

/// Bits dropped, the width of the quotient, the slopes.
pub struct Relu<'a> {
    pub shift: u32,
    pub bits: u32,
    pub leak: &'a Leak,
}

impl Relu<'_> {
    /// What the quotient may be.
    fn range(&self) -> Interval {
        let edge = (1i64 << self.bits) - 1;
        Interval { low: -edge, high: edge }
    }
}

impl Operation for Relu<'_> {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let Relu { shift, bits, leak } = *self;
        let Outcome { len, bounds } = divided(only(operands)?, shift)?;
        if bits == 0 || bits > 40 || leak.bits > 16 {
            return Err("a ReLU wider than 40 bits or with slopes finer than 16 bits");
        }
        if leak.slopes.len() != 1 && leak.slopes.len() != len {
            return Err("slopes do not match the operand");
        }
        let range = self.range();
        let q = Interval { low: bounds.low.max(range.low), high: bounds.high.min(range.high) };
        if q.low > q.high {
            return Err("the declared width excludes every possible value");
        }
        let positive = Interval { low: q.low.max(0), high: q.high.max(0) };
        let negative = Interval { low: q.low.min(0), high: q.high.min(0) };
        let slopes = Interval::of(&leak.slopes).ok_or("no slopes")?;
        let bounds = positive
            .scale(1 << leak.bits)
            .and_then(|p| Some(p.hull(negative.product(slopes)?)))
            .ok_or(OVERFLOW)?;
        Ok(Outcome { len, bounds })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let q = inside(quotients(first(operands), self.shift), self.range())?;
        Ok(q.iter().enumerate().map(|(i, q)| relu(*q, i, self.leak)).collect())
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        Cost::cells(&[limbs(lengths.result, self.shift), limbs(lengths.result, self.bits)])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).to_vec()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element]
    }
}
