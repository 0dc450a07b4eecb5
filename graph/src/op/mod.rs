//! The primitive operations, a file each: name, length and bounds of the result, evaluation, cost,
//! and what each element depends on.

mod argmax;
mod below_max;
mod constant;
pub(crate) mod cost;
mod gather;
mod input;
mod linear;
mod matmul;
mod max;
mod normalize;
mod product;
mod quotient;
pub(crate) mod reach;
mod reciprocal;
mod relu;
mod rescale;
mod row_gather;
mod sum;
mod table;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::linear::LinearMap;
use crate::table::{RowTable, Table};
use cost::{Cost, Lengths};
use reach::Reach;

pub use below_max::below_max;
pub(crate) use gather::Gather;
pub use gather::ZERO;
pub use matmul::{Causal, MatMul, matmul};
pub use normalize::{Energy, rsqrt};
pub(crate) use quotient::Outside;
pub use quotient::split;
pub use relu::{Leak, relu};

/// Why an operation does not fit its operands.
pub type Refusal = &'static str;

/// A primitive operation on flat row-major integer tensors.
///
/// Operations with a `shift` first divide by `2^shift`, rounding to nearest with ties upwards
/// ([`round_shift`](crate::interval::round_shift)); `q` below is that quotient. The check that
/// comes with the operation is what proves the quotient, so the two are never separate.
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
    /// Element `i` is element `index[i]` of the operands laid one after the other, or zero for
    /// [`ZERO`].
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
    Rescale {
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
    /// For consecutive groups of elements: `table[max(q) - q_i]`; each difference must be a key of
    /// the table and the maximum must lie in `range`. This is the exponential of a softmax; rows of
    /// a causal mask are groups of growing length.
    ///
    /// A second operand of zeros and ones hides the elements where it is 1: they count neither for
    /// the maximum nor for any check, and give 0. A group of hidden elements alone gives `table[0]`
    /// everywhere.
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
    /// For groups of `group` consecutive elements: `max(q)`; differences inside a group must stay
    /// below `2^bits` and the maximum in `range`.
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
    /// For groups of consecutive elements: each times `floor(sqrt(2^bits / e))`, where `e` is the
    /// group's [`Energy`].
    Normalize {
        /// The sum of squares.
        energy: Energy,
        /// Fractional bits of the root's numerator.
        bits: u32,
    },
}

/// What an operation makes of its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Number of elements.
    pub len: usize,
    /// Bounds of every element.
    pub bounds: Interval,
}

/// What is known of an operation. Nothing has a default: whoever adds one is asked for all of it.
pub(crate) trait Operation {
    /// The name, as reports print it.
    fn name(&self) -> &'static str;

    /// Length and bounds of the result, or what is wrong.
    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal>;

    /// The result, of `len` elements, of operands that [`Operation::outcome`] accepts: the
    /// definition of what the operation means.
    fn evaluate(&self, len: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside>;

    /// Lookups, padded rows and rows of tables, at most, and multiplications.
    fn cost(&self, lengths: Lengths) -> Cost;

    /// The reach of each of the `len` elements of the result.
    fn reach(&self, len: usize, operands: &[&[Reach]]) -> Vec<Reach>;

    /// Elements of operand `operand` that an element of the result may depend on; `lengths` are
    /// those of the operands.
    fn read(&self, operand: usize, element: usize, lengths: &[usize]) -> Vec<usize>;
}

impl Op {
    /// Length and bounds of the result, or what is wrong.
    pub fn infer(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        self.operation().outcome(operands)
    }

    /// The operation's name, as reports print it.
    pub fn name(&self) -> &'static str {
        self.operation().name()
    }

    /// What is known of it.
    pub(crate) fn operation(&self) -> Box<dyn Operation + '_> {
        match self {
            Op::Input { range } => Box::new(input::Input { range: *range }),
            Op::Constant(values) => Box::new(constant::Constant(values)),
            Op::Linear(map) => Box::new(linear::Linear(map)),
            Op::Gather(index) => Box::new(Gather(index)),
            Op::Sum(coefficients) => Box::new(sum::Sum(coefficients)),
            Op::Product => Box::new(product::Product),
            Op::MatMul(dims) => Box::new(*dims),
            Op::RowGather(table) => Box::new(row_gather::RowGather(table)),
            Op::Rescale { shift, range } => {
                Box::new(rescale::Rescale { shift: *shift, range: *range })
            }
            Op::Relu { shift, bits, leak } => {
                Box::new(relu::Relu { shift: *shift, bits: *bits, leak })
            }
            Op::Table { shift, table } => Box::new(table::Tabulated { shift: *shift, table }),
            Op::TableBelowMax { shift, groups, range, table } => {
                Box::new(below_max::TableBelowMax { shift: *shift, groups, range: *range, table })
            }
            Op::Max { shift, group, bits, range } => {
                Box::new(max::Max { shift: *shift, group: *group, bits: *bits, range: *range })
            }
            Op::ArgMax { group } => Box::new(argmax::ArgMax { group: *group }),
            Op::Reciprocal { bits } => Box::new(reciprocal::Reciprocal { bits: *bits }),
            Op::Normalize { energy, bits } => {
                Box::new(normalize::Normalize { energy, bits: *bits })
            }
        }
    }
}
