//! Constants made from shapes, ranges and positions.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::Call;
use super::elements::{each, rounded, wrapped};

pub(super) const OPERATORS: &[Operator] = &[
    ("Constant", 1, One(constant)),
    ("ConstantOfShape", 9, One(constant_of_shape)),
    ("Shape", 1, One(shape)),
    ("Size", 1, One(size)),
    ("Range", 11, One(range)),
    ("EyeLike", 9, One(eye_like)),
    ("OneHot", 9, One(one_hot)),
];

/// Exactly one of its attributes holds the value.
fn constant(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(0, 0)?;
    let mut found = vec![];
    if let Some(value) = call.tensor_attribute("value")? {
        found.push(value);
    }
    if call.opset() >= 12 {
        if let Some(value) = call.attributes().number("value_float")? {
            found.push(floats(call, &[], vec![value])?);
        }
        if let Some(values) = call.attributes().floats("value_floats")? {
            found.push(floats(call, &[values.len()], values)?);
        }
        if let Some(value) = call.attributes().int("value_int")? {
            found.push(call.integers(Kind::I64, &[], vec![value])?);
        }
        if let Some(values) = call.attributes().ints("value_ints")? {
            call.allot(&[values.len()])?;
            found.push(call.integers(Kind::I64, &[values.len()], values)?);
        }
    }
    match <[Tensor; 1]>::try_from(found) {
        Ok([value]) => Ok(value),
        Err(found) if found.is_empty() => {
            call.attributes().finish()?;
            Err(call.problem("the value is missing"))
        }
        Err(_) => Err(call.problem("more than one value")),
    }
}

fn floats(call: &mut Call<'_>, shape: &[usize], values: Vec<f32>) -> Result<Tensor, Problem> {
    call.allot(shape)?;
    Ok(Tensor::new(Kind::F32, Values::F32(call.array(shape, values)?)))
}

/// Zeros of `float` where no value is given.
fn constant_of_shape(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let extents = call.ints(0, "extents")?;
    let shape = call.extents(&extents, "extents")?;
    let value = call.tensor_attribute("value")?;
    let elements = call.allot(&shape)?;
    let Some(value) = value else {
        return Ok(Tensor::new(Kind::F32, Values::F32(call.array(&shape, vec![0.0; elements])?)));
    };
    if value.len() != 1 {
        return Err(
            call.problem(format!("a value of shape {:?}; a single number expected", value.shape()))
        );
    }
    let values = each!(&value.values, array => {
        let element = array.first().copied().unwrap_or_default();
        call.array(&shape, vec![element; elements])?
    });
    Ok(Tensor { kind: value.kind, values })
}

/// From opset 15 on, of the axes from `start` to before `end`.
fn shape(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let extents: Vec<i64> = call.input(0)?.shape().iter().map(|&extent| extent as i64).collect();
    let rank = extents.len() as i64;
    let clamped = |bound: i64| {
        (if bound < 0 { bound.saturating_add(rank) } else { bound }).clamp(0, rank) as usize
    };
    let (start, end) = if call.opset() < 15 {
        (None, None)
    } else {
        (call.attributes().int("start")?, call.attributes().int("end")?)
    };
    let (start, end) = (clamped(start.unwrap_or(0)), clamped(end.unwrap_or(rank)));
    let part = extents.get(start..end).unwrap_or_default();
    call.allot(&[part.len()])?;
    call.integers(Kind::I64, &[part.len()], part.to_vec())
}

fn size(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let elements = call.input(0)?.len() as i64;
    call.integers(Kind::I64, &[], vec![elements])
}

