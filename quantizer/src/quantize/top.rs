//! The places of the largest elements of the last axis.
//!
//! Every place but the first is that of the largest element that is left: with the bounds
//! `[lo, hi]` of the elements, those that have been chosen are lowered by `hi - lo + 1`, which puts
//! them below all others. One index after the other is proven by an ArgMax, so ties go to the lower
//! index, and no index comes twice.

use std::sync::Arc;

use ndarray::Array2;

use super::{Lowering, QuantizeError, Tensor};
use lemma_graph::{Op as Primitive, RowTable};
use lemma_model::{Node, NodeId, View};

/// Most elements of which several are chosen: the table of rows has the square of it.
const WIDEST: usize = 1 << 12;

/// The places that a node chose, one tensor each, and the rows that are 1 there and 0 elsewhere,
/// where there are any yet.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    places: Vec<Tensor>,
    rows: Vec<Tensor>,
}

impl Lowering<'_> {
    /// The index of the largest element, from the unrounded values: rounding first could make ties.
    pub(super) fn argmax(&mut self, node: &Node) -> Result<Tensor, QuantizeError> {
        let operand = self.ordered(node, 1)?;
        let group = self.last_extent(operand);
        self.push(node, Primitive::ArgMax { group }, &[operand], &node.shape, 0)
    }

    /// The indices of the `count` largest elements, the larger first.
    pub(super) fn top(
        &mut self,
        id: NodeId,
        node: &Node,
        count: usize,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.ordered(node, count)?;
        let (shape, group) = (self.shape(operand), self.last_extent(operand));
        let size = self.bounds(operand).size();
        let lowered = i64::try_from(size)
            .map_err(|_| self.unsupported(node, "values of more than 62 bits"))?;
        let mut one = shape.clone();
        if let Some(last) = one.last_mut() {
            *last = 1;
        }
        let (mut left, mut chosen) = (operand, Chosen { places: vec![], rows: vec![] });
        for _ in 0..count {
            if let Some(place) = chosen.places.last().copied() {
                let row = self.one_hot(node, place, group, &shape)?;
                let op = Primitive::Sum([1, -lowered].into());
                left = self.push(node, op, &[left, row], &shape, operand.frac)?;
                chosen.rows.push(row);
            }
            chosen.places.push(self.push(node, Primitive::ArgMax { group }, &[left], &one, 0)?);
        }
        let axis = shape.len().saturating_sub(1);
        let places = self.rearranged(node, &View::Concat(axis), &chosen.places)?;
        self.chosen.insert(id, chosen);
        Ok(places)
    }

    /// For every index of a [`lemma_model::Op::Top`] that the node looks up in `table`, the row that
    /// is 1 there: nothing where the table is another one, or the operand.
    pub(super) fn chosen_rows(
        &mut self,
        node: &Node,
        table: &Array2<f32>,
    ) -> Result<Option<Tensor>, QuantizeError> {
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let Some(Chosen { places, mut rows }) = self.chosen.get(&source).cloned() else {
            return Ok(None);
        };
        if *table != Array2::<f32>::eye(table.nrows()) {
            return Ok(None);
        }
        let mut shape = node.shape.clone();
        let axis = shape.len().saturating_sub(2);
        if let Some(count) = shape.get_mut(axis) {
            *count = 1;
        }
        for place in places.into_iter().skip(rows.len()) {
            rows.push(self.one_hot(node, place, table.nrows(), &shape)?);
        }
        for row in &mut rows {
            *row = self.reshaped(node, *row, &shape)?;
        }
        self.rearranged(node, &View::Concat(axis), &rows).map(Some)
    }

    /// The operand with bounds that a group's values, lowered `count` times, and their places stay
    /// below 60 bits with; rounded only where they do not.
    fn ordered(&mut self, node: &Node, count: usize) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let bits = |n: usize| n.next_power_of_two().trailing_zeros();
        let places = bits(self.last_extent(operand)) + bits(count);
        let wide = u64::BITS - self.bounds(operand).size().leading_zeros() + places;
        if wide <= (4 * self.options.bits).min(60) {
            return Ok(operand);
        }
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        self.rescale(node, operand, self.ranges.magnitude(source))
    }

    /// Rows of `width` elements that are 1 at `place` and 0 elsewhere.
    fn one_hot(
        &mut self,
        node: &Node,
        place: Tensor,
        width: usize,
        shape: &[usize],
    ) -> Result<Tensor, QuantizeError> {
        if width > WIDEST {
            return Err(
                self.unsupported(node, "several of the largest of more than 4,096 elements")
            );
        }
        let identity: Arc<[i32]> =
            (0..width * width).map(|at| i32::from(at / width == at % width)).collect();
        let table = RowTable::new(width, identity)
            .ok_or_else(|| self.unsupported(node, "the largest of no elements"))?;
        self.push(node, Primitive::RowGather(Arc::new(table)), &[place], shape, 0)
    }

    fn last_extent(&self, tensor: Tensor) -> usize {
        self.shape(tensor).last().copied().unwrap_or(1)
    }
}
