//! Parts of a constant, and constants put together: by position, not by value.

use ndarray::{ArcArray, Axis, IxDyn, Slice};

use super::super::Problem;
use super::super::tensor::{Tensor, Values};
use super::Evaluate::{Many, One};
use super::Operator;
use super::call::{Call, flat};
use super::elements::{copied, each};

pub(super) const OPERATORS: &[Operator] = &[
    ("Concat", 1, One(concat)),
    ("Split", 2, Many(split)),
    ("Slice", 1, One(slice)),
    ("Tile", 6, One(tile)),
    ("Trilu", 14, One(trilu)),
];

fn concat(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, usize::MAX)?;
    let parts = call.all()?;
    let axis = match call.attributes().int("axis")? {
        Some(axis) => axis,
        None if call.opset() < 4 => 1,
        None => return Err(call.problem("the axis is missing")),
    };
    let axis = call.axis(axis, parts[0].shape().len())?;
    let kind = call.one_kind(&parts)?;
    let mut shape = parts[0].shape().to_vec();
    shape[axis] = 0;
    for part in &parts {
        let fits = part.shape().len() == shape.len()
            && (0..shape.len()).all(|at| at == axis || part.shape()[at] == shape[at]);
        if !fits {
            let shapes: Vec<_> = parts.iter().map(|part| part.shape()).collect();
            return Err(call.problem(format!("shapes {shapes:?} do not join along axis {axis}")));
        }
        shape[axis] = shape[axis].saturating_add(part.shape()[axis]);
    }
    call.allot(&shape)?;
    let values = match &parts[0].values {
        Values::F32(_) => Values::F32(call.joined(&parts, axis, &shape, singles)?),
        Values::F64(_) => Values::F64(call.joined(&parts, axis, &shape, doubles)?),
        Values::I64(_) => Values::I64(call.joined(&parts, axis, &shape, integers)?),
    };
    Ok(Tensor { kind, values })
}

fn singles(values: &Values) -> Option<&ArcArray<f32, IxDyn>> {
    if let Values::F32(array) = values { Some(array) } else { None }
}

fn doubles(values: &Values) -> Option<&ArcArray<f64, IxDyn>> {
    if let Values::F64(array) = values { Some(array) } else { None }
}

fn integers(values: &Values) -> Option<&ArcArray<i64, IxDyn>> {
    if let Values::I64(array) = values { Some(array) } else { None }
}

impl Call<'_> {
    /// The arrays that `form` finds in `parts`, put together along `axis`.
    fn joined<T: Clone>(
        &self,
        parts: &[&Tensor],
        axis: usize,
        shape: &[usize],
        form: fn(&Values) -> Option<&ArcArray<T, IxDyn>>,
    ) -> Result<ArcArray<T, IxDyn>, Problem> {
        let arrays: Vec<_> = parts
            .iter()
            .filter_map(|part| form(&part.values))
            .map(|array| (array.shape()[axis], flat(array)))
            .collect();
        let outer: usize = shape[..axis].iter().product();
        let inner: usize = shape[axis + 1..].iter().product();
        let mut elements = vec![];
        for row in 0..outer {
            for (extent, array) in &arrays {
                let length = extent * inner;
                elements.extend_from_slice(&array[row * length..][..length]);
            }
        }
        self.array(shape, elements)
    }
}

/// The parts are an attribute until opset 12, an input from 13 on; from 18 on equal parts, the last
/// of which may be smaller, need `num_outputs`.
fn split(call: &mut Call<'_>) -> Result<Vec<Tensor>, Problem> {
    let count = call.output_count();
    let given = if call.opset() < 13 {
        call.arity(1, 1)?;
        call.attributes().ints("split")?
    } else {
        call.arity(1, 2)?;
        call.optional_ints(1, "parts")?
    };
    let x = call.input(0)?;
    let axis = call.attributes().int("axis")?.unwrap_or(0);
    let axis = call.axis(axis, x.shape().len())?;
    let extent = x.shape()[axis];
    let declared = if call.opset() < 18 { None } else { call.attributes().int("num_outputs")? };
    if declared.is_some_and(|declared| usize::try_from(declared) != Ok(count) || given.is_some()) {
        return Err(call.problem(format!(
            "num_outputs = {declared:?} beside {count} outputs and parts {given:?}"
        )));
    }
    let parts = match given {
        Some(parts) => call.extents(&parts, "parts")?,
        None if call.opset() >= 18 && declared.is_none() => {
            return Err(call.problem("neither the parts nor num_outputs are given"));
        }
        None => {
            let size = extent.div_ceil(count.max(1));
            let last = extent.checked_sub(size * (count.max(1) - 1));
            let last = last.filter(|&last| last == size || declared.is_some());
            let last = last.ok_or_else(|| {
                call.problem(format!(
                    "an axis of extent {extent} does not divide into {count} parts"
                ))
            })?;
            [vec![size; count.max(1) - 1], vec![last]].concat()
        }
    };
    let whole = parts.iter().fold(0usize, |sum, &part| sum.saturating_add(part));
    if parts.len() != count || whole != extent {
        return Err(call.problem(format!(
            "parts {parts:?} of an axis of extent {extent} for {count} outputs"
        )));
    }
    let mut from = 0;
    let mut pieces = vec![];
    for part in parts {
        pieces.push(sliced(call, x, &[(axis, Run { from, step: 1, count: part })])?);
        from += part;
    }
    Ok(pieces)
}

/// Equidistant positions along an axis, all of which exist.
struct Run {
    from: usize,
    step: isize,
    count: usize,
}

