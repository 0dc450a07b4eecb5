//! `constant`: elements that are part of the graph.

use super::cost::{Cost, Lengths};
use super::quotient::Outside;
use super::reach::{CONSTANT, NOTHING, Reach};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// The elements.
pub struct Constant<'a>(pub &'a [i64]);

impl Operation for Constant<'_> {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        if !operands.is_empty() {
            return Err("wrong number of operands");
        }
        let bounds = Interval::of(self.0).ok_or("an empty constant or one past 2^62")?;
        Ok(Outcome { len: self.0.len(), bounds })
    }

    fn evaluate(&self, _: usize, _: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        Ok(self.0.to_vec())
    }

    fn cost(&self, _: Lengths) -> Cost {
        Cost::FREE
    }

    fn reach(&self, _: usize, _: &[&[Reach]]) -> Vec<Reach> {
        self.0.iter().map(|value| if *value == 0 { NOTHING } else { CONSTANT }).collect()
    }

    fn read(&self, _: usize, _: usize, _: &[usize]) -> Vec<usize> {
        vec![]
    }
}
