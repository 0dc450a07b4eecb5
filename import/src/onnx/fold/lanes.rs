//! A constant as rows along some of its axes.

use ndarray::{ArcArray, ArrayView, IxDyn};

use super::super::Problem;
use super::super::tensor::{Tensor, Values};
use super::call::Call;
use super::elements::copied;

/// Rows of elements: one for each position on the axes that are kept, in row-major order.
pub(super) struct Lanes<T> {
    /// Extents of the kept axes.
    pub(super) kept: Vec<usize>,
    /// Elements of a row.
    pub(super) length: usize,
    elements: Vec<T>,
}

impl<T: Copy> Lanes<T> {
    /// The rows of `array` along distinct axes.
    pub(super) fn of(array: ArrayView<'_, T, IxDyn>, axes: &[usize]) -> Lanes<T> {
        let (along, kept): (Vec<usize>, Vec<usize>) =
            (0..array.ndim()).partition(|axis| axes.contains(axis));
        let extents =
            |axes: &[usize]| axes.iter().map(|&axis| array.shape()[axis]).collect::<Vec<usize>>();
        let (length, kept_extents) = (extents(&along).iter().product(), extents(&kept));
        let order = [kept, along].concat();
        let elements = array.permuted_axes(IxDyn(&order)).iter().copied().collect();
        Lanes { kept: kept_extents, length, elements }
    }

    /// The rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[T]> {
        let rows: usize = self.kept.iter().product();
        (0..rows).map(|row| &self.elements[row * self.length..][..self.length])
    }
}

impl Call<'_> {
    /// `f` of each row of `array` along `axis`; every result has `extent` elements and stands where
    /// the row stood. Its shape is paid for.
    pub(super) fn along<T: Copy, U: Clone>(
        &self,
        array: ArrayView<'_, T, IxDyn>,
        axis: usize,
        extent: usize,
        f: impl Fn(&[T]) -> Result<Vec<U>, &'static str>,
    ) -> Result<ArcArray<U, IxDyn>, Problem> {
        let rank = array.ndim();
        let lanes = Lanes::of(array, &[axis]);
        let mut results = vec![];
        for row in lanes.rows() {
            results.extend(f(row).map_err(|problem| self.problem(problem))?);
        }
        let rows = self.array(&[&lanes.kept[..], &[extent]].concat(), results)?;
        let place = |at: usize| if at == axis { rank - 1 } else { at - usize::from(at > axis) };
        let order: Vec<usize> = (0..rank).map(place).collect();
        Ok(copied(rows.view().permuted_axes(IxDyn(&order))))
    }

    /// `f` of each row of floats along `axis`, in double precision.
    pub(super) fn float_rows(
        &mut self,
        x: &Tensor,
        axis: usize,
        f: impl Fn(&[f64]) -> Result<Vec<f64>, &'static str>,
    ) -> Result<Tensor, Problem> {
        if !x.kind.is_float() {
            return Err(self.not_on(x.kind));
        }
        self.allot(x.shape())?;
        let rows = self.along(x.as_doubles().view(), axis, x.shape()[axis], f)?;
        Ok(Tensor::new(x.kind, Values::F64(rows)))
    }
}
