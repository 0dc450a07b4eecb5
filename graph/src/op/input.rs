//! `input`: a tensor from outside.

use super::cost::{Cost, Lengths, limbs, width};
use super::quotient::{Outside, first, inside};
use super::reach::{CONSTANT, Reach};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// Elements that must lie in a declared range.
pub struct Input {
    pub range: Interval,
}

impl Operation for Input {
    fn name(&self) -> &'static str {
        "input"
    }

    fn outcome(&self, _: &[Outcome]) -> Result<Outcome, Refusal> {
        Err("the length of an input is not inferred")
    }

    /// The given elements stand for an operand.
    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        inside(first(operands).to_vec(), self.range)
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        Cost::cells(&[limbs(lengths.result, width(self.range))])
    }

    fn reach(&self, len: usize, _: &[&[Reach]]) -> Vec<Reach> {
        vec![CONSTANT; len]
    }

    fn read(&self, _: usize, _: usize, _: &[usize]) -> Vec<usize> {
        vec![]
    }
}
