//! Elements found by positions that are themselves constants.

use ndarray::{ArcArray, IxDyn};

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::{Call, flat};
use super::elements::each;

pub(super) const OPERATORS: &[Operator] = &[
    ("Gather", 1, One(gather)),
    ("GatherElements", 11, One(gather_elements)),
    ("GatherND", 11, One(gather_points)),
    ("Compress", 9, One(compress)),
];

impl Call<'_> {
    /// Input `at`, which holds positions.
    pub(super) fn positions(&self, at: usize) -> Result<(Vec<i64>, &[usize]), Problem> {
        let tensor = self.input(at)?;
        let list = tensor.as_ints().filter(|_| matches!(tensor.kind, Kind::I32 | Kind::I64));
        list.map(|list| (list, tensor.shape())).ok_or_else(|| self.not_on(tensor.kind))
    }

    /// A position on an axis of some extent; negative ones count from the end.
    pub(super) fn position(&self, position: i64, extent: usize) -> Result<usize, Problem> {
        let from_end = if position < 0 {
            position.checked_add_unsigned(extent as u64)
        } else {
            Some(position)
        };
        let inside = from_end.and_then(|at| usize::try_from(at).ok()).filter(|&at| at < extent);
        inside.ok_or_else(|| {
            self.problem(format!("position {position} on an axis of extent {extent}"))
        })
    }

    /// The attribute `axis` for an operand with `rank` axes.
    pub(super) fn axis_or(&mut self, default: i64, rank: usize) -> Result<usize, Problem> {
        let axis = self.attributes().int("axis")?.unwrap_or(default);
        self.axis(axis, rank)
    }

    /// For each of `places` in turn, the `length` elements of `x` that begin at `places * length`.
    fn rows(
        &self,
        x: &Tensor,
        places: &[usize],
        length: usize,
        shape: &[usize],
    ) -> Result<Tensor, Problem> {
        let values = each!(&x.values, array => self.array(shape, rows(array, places, length))?);
        Ok(Tensor { kind: x.kind, values })
    }
}

fn rows<T: Copy>(array: &ArcArray<T, IxDyn>, places: &[usize], length: usize) -> Vec<T> {
    let elements = flat(array);
    places.iter().flat_map(|&place| &elements[place * length..][..length]).copied().collect()
}

fn gather(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let x = call.input(0)?;
    let axis = call.axis_or(0, x.shape().len())?;
    let (positions, places) = call.positions(1)?;
    let shape = [&x.shape()[..axis], places, &x.shape()[axis + 1..]].concat();
    let elements = call.allot(&shape)?;
    let extent = x.shape()[axis];
    let positions = positions
        .iter()
        .map(|&at| call.position(at, extent))
        .collect::<Result<Vec<usize>, Problem>>()?;
    let outer = if elements == 0 { 0 } else { x.shape()[..axis].iter().product() };
    let places: Vec<usize> =
        (0..outer).flat_map(|row| positions.iter().map(move |at| row * extent + at)).collect();
    call.rows(x, &places, x.shape()[axis + 1..].iter().product(), &shape)
}

/// The strides of a row-major tensor of `shape`.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}