/// `start`, `start + delta`, ... before `limit`.
fn range(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(3, 3)?;
    if call.opset() >= 27 {
        call.attributes().int("stash_type")?;
    }
    let operands = call.all()?;
    let kind = call.one_kind(&operands)?;
    if operands.iter().any(|operand| operand.len() != 1 || operand.shape().len() > 1) {
        return Err(call.problem("a bound is not a single number"));
    }
    let step_is_zero = || call.problem("the step is 0");
    if !kind.is_float() {
        let bounds: Vec<i128> =
            operands.iter().filter_map(|operand| operand.as_int()).map(i128::from).collect();
        let &[start, limit, delta] = &bounds[..] else { return Err(call.not_on(kind)) };
        if !kind.is_integer() {
            return Err(call.not_on(kind));
        }
        let distance = if delta < 0 { start - limit } else { limit - start };
        let steps = (distance.max(0) + delta.abs() - 1)
            .checked_div(delta.abs())
            .ok_or_else(step_is_zero)?;
        let count = usize::try_from(steps).unwrap_or(usize::MAX);
        call.allot(&[count])?;
        let elements = (0..count as i128).map(|at| wrapped(kind, start + at * delta));
        let elements = elements
            .collect::<Result<Vec<i64>, &str>>()
            .map_err(|problem| call.problem(problem))?;
        return call.integers(kind, &[count], elements);
    }
    let bounds: Vec<f64> = operands.iter().flat_map(|operand| operand.as_doubles()).collect();
    let &[start, limit, delta] = &bounds[..] else { return Err(call.not_on(kind)) };
    if delta == 0.0 {
        return Err(step_is_zero());
    }
    let steps = (rounded(kind, limit - start) / delta).ceil().max(0.0);
    if bounds.iter().any(|bound| !bound.is_finite()) || steps > usize::MAX as f64 {
        return Err(call.problem(format!("{start}, {limit} and {delta} make no finite range")));
    }
    let count = steps as usize;
    call.allot(&[count])?;
    let elements =
        (0..count).map(|at| rounded(kind, start + rounded(kind, at as f64 * delta))).collect();
    Ok(Tensor::new(kind, Values::F64(call.array(&[count], elements)?)))
}

/// Ones on the `k`-th diagonal of a matrix.
fn eye_like(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    let kind = call.kind_attribute("dtype")?.unwrap_or(x.kind);
    let diagonal = i128::from(call.attributes().int("k")?.unwrap_or(0));
    let &[rows, columns] = x.shape() else {
        return Err(call.problem(format!("an operand of shape {:?}", x.shape())));
    };
    call.allot(&[rows, columns])?;
    let ones = (0..rows).flat_map(|row| {
        (0..columns).map(move |column| i64::from(column as i128 - row as i128 == diagonal))
    });
    call.integers(kind, &[rows, columns], ones.collect())
}

/// For each index, `depth` elements along a new axis: the second value at its position, the first
/// one elsewhere. Until opset 10 negative indices have no position, which not every reader knows;
/// they are refused.
fn one_hot(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(3, 3)?;
    let (indices, depth, values) = (call.input(0)?, call.input(1)?, call.input(2)?);
    if [indices.kind, depth.kind].contains(&Kind::Bool)
        || depth.len() != 1
        || depth.shape().len() > 1
        || values.shape() != [2]
    {
        let shapes = (indices.shape(), depth.shape(), values.shape());
        return Err(call.problem(format!("indices, depth and values of shapes {shapes:?}")));
    }
    let depth = call
        .converted(depth, Kind::I64)?
        .as_int()
        .and_then(|depth| usize::try_from(depth).ok())
        .filter(|&depth| depth > 0);
    let depth = depth.ok_or_else(|| call.problem("the depth is not positive"))?;
    let indices = call.converted(indices, Kind::I64)?;
    if call.opset() < 11 && indices.as_ints().unwrap_or_default().iter().any(|&index| index < 0) {
        return Err(call.problem("a negative index, which counts from the end from opset 11 on"));
    }
    let axis = call.axis_or(-1, indices.shape().len() + 1)?;
    let (before, after) = indices.shape().split_at(axis);
    let shape = [before, &[depth], after].concat();
    call.allot(&shape)?;
    let position = |index: i64| if index < 0 { index.saturating_add(depth as i64) } else { index };
    let positions: Vec<i64> =
        indices.as_ints().unwrap_or_default().into_iter().map(position).collect();
    let inner: usize = after.iter().product();
    let outer: usize = before.iter().product();
    let marks = (0..outer).flat_map(|row| {
        let row = &positions[row * inner..][..inner];
        (0..depth as i64)
            .flat_map(move |at| row.iter().map(move |&position| usize::from(position == at)))
    });
    let marks: Vec<usize> = marks.collect();
    let values_of = each!(&values.values, array => {
        let pair: Vec<_> = array.iter().copied().collect();
        call.array(&shape, marks.iter().map(|&mark| pair[mark]).collect())?
    });
    Ok(Tensor { kind: values.kind, values: values_of })
}
