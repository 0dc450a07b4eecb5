//! `row gather`: rows of a constant table.

use super::cost::{Cost, Lengths};
use super::quotient::{Outside, first, only};
use super::reach::{Reach, function};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;
use crate::table::RowTable;

/// The table.
pub struct RowGather<'a>(pub &'a RowTable);

impl Operation for RowGather<'_> {
    fn name(&self) -> &'static str {
        "row gather"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let ids = only(operands)?;
        let rows = Interval { low: 0, high: self.0.rows() as i64 - 1 };
        if !rows.covers(ids.bounds) {
            return Err("an id may lie outside the table");
        }
        let len = ids.len.checked_mul(self.0.width()).ok_or("too many elements")?;
        Ok(Outcome { len, bounds: self.0.bounds().ok_or("an empty table")? })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        Ok(first(operands)
            .iter()
            .flat_map(|id| self.0.row(*id).unwrap_or(&[]))
            .map(|v| (*v).into())
            .collect())
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        Cost::cells(&[lengths.result, self.0.rows() as u64])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        first(operands)
            .iter()
            .flat_map(|reach| std::iter::repeat_n(function(*reach), self.0.width()))
            .collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        vec![element / self.0.width().max(1)]
    }
}
