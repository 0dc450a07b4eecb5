//! What depends on the order of elements: the largest, their positions, running totals.

use std::cmp::Ordering;

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::{Many, One};
use super::Operator;
use super::call::Call;
use super::elements::{rounded, wrapped};
use super::lanes::Lanes;
use super::reduce::reduced;

pub(super) const OPERATORS: &[Operator] = &[
    ("ArgMax", 1, One(|call| extreme(call, Ordering::Greater))),
    ("ArgMin", 1, One(|call| extreme(call, Ordering::Less))),
    ("TopK", 1, Many(top)),
    ("CumSum", 11, One(running_sum)),
    ("NonZero", 9, One(non_zero)),
];

impl Call<'_> {
    /// The numbers of `x` in a form that has an order.
    fn comparable(&self, x: &Tensor) -> Result<(), Problem> {
        let has_nan = match &x.values {
            Values::F32(array) => array.iter().any(|x| x.is_nan()),
            Values::F64(array) => array.iter().any(|x| x.is_nan()),
            Values::I64(_) => false,
        };
        match x.kind {
            Kind::Bool => Err(self.not_on(x.kind)),
            _ if has_nan => {
                Err(self.problem("an element that is not a number has no place in the order"))
            }
            _ => Ok(()),
        }
    }
}

/// The position of the first element, or of the last, that no other one exceeds in the direction of
/// `wanted`.
fn extreme(call: &mut Call<'_>, wanted: Ordering) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let keeps = call.attributes().flag("keepdims")?.unwrap_or(true);
    let takes_last =
        call.opset() >= 12 && call.attributes().flag("select_last_index")?.unwrap_or(false);
    let x = call.input(0)?;
    let axis = call.axis_or(0, x.shape().len())?;
    call.comparable(x)?;
    let shape = reduced(x.shape(), &[axis], keeps);
    call.work(&[x.len()])?;
    let rows = call.allot(&shape)?;
    if x.shape()[axis] == 0 && rows > 0 {
        return Err(call.problem("an axis without elements has no largest one"));
    }
    let beats = |order: Option<Ordering>| {
        order == Some(wanted) || takes_last && order == Some(Ordering::Equal)
    };
    let positions = if let Values::I64(array) = &x.values {
        Lanes::of(array.view(), &[axis])
            .rows()
            .map(|row| best(row, |a, b| beats(a.partial_cmp(b))))
            .collect()
    } else {
        Lanes::of(x.as_doubles().view(), &[axis])
            .rows()
            .map(|row| best(row, |a, b| beats(a.partial_cmp(b))))
            .collect()
    };
    call.integers(Kind::I64, &shape, positions)
}

fn best<T>(row: &[T], beats: impl Fn(&T, &T) -> bool) -> i64 {
    (1..row.len()).fold(0, |best, at| if beats(&row[at], &row[best]) { at } else { best }) as i64
}

/// The `k` largest or smallest elements in order, the first of equal ones first, and their
/// positions.
fn top(call: &mut Call<'_>) -> Result<Vec<Tensor>, Problem> {
    let count = if call.opset() < 10 {
        call.arity(1, 1)?;
        call.attributes().int("k")?.ok_or_else(|| call.problem("k is missing"))?
    } else {
        call.arity(2, 2)?;
        call.int(1, "k")?
    };
    let from_11 = call.opset() >= 11;
    let takes_largest = !from_11 || call.attributes().flag("largest")?.unwrap_or(true);
    if from_11 {
        // Without an order asked for, any is right.
        call.attributes().flag("sorted")?;
    }
    let x = call.input(0)?;
    let axis = call.axis_or(-1, x.shape().len())?;
    let count = usize::try_from(count).ok().filter(|&count| count <= x.shape()[axis]);
    let count = count.ok_or_else(|| {
        call.problem(format!("k is outside of the axis of extent {}", x.shape()[axis]))
    })?;
    call.comparable(x)?;
    let mut shape = x.shape().to_vec();
    shape[axis] = count;
    call.allot(&shape)?;
    call.allot(&shape)?;
    call.work(&[x.len(), 1 + x.shape()[axis].checked_ilog2().unwrap_or(0) as usize])?;
    let sorted = |order: Option<Ordering>| {
        let order = order.unwrap_or(Ordering::Equal);
        if takes_largest { order.reverse() } else { order }
    };
    let (values, positions) = if let Values::I64(array) = &x.values {
        let pairs = call.along(array.view(), axis, count, |row| {
            Ok(first(row, count, |a, b| sorted(a.partial_cmp(b))))
        })?;
        (Values::I64(pairs.mapv(|(value, _)| value).into_shared()), pairs.mapv(|(_, at)| at))
    } else {
        let doubles = x.as_doubles();
        let pairs = call.along(doubles.view(), axis, count, |row| {
            Ok(first(row, count, |a, b| sorted(a.partial_cmp(b))))
        })?;
        (Values::F64(pairs.mapv(|(value, _)| value).into_shared()), pairs.mapv(|(_, at)| at))
    };
    Ok(vec![
        Tensor::new(x.kind, values),
        Tensor::new(Kind::I64, Values::I64(positions.into_shared())),
    ])
}

