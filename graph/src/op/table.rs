//! `table`: any function of one variable.

use super::cost::{Cost, Lengths, limbs};
use super::quotient::{Outside, divided, first, inside, only, quotients, tabulated};
use super::reach::{Reach, function};
use super::{Operation, Outcome, Refusal};
use crate::table::Table;

/// Bits dropped, and the function of the quotient.
pub struct Tabulated<'a> {
    pub shift: u32,
    pub table: &'a Table,
}

impl Operation for Tabulated<'_> {
    fn name(&self) -> &'static str {
        "table"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let q = divided(only(operands)?, self.shift)?;
        tabulated(self.table)?;
        Ok(Outcome {
            bounds: self.table.bounds_over(q.bounds).ok_or("the table covers no possible value")?,
            ..q
        })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let q = inside(quotients(first(operands), self.shift), self.table.keys())?;
        Ok(q.iter().filter_map(|q| self.table.get(*q)).collect())
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        Cost::cells(&[
            limbs(lengths.result, self.shift),
            lengths.result,
            self.table.values().len() as u64,
        ])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands).iter().copied().map(function).collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element]
    }
}
