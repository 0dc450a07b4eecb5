//! `rescale`: fewer fractional bits.

use super::cost::{Cost, Lengths, limbs, width};
use super::quotient::{Outside, declared, divided, first, inside, only, quotients, within};
use super::reach::Reach;
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// Bits dropped, and the declared range of the quotient.
pub struct Rescale {
    pub shift: u32,
    pub range: Interval,
}

impl Operation for Rescale {
    fn name(&self) -> &'static str {
        "rescale"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let q = divided(only(operands)?, self.shift)?;
        declared(self.range)?;
        Ok(Outcome { bounds: within(q.bounds, self.range)?, ..q })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        inside(quotients(first(operands), self.shift), self.range)
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        Cost::cells(&[limbs(lengths.result, self.shift), limbs(lengths.result, width(self.range))])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).to_vec()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element]
    }
}
