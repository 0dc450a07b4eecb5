//! `argmax`: the place of the largest of each group.

use super::cost::{Cost, Lengths, limbs};
use super::max::maximum;
use super::quotient::{Outside, first, groups, only};
use super::reach::{Reach, largest};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// The group length.
pub struct ArgMax {
    pub group: usize,
}

impl Operation for ArgMax {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let x = only(operands)?;
        let len = groups(x.len, self.group)?;
        // Elements are ordered with their places behind them.
        let places = self.group.checked_next_power_of_two().map_or(64, usize::trailing_zeros);
        if u64::BITS - x.bounds.size().leading_zeros() + places > 60 {
            return Err(
                "values and places in the group take more than 60 bits together; use fewer \
                    fractional bits",
            );
        }
        Ok(Outcome { len, bounds: Interval { low: 0, high: self.group as i64 - 1 } })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let place = |g: &[i64]| {
            let largest = maximum(g);
            g.iter().position(|v| *v == largest).unwrap_or(0) as i64
        };
        Ok(first(operands).chunks(self.group).map(place).collect())
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        Cost::cells(&[limbs(lengths.first(), 60)])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).chunks(self.group).map(largest).collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        (element * self.group..(element + 1) * self.group).collect()
    }
}
