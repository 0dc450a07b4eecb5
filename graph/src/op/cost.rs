//! What an operation costs to run and to lower, from above.

use crate::interval::Interval;

/// Bits of a lookup in the narrowest table there is.
const NARROWEST: u64 = 4;

/// Lengths of a result and of the operands.
#[derive(Clone, Copy, Debug)]
pub struct Lengths<'a> {
    /// Elements of the result.
    pub result: u64,
    /// Elements of each operand.
    pub operands: &'a [u64],
}

impl Lengths<'_> {
    /// Elements of the first operand.
    pub fn first(&self) -> u64 {
        self.operands.first().copied().unwrap_or(0)
    }
}

/// What an operation takes besides its operands and its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Lookups, padded rows and rows of tables.
    pub cells: u64,
    /// Multiplications of weights and of matrices.
    pub multiplications: u64,
}

impl Cost {
    /// Nothing.
    pub const FREE: Cost = Cost { cells: 0, multiplications: 0 };

    /// So many cells.
    pub fn cells(parts: &[u64]) -> Cost {
        Cost {
            cells: parts.iter().fold(0, |sum, part| sum.saturating_add(*part)),
            multiplications: 0,
        }
    }
}

/// Lookups of `count` values of `bits` bits.
pub fn limbs(count: u64, bits: u32) -> u64 {
    count.saturating_mul(u64::from(bits).div_ceil(NARROWEST))
}

/// Bits of the values of a range, counted from its low end.
pub fn width(range: Interval) -> u32 {
    u64::BITS - range.size().saturating_sub(1).leading_zeros()
}
