//! The primitive operations, their shape rules and their bounds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::MAX_ELEMENTS;
use super::interval::Interval;
use super::linear::LinearMap;
use super::table::{RowTable, Table};

/// Index that a [`Op::Gather`] uses for a zero.
pub const ZERO: u32 = u32::MAX;

/// What an element of a mask can be.
const BIT: Interval = Interval { lo: 0, hi: 1 };

/// A primitive operation on flat row-major integer tensors.
///
/// Operations with a `shift` first divide by `2^shift`, rounding to nearest with ties upwards
/// ([`super::interval::round_shift`]); `q` below is that quotient. The check that comes with the operation is what proves the
/// quotient, so the two are never separate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// A model input; every element must lie in `range`.
    Input {
        /// Declared range.
        range: Interval,
    },
    /// Constant elements.
    Constant(Arc<[i64]>),
    /// A constant linear map.
    Linear(Arc<LinearMap>),
    /// Element `i` is element `index[i]` of the operands laid one after the other, or zero for [`ZERO`].
    Gather(Arc<[u32]>),
    /// `sum_j coefficients[j] * operand_j`, element by element.
    Sum(Arc<[i64]>),
    /// Element by element product of two operands.
    Product,
    /// Products of matrices: `[batch, m, k] x [batch, k, n] -> [batch, m, n]`.
    MatMul(MatMul),
    /// Rows of a constant table chosen by the operand: `[..] -> [.., width]`.
    RowGather(Arc<RowTable>),
    /// `q`, which must lie in `range`.
    Requantize {
        /// Bits dropped.
        shift: u32,
        /// Declared range.
        range: Interval,
    },
    /// `q * 2^leak.bits` for `q >= 0` and `q * slope` for `q < 0`; `|q| < 2^bits` must hold.
    Relu {
        /// Bits dropped.
        shift: u32,
        /// Width of `|q|`.
        bits: u32,
        /// Slope of the negative side.
        leak: Leak,
    },
    /// `table[q]`; `q` must be a key of the table.
    Table {
        /// Bits dropped.
        shift: u32,
        /// The function.
        table: Arc<Table>,
    },
    /// For consecutive groups of elements: `table[max(q) - q_i]`; each difference must be a key of the table and the maximum must
    /// lie in `range`. This is the exponential of a softmax; rows of a causal mask are groups of growing length.
    ///
    /// A second operand of zeros and ones hides the elements where it is 1: they count neither for the maximum nor for any check, and give 0. A group
    /// of hidden elements alone gives `table[0]` everywhere.
    TableBelowMax {
        /// Bits dropped.
        shift: u32,
        /// Group lengths, none zero.
        groups: Arc<[u32]>,
        /// Declared range of the maximum.
        range: Interval,
        /// The function of the distance to the maximum; its keys start at 0.
        table: Arc<Table>,
    },
    /// For groups of `group` consecutive elements: `max(q)`; differences inside a group must stay below `2^bits` and the maximum
    /// in `range`.
    Max {
        /// Bits dropped.
        shift: u32,
        /// Group length.
        group: usize,
        /// Width of the absolute difference of two elements of a group.
        bits: u32,
        /// Declared range of the maximum.
        range: Interval,
    },
    /// For groups of `group` consecutive elements: the index of the largest, the lowest on ties.
    ArgMax {
        /// Group length.
        group: usize,
    },
    /// `floor(2^bits / x)` for `x >= 1`.
    Reciprocal {
        /// Fractional bits of the numerator.
        bits: u32,
    },
    /// For groups of consecutive elements: each times `floor(sqrt(2^bits / e))`, where `e` is the group's [`Energy`].
    Normalize {
        /// The sum of squares.
        energy: Energy,
        /// Fractional bits of the root's numerator.
        bits: u32,
    },
}

/// The sum of the squares of a group of elements, divided by `2^shift`, rounded, plus `epsilon`; it must lie in `range`.
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
    /// The sum of the squares of one group. Exact as long as [`Op::Normalize`] accepts the operand's bounds.
    pub fn squares(group: &[i64]) -> i128 {
        group.iter().fold(0i128, |sum, x| sum.wrapping_add(i128::from(*x).wrapping_mul(i128::from(*x))))
    }

    /// The sum of squares divided by `2^shift` and rounded, at most 2^62, and what the rounding leaves.
    pub fn rounded(&self, squares: i128) -> (i64, i64) {
        let half = if self.shift == 0 { 0 } else { 1i128 << (self.shift - 1) };
        let shifted = squares.wrapping_add(half);
        ((shifted >> self.shift).clamp(0, 1 << 62) as i64, (shifted & ((1i128 << self.shift) - 1)) as i64)
    }

    /// Bounds of an element `|x| <= magnitude` of the group times its root: with `q = e - epsilon`, `x^2 < (q + 1/2) 2^shift` and `y^2 e <= 2^bits`,
    /// so `(x y)^2 < 3/2 2^(shift + bits)`.
    fn normalized(&self, magnitude: u64, bits: u32) -> Option<Interval> {
        let square = 3u128.checked_shl(self.shift + bits).filter(|_| self.shift + bits <= 122)? / 2;
        let by_root = i128::from(magnitude) * i128::from(rsqrt(self.range.lo, bits));
        let bound = (square.isqrt() as i128 + 1).min(by_root);
        Interval::new(-bound, bound)
    }
}