/// The first `count` elements of the sorted row, and where they stood.
fn first<T: Copy>(row: &[T], count: usize, order: impl Fn(&T, &T) -> Ordering) -> Vec<(T, i64)> {
    let mut pairs: Vec<(T, i64)> = row.iter().copied().zip(0..).collect();
    pairs.sort_by(|(a, _), (b, _)| order(a, b));
    pairs.truncate(count);
    pairs
}

/// Floats are rounded after every step.
fn running_sum(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let is_exclusive = call.attributes().flag("exclusive")?.unwrap_or(false);
    let is_reverse = call.attributes().flag("reverse")?.unwrap_or(false);
    let x = call.input(0)?;
    let axis = call.axis(call.int(1, "axis")?, x.shape().len())?;
    let kind = x.kind;
    if kind == Kind::Bool {
        return Err(call.not_on(kind));
    }
    if let Values::I64(array) = &x.values {
        call.allot(x.shape())?;
        let add = |sum: i64, x: i64| wrapped(kind, i128::from(sum) + i128::from(x));
        let sums = call.along(array.view(), axis, x.shape()[axis], |row| {
            running(row, 0, is_exclusive, is_reverse, add)
        })?;
        return Ok(Tensor::new(kind, Values::I64(sums)));
    }
    let add = |sum: f64, x: f64| Ok(rounded(kind, sum + x));
    call.float_rows(x, axis, |row| running(row, 0.0, is_exclusive, is_reverse, add))
}

/// At each position, the sum of what stands before it and, unless `is_exclusive`, of what stands
/// there.
fn running<T: Copy>(
    row: &[T],
    zero: T,
    is_exclusive: bool,
    is_reverse: bool,
    add: impl Fn(T, T) -> Result<T, &'static str>,
) -> Result<Vec<T>, &'static str> {
    let mut sums = vec![zero; row.len()];
    let mut sum = zero;
    for step in 0..row.len() {
        let at = if is_reverse { row.len() - 1 - step } else { step };
        let next = add(sum, row[at])?;
        sums[at] = if is_exclusive { sum } else { next };
        sum = next;
    }
    Ok(sums)
}

/// The coordinates of elements that are not zero, one row for each axis.
fn non_zero(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    call.work(&[x.len()])?;
    let places: Vec<usize> = match &x.values {
        Values::F32(array) => {
            array.iter().enumerate().filter(|(_, x)| **x != 0.0).map(|(at, _)| at).collect()
        }
        Values::F64(array) => {
            array.iter().enumerate().filter(|(_, x)| **x != 0.0).map(|(at, _)| at).collect()
        }
        Values::I64(array) => {
            array.iter().enumerate().filter(|(_, x)| **x != 0).map(|(at, _)| at).collect()
        }
    };
    let shape = [x.shape().len(), places.len()];
    call.allot(&shape)?;
    let strides = super::gather::strides(x.shape());
    let rows = strides.iter().zip(x.shape());
    let coordinates = rows
        .flat_map(|(stride, extent)| places.iter().map(move |at| (at / stride % extent) as i64));
    call.integers(Kind::I64, &shape, coordinates.collect())
}
