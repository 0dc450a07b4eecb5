//! `gather`: elements of the operands in another order.

use super::cost::{Cost, Lengths};
use super::quotient::Outside;
use super::reach::Reach;
use super::{Operation, Outcome, Refusal};
use crate::MAX_ELEMENTS;
use crate::interval::Interval;

/// Index that stands for a zero.
pub const ZERO: u32 = u32::MAX;

/// Which element of the operands, laid one after the other, each element is.
pub struct Gather<'a>(pub &'a [u32]);

impl Gather<'_> {
    /// Whether every element is taken once.
    pub fn is_permutation(&self) -> bool {
        let mut seen = vec![false; self.0.len()];
        self.0.iter().all(|from| {
            seen.get_mut(*from as usize).is_some_and(|seen| !std::mem::replace(seen, true))
        })
    }
}

impl Operation for Gather<'_> {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        // One tensor may be listed many times.
        let total = operands.iter().try_fold(0usize, |sum, o| sum.checked_add(o.len));
        let total = total
            .filter(|total| *total <= MAX_ELEMENTS)
            .ok_or("the operands have more than 2^28 elements")?;
        if self.0.is_empty() || self.0.iter().any(|i| *i != ZERO && *i as usize >= total) {
            return Err("an index points outside the operands");
        }
        let zero = self.0.contains(&ZERO).then_some(Interval { low: 0, high: 0 });
        let bounds = operands.iter().map(|o| o.bounds).chain(zero).reduce(|a, b| a.hull(b));
        Ok(Outcome { len: self.0.len(), bounds: bounds.ok_or("no operand")? })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let all = operands.concat();
        Ok(self.0.iter().map(|from| if *from == ZERO { 0 } else { all[*from as usize] }).collect())
    }

    fn cost(&self, _: Lengths) -> Cost {
        Cost::FREE
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        let all = operands.concat();
        self.0.iter().map(|from| all.get(*from as usize).copied().unwrap_or_default()).collect()
    }

    fn read(&self, operand: usize, element: usize, lengths: &[usize]) -> Vec<usize> {
        let start: usize = lengths.iter().take(operand).sum();
        let places = start..start + lengths.get(operand).copied().unwrap_or(0);
        let from = self.0.get(element).filter(|from| **from != ZERO).map(|from| *from as usize);
        from.filter(|from| places.contains(from)).map(|from| from - start).into_iter().collect()
    }
}