impl Run {
    /// The positions `start`, `start + step`, ... before `end` on an axis of some extent, by the
    /// rules of `Slice`: bounds below zero count from the end, and all of them are moved onto the
    /// axis. Backwards, a largest integer as the end is past the axis to some readers and before it
    /// to others, and refused.
    fn new(start: i64, end: i64, step: i64, extent: usize) -> Result<Run, &'static str> {
        if step < 0 && [i64::from(i32::MAX), i64::MAX].contains(&end) {
            return Err(
                "a slice backwards to the largest integer; write the smallest one to go to the \
                    beginning",
            );
        }
        if step == 0 {
            return Err("a step is 0");
        }
        if extent == 0 {
            return Ok(Run { from: 0, step: 1, count: 0 });
        }
        let (extent, step) = (extent as i128, i128::from(step));
        let clamped = |bound: i64, low: i128, high: i128| {
            let bound = i128::from(bound);
            (if bound < 0 { bound + extent } else { bound }).clamp(low, high)
        };
        let (start, distance) = if step > 0 {
            let start = clamped(start, 0, extent);
            (start, clamped(end, 0, extent) - start)
        } else {
            let start = clamped(start, 0, extent - 1);
            (start, start - clamped(end, -1, extent - 1))
        };
        let count = (distance.max(0) + step.abs() - 1) / step.abs();
        // A step that is never taken may be anything.
        Ok(Run {
            from: start as usize,
            step: if count > 1 { step as isize } else { 1 },
            count: count as usize,
        })
    }
}

/// `x` at some positions of some axes.
fn sliced(call: &mut Call<'_>, x: &Tensor, runs: &[(usize, Run)]) -> Result<Tensor, Problem> {
    let mut shape = x.shape().to_vec();
    for (axis, run) in runs {
        shape[*axis] = run.count;
    }
    call.allot(&shape)?;
    let values = each!(&x.values, array => {
        let mut view = array.view();
        for (axis, run) in runs {
            let reach = run.count.saturating_sub(1) as isize * run.step;
            let first = run.from.min(run.from.saturating_add_signed(reach)) as isize;
            let end = if run.count == 0 { first } else { first + reach.abs() + 1 };
            view.slice_axis_inplace(Axis(*axis), Slice::new(first, Some(end), run.step));
        }
        copied(view)
    });
    Ok(Tensor { kind: x.kind, values })
}

fn slice(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let (starts, ends, axes, steps) = if call.opset() < 10 {
        call.arity(1, 1)?;
        let (starts, ends) = (call.attributes().ints("starts")?, call.attributes().ints("ends")?);
        (
            starts.unwrap_or_default(),
            ends.unwrap_or_default(),
            call.attributes().ints("axes")?,
            None,
        )
    } else {
        call.arity(3, 5)?;
        (
            call.ints(1, "starts")?,
            call.ints(2, "ends")?,
            call.optional_ints(3, "axes")?,
            call.optional_ints(4, "steps")?,
        )
    };
    let x = call.input(0)?;
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&length| length != starts.len()) {
        let lengths = format!(
            "{} starts, {} ends, {} axes, {} steps",
            starts.len(),
            ends.len(),
            axes.len(),
            steps.len()
        );
        return Err(call.problem(lengths));
    }
    let mut runs = vec![];
    for (at, axis) in call.axes(&axes, x.shape().len())?.into_iter().enumerate() {
        let run = Run::new(starts[at], ends[at], steps[at], x.shape()[axis])
            .map_err(|problem| call.problem(problem))?;
        runs.push((axis, run));
    }
    sliced(call, x, &runs)
}

fn tile(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let x = call.input(0)?;
    let repeats = call.ints(1, "repeats")?;
    let repeats = call.extents(&repeats, "repeats")?;
    if repeats.len() != x.shape().len() {
        return Err(call.problem(format!(
            "{} repeats for {} axes",
            repeats.len(),
            x.shape().len()
        )));
    }
    let shape: Vec<usize> = x
        .shape()
        .iter()
        .zip(&repeats)
        .map(|(&extent, &times)| extent.saturating_mul(times))
        .collect();
    let elements = call.allot(&shape)?;
    // From the last axis outwards, every row of what is finished is repeated.
    let values = each!(&x.values, array => {
        let mut tiled = flat(array).into_owned();
        let mut inner = 1;
        for (&extent, &times) in x.shape().iter().zip(&repeats).rev().filter(|_| elements > 0) {
            let row = extent * inner;
            tiled = tiled.chunks(row).flat_map(|row| row.repeat(times)).collect();
            inner = row * times;
        }
        tiled.truncate(elements);
        call.array(&shape, tiled)?
    });
    Ok(Tensor { kind: x.kind, values })
}

/// Keeps the elements on and above the `k`-th diagonal of each matrix, or on and below it.
fn trilu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 2)?;
    let is_upper = call.attributes().flag("upper")?.unwrap_or(true);
    let diagonal = if call.optional(1).is_some() { call.int(1, "diagonal")? } else { 0 };
    let x = call.input(0)?;
    let &[.., _, columns] = x.shape() else {
        return Err(call.problem(format!("an operand of shape {:?}", x.shape())));
    };
    let rows = x.shape()[x.shape().len() - 2];
    call.allot(x.shape())?;
    let is_kept = |at: usize| {
        let (row, column) = ((at / columns % rows) as i128, (at % columns) as i128);
        let distance = column - row - i128::from(diagonal);
        if is_upper { distance >= 0 } else { distance <= 0 }
    };
    let values = each!(&x.values, array => {
        let kept = array.iter().enumerate().map(|(at, &element)| if is_kept(at) { element } else { Default::default() });
        call.array(x.shape(), kept.collect())?
    });
    Ok(Tensor { kind: x.kind, values })
}
