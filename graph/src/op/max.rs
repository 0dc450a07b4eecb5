//! `max`: the largest of each group.

use super::cost::{Cost, Lengths, limbs, width};
use super::quotient::{Outside, declared, divided, first, groups, inside, only, quotients, within};
use super::reach::{Reach, largest};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// Bits dropped, the group length, the width of a difference inside a group, the declared range of
/// a maximum.
pub struct Max {
    pub shift: u32,
    pub group: usize,
    pub bits: u32,
    pub range: Interval,
}

impl Operation for Max {
    fn name(&self) -> &'static str {
        "max"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let q = divided(only(operands)?, self.shift)?;
        declared(self.range)?;
        if self.bits == 0 || self.bits > 40 {
            return Err("differences wider than 40 bits");
        }
        let bounds = within(q.bounds, self.range)?;
        Ok(Outcome { len: groups(q.len, self.group)?, bounds })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let q = quotients(first(operands), self.shift);
        let spread = |g: &[i64]| maximum(g) - g.iter().copied().min().unwrap_or(0);
        inside(
            q.chunks(self.group).map(spread).collect(),
            Interval { low: 0, high: (1 << self.bits) - 1 },
        )?;
        inside(q.chunks(self.group).map(maximum).collect(), self.range)
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        let operand = lengths.first();
        Cost::cells(&[
            limbs(operand, self.shift),
            limbs(operand, self.bits),
            limbs(lengths.result, width(self.range)),
        ])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).chunks(self.group).map(largest).collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        (element * self.group..(element + 1) * self.group).collect()
    }
}

/// The largest of a group.
pub fn maximum(group: &[i64]) -> i64 {
    group.iter().copied().max().unwrap_or(0)
}
