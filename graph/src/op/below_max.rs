//! `table below max`: the exponential of a softmax, with or without hidden elements.

use super::cost::{Cost, Lengths, limbs, width};
use super::quotient::{
    Outside, declared, divided, first, inside, quotients, second, split, tabulated,
};
use super::reach::{Reach, function, largest};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;
use crate::table::Table;

/// What an element of a mask can be.
const BIT: Interval = Interval { low: 0, high: 1 };

/// Bits dropped, group lengths, the declared range of a maximum, the function of the distance to
/// it.
pub struct TableBelowMax<'a> {
    pub shift: u32,
    pub groups: &'a [u32],
    pub range: Interval,
    pub table: &'a Table,
}

/// Of [`Op::TableBelowMax`](super::Op::TableBelowMax): the maximum of the visible elements of each
/// group, where there are any, and each element's distance to it; none for a hidden one, and zero
/// throughout a group without visible ones. Nothing is hidden when `hidden` is empty.
pub fn below_max(
    q: &[i64],
    hidden: &[i64],
    groups: &[u32],
) -> (Vec<Option<i64>>, Vec<Option<i64>>) {
    let is_visible = |i: usize| hidden.get(i).is_none_or(|hidden| *hidden == 0);
    let (mut maxima, mut distances, mut start) =
        (Vec::with_capacity(groups.len()), Vec::with_capacity(q.len()), 0);
    for group in split(q, groups) {
        let places = start..start + group.len();
        let visible = std::iter::zip(places.clone(), group).filter(|(i, _)| is_visible(*i));
        let maximum = visible.map(|(_, q)| *q).max();
        distances.extend(std::iter::zip(places, group).map(|(i, q)| match maximum {
            Some(m) => is_visible(i).then(|| m - q),
            None => Some(0),
        }));
        maxima.push(maximum);
        start += group.len();
    }
    (maxima, distances)
}

impl Operation for TableBelowMax<'_> {
    fn name(&self) -> &'static str {
        "table below max"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let (x, hidden) = match operands {
            [x] => (x, None),
            [x, hidden] => (x, Some(hidden)),
            _ => return Err("wrong number of operands"),
        };
        let Outcome { len, .. } = divided(*x, self.shift)?;
        declared(self.range)?;
        tabulated(self.table)?;
        let total = self
            .groups
            .iter()
            .try_fold(0usize, |sum, n| sum.checked_add(*n as usize).filter(|_| *n > 0));
        if total != Some(len) {
            return Err("the groups do not cover the operand");
        }
        if self.table.first_key() != 0 {
            return Err("a table of distances starts at 0");
        }
        let bounds = self.table.bounds_over(self.table.keys()).ok_or("an empty table")?;
        match hidden {
            None => Ok(Outcome { len, bounds }),
            Some(hidden) if hidden.len != len => Err("a mask of another length"),
            Some(hidden) if !BIT.covers(hidden.bounds) => {
                Err("a mask that is not proven to be zeros and ones")
            }
            Some(_) => Ok(Outcome { len, bounds: bounds.hull(Interval { low: 0, high: 0 }) }),
        }
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let (maxima, distances) =
            below_max(&quotients(first(operands), self.shift), second(operands), self.groups);
        inside(maxima.into_iter().flatten().collect(), self.range)?;
        inside(distances.iter().map(|d| d.unwrap_or(0)).collect(), self.table.keys())?;
        Ok(distances.iter().filter_map(|d| d.map_or(Some(0), |d| self.table.get(d))).collect())
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        let longest = self.groups.iter().max().map_or(0, |n| u64::from(*n));
        let groups = self.groups.len() as u64;
        // With a mask also the rows of its flags.
        let padded = groups.saturating_mul(longest).saturating_mul(lengths.operands.len() as u64);
        let maxima = limbs(groups, width(self.range));
        let rows = self.table.values().len() as u64;
        Cost::cells(&[limbs(lengths.result, self.shift), lengths.result, maxima, padded, rows])
    }

    fn reach(&self, len: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        let mut reaches = vec![Reach::default(); len];
        for operand in operands {
            let even = |group: &[Reach]| std::iter::repeat_n(function(largest(group)), group.len());
            let of_groups = split(operand, self.groups).flat_map(even);
            reaches
                .iter_mut()
                .zip(of_groups)
                .for_each(|(reach, other)| *reach = (*reach).max(other));
        }
        reaches
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        let mut start = 0;
        let mut places = self.groups.iter().map(|n| {
            start += *n as usize;
            start - *n as usize..start
        });
        places
            .find(|places| places.contains(&element))
            .map(|places| places.collect())
            .unwrap_or_default()
    }
}
