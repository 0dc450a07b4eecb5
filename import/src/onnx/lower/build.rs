//! Nodes of the model in the making: named, paid for, and made only where they change something.

use ndarray::{ArrayD, IxDyn};

use super::value::{Computed, Value};
use super::{Kind, Lowering, MAX_COMPUTED, MAX_VALUE, Problem};
use lemma_model::{NodeId, Op, View, volume};

impl Lowering {
    pub(super) fn shape_of(&self, id: NodeId) -> &[usize] {
        &self.model.nodes[id.0].shape
    }

    pub(super) fn op_of(&self, id: NodeId) -> &Op {
        &self.model.nodes[id.0].op
    }

    pub(super) fn inputs_of(&self, id: NodeId) -> &[NodeId] {
        &self.model.nodes[id.0].inputs
    }

    pub(super) fn push(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
    ) -> Result<NodeId, Problem> {
        let name = self.unique(name);
        let id = self.model.push_new(name, op, inputs, None)?;
        self.paid(id)
    }

    pub(super) fn push_shaped(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[NodeId],
        shape: &[usize],
    ) -> Result<NodeId, Problem> {
        let name = self.unique(name);
        let id = self.model.push_new(name, op, inputs, Some(shape))?;
        self.paid(id)
    }

    pub(super) fn constant(&mut self, name: &str, values: ArrayD<f32>) -> Result<NodeId, Problem> {
        self.push(name, Op::Constant(values), &[])
    }

    /// A constant of one number with as many axes as `like`.
    pub(super) fn number(
        &mut self,
        name: &str,
        value: f32,
        like: NodeId,
    ) -> Result<NodeId, Problem> {
        let axes = vec![1; self.shape_of(like).len()];
        self.constant(name, ArrayD::from_elem(IxDyn(&axes), value))
    }

    pub(super) fn paid(&mut self, id: NodeId) -> Result<NodeId, Problem> {
        let node = &self.model.nodes[id.0];
        let (name, shape) = (node.name.clone(), node.shape.clone());
        let refused = |problem| Problem::Budget { place: format!("node `{name}`"), problem };
        self.pay(&shape).map_err(refused)?;
        self.note_flag(id);
        Ok(id)
    }

    pub(super) fn pay(&mut self, shape: &[usize]) -> Result<(), String> {
        let volume = volume(shape)?;
        if volume > MAX_VALUE {
            return Err(format!("shape {shape:?} has more than {MAX_VALUE} elements"));
        }
        let left = self.computed.checked_sub(volume);
        self.computed = left
            .ok_or_else(|| format!("all values together have more than {MAX_COMPUTED} elements"))?;
        Ok(())
    }

    /// `x` with another shape; nothing when it has it already.
    pub(super) fn reshaped(
        &mut self,
        name: &str,
        x: NodeId,
        shape: &[usize],
    ) -> Result<NodeId, Problem> {
        if self.shape_of(x) == shape {
            return Ok(x);
        }
        self.push_shaped(name, Op::View(View::Reshape), &[x], shape)
    }

    /// `x` with its axes in another order; nothing when the order is the same.
    pub(super) fn transposed(
        &mut self,
        name: &str,
        x: NodeId,
        permutation: &[usize],
    ) -> Result<NodeId, Problem> {
        if permutation.is_sorted() {
            return Ok(x);
        }
        self.push(name, Op::View(View::Transpose(permutation.to_vec())), &[x])
    }

    /// `x` broadcast to a shape; nothing when it has it already.
    pub(super) fn broadcast(
        &mut self,
        name: &str,
        x: NodeId,
        shape: &[usize],
    ) -> Result<NodeId, Problem> {
        if self.shape_of(x) == shape {
            return Ok(x);
        }
        self.push_shaped(name, Op::View(View::Broadcast), &[x], shape)
    }

    /// `count` elements of an axis from `start` on; nothing when these are all.
    pub(super) fn part(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        start: usize,
        count: usize,
    ) -> Result<NodeId, Problem> {
        let mut shape = self.shape_of(x).to_vec();
        if shape[axis] == count {
            return Ok(x);
        }
        shape[axis] = count;
        self.push_shaped(name, Op::View(View::Slice { axis, start, step: 1 }), &[x], &shape)
    }
    /// `x * factor`.
    pub(super) fn scaled(&mut self, name: &str, x: NodeId, factor: f32) -> Result<NodeId, Problem> {
        let factor = self.number(&format!("{name}.factor"), factor, x)?;
        self.push(name, Op::Mul, &[x, factor])
    }

    /// A computed value of a node's own kind.
    pub(super) fn computed(&self, kind: Kind, id: NodeId) -> Value {
        Value::Computed(Computed::new(kind, self.shape_of(id).to_vec(), id))
    }

    /// `name`, or `name` with the first number that makes it unique.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut free = name.to_string();
        if self.names.contains(&free) {
            let number = self.numbers.entry(free.clone()).or_insert(2);
            while self.names.contains(&free) {
                free = format!("{name}#{number}");
                *number += 1;
            }
        }
        self.names.insert(free.clone());
        free
    }
}
