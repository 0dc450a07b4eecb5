//! Closed integer intervals with checked arithmetic: the bounds that every tensor of a graph
//! carries.

use serde::{Deserialize, Serialize};

/// Bounds stay below `±2^62`, so that sums and differences of two bounded values fit an `i64`.
pub const LIMIT: i128 = (1 << 62) - 1;

/// Most integers of a declared range: what a range check proves.
pub const MAX_DECLARED: u64 = 1 << 62;

/// The integers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Smallest value.
    pub low: i64,
    /// Largest value.
    pub high: i64,
}

impl Interval {
    /// `[low, high]`, or `None` when it is empty or passes [`LIMIT`].
    pub fn new(low: i128, high: i128) -> Option<Interval> {
        if low > high || low < -LIMIT || high > LIMIT {
            return None;
        }
        Some(Interval { low: low as i64, high: high as i64 })
    }

    /// The single value `x`.
    pub fn point(x: i64) -> Option<Interval> {
        Interval::new(x.into(), x.into())
    }

    /// The smallest interval that holds every value, or `None` for no values.
    pub fn of(values: &[i64]) -> Option<Interval> {
        let low = values.iter().min()?;
        let high = values.iter().max()?;
        Interval::new((*low).into(), (*high).into())
    }

    /// Whether `x` lies inside.
    pub fn contains(&self, x: i64) -> bool {
        self.low <= x && x <= self.high
    }

    /// Whether `other` lies inside.
    pub fn covers(&self, other: Interval) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    /// The interval as a declared range: not empty, within [`LIMIT`], of at most [`MAX_DECLARED`]
    /// integers.
    pub fn declared(self) -> Option<Interval> {
        Interval::new(self.low.into(), self.high.into())
            .filter(|range| range.size() <= MAX_DECLARED)
    }

    /// Number of integers inside.
    pub fn size(&self) -> u64 {
        self.high.abs_diff(self.low) + 1
    }

    /// Largest absolute value inside.
    pub fn magnitude(&self) -> u64 {
        self.low.unsigned_abs().max(self.high.unsigned_abs())
    }

    /// The smallest interval around both.
    pub fn hull(&self, other: Interval) -> Interval {
        Interval { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Bounds of `x + y`.
    pub fn add(&self, other: Interval) -> Option<Interval> {
        Interval::new(self.low as i128 + other.low as i128, self.high as i128 + other.high as i128)
    }

    /// Bounds of `factor * x`.
    pub fn scale(&self, factor: i64) -> Option<Interval> {
        let (a, b) = (self.low as i128 * factor as i128, self.high as i128 * factor as i128);
        Interval::new(a.min(b), a.max(b))
    }

    /// Bounds of `x * y`.
    pub fn product(&self, other: Interval) -> Option<Interval> {
        let corners = [
            self.low as i128 * other.low as i128,
            self.low as i128 * other.high as i128,
            self.high as i128 * other.low as i128,
            self.high as i128 * other.high as i128,
        ];
        Interval::new(*corners.iter().min()?, *corners.iter().max()?)
    }

    /// Bounds of `positive * x + negative * y` over independent `x`, `y` inside, where
    /// `positive >= 0` is the sum of the positive weights of a linear form and `negative <= 0` that
    /// of its negative ones.
    pub fn weighted(&self, positive: i128, negative: i128) -> Option<Interval> {
        Interval::new(
            positive
                .checked_mul(self.low.into())?
                .checked_add(negative.checked_mul(self.high.into())?)?,
            positive
                .checked_mul(self.high.into())?
                .checked_add(negative.checked_mul(self.low.into())?)?,
        )
    }

    /// Bounds of [`round_shift`]`(x, shift)`.
    pub fn round_shift(&self, shift: u32) -> Interval {
        Interval { low: round_shift(self.low, shift), high: round_shift(self.high, shift) }
    }
}

/// `floor((x + 2^(shift-1)) / 2^shift)`: division by a power of two, rounded to nearest, ties
/// upwards. `shift = 0` is the identity.
pub fn round_shift(x: i64, shift: u32) -> i64 {
    if shift == 0 { x } else { ((x as i128 + (1i128 << (shift - 1))) >> shift) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_to_nearest_with_ties_upwards() {
        let cases = [(-5, -1), (-6, -1), (-7, -2), (5, 1), (6, 2), (7, 2), (2, 1), (-2, 0), (0, 0)];
        for (x, expected) in cases {
            assert_eq!(round_shift(x, 2), expected, "{x} / 4");
        }
        assert_eq!(round_shift(-9, 0), -9);
        assert_eq!(round_shift(i64::MAX, 62), 2);
    }

    #[test]
    fn arithmetic_is_exact_at_the_corners_and_refuses_the_limit() {
        let a = Interval { low: -3, high: 2 };
        let b = Interval { low: -5, high: 7 };
        assert_eq!(a.product(b), Some(Interval { low: -21, high: 15 }));
        assert_eq!(a.scale(-2), Some(Interval { low: -4, high: 6 }));
        assert_eq!(a.weighted(3, -1), Some(Interval { low: -11, high: 9 }));
        assert_eq!(a.size(), 6);
        let huge = Interval { low: 0, high: LIMIT as i64 };
        assert_eq!(huge.add(Interval { low: 0, high: 1 }), None);
        assert_eq!(huge.product(huge), None);
    }
}