/// Dimensions of [`Op::MatMul`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatMul {
    /// Pairs of matrices.
    pub batch: usize,
    /// Rows of the left matrix.
    pub m: usize,
    /// Columns of the left and rows of the right matrix.
    pub k: usize,
    /// Columns of the right matrix.
    pub n: usize,
    /// What a causal mask leaves of it.
    pub causal: Causal,
}

/// The part of a matrix product that a causal mask leaves: row `i` sees nothing after position `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Causal {
    /// All of it.
    No,
    /// Cells `(i, l)` of the result with `l > i` are zero, whatever the operands hold; `m = n`.
    Result,
    /// Cells `(i, l)` of the left operand with `l > i` count as zero, whatever they hold; `m = k`.
    Left,
}

impl MatMul {
    /// A product without a mask.
    pub fn full(batch: usize, m: usize, k: usize, n: usize) -> MatMul {
        MatMul { batch, m, k, n, causal: Causal::No }
    }

    /// Elements of the left, the right and the result; `None` when a dimension is zero, a product overflows or a mask is not square.
    pub fn lengths(&self) -> Option<[usize; 3]> {
        let MatMul { batch, m, k, n, causal } = *self;
        match causal {
            Causal::Result if m != n => return None,
            Causal::Left if m != k => return None,
            _ => {}
        }
        let length = |a: usize, b: usize| batch.checked_mul(a)?.checked_mul(b).filter(|len| *len > 0);
        Some([length(m, k)?, length(k, n)?, length(m, n)?])
    }
}

/// Slopes of the negative side of a [`Op::Relu`], in units of `2^-bits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// One slope for all elements, or one per element.
    pub slopes: Arc<[i64]>,
    /// Fractional bits of the slopes.
    pub bits: u32,
}

impl Leak {
    /// The plain ReLU.
    pub fn none() -> Leak {
        Leak { slopes: [0].into(), bits: 0 }
    }

    /// Slope of element `i`.
    pub fn slope(&self, i: usize) -> i64 {
        self.slopes.get(i).or(self.slopes.first()).copied().unwrap_or(0)
    }
}

/// What an operation makes of its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Number of elements.
    pub len: usize,
    /// Bounds of every element.
    pub bounds: Interval,
}

