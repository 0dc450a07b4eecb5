//! Bounds of L2 norms that rows come near.
//!
//! The integer norm divides by `sqrt(sum(x^2) + e^2)`, which is `max(sqrt(sum(x^2)), e)` as long as
//! no row is about as short as `e`. Whether one is depends on the units of the data: there the norm
//! is written out, and the bound is part of a function of the sum.

use lemma_model::{Composition, Model, Node, NodeId, Norm, NormForm, Op, Step, Unary};

use crate::calibrate::Ranges;

/// Rows at least this many times longer than the bound are disturbed by less than a thousandth.
const APART: f64 = 32.0;

/// The model with every L2 norm written out whose bound matters on the samples that `ranges` are
/// of; `None` where none does.
pub fn written_out(model: &Model, ranges: &Ranges) -> Option<Model> {
    let is_near = |operand: NodeId, bound: f32| {
        let shortest = ranges.of(operand).map_or(f64::INFINITY, |range| range.raw.shortest.sqrt());
        shortest < APART * f64::from(bound)
    };
    let bounds: Vec<Option<f32>> = model
        .nodes
        .iter()
        .map(|node| match (&node.op, node.inputs.as_slice()) {
            (Op::Norm(Norm { form: NormForm::L2, epsilon, .. }), [x]) => {
                is_near(*x, *epsilon).then_some(*epsilon)
            }
            _ => None,
        })
        .collect();
    if bounds.iter().all(Option::is_none) {
        return None;
    }
    let mut changed = Model::default();
    let mut moved: Vec<NodeId> = Vec::new();
    for (node, bound) in model.nodes.iter().zip(bounds) {
        let inputs: Vec<NodeId> =
            node.inputs.iter().map(|id| moved.get(id.0).copied()).collect::<Option<_>>()?;
        let id = match (bound, inputs.as_slice()) {
            (Some(bound), [x]) => bounded(&mut changed, node, *x, bound)?,
            _ => changed
                .push_new(node.name.clone(), node.op.clone(), &inputs, Some(&node.shape))
                .ok()?,
        };
        moved.push(id);
    }
    let at = |id: &NodeId| moved.get(id.0).copied();
    changed.inputs = model.inputs.iter().map(at).collect::<Option<_>>()?;
    changed.outputs = model
        .outputs
        .iter()
        .map(|(name, id)| Some((name.clone(), at(id)?)))
        .collect::<Option<_>>()?;
    changed.check().is_ok().then_some(changed)
}

/// `x / max(sqrt(sum(x^2)), bound)` over the last axis.
fn bounded(model: &mut Model, node: &Node, x: NodeId, bound: f32) -> Option<NodeId> {
    let last = node.shape.len().checked_sub(1)?;
    let steps = [Unary::Sqrt, Unary::Clip(bound, f32::MAX), Unary::Reciprocal];
    let steps = std::iter::once(Step::Argument)
        .chain(steps.into_iter().enumerate().map(|(at, step)| Step::Apply(step, at)));
    let inverse = Op::Composed(Composition::new(steps.collect())?.into());
    let mut push = |what: &str, op: Op, inputs: &[NodeId]| {
        model.push(format!("{}{what}", node.name), op, inputs).ok()
    };
    let squares = push(" squares", Op::Mul, &[x, x])?;
    let sum = push(" sum", Op::Sum { axes: vec![last] }, &[squares])?;
    let inverse = push(" inverse", inverse, &[sum])?;
    push("", Op::Mul, &[x, inverse])
}
