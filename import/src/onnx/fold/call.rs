//! One evaluation: the node, its constant inputs, and the budget that pays for what it makes.

use std::borrow::Cow;
use std::path::Path;

use ndarray::{ArcArray, ArrayD, IxDyn};

use super::super::Problem;
use super::super::budget::Budget;
use super::super::constants;
use super::super::node::{Attributes, Node};
use super::super::proto::DataLocation;
use super::super::tensor::{Kind, Tensor, Values};
use super::elements::{each, packed};
use lemma_model::volume;

/// A node to evaluate.
pub(super) struct Call<'a> {
    node: &'a mut Node,
    inputs: &'a [Option<&'a Tensor>],
    budget: &'a mut Budget,
}

impl<'a> Call<'a> {
    /// The evaluation of `node` on `inputs`, none of which has more axes or elements than a result
    /// may have.
    pub(super) fn new(
        node: &'a mut Node,
        inputs: &'a [Option<&'a Tensor>],
        budget: &'a mut Budget,
    ) -> Result<Call<'a>, Problem> {
        let call = Call { node, inputs, budget };
        inputs.iter().flatten().try_for_each(|input| call.bounded(input.shape()))?;
        Ok(call)
    }

    /// Version of the operators.
    pub(super) fn opset(&self) -> i64 {
        self.node.opset
    }

    /// Attributes that nobody has taken yet.
    pub(super) fn attributes(&mut self) -> &mut Attributes {
        &mut self.node.attributes
    }

    /// A constant in an attribute.
    pub(super) fn tensor_attribute(&mut self, name: &str) -> Result<Option<Tensor>, Problem> {
        let Some(tensor) = self.attributes().tensor(name)? else { return Ok(None) };
        if tensor.data_location == Some(DataLocation::External as i32) {
            return Err(self.problem(format!(
                "attribute `{name}` is kept in another file; make it an initializer"
            )));
        }
        constants::read(tensor, &self.node.name, Path::new("")).map(Some)
    }

    /// What is wrong with the node.
    pub(super) fn problem(&self, problem: impl Into<String>) -> Problem {
        self.node.problem(problem)
    }

    /// Refuses fewer than `least` or more than `most` inputs.
    pub(super) fn arity(&self, least: usize, most: usize) -> Result<(), Problem> {
        self.node.takes(least, most)
    }

    /// Number of inputs, with those that are left out.
    pub(super) fn input_count(&self) -> usize {
        self.inputs.len()
    }

    /// Number of outputs, with those that nobody wants.
    pub(super) fn output_count(&self) -> usize {
        self.node.outputs.len()
    }

    /// Whether somebody wants output `at`.
    pub(super) fn wants(&self, at: usize) -> bool {
        self.node.outputs.get(at).is_some_and(Option::is_some)
    }

    /// Input `at`.
    pub(super) fn input(&self, at: usize) -> Result<&'a Tensor, Problem> {
        self.optional(at).ok_or_else(|| self.problem(format!("input {at} is missing")))
    }

    /// Input `at`, where it is given.
    pub(super) fn optional(&self, at: usize) -> Option<&'a Tensor> {
        self.inputs.get(at).copied().flatten()
    }

    /// Every input, none of which may be left out.
    pub(super) fn all(&self) -> Result<Vec<&'a Tensor>, Problem> {
        (0..self.inputs.len()).map(|at| self.input(at)).collect()
    }

    /// Input `at` as a list of `int32` or `int64`; a single number counts as a list of one.
    pub(super) fn ints(&self, at: usize, what: &str) -> Result<Vec<i64>, Problem> {
        let tensor = self.input(at)?;
        let list = tensor
            .as_ints()
            .filter(|_| tensor.shape().len() <= 1 && matches!(tensor.kind, Kind::I32 | Kind::I64));
        list.ok_or_else(|| {
            let (kind, shape) = (tensor.kind.name(), tensor.shape());
            self.problem(format!(
                "the {what} are of type {kind} and shape {shape:?}; a list of int64 expected"
            ))
        })
    }

    /// Input `at` as a list, where it is given.
    pub(super) fn optional_ints(&self, at: usize, what: &str) -> Result<Option<Vec<i64>>, Problem> {
        self.optional(at).map(|_| self.ints(at, what)).transpose()
    }

    /// Input `at` as one integer.
    pub(super) fn int(&self, at: usize, what: &str) -> Result<i64, Problem> {
        match self.ints(at, what)?[..] {
            [value] => Ok(value),
            ref list => {
                Err(self.problem(format!("the {what} has {} elements; one expected", list.len())))
            }
        }
    }

    /// The kind that all `tensors` have.
    pub(super) fn one_kind(&self, tensors: &[&Tensor]) -> Result<Kind, Problem> {
        let kind = tensors.first().map_or(Kind::F32, |first| first.kind);
        match tensors.iter().find(|tensor| tensor.kind != kind) {
            Some(other) => Err(self.problem(format!(
                "operands of types {} and {}",
                kind.name(),
                other.kind.name()
            ))),
            None => Ok(kind),
        }
    }

    /// The refusal of an operand's type.
    pub(super) fn not_on(&self, kind: Kind) -> Problem {
        self.problem(format!("not defined on {}", kind.name()))
    }

    /// An axis of a tensor with `rank` axes; negative ones count from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Problem> {
        let from_end = if axis < 0 { axis.checked_add_unsigned(rank as u64) } else { Some(axis) };
        let axis_in =
            from_end.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
        axis_in.ok_or_else(|| self.problem(format!("axis {axis} of a tensor with {rank} axes")))
    }

    /// Distinct axes of a tensor with `rank` axes, in the order in which they are given.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Problem> {
        let mut found = vec![];
        for &axis in axes {
            let axis = self.axis(axis, rank)?;
            if found.contains(&axis) {
                return Err(self.problem(format!("axis {axis} is given twice in {axes:?}")));
            }
            found.push(axis);
        }
        Ok(found)
    }

    /// Extents that must not be negative.
    pub(super) fn extents(&self, extents: &[i64], what: &str) -> Result<Vec<usize>, Problem> {
        let natural: Option<Vec<usize>> =
            extents.iter().map(|&extent| usize::try_from(extent).ok()).collect();
        natural.ok_or_else(|| self.problem(format!("the {what} {extents:?} are negative")))
    }

    /// Refuses a shape that no constant may have. Axes next to an empty one are bounded as if it
    /// were not empty.
    fn bounded(&self, shape: &[usize]) -> Result<(), Problem> {
        let inhabited: Vec<usize> = shape.iter().map(|&extent| extent.max(1)).collect();
        volume(&inhabited)
            .map(|_| ())
            .map_err(|_| self.problem(format!("a constant of shape {shape:?} is too large")))
    }

    /// Pays for a tensor of `shape` before it is made, and for one step per element; returns their
    /// number.
    pub(super) fn allot(&mut self, shape: &[usize]) -> Result<usize, Problem> {
        self.bounded(shape)?;
        let elements = self.budget.elements(shape)?;
        self.budget.work(elements)?;
        Ok(elements)
    }

    /// Pays for the product of `factors` in steps.
    pub(super) fn work(&mut self, factors: &[usize]) -> Result<(), Problem> {
        self.budget.work(factors.iter().fold(1usize, |steps, &factor| steps.saturating_mul(factor)))
    }

    /// An array of `shape`, which [`Call::allot`] has paid for, out of its elements in row-major
    /// order.
    pub(super) fn array<T: Clone>(
        &self,
        shape: &[usize],
        elements: Vec<T>,
    ) -> Result<ArcArray<T, IxDyn>, Problem> {
        let found = elements.len();
        let array = ArrayD::from_shape_vec(IxDyn(shape), elements);
        array
            .map(ArrayD::into_shared)
            .map_err(|_| self.problem(format!("{found} elements for shape {shape:?}")))
    }

    /// `tensor` with another shape of the same number of elements, which it shares.
    pub(super) fn reshaped(&self, tensor: &Tensor, shape: &[usize]) -> Result<Tensor, Problem> {
        self.bounded(shape)?;
        let unfit = |_| {
            self.problem(format!(
                "a tensor of shape {:?} cannot have shape {shape:?}",
                tensor.shape()
            ))
        };
        let values = each!(&tensor.values, array => packed(array).into_shape_with_order(IxDyn(shape)).map_err(unfit)?);
        Ok(Tensor { kind: tensor.kind, values })
    }

    /// Integers of a kind.
    pub(super) fn integers(
        &self,
        kind: Kind,
        shape: &[usize],
        elements: Vec<i64>,
    ) -> Result<Tensor, Problem> {
        Ok(Tensor::new(kind, Values::I64(self.array(shape, elements)?)))
    }
}

/// The elements in row-major order.
pub(super) fn flat<T: Clone>(array: &ArcArray<T, IxDyn>) -> Cow<'_, [T]> {
    array.as_slice().map_or_else(|| Cow::Owned(array.iter().cloned().collect()), Cow::Borrowed)
}
