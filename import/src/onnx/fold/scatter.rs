//! A constant with some elements replaced, or combined with others.

use ndarray::{ArcArray, IxDyn};

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::arithmetic::{maximum, minimum};
use super::call::{Call, flat};
use super::elements::{rounded, wrapped};

pub(super) const OPERATORS: &[Operator] = &[
    ("Scatter", 9, One(scatter_elements)),
    ("ScatterElements", 11, One(scatter_elements)),
    ("ScatterND", 11, One(scatter_points)),
];

/// What becomes of an old and a new element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reduction {
    Replace,
    Add,
    Mul,
    Max,
    Min,
}

impl Reduction {
    fn floats(self, kind: Kind, old: f64, new: f64) -> f64 {
        match self {
            Reduction::Replace => new,
            Reduction::Add => rounded(kind, old + new),
            Reduction::Mul => rounded(kind, old * new),
            Reduction::Max => maximum(old, new),
            Reduction::Min => minimum(old, new),
        }
    }

    fn integers(self, kind: Kind, old: i64, new: i64) -> Result<i64, &'static str> {
        match self {
            Reduction::Replace => Ok(new),
            Reduction::Add => wrapped(kind, i128::from(old) + i128::from(new)),
            Reduction::Mul => wrapped(kind, i128::from(old) * i128::from(new)),
            Reduction::Max => Ok(old.max(new)),
            Reduction::Min => Ok(old.min(new)),
        }
    }
}

impl Call<'_> {
    fn reduction(&mut self) -> Result<Reduction, Problem> {
        let (from_16, from_18) = (self.opset() >= 16, self.opset() >= 18);
        let reduction = if from_16 { self.attributes().string("reduction")? } else { None };
        match reduction.as_deref() {
            None | Some("none") => Ok(Reduction::Replace),
            Some("add") => Ok(Reduction::Add),
            Some("mul") => Ok(Reduction::Mul),
            Some("max") if from_18 => Ok(Reduction::Max),
            Some("min") if from_18 => Ok(Reduction::Min),
            Some(other) => Err(self.problem(format!(
                "reduction = `{other}`, which is not known at opset {}",
                self.opset()
            ))),
        }
    }

    /// `data` where the element at `places[i]` meets the `i`-th update, in this order.
    fn scattered(
        &self,
        data: &Tensor,
        places: &[usize],
        updates: &Tensor,
        reduction: Reduction,
    ) -> Result<Tensor, Problem> {
        let kind = self.one_kind(&[data, updates])?;
        let shape = data.shape();
        let values = match (&data.values, &updates.values) {
            (Values::F32(data), Values::F32(updates)) => {
                let met =
                    |old: f32, new: f32| Ok(reduction.floats(kind, old.into(), new.into()) as f32);
                Values::F32(self.array(
                    shape,
                    met_at(data, places, updates, met).map_err(|problem| self.problem(problem))?,
                )?)
            }
            (Values::F64(data), Values::F64(updates)) => {
                let met = |old: f64, new: f64| Ok(reduction.floats(kind, old, new));
                Values::F64(self.array(
                    shape,
                    met_at(data, places, updates, met).map_err(|problem| self.problem(problem))?,
                )?)
            }
            (Values::I64(data), Values::I64(updates))
                if kind != Kind::Bool || reduction == Reduction::Replace =>
            {
                let met = |old: i64, new: i64| reduction.integers(kind, old, new);
                Values::I64(self.array(
                    shape,
                    met_at(data, places, updates, met).map_err(|problem| self.problem(problem))?,
                )?)
            }
            _ => return Err(self.not_on(kind)),
        };
        Ok(Tensor { kind, values })
    }
}

fn met_at<T: Copy>(
    data: &ArcArray<T, IxDyn>,
    places: &[usize],
    updates: &ArcArray<T, IxDyn>,
    met: impl Fn(T, T) -> Result<T, &'static str>,
) -> Result<Vec<T>, &'static str> {
    let mut result = flat(data).into_owned();
    for (&place, &update) in places.iter().zip(updates.iter()) {
        let element = result.get_mut(place).ok_or("an index is out of range")?;
        *element = met(*element, update)?;
    }
    Ok(result)
}

fn scatter_elements(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(3, 3)?;
    let reduction = call.reduction()?;
    let (data, updates) = (call.input(0)?, call.input(2)?);
    let axis = call.axis_or(0, data.shape().len())?;
    call.allot(data.shape())?;
    call.work(&[updates.len()])?;
    let (indices, shape) = call.positions(1)?;
    if shape != updates.shape() {
        return Err(call.problem(format!(
            "indices of shape {shape:?} for updates of shape {:?}",
            updates.shape()
        )));
    }
    let places = call.replaced(data.shape(), &indices, shape, axis)?;
    call.scattered(data, &places, updates, reduction)
}

fn scatter_points(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(3, 3)?;
    let reduction = call.reduction()?;
    let (data, updates) = (call.input(0)?, call.input(2)?);
    call.allot(data.shape())?;
    call.work(&[updates.len()])?;
    let (indices, shape) = call.positions(1)?;
    let (parts, inner) = call.points(data.shape(), &indices, shape, 0)?;
    if [&shape[..shape.len().saturating_sub(1)], inner].concat() != updates.shape() {
        return Err(call.problem(format!(
            "indices of shape {shape:?} for updates of shape {:?}",
            updates.shape()
        )));
    }
    let length: usize = inner.iter().product();
    let places: Vec<usize> =
        parts.iter().flat_map(|part| part * length..(part + 1) * length).collect();
    call.scattered(data, &places, updates, reduction)
}
