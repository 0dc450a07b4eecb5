//! Reductions along axes.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::arithmetic::{maximum, minimum};
use super::call::Call;
use super::elements::{range, wrapped};
use super::lanes::Lanes;

pub(super) const OPERATORS: &[Operator] = &[
    ("ReduceSum", 1, One(|call| reduce(call, 13, SUM))),
    (
        "ReduceMean",
        1,
        One(|call| reduce(call, 18, (|row| row.iter().sum::<f64>() / row.len() as f64, mean))),
    ),
    ("ReduceProd", 1, One(|call| reduce(call, 18, (|row| row.iter().product(), product)))),
    (
        "ReduceMax",
        1,
        One(|call| {
            order(call, 18, (|row| row.iter().copied().fold(f64::NEG_INFINITY, maximum), largest))
        }),
    ),
    (
        "ReduceMin",
        1,
        One(|call| {
            order(call, 18, (|row| row.iter().copied().fold(f64::INFINITY, minimum), smallest))
        }),
    ),
    (
        "ReduceSumSquare",
        1,
        One(|call| reduce(call, 18, (squares, |kind, row| total(kind, row, |x| x * x)))),
    ),
    (
        "ReduceL1",
        1,
        One(|call| {
            reduce(
                call,
                18,
                (|row| row.iter().map(|x| x.abs()).sum(), |kind, row| total(kind, row, i128::abs)),
            )
        }),
    ),
    ("ReduceL2", 1, One(|call| reduce(call, 18, (|row| squares(row).sqrt(), |_, _| Err(FLOATS))))),
    (
        "ReduceLogSum",
        1,
        One(|call| reduce(call, 18, (|row| libm::log(row.iter().sum()), |_, _| Err(FLOATS)))),
    ),
    ("ReduceLogSumExp", 1, One(|call| reduce(call, 18, (log_sum_exp, |_, _| Err(FLOATS))))),
];

/// The result of a row of floats, and of integers of a kind.
type Rule = (fn(&[f64]) -> f64, fn(Kind, &[i64]) -> Result<i64, &'static str>);

const SUM: Rule = (|row| row.iter().sum(), |kind, row| total(kind, row, |x| x));
const FLOATS: &str = "only defined on floats";

fn squares(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum()
}

/// The sum of `f` of each element, wrapped.
fn total(kind: Kind, row: &[i64], f: fn(i128) -> i128) -> Result<i64, &'static str> {
    // No more than 64 bits are ever kept, so that nothing overflows.
    wrapped(kind, row.iter().fold(0, |sum, &x| i128::from((sum + f(x.into())) as u64)))
}

fn product(kind: Kind, row: &[i64]) -> Result<i64, &'static str> {
    wrapped(kind, row.iter().fold(1, |product, &x| i128::from((product * i128::from(x)) as u64)))
}

/// The wrapped sum over the number of elements, cut off towards zero.
fn mean(kind: Kind, row: &[i64]) -> Result<i64, &'static str> {
    total(kind, row, |x| x)?.checked_div(row.len() as i64).ok_or("the mean of no integers")
}

fn largest(kind: Kind, row: &[i64]) -> Result<i64, &'static str> {
    row.iter()
        .copied()
        .max()
        .map_or_else(|| i64::try_from(range(kind).0).map_err(|_| "the largest of no elements"), Ok)
}

fn smallest(kind: Kind, row: &[i64]) -> Result<i64, &'static str> {
    row.iter()
        .copied()
        .min()
        .map_or_else(|| i64::try_from(range(kind).1).map_err(|_| "the smallest of no elements"), Ok)
}

/// The logarithm of the sum of exponentials, without their overflow.
pub(super) fn log_sum_exp(row: &[f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, maximum);
    if !largest.is_finite() {
        return largest;
    }
    largest + libm::log(row.iter().map(|x| libm::exp(x - largest)).sum())
}

/// From opset 20 on truth values have an order, too.
fn order(call: &mut Call<'_>, opset: i64, rule: Rule) -> Result<Tensor, Problem> {
    let kind = call.input(0)?.kind;
    if kind == Kind::Bool && call.opset() < 20 {
        Err(call.not_on(kind))
    } else {
        along_axes(call, opset, rule)
    }
}

fn reduce(call: &mut Call<'_>, opset: i64, rule: Rule) -> Result<Tensor, Problem> {
    let kind = call.input(0)?.kind;
    if kind == Kind::Bool { Err(call.not_on(kind)) } else { along_axes(call, opset, rule) }
}

/// The axes are an attribute until `opset` and an input from there on; none given means all of
/// them, unless `noop_with_empty_axes` says that it means none.
fn along_axes(call: &mut Call<'_>, opset: i64, (float, integer): Rule) -> Result<Tensor, Problem> {
    let axes = call.axes_until(opset)?.unwrap_or_default();
    let keeps = call.attributes().flag("keepdims")?.unwrap_or(true);
    let means_none =
        call.opset() >= opset && call.attributes().flag("noop_with_empty_axes")?.unwrap_or(false);
    let x = call.input(0)?;
    let rank = x.shape().len();
    let axes =
        if axes.is_empty() && !means_none { (0..rank).collect() } else { call.axes(&axes, rank)? };
    let shape = reduced(x.shape(), &axes, keeps);
    call.work(&[x.len()])?;
    call.allot(&shape)?;
    let values = if let Values::I64(array) = &x.values {
        let lanes = Lanes::of(array.view(), &axes);
        let results: Result<Vec<i64>, &str> =
            lanes.rows().map(|row| integer(x.kind, row)).collect();
        Values::I64(call.array(&shape, results.map_err(|problem| call.problem(problem))?)?)
    } else {
        let lanes = Lanes::of(x.as_doubles().view(), &axes);
        Values::F64(call.array(&shape, lanes.rows().map(float).collect())?)
    };
    Ok(Tensor::new(x.kind, values))
}

/// `shape` without `axes`, or with extent 1 in their place.
pub(super) fn reduced(shape: &[usize], axes: &[usize], keeps: bool) -> Vec<usize> {
    let extents = shape.iter().enumerate().map(|(axis, &extent)| {
        if axes.contains(&axis) { keeps.then_some(1) } else { Some(extent) }
    });
    extents.flatten().collect()
}
