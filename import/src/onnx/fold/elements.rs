//! Elements of constants, whatever their type.
//!
//! Floats are computed in double precision and rounded to their type once per operator. For sums,
//! products, quotients and square roots of `float` that gives the bits of single precision
//! (Figueroa, "When is double rounding innocuous?", 1995); for other functions it is the value
//! closest to the exact one. Integers are computed in 128 bits and wrap to their width.

use ndarray::{ArcArray, ArrayViewD, IxDyn};

use super::super::tensor::Kind;

/// The values that `$result` makes of the array of `$values`, whatever its elements are.
macro_rules! each {
    ($values:expr, $array:ident => $result:expr) => {
        match $values {
            Values::F32($array) => Values::F32($result),
            Values::F64($array) => Values::F64($result),
            Values::I64($array) => Values::I64($result),
        }
    };
}
pub(super) use each;

/// The array in row-major order; shared where it is already.
pub(super) fn packed<T: Clone>(array: &ArcArray<T, IxDyn>) -> ArcArray<T, IxDyn> {
    if array.is_standard_layout() { array.clone() } else { copied(array.view()) }
}

/// A copy in row-major order.
pub(super) fn copied<T: Clone>(view: ArrayViewD<'_, T>) -> ArcArray<T, IxDyn> {
    view.as_standard_layout().into_owned().into_shared()
}

/// A float.
pub(super) trait Real: Copy {
    /// As a double, exactly.
    fn wide(self) -> f64;
    /// The value next to a double.
    fn narrow(value: f64) -> Self;
}

impl Real for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn narrow(value: f64) -> f32 {
        value as f32
    }
}

impl Real for f64 {
    fn wide(self) -> f64 {
        self
    }
    fn narrow(value: f64) -> f64 {
        value
    }
}

/// A double rounded to a kind of floats.
pub(super) fn rounded(kind: Kind, value: f64) -> f64 {
    if kind == Kind::F64 { value } else { f64::from(kind.round(value as f32)) }
}

/// The smallest and the largest integer of a kind.
pub(super) fn range(kind: Kind) -> (i128, i128) {
    match kind {
        Kind::Bool => (0, 1),
        Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => (0, (1 << (8 * kind.width())) - 1),
        _ => (-(1 << (8 * kind.width() - 1)), (1 << (8 * kind.width() - 1)) - 1),
    }
}

/// An integer wrapped to a kind; `uint64` beyond what a constant holds is refused.
pub(super) fn wrapped(kind: Kind, value: i128) -> Result<i64, &'static str> {
    match kind {
        Kind::U64 => i64::try_from(value.rem_euclid(1 << 64))
            .map_err(|_| "a uint64 beyond 2^63 is not supported"),
        // The low bits.
        _ => Ok(kind.wrap(value as i64)),
    }
}