impl Op {
    /// Length and bounds of the result, or what is wrong.
    pub fn infer(&self, operands: &[Outcome]) -> Result<Outcome, &'static str> {
        const OVERFLOW: &str = "values may pass 2^62; use fewer fractional bits";
        let arity = match self {
            Op::Input { .. } | Op::Constant(_) => Some(0),
            Op::Gather(_) | Op::TableBelowMax { .. } => None,
            Op::Sum(coefficients) => Some(coefficients.len()),
            Op::Product | Op::MatMul(_) => Some(2),
            _ => Some(1),
        };
        if arity.is_some_and(|n| n != operands.len()) {
            return Err("wrong number of operands");
        }
        let quotient = |shift: u32| {
            let x = operands.first().ok_or("no operand")?;
            if shift > 62 { Err("a shift above 62 bits") } else { Ok((x.len, x.bounds.round_shift(shift))) }
        };
        let declared = |range: &Interval| {
            range.declared().ok_or("a declared range that is empty, passes 2^62 or holds more than 2^62 values")
        };
        let tabulated =
            |table: &Table| table.is_consistent().then_some(()).ok_or("a table that is empty, too long or passes 2^62");
        let grouped = |len: usize, group: usize| {
            if group > 0 && len.is_multiple_of(group) { Ok(len / group) } else { Err("the group does not divide the operand") }
        };
        match self {
            Op::Input { .. } => Err("the length of an input is not inferred"),
            Op::Constant(values) => {
                let bounds = Interval::of(values).ok_or("an empty constant or one past 2^62")?;
                Ok(Outcome { len: values.len(), bounds })
            }
            Op::Linear(map) => {
                let x = operands.first().ok_or("no operand")?;
                let len = map.is_consistent().then(|| map.output_len(x.len)).flatten().ok_or("the map does not fit")?;
                Ok(Outcome { len, bounds: map.bounds(x.bounds).ok_or(OVERFLOW)? })
            }
            Op::Gather(index) => {
                // One tensor may be listed many times.
                let total = operands.iter().try_fold(0usize, |sum, o| sum.checked_add(o.len));
                let total = total.filter(|total| *total <= MAX_ELEMENTS).ok_or("the operands have more than 2^28 elements")?;
                if index.is_empty() || index.iter().any(|i| *i != ZERO && *i as usize >= total) {
                    return Err("an index points outside the operands");
                }
                let zero = index.contains(&ZERO).then_some(Interval { lo: 0, hi: 0 });
                let bounds = operands.iter().map(|o| o.bounds).chain(zero).reduce(|a, b| a.hull(b));
                Ok(Outcome { len: index.len(), bounds: bounds.ok_or("no operand")? })
            }
            Op::Sum(coefficients) => {
                let len = operands.first().ok_or("no operand")?.len;
                if operands.iter().any(|o| o.len != len) {
                    return Err("operands of different lengths");
                }
                let zero = Interval { lo: 0, hi: 0 };
                let bounds = operands
                    .iter()
                    .zip(coefficients.iter())
                    .try_fold(zero, |sum, (o, c)| sum.add(o.bounds.scale(*c)?))
                    .ok_or(OVERFLOW)?;
                Ok(Outcome { len, bounds })
            }
            Op::Product => match operands {
                [a, b] if a.len == b.len => Ok(Outcome { len: a.len, bounds: a.bounds.product(b.bounds).ok_or(OVERFLOW)? }),
                _ => Err("operands of different lengths"),
            },
            Op::MatMul(dims) => {
                let [left, right, len] = dims.lengths().ok_or("a dimension is zero or too large, or a mask is not square")?;
                match operands {
                    [a, b] if a.len == left && b.len == right => {
                        let terms = i64::try_from(dims.k).map_err(|_| OVERFLOW)?;
                        let sum = a.bounds.product(b.bounds).and_then(|p| p.scale(terms)).ok_or(OVERFLOW)?;
                        // Sums of fewer terms and the zeros of a mask lie between zero and the bounds of the full sum.
                        let zero = Interval { lo: 0, hi: 0 };
                        let bounds = if dims.causal == Causal::No { sum } else { sum.hull(zero) };
                        Ok(Outcome { len, bounds })
                    }
                    _ => Err("operands do not match the dimensions"),
                }
            }
            Op::RowGather(table) => {
                let ids = operands.first().ok_or("no operand")?;
                let rows = Interval { lo: 0, hi: table.rows() as i64 - 1 };
                if !rows.covers(ids.bounds) {
                    return Err("an id may lie outside the table");
                }
                let len = ids.len.checked_mul(table.width()).ok_or("too many elements")?;
                Ok(Outcome { len, bounds: table.bounds().ok_or("an empty table")? })
            }
            Op::Requantize { shift, range } => {
                let (len, q) = quotient(*shift)?;
                declared(range)?;
                let bounds = Interval { lo: q.lo.max(range.lo), hi: q.hi.min(range.hi) };
                if bounds.lo > bounds.hi {
                    return Err("the declared range excludes every possible value");
                }
                Ok(Outcome { len, bounds })
            }
            Op::Relu { shift, bits, leak } => {
                let (len, q) = quotient(*shift)?;
                if *bits == 0 || *bits > 40 || leak.bits > 16 {
                    return Err("a ReLU wider than 40 bits or with slopes finer than 16 bits");
                }
                if leak.slopes.len() != 1 && leak.slopes.len() != len {
                    return Err("slopes do not match the operand");
                }
                let edge = (1i64 << bits) - 1;
                let q = Interval { lo: q.lo.max(-edge), hi: q.hi.min(edge) };
                if q.lo > q.hi {
                    return Err("the declared width excludes every possible value");
                }
                let positive = Interval { lo: q.lo.max(0), hi: q.hi.max(0) };
                let negative = Interval { lo: q.lo.min(0), hi: q.hi.min(0) };
                let slopes = Interval::of(&leak.slopes).ok_or("no slopes")?;
                let bounds =
                    positive.scale(1 << leak.bits).and_then(|p| Some(p.hull(negative.product(slopes)?))).ok_or(OVERFLOW)?;
                Ok(Outcome { len, bounds })
            }
            Op::Table { shift, table } => {
                let (len, q) = quotient(*shift)?;
                tabulated(table)?;
                let bounds = table.bounds_over(q).ok_or("the table covers no possible value")?;
                Ok(Outcome { len, bounds })
            }
            Op::TableBelowMax { shift, groups, range, table } => {
                let (len, _) = quotient(*shift)?;
                declared(range)?;
                tabulated(table)?;
                let total = groups.iter().try_fold(0usize, |sum, n| sum.checked_add(*n as usize).filter(|_| *n > 0));
                if total != Some(len) {
                    return Err("the groups do not cover the operand");
                }
                if table.first_key() != 0 {
                    return Err("a table of distances starts at 0");
                }
                let bounds = table.bounds_over(table.keys()).ok_or("an empty table")?;
                match operands {
                    [_] => Ok(Outcome { len, bounds }),
                    [_, hidden] if hidden.len != len => Err("a mask of another length"),
                    [_, hidden] if !BIT.covers(hidden.bounds) => Err("a mask that is not proven to be zeros and ones"),
                    [_, _] => Ok(Outcome { len, bounds: bounds.hull(Interval { lo: 0, hi: 0 }) }),
                    _ => Err("wrong number of operands"),
                }
            }
            Op::Max { shift, group, bits, range } => {
                let (len, q) = quotient(*shift)?;
                declared(range)?;
                if *bits == 0 || *bits > 40 {
                    return Err("differences wider than 40 bits");
                }
                let bounds = Interval { lo: q.lo.max(range.lo), hi: q.hi.min(range.hi) };
                if bounds.lo > bounds.hi {
                    return Err("the declared range excludes every possible value");
                }
                Ok(Outcome { len: grouped(len, *group)?, bounds })
            }
            Op::ArgMax { group } => {
                let (len, x) = quotient(0)?;
                let len = grouped(len, *group)?;
                // Elements are ordered with their places behind them.
                let places = group.checked_next_power_of_two().map_or(64, usize::trailing_zeros);
                if u64::BITS - x.size().leading_zeros() + places > 60 {
                    return Err("values and places in the group take more than 60 bits together; use fewer fractional bits");
                }
                Ok(Outcome { len, bounds: Interval { lo: 0, hi: *group as i64 - 1 } })
            }
            Op::Reciprocal { bits } => {
                let x = operands.first().ok_or("no operand")?;
                if x.bounds.lo < 1 {
                    return Err("the divisor is not proven positive");
                }
                if *bits > 61 {
                    return Err("a numerator above 2^61");
                }
                let numerator = 1i64 << bits;
                Ok(Outcome { len: x.len, bounds: Interval { lo: numerator / x.bounds.hi, hi: numerator / x.bounds.lo } })
            }
            Op::Normalize { energy, bits } => {
                let x = operands.first().ok_or("no operand")?;
                grouped(x.len, energy.group)?;
                let magnitude = x.bounds.magnitude();
                let squares = (u128::from(magnitude) * u128::from(magnitude)).checked_mul(energy.group as u128);
                if squares.is_none_or(|squares| squares >= 1 << 125) {
                    return Err("a sum of squares above 2^125");
                }
                let range = declared(&energy.range)?;
                if energy.shift > 62 || energy.epsilon < 0 || energy.epsilon >= 1 << 61 || range.lo < 1 {
                    return Err("a shift above 62 bits, a negative epsilon, or an energy that is not positive");
                }
                if *bits > 60 || range.hi >= 1 << bits {
                    return Err("a numerator above 2^60 or below the energy");
                }
                Ok(Outcome { len: x.len, bounds: energy.normalized(magnitude, *bits).ok_or(OVERFLOW)? })
            }
        }
    }

    /// The operation's name, as reports print it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input { .. } => "input",
            Op::Constant(_) => "constant",
            Op::Linear(map) => match **map {
                LinearMap::Dense { .. } => "dense",
                LinearMap::Conv(_) => "conv",
                LinearMap::Diagonal(_) => "scale",
            },
            Op::Gather(_) => "gather",
            Op::Sum(_) => "sum",
            Op::Product => "product",
            Op::Requantize { .. } => "requantize",
            Op::Relu { .. } => "relu",
            Op::Table { .. } => "table",
            Op::TableBelowMax { .. } => "table below max",
            Op::Max { .. } => "max",
            Op::ArgMax { .. } => "argmax",
            Op::Reciprocal { .. } => "reciprocal",
            Op::Normalize { .. } => "normalize",
            Op::MatMul(_) => "matmul",
            Op::RowGather(_) => "row gather",
        }
    }
}

/// `floor(sqrt(2^bits / x))` for `x >= 1`: the largest `y` with `y^2 x <= 2^bits`.
pub fn rsqrt(x: i64, bits: u32) -> i64 {
    ((1i64 << bits) / x.max(1)).isqrt()
}
