//! Nodes that change nothing are bypassed; chains of views and clips become one.

use super::Bypass;
use crate::{Model, NodeId, Op, Unary, View};

/// Bypasses nodes that return an operand unchanged.
pub(super) fn remove(model: &mut Model) -> bool {
    let mut changed = false;
    let (uses, mut readers) = (model.uses(), Bypass::new(model));
    for (at, uses) in uses.into_iter().enumerate() {
        let id = NodeId(at);
        readers.reach(model, id);
        if let Some(same) = identity(model, id) {
            readers.bypass(id, same);
            changed |= uses > 0;
        }
    }
    readers.finish(model);
    changed
}

/// The operand that a node returns unchanged.
fn identity(model: &Model, id: NodeId) -> Option<NodeId> {
    let shape = model.extents(id);
    let only = model.operands(id).first().copied()?;
    let same_shape = model.extents(only) == shape;
    let unchanged = match model.op(id) {
        Op::View(View::Reshape | View::Broadcast) => same_shape,
        Op::View(View::Transpose(permutation)) => permutation.is_sorted(),
        Op::View(View::Slice { start: 0, step: 1, .. }) => same_shape,
        Op::View(View::Concat(_)) => model.operands(id).len() == 1,
        Op::View(View::Select { axis, indices }) => {
            indices.iter().copied().eq(0..model.extents(only).get(*axis).copied()?)
        }
        Op::View(View::Pad { amounts, .. }) => amounts.iter().all(|&amount| amount == (0, 0)),
        Op::Sum { .. } | Op::Mean { .. } => same_shape,
        Op::Add | Op::Sub | Op::Mul => {
            let (x, value, constant_first) = model.with_constant(id)?;
            let neutral = if matches!(model.op(id), Op::Mul) { 1.0 } else { 0.0 };
            let negates = constant_first && matches!(model.op(id), Op::Sub);
            let neutral = !negates
                && model.extents(x) == shape
                && value.iter().all(|&value| value == neutral);
            return neutral.then_some(x);
        }
        _ => false,
    };
    unchanged.then_some(only)
}

/// Merges a view or clip with the one before it.
pub(super) fn merge(model: &mut Model) -> bool {
    let mut changed = false;
    for at in 0..model.nodes.len() {
        if let Some((op, input)) = merged(model, NodeId(at)) {
            model.nodes[at].op = op;
            model.nodes[at].inputs = vec![input];
            changed = true;
        }
    }
    changed
}

fn merged(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    let &[before] = model.operands(id) else {
        return None;
    };
    let source = model.operands(before).first().copied();
    match (model.op(id), model.op(before)) {
        (Op::View(View::Reshape), Op::View(View::Reshape)) => {
            Some((Op::View(View::Reshape), source?))
        }
        (Op::View(View::Transpose(second)), Op::View(View::Transpose(first))) => {
            let composed = second.iter().map(|&axis| first[axis]).collect();
            Some((Op::View(View::Transpose(composed)), source?))
        }
        (Op::View(View::Transpose(permutation)), _) => {
            let long = |axis: &&usize| model.extents(before)[**axis] != 1;
            let moves = !permutation.iter().filter(long).is_sorted();
            (!moves && !permutation.is_sorted()).then_some((Op::View(View::Reshape), before))
        }
        (Op::Unary(second), Op::Unary(first)) => {
            let ((low_a, high_a), (low_b, high_b)) = (bounds(*first)?, bounds(*second)?);
            if low_a > high_b || low_b > high_a {
                return None;
            }
            let (low, high) = (low_a.max(low_b), high_a.min(high_b));
            let clip =
                if (low, high) == (0.0, f32::MAX) { Unary::Relu } else { Unary::Clip(low, high) };
            Some((Op::Unary(clip), source?))
        }
        _ => None,
    }
}

fn bounds(function: Unary) -> Option<(f32, f32)> {
    match function {
        Unary::Relu => Some((0.0, f32::MAX)),
        Unary::Clip(low, high) => Some((low, high)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn view(model: &mut Model, view: View, x: NodeId, shape: &[usize]) -> NodeId {
        let name = format!("view {}", model.nodes.len());
        model.push_shaped(name, Op::View(view), &[x], shape).unwrap()
    }

    #[test]
    fn bypasses_whatever_changes_nothing() {
        let after = simplified(model(&[2, 3], |model, x| {
            let y = view(model, View::Reshape, x, &[2, 3]);
            let y = view(model, View::Slice { axis: 0, start: 0, step: 1 }, y, &[2, 3]);
            let y = view(model, View::Pad { amounts: vec![(0, 0); 2], value: 1.0 }, y, &[2, 3]);
            let y = view(model, View::Select { axis: 1, indices: vec![0, 1, 2] }, y, &[2, 3]);
            let y = view(model, View::Concat(0), y, &[2, 3]);
            let one = scalar(model, 1.0);
            let zero = scalar(model, 0.0);
            let y = apply(model, Op::Mul, &[one, y]);
            let y = apply(model, Op::Sub, &[y, zero]);
            apply(model, Op::Unary(Unary::Tanh), &[y])
        }));
        assert_eq!(after.nodes.len(), 2);
    }

    #[test]
    fn keeps_a_negation_and_a_broadcasting_product() {
        let negation = simplified(model(&[2], |model, x| {
            let zero = scalar(model, 0.0);
            apply(model, Op::Sub, &[zero, x])
        }));
        assert_eq!(negation.nodes.len(), 3);
        let wider = simplified(model(&[1], |model, x| {
            let ones = constant(model, ndarray::array![1.0, 1.0].into_dyn());
            apply(model, Op::Mul, &[x, ones])
        }));
        assert_eq!(wider.nodes.len(), 3);
    }

    #[test]
    fn merges_chains_of_views() {
        let after = simplified(model(&[2, 3, 4], |model, x| {
            let y = apply(model, Op::View(View::Transpose(vec![2, 0, 1])), &[x]);
            let y = apply(model, Op::View(View::Transpose(vec![1, 0, 2])), &[y]);
            let y = view(model, View::Reshape, y, &[2, 12]);
            view(model, View::Reshape, y, &[24])
        }));
        assert_eq!(after.nodes.len(), 3);
        let trivial = simplified(model(&[1, 3, 4], |model, x| {
            apply(model, Op::View(View::Transpose(vec![1, 0, 2])), &[x])
        }));
        assert!(matches!(trivial.nodes[1].op, Op::View(View::Reshape)));
    }

    #[test]
    fn merges_clips() {
        let after = simplified(model(&[64], |model, x| {
            let y = apply(model, Op::Unary(Unary::Relu), &[x]);
            apply(model, Op::Unary(Unary::Clip(f32::MIN, 2.0)), &[y])
        }));
        assert_eq!(after.nodes.len(), 2);
        assert!(matches!(after.nodes[1].op, Op::Unary(Unary::Clip(0.0, 2.0))));
    }
}
