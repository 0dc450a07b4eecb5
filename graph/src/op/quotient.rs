//! What several operations have in common: a quotient, declared ranges, groups.

use super::{Outcome, Refusal};
use crate::interval::{Interval, round_shift};
use crate::table::Table;

/// Why bounds are refused that pass 64 bits.
pub const OVERFLOW: Refusal = "values may pass 2^62; use fewer fractional bits";

/// A value outside the range that its operation declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outside {
    /// Flat index of the element.
    pub index: usize,
    /// The value.
    pub value: i64,
    /// The declared range.
    pub range: Interval,
    /// How many elements behind it are outside as well.
    pub others: usize,
}

/// The only operand.
pub fn only(operands: &[Outcome]) -> Result<Outcome, Refusal> {
    match operands {
        [operand] => Ok(*operand),
        _ => Err("wrong number of operands"),
    }
}

/// Length and bounds of an operand divided by `2^shift`.
pub fn divided(operand: Outcome, shift: u32) -> Result<Outcome, Refusal> {
    if shift > 62 {
        Err("a shift above 62 bits")
    } else {
        Ok(Outcome { bounds: operand.bounds.round_shift(shift), ..operand })
    }
}

/// Elements divided by `2^shift`.
pub fn quotients(x: &[i64], shift: u32) -> Vec<i64> {
    x.iter().map(|v| round_shift(*v, shift)).collect()
}

/// A declared range that is one.
pub fn declared(range: Interval) -> Result<Interval, Refusal> {
    range
        .declared()
        .ok_or("a declared range that is empty, passes 2^62 or holds more than 2^62 values")
}

/// What is left of bounds inside a declared range.
pub fn within(bounds: Interval, range: Interval) -> Result<Interval, Refusal> {
    let left = Interval { low: bounds.low.max(range.low), high: bounds.high.min(range.high) };
    if left.low > left.high {
        Err("the declared range excludes every possible value")
    } else {
        Ok(left)
    }
}

/// A table that is one.
pub fn tabulated(table: &Table) -> Result<(), Refusal> {
    table.is_consistent().then_some(()).ok_or("a table that is empty, too long or passes 2^62")
}

/// How many groups of `group` elements there are.
pub fn groups(len: usize, group: usize) -> Result<usize, Refusal> {
    if group > 0 && len.is_multiple_of(group) {
        Ok(len / group)
    } else {
        Err("the group does not divide the operand")
    }
}

/// `values`, when all of them lie in `range`.
pub fn inside(values: Vec<i64>, range: Interval) -> Result<Vec<i64>, Outside> {
    match values.iter().position(|v| !range.contains(*v)) {
        None => Ok(values),
        Some(index) => {
            let others = values[index..].iter().skip(1).filter(|v| !range.contains(**v)).count();
            Err(Outside { index, value: values[index], range, others })
        }
    }
}

/// The first operand.
pub fn first<'a, T>(operands: &[&'a [T]]) -> &'a [T] {
    operands.first().copied().unwrap_or(&[])
}

/// The second operand.
pub fn second<'a, T>(operands: &[&'a [T]]) -> &'a [T] {
    operands.get(1).copied().unwrap_or(&[])
}

/// Consecutive groups of the given lengths.
pub fn split<'a, T>(values: &'a [T], groups: &'a [u32]) -> impl Iterator<Item = &'a [T]> + Clone {
    groups.iter().scan(values, |rest, n| {
        let (group, others) = rest.split_at_checked(*n as usize)?;
        *rest = others;
        Some(group)
    })
}
