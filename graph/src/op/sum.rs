//! `sum`: a weighted sum, element by element.

use super::cost::{Cost, Lengths};
use super::quotient::{OVERFLOW, Outside};
use super::reach::{NOTHING, Reach};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// The weight of each operand.
pub struct Sum<'a>(pub &'a [i64]);

impl Operation for Sum<'_> {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        if self.0.len() != operands.len() {
            return Err("wrong number of operands");
        }
        let len = operands.first().ok_or("no operand")?.len;
        if operands.iter().any(|o| o.len != len) {
            return Err("operands of different lengths");
        }
        let zero = Interval { low: 0, high: 0 };
        let add = |sum: Interval, (o, c): (&Outcome, &i64)| sum.add(o.bounds.scale(*c)?);
        let bounds = operands.iter().zip(self.0).try_fold(zero, add).ok_or(OVERFLOW)?;
        Ok(Outcome { len, bounds })
    }

    fn evaluate(&self, len: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let mut sum = vec![0i64; len];
        for (operand, c) in operands.iter().zip(self.0) {
            sum.iter_mut().zip(*operand).for_each(|(s, v)| *s += c * v);
        }
        Ok(sum)
    }

    fn cost(&self, _: Lengths) -> Cost {
        Cost::FREE
    }

    fn reach(&self, len: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        let mut sum = vec![NOTHING; len];
        for (operand, _) in
            operands.iter().zip(self.0).filter(|(_, coefficient)| **coefficient != 0)
        {
            sum.iter_mut().zip(*operand).for_each(|(sum, reach)| *sum = (*sum).max(*reach));
        }
        sum
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element]
    }
}