impl Call<'_> {
    /// For each element of `indices`, the place in a row-major `data` where the coordinate on
    /// `axis` is replaced by it.
    pub(super) fn replaced(
        &self,
        data: &[usize],
        indices: &[i64],
        shape: &[usize],
        axis: usize,
    ) -> Result<Vec<usize>, Problem> {
        let fits = data.len() == shape.len()
            && (0..data.len()).all(|at| at == axis || shape[at] <= data[at]);
        if !fits {
            return Err(self
                .problem(format!("indices of shape {shape:?} into an operand of shape {data:?}")));
        }
        let (own, theirs) = (strides(shape), strides(data));
        let place = |(at, &index): (usize, &i64)| {
            let index = self.position(index, data[axis])?;
            let coordinate =
                |other: usize| if other == axis { index } else { at / own[other] % shape[other] };
            Ok((0..data.len()).map(|other| coordinate(other) * theirs[other]).sum())
        };
        indices.iter().enumerate().map(place).collect()
    }

    /// For each list of coordinates in `indices`, the number of the part of `data` that it names,
    /// where the first `batch` axes are common; and the shape of such a part.
    pub(super) fn points<'s>(
        &self,
        data: &'s [usize],
        indices: &[i64],
        shape: &[usize],
        batch: usize,
    ) -> Result<(Vec<usize>, &'s [usize]), Problem> {
        let unfit = || {
            self.problem(format!("indices of shape {shape:?} into an operand of shape {data:?}"))
        };
        let (&depth, lists) = shape.split_last().ok_or_else(unfit)?;
        let named =
            batch.checked_add(depth).and_then(|end| data.get(batch..end)).ok_or_else(unfit)?;
        let is_common = batch <= lists.len() && lists[..batch] == data[..batch];
        if depth == 0 || !is_common {
            return Err(unfit());
        }
        let lists_of_batch: usize = lists[batch..].iter().product();
        let part = |(at, list): (usize, &[i64])| {
            let of_batch = if batch == 0 { 0 } else { at / lists_of_batch };
            list.iter().zip(named).try_fold(of_batch, |part, (&index, &extent)| {
                Ok(part * extent + self.position(index, extent)?)
            })
        };
        let parts =
            indices.chunks(depth).enumerate().map(part).collect::<Result<Vec<usize>, Problem>>()?;
        Ok((parts, &data[batch + depth..]))
    }
}

fn gather_elements(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let x = call.input(0)?;
    let axis = call.axis_or(0, x.shape().len())?;
    let shape = call.input(1)?.shape();
    call.allot(shape)?;
    let (indices, _) = call.positions(1)?;
    let places = call.replaced(x.shape(), &indices, shape, axis)?;
    call.rows(x, &places, 1, shape)
}

fn gather_points(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let batch = if call.opset() < 12 { None } else { call.attributes().int("batch_dims")? };
    let batch =
        usize::try_from(batch.unwrap_or(0)).map_err(|_| call.problem("batch_dims is negative"))?;
    let x = call.input(0)?;
    let (indices, shape) = call.positions(1)?;
    let lists = &shape[..shape.len().saturating_sub(1)];
    let (parts, inner) = call.points(x.shape(), &indices, shape, batch)?;
    let result = [lists, inner].concat();
    call.allot(&result)?;
    call.rows(x, &parts, inner.iter().product(), &result)
}

/// Keeps what the condition marks; positions past its end are not marked.
fn compress(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let (mut x, marks) = (call.input(0)?.clone(), call.input(1)?);
    let axis = match call.attributes().int("axis")? {
        Some(axis) => call.axis(axis, x.shape().len())?,
        None => {
            x = call.reshaped(&x, &[x.len()])?;
            0
        }
    };
    let extent = x.shape()[axis];
    let flags = marks.as_ints().filter(|flags| {
        marks.kind == Kind::Bool && marks.shape().len() == 1 && flags.len() <= extent
    });
    let unfit = || {
        call.problem(format!(
            "a condition of type {} and shape {:?} for {extent} positions",
            marks.kind.name(),
            marks.shape()
        ))
    };
    let flags = flags.ok_or_else(unfit)?;
    let kept: Vec<usize> = (0..extent).filter(|&at| flags.get(at) == Some(&1)).collect();
    let mut shape = x.shape().to_vec();
    shape[axis] = kept.len();
    let elements = call.allot(&shape)?;
    let outer = if elements == 0 { 0 } else { shape[..axis].iter().product() };
    let places: Vec<usize> =
        (0..outer).flat_map(|row| kept.iter().map(move |at| row * extent + at)).collect();
    call.rows(&x, &places, shape[axis + 1..].iter().product(), &shape)
}
