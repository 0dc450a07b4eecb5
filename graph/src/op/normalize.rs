//! `normalize`: each element of a group over the root of its mean square.

use serde::{Deserialize, Serialize};

use super::cost::{Cost, Lengths, limbs, width};
use super::quotient::{OVERFLOW, Outside, declared, first, groups, inside, only};
use super::reach::{Reach, largest, product};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// The sum of the squares of a group of elements, divided by `2^shift`, rounded, plus `epsilon`; it
/// must lie in `range`.
///
/// The squares are no tensor of the graph: they may pass 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Energy {
    /// Group length.
    pub group: usize,
    /// Bits dropped from the sum.
    pub shift: u32,
    /// Added after the rounding.
    pub epsilon: i64,
    /// Declared range, positive.
    pub range: Interval,
}

impl Energy {
    /// The sum of the squares of one group. Exact as long as
    /// [`Op::Normalize`](super::Op::Normalize) accepts the operand's bounds.
    pub fn squares(group: &[i64]) -> i128 {
        group
            .iter()
            .fold(0i128, |sum, x| sum.wrapping_add(i128::from(*x).wrapping_mul(i128::from(*x))))
    }

    /// The sum of squares divided by `2^shift` and rounded, at most 2^62, and what the rounding
    /// leaves.
    pub fn rounded(&self, squares: i128) -> (i64, i64) {
        let half = if self.shift == 0 { 0 } else { 1i128 << (self.shift - 1) };
        let shifted = squares.wrapping_add(half);
        (
            (shifted >> self.shift).clamp(0, 1 << 62) as i64,
            (shifted & ((1i128 << self.shift) - 1)) as i64,
        )
    }

    /// Bounds of an element `|x| <= magnitude` of the group times its root: with `q = e - epsilon`,
    /// `x^2 < (q + 1/2) 2^shift` and `y^2 e <= 2^bits`, so `(x y)^2 < 3/2 2^(shift + bits)`.
    fn normalized(&self, magnitude: u64, bits: u32) -> Option<Interval> {
        let square = 3u128.checked_shl(self.shift + bits).filter(|_| self.shift + bits <= 122)? / 2;
        let by_root = i128::from(magnitude) * i128::from(rsqrt(self.range.low, bits));
        let bound = (square.isqrt() as i128 + 1).min(by_root);
        Interval::new(-bound, bound)
    }
}

/// `floor(sqrt(2^bits / x))` for `x >= 1`: the largest `y` with `y^2 x <= 2^bits`.
pub fn rsqrt(x: i64, bits: u32) -> i64 {
    ((1i64 << bits) / x.max(1)).isqrt()
}

/// The sum of squares, and the fractional bits of the root's numerator.
pub struct Normalize<'a> {
    pub energy: &'a Energy,
    pub bits: u32,
}

impl Operation for Normalize<'_> {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let Normalize { energy, bits } = *self;
        let x = only(operands)?;
        groups(x.len, energy.group)?;
        let magnitude = x.bounds.magnitude();
        let squares =
            (u128::from(magnitude) * u128::from(magnitude)).checked_mul(energy.group as u128);
        if squares.is_none_or(|squares| squares >= 1 << 125) {
            return Err("a sum of squares above 2^125");
        }
        let range = declared(energy.range)?;
        if energy.shift > 62 || energy.epsilon < 0 || energy.epsilon >= 1 << 61 || range.low < 1 {
            return Err(
                "a shift above 62 bits, a negative epsilon, or an energy that is not positive",
            );
        }
        if bits > 60 || range.high >= 1 << bits {
            return Err("a numerator above 2^60 or below the energy");
        }
        Ok(Outcome { len: x.len, bounds: energy.normalized(magnitude, bits).ok_or(OVERFLOW)? })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        let (x, energy) = (first(operands), self.energy);
        let energies = x
            .chunks(energy.group)
            .map(|g| energy.rounded(Energy::squares(g)).0 + energy.epsilon)
            .collect();
        let energies = inside(energies, energy.range)?;
        let roots = energies.iter().map(|e| rsqrt(*e, self.bits));
        Ok(x.chunks(energy.group)
            .zip(roots)
            .flat_map(|(group, y)| group.iter().map(move |x| x * y))
            .collect())
    }

    /// Squares, and for each group a rounded sum and a root.
    fn cost(&self, lengths: Lengths) -> Cost {
        let groups = lengths.first().checked_div(self.energy.group as u64).unwrap_or(0);
        let (sums, root) = (limbs(groups, self.energy.shift), limbs(groups, self.bits));
        Cost::cells(&[lengths.result, sums, limbs(groups, width(self.energy.range)), root, root])
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        let groups = first(operands).chunks(self.energy.group);
        groups
            .flat_map(|group| group.iter().map(move |reach| product(*reach, largest(group))))
            .collect()
    }

    fn read(&self, _: usize, element: usize, _: &[usize]) -> Vec<usize> {
        let first = element / self.energy.group * self.energy.group;
        (first..first + self.energy.group).collect()
    }
}
