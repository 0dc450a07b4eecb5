//! Rearrangements: axis operations, slices, concatenation, padding, broadcasting, gathering.

use ndarray::ArrayD;
use tract_onnx::prelude::OutletId;
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::internal::{DimLike, TDim};
use tract_onnx::tract_core::ops::array::{Pad, PadMode, Slice, Tile};
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::downsample::Downsample;

use super::{Lowering, Problem, floats, integers, unsupported};
use crate::model::{NodeId, Op, View};

impl Lowering<'_> {
    pub(super) fn axis(&mut self, node: &TypedNode, op: &AxisOp) -> Result<NodeId, Problem> {
        let &AxisOp::Move(from, to) = op else {
            return self.reshape_to_fact(node);
        };
        let x = self.operand(node.inputs[0])?;
        let mut permutation: Vec<usize> = (0..self.shape_of(x).len()).collect();
        if from.max(to) >= permutation.len() {
            return Err(unsupported(node, format!("no axis {} to move", from.max(to))));
        }
        let axis = permutation.remove(from);
        permutation.insert(to, axis);
        self.transposed(&node.name, x, &permutation)
    }

    pub(super) fn reshape_to_fact(&mut self, node: &TypedNode) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let shape = self.shape(OutletId::new(node.id, 0))?;
        self.reshaped(&node.name, x, &shape)
    }

    pub(super) fn concat(&mut self, node: &TypedNode, axis: usize) -> Result<NodeId, Problem> {
        let parts = node.inputs.iter().map(|&input| self.operand(input)).collect::<Result<Vec<_>, _>>()?;
        self.push(&node.name, Op::View(View::Concat(axis)), &parts)
    }

    pub(super) fn slice(&mut self, node: &TypedNode, op: &Slice) -> Result<NodeId, Problem> {
        let start = self.known(node, &op.start)?;
        self.strided(node, op.axis, start, 1)
    }

    pub(super) fn downsample(&mut self, node: &TypedNode, op: &Downsample) -> Result<NodeId, Problem> {
        let extent = self.shape(node.inputs[0])?.get(op.axis).copied().unwrap_or(0);
        let start = if op.stride > 0 { op.modulo } else { extent.saturating_sub(1 + op.modulo) };
        self.strided(node, op.axis, start, op.stride)
    }

    fn strided(&mut self, node: &TypedNode, axis: usize, start: usize, step: isize) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let shape = self.shape(OutletId::new(node.id, 0))?;
        let name = self.unique(&node.name);
        Ok(self.model.push_shaped(name, Op::View(View::Slice { axis, start, step }), &[x], &shape)?)
    }

    pub(super) fn pad(&mut self, node: &TypedNode, op: &Pad) -> Result<NodeId, Problem> {
        let mut x = self.operand(node.inputs[0])?;
        if let PadMode::Constant(value) = &op.mode {
            let value = floats(value, &node.name)?.sum();
            return self.push(&node.name, Op::View(View::Pad { amounts: op.pads.clone(), value }), &[x]);
        }
        let reflects = op.mode == PadMode::Reflect;
        for (axis, &(before, after)) in op.pads.iter().enumerate().filter(|(_, amounts)| **amounts != (0, 0)) {
            let last = self.shape_of(x)[axis] - 1;
            if reflects && before.max(after) > last {
                return Err(unsupported(node, format!("axis {axis} is reflected past its end")));
            }
            let left = (1..=before).rev().map(|step| if reflects { step } else { 0 });
            let right = (1..=after).map(|step| if reflects { last - step } else { last });
            let indices = left.chain(0..=last).chain(right).collect();
            x = self.push(&node.name, Op::View(View::Select { axis, indices }), &[x])?;
        }
        Ok(x)
    }

    pub(super) fn broadcast(&mut self, node: &TypedNode) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let shape = self.shape(OutletId::new(node.id, 0))?;
        if self.shape_of(x) == shape {
            return Ok(x);
        }
        let name = self.unique(&node.name);
        Ok(self.model.push_shaped(name, Op::View(View::Broadcast), &[x], &shape)?)
    }

    pub(super) fn tile(&mut self, node: &TypedNode, op: &Tile) -> Result<NodeId, Problem> {
        let mut x = self.operand(node.inputs[0])?;
        for (axis, times) in op.multipliers.iter().enumerate() {
            let times = self.known(node, times)?;
            if times != 1 {
                let extent = self.shape_of(x).get(axis).copied().unwrap_or(1);
                let indices = (0..times).flat_map(|_| 0..extent).collect();
                x = self.push(&node.name, Op::View(View::Select { axis, indices }), &[x])?;
            }
        }
        Ok(x)
    }

    /// Rows of a constant table by computed ids, or constant rows of a computed tensor.
    pub(super) fn gather(&mut self, node: &TypedNode, axis: usize) -> Result<NodeId, Problem> {
        let shape = self.shape(OutletId::new(node.id, 0))?;
        if let Some(indices) = self.tensor(node.inputs[1]) {
            let x = self.operand(node.inputs[0])?;
            let extent = self.shape_of(x).get(axis).copied().unwrap_or(0) as i64;
            let wrapped = |index: i64| if index < 0 { index + extent } else { index };
            let indices = integers(&indices, &node.name)?
                .into_iter()
                .map(|index| usize::try_from(wrapped(index)).ok().filter(|&index| (index as i64) < extent))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| unsupported(node, format!("an index is outside the {extent} of axis {axis}")))?;
            let rows = self.push(&node.name, Op::View(View::Select { axis, indices }), &[x])?;
            return self.reshaped(&format!("{}.shape", node.name), rows, &shape);
        }
        let table = self.weights(node, 0, "table of a lookup by computed ids")?;
        let (rows, width) = match table.shape() {
            [rows, rest @ ..] if axis == 0 => (*rows, rest.iter().product::<usize>()),
            _ => {
                return Err(unsupported(node, format!("a lookup by computed ids along axis {axis}")));
            }
        };
        let ids = self.operand(node.inputs[1])?;
        if !self.are_tokens(ids) {
            return Err(unsupported(node, "rows may be chosen by token inputs only".into()));
        }
        let table = table.into_shape_with_order((rows, width)).map_err(|error| unsupported(node, error.to_string()))?;
        let chosen = self.push(&node.name, Op::Embedding { table }, &[ids])?;
        self.reshaped(&format!("{}.shape", node.name), chosen, &shape)
    }

    /// `GatherND` with constant indices: rows of the operand with its leading axes made one.
    pub(super) fn gather_points(&mut self, node: &TypedNode, batch_axes: usize) -> Result<NodeId, Problem> {
        let shape = self.shape(OutletId::new(node.id, 0))?;
        let indices = node.inputs.get(1).and_then(|&outlet| self.tensor(outlet));
        let indices = indices.ok_or_else(|| unsupported(node, "the indices depend on an input".into()))?;
        let x = self.operand(node.inputs[0])?;
        let extents = self.shape_of(x).to_vec();
        let depth = indices.shape().last().copied().unwrap_or(0);
        let misfit = || unsupported(node, format!("indices {:?} do not fit an operand {extents:?}", indices.shape()));
        let (Some(batch), Some(chosen)) = (extents.get(..batch_axes), extents.get(batch_axes..batch_axes + depth)) else {
            return Err(misfit());
        };
        let values = integers(&indices, &node.name)?;
        let (batch, block): (usize, usize) = (batch.iter().product(), chosen.iter().product());
        let points = values.len().checked_div(depth).filter(|points| points.is_multiple_of(batch)).ok_or_else(misfit)?;
        let mut rows = Vec::with_capacity(points);
        for (at, point) in values.chunks(depth).enumerate() {
            let mut row = at / (points / batch).max(1);
            for (&index, &extent) in point.iter().zip(chosen) {
                let wrapped = if index < 0 { index + extent as i64 } else { index };
                let inside = usize::try_from(wrapped).ok().filter(|&index| index < extent);
                let outside = || unsupported(node, format!("index {index} is outside an axis of {extent}"));
                row = row * extent + inside.ok_or_else(outside)?;
            }
            rows.push(row);
        }
        let flat = [&[batch * block], &extents[batch_axes + depth..]].concat();
        let flat = self.reshaped(&format!("{}.flat", node.name), x, &flat)?;
        let chosen = self.push(&node.name, Op::View(View::Select { axis: 0, indices: rows }), &[flat])?;
        self.reshaped(&format!("{}.shape", node.name), chosen, &shape)
    }

    /// Keeps one triangle of the last two axes and clears the other.
    pub(super) fn triangle(&mut self, node: &TypedNode, upper: bool) -> Result<NodeId, Problem> {
        let diagonal = node.inputs.get(1).and_then(|&outlet| self.tensor(outlet));
        let diagonal = diagonal.ok_or_else(|| unsupported(node, "the diagonal must be constant".into()))?;
        let offset = integers(&diagonal, &node.name)?.first().copied().unwrap_or(0);
        let x = self.operand(node.inputs[0])?;
        let [.., height, width] = *self.shape_of(x) else {
            return Err(unsupported(node, "a triangle needs two axes".into()));
        };
        let keeps = |row: usize, column: usize| {
            let distance = column as i64 - row as i64;
            if upper { distance >= offset } else { distance <= offset }
        };
        let values = (0..height * width).map(|at| f32::from(u8::from(keeps(at / width, at % width)))).collect();
        let mut shape = vec![1; self.shape_of(x).len() - 2];
        shape.extend([height, width]);
        let mask = ArrayD::from_shape_vec(shape, values).map_err(|error| unsupported(node, error.to_string()))?;
        let mask = self.push(&format!("{}.mask", node.name), Op::Constant(mask), &[])?;
        self.push(&node.name, Op::Mul, &[x, mask])
    }

    fn known(&self, node: &TypedNode, extent: &TDim) -> Result<usize, Problem> {
        extent.to_usize().map_err(|_| unsupported(node, format!("{extent} is not known before the model runs")))
    }

    /// Whether a node holds token ids, possibly rearranged.
    fn are_tokens(&self, id: NodeId) -> bool {
        let node = &self.model.nodes[id.0];
        match &node.op {
            Op::Tokens { .. } => true,
            Op::View(view) => !matches!(view, View::Pad { .. }) && node.inputs.iter().all(|&input| self.are_tokens(input)),
            _ => false,
        }
    }
}
