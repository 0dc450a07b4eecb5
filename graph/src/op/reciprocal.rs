//! `reciprocal`: rounded down.

use super::cost::{Cost, Lengths, limbs};
use super::quotient::{Outside, first, only};
use super::reach::{Reach, function};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// Fractional bits of the numerator.
pub struct Reciprocal {
    pub bits: u32,
}

impl Operation for Reciprocal {
    fn name(&self) -> &'static str {
        "reciprocal"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let x = only(operands)?;
        if x.bounds.low < 1 {
            return Err("the divisor is not proven positive");
        }
        if self.bits > 61 {
            return Err("a numerator above 2^61");
        }
        let numerator = 1i64 << self.bits;
        Ok(Outcome {
            len: x.len,
            bounds: Interval { low: numerator / x.bounds.high, high: numerator / x.bounds.low },
        })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        Ok(first(operands).iter().map(|v| (1i64 << self.bits) / v).collect())
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        let limbs = limbs(lengths.result, self.bits);
        Cost::cells(&[limbs, limbs])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).iter().copied().map(function).collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element]
    }
}
