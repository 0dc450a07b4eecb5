//! A function of each element, or of each pair of elements.

use ndarray::{ArcArray, IxDyn};

use super::super::Problem;
use super::super::tensor::{Tensor, Values};
use super::call::Call;
use super::elements::wrapped;
use lemma_model::broadcast;

impl Call<'_> {
    /// The shape to which `tensors` broadcast, not paid for.
    pub(super) fn common_shape(&self, tensors: &[&Tensor]) -> Result<Vec<usize>, Problem> {
        let shapes: Vec<&[usize]> = tensors.iter().map(|tensor| tensor.shape()).collect();
        let common = shapes.iter().try_fold(vec![], |common, shape| broadcast(&common, shape));
        common
            .ok_or_else(|| self.problem(format!("operands of shapes {shapes:?} do not broadcast")))
    }

    /// `f` of each element; `None` where `f` is not defined for the tensor's elements. Not a number
    /// stays what it is.
    pub(super) fn floats(
        &mut self,
        tensor: &Tensor,
        f: impl Fn(f64) -> f64,
    ) -> Result<Tensor, Problem> {
        self.allot(tensor.shape())?;
        let guarded = |x: f64| if x.is_nan() { x } else { f(x) };
        let values = match &tensor.values {
            Values::F32(array) => {
                Values::F32(array.mapv(|x| guarded(f64::from(x)) as f32).into_shared())
            }
            Values::F64(array) => Values::F64(array.mapv(guarded).into_shared()),
            Values::I64(_) => return Err(self.not_on(tensor.kind)),
        };
        Ok(Tensor::new(tensor.kind, values))
    }

    /// `f` of each element, which is an integer.
    pub(super) fn whole(
        &mut self,
        tensor: &Tensor,
        f: impl Fn(i128) -> i128,
    ) -> Result<Tensor, Problem> {
        self.allot(tensor.shape())?;
        let Values::I64(array) = &tensor.values else { return Err(self.not_on(tensor.kind)) };
        let results = array.iter().map(|&x| wrapped(tensor.kind, f(i128::from(x))));
        let results: Result<Vec<i64>, &str> = results.collect();
        let results = results.map_err(|problem| self.problem(problem))?;
        self.integers(tensor.kind, tensor.shape(), results)
    }

    /// `f` of each pair of elements of `a` and `b` broadcast to `shape`, which is paid for.
    pub(super) fn zipped<A, B, C>(
        &self,
        a: &ArcArray<A, IxDyn>,
        b: &ArcArray<B, IxDyn>,
        shape: &[usize],
        f: impl Fn(A, B) -> Result<C, &'static str>,
    ) -> Result<ArcArray<C, IxDyn>, Problem>
    where
        A: Copy,
        B: Copy,
        C: Clone,
    {
        let (Some(left), Some(right)) = (a.broadcast(shape), b.broadcast(shape)) else {
            return Err(self.problem(format!(
                "operands of shapes {:?} and {:?} do not broadcast",
                a.shape(),
                b.shape()
            )));
        };
        let results: Result<Vec<C>, &str> =
            left.iter().zip(right.iter()).map(|(&a, &b)| f(a, b)).collect();
        self.array(shape, results.map_err(|problem| self.problem(problem))?)
    }
}
