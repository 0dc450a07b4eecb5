//! Layer norm, RMS norm and L2 norm from their parts.
//!
//! ```text
//! x * rsqrt(mean(x^2) + e)            RMS norm
//! RMS norm of (x - mean(x))           layer norm
//! x * 1 / max(sqrt(sum(x^2)), e)      L2 norm
//! norm * gain, layer norm + bias      part of the norm
//! ```
//!
//! All over the last axis. The integer norm divides by `sqrt(sum(x^2) + e^2)`, which is
//! `max(.., e)` only for an `e` that no row comes near: a larger bound stays a composition.

use ndarray::Array1;

use super::reread;
use crate::{Model, NodeId, Norm, NormForm, Op, Unary};

/// Largest bound of an L2 norm that only keeps it from dividing by zero; exporters write 1e-12 to
/// 1e-6.
const LARGEST_GUARD: f32 = 1e-6;

pub(super) fn recognize(model: &mut Model) -> bool {
    let mut changed = false;
    let mut uses = model.uses();
    for at in 0..model.nodes.len() {
        let id = NodeId(at);
        let found = rms_norm(model, id)
            .or_else(|| layer_norm(model, id))
            .or_else(|| l2_norm(model, id))
            .or_else(|| with_parameter(model, id, &uses));
        if let Some((op, source)) = found {
            model.nodes[at].op = op;
            reread(model, id, source, &mut uses);
            changed = true;
        }
    }
    changed
}

fn rms_norm(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    product_with(model, id, |x, scale| {
        let shifted = unary(model, scale, Unary::Rsqrt)?;
        let (mean, epsilon, _) = model.with_constant(shifted)?;
        let epsilon = *epsilon
            .first()
            .filter(|_| epsilon.len() == 1 && matches!(model.op(shifted), Op::Add))?;
        let Op::Mean { axes } = model.op(mean) else {
            return None;
        };
        let squares = *model.operands(mean).first()?;
        let matches = is_last(model, x, axes) && is_square(model, squares, x);
        matches.then_some(Op::Norm(Norm::rms(epsilon)))
    })
}

fn layer_norm(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    let Op::Norm(norm @ Norm { form: NormForm::Rms, .. }) = model.op(id) else {
        return None;
    };
    let &[centered] = model.operands(id) else {
        return None;
    };
    let (Op::Sub, &[x, mean]) = (model.op(centered), model.operands(centered)) else {
        return None;
    };
    let Op::Mean { axes } = model.op(mean) else {
        return None;
    };
    let matches = model.operands(mean) == [x] && is_last(model, x, axes);
    matches.then(|| (Op::Norm(Norm { form: NormForm::Layer, ..norm.clone() }), x))
}

fn l2_norm(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    product_with(model, id, |x, scale| {
        let bounded = unary(model, scale, Unary::Reciprocal)?;
        let Op::Unary(Unary::Clip(epsilon, high)) = model.op(bounded) else {
            return None;
        };
        let root = *model.operands(bounded).first()?;
        let sum = unary(model, root, Unary::Sqrt)?;
        let Op::Sum { axes } = model.op(sum) else {
            return None;
        };
        let squares = *model.operands(sum).first()?;
        let guards = *epsilon > 0.0 && *epsilon <= LARGEST_GUARD;
        let matches =
            *high == f32::MAX && guards && is_last(model, x, axes) && is_square(model, squares, x);
        matches.then_some(Op::Norm(Norm::l2(*epsilon)))
    })
}

/// A gain or bias after a norm that nothing else reads.
fn with_parameter(model: &Model, id: NodeId, uses: &[usize]) -> Option<(Op, NodeId)> {
    let (norm, value, _) = model.with_constant(id)?;
    let source = *model.operands(norm).first()?;
    let width = *model.extents(norm).last()?;
    let lead = value.shape().split_last().map_or(&[][..], |(_, lead)| lead);
    if model.extents(norm) != model.extents(id) || lead.iter().any(|&extent| extent != 1) {
        return None;
    }
    let Op::Norm(before) = model.op(norm) else {
        return None;
    };
    if uses[norm.0] != 1 || before.form == NormForm::L2 {
        return None;
    }
    let value: Array1<f32> = match value.len() {
        1 => Array1::from_elem(width, value.sum()),
        _ => value.iter().copied().collect(),
    };
    let (gain, bias) = (before.gain.as_ref(), before.bias.as_ref());
    let after = match (model.op(id), before.form) {
        (Op::Mul, _) => Norm {
            gain: Some(gain.map_or(value.clone(), |gain| gain * &value)),
            bias: bias.map(|bias| bias * &value),
            ..*before
        },
        (Op::Add, NormForm::Layer) => Norm {
            gain: gain.cloned(),
            bias: Some(bias.map_or(value.clone(), |bias| bias + &value)),
            ..*before
        },
        _ => return None,
    };
    Some((Op::Norm(after), source))
}

/// Tries both orders of a product's operands.
fn product_with(
    model: &Model,
    id: NodeId,
    matches: impl Fn(NodeId, NodeId) -> Option<Op>,
) -> Option<(Op, NodeId)> {
    let (Op::Mul, &[a, b]) = (model.op(id), model.operands(id)) else {
        return None;
    };
    [(a, b), (b, a)].into_iter().find_map(|(x, scale)| Some((matches(x, scale)?, x)))
}

/// The operand of `id` when it is `function`.
fn unary(model: &Model, id: NodeId, function: Unary) -> Option<NodeId> {
    match model.op(id) {
        Op::Unary(found) if *found == function => model.operands(id).first().copied(),
        _ => None,
    }
}

fn is_square(model: &Model, squares: NodeId, x: NodeId) -> bool {
    match model.op(squares) {
        Op::Unary(Unary::Square) => model.operands(squares) == [x],
        Op::Mul => model.operands(squares) == [x, x],
        _ => false,
    }
}

fn is_last(model: &Model, x: NodeId, axes: &[usize]) -> bool {
    axes == [model.extents(x).len().wrapping_sub(1)]
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn mean(model: &mut Model, x: NodeId) -> NodeId {
        apply(model, Op::Mean { axes: vec![1] }, &[x])
    }

    fn normalized(model: &mut Model, x: NodeId, divide: bool) -> NodeId {
        let squares = apply(model, Op::Unary(Unary::Square), &[x]);
        let variance = mean(model, squares);
        let epsilon = scalar(model, 1e-3);
        let variance = apply(model, Op::Add, &[variance, epsilon]);
        let scale = if divide {
            let root = apply(model, Op::Unary(Unary::Sqrt), &[variance]);
            apply(model, Op::Unary(Unary::Reciprocal), &[root])
        } else {
            apply(model, Op::Unary(Unary::Rsqrt), &[variance])
        };
        apply(model, Op::Mul, &[scale, x])
    }

    #[test]
    fn finds_a_layer_norm_with_gain_and_bias() {
        for divide in [false, true] {
            let after = simplified(model(&[3, 8], |model, x| {
                let average = mean(model, x);
                let centered = apply(model, Op::Sub, &[x, average]);
                let y = normalized(model, centered, divide);
                let gain = constant(model, random(&[8], 1));
                let y = apply(model, Op::Mul, &[gain, y]);
                let bias = constant(model, random(&[1, 8], 2));
                apply(model, Op::Add, &[y, bias])
            }));
            assert_eq!(after.nodes.len(), 2);
            let Op::Norm(norm) = &after.nodes[1].op else { panic!("no norm") };
            assert_eq!(norm.form, NormForm::Layer);
            assert!(norm.gain.is_some() && norm.bias.is_some());
        }
    }

    #[test]
    fn finds_an_rms_norm_with_a_gain() {
        let after = simplified(model(&[3, 8], |model, x| {
            let y = normalized(model, x, false);
            let gain = constant(model, random(&[8], 1));
            apply(model, Op::Mul, &[y, gain])
        }));
        assert_eq!(after.nodes.len(), 2);
        assert!(matches!(
            after.nodes[1].op,
            Op::Norm(Norm { form: NormForm::Rms, gain: Some(_), .. })
        ));
    }

    #[test]
    fn finds_an_l2_norm() {
        let after = simplified(model(&[3, 8], |model, x| {
            let squares = apply(model, Op::Unary(Unary::Square), &[x]);
            let sum = apply(model, Op::Sum { axes: vec![1] }, &[squares]);
            let root = apply(model, Op::Unary(Unary::Sqrt), &[sum]);
            let bounded = apply(model, Op::Unary(Unary::Clip(1e-12, f32::MAX)), &[root]);
            let inverse = apply(model, Op::Unary(Unary::Reciprocal), &[bounded]);
            apply(model, Op::Mul, &[x, inverse])
        }));
        assert_eq!(after.nodes.len(), 2);
        assert!(matches!(after.nodes[1].op, Op::Norm(Norm { form: NormForm::L2, .. })));
    }

    #[test]
    fn keeps_a_bound_that_rows_come_near() {
        let after = simplified(model(&[3, 8], |model, x| {
            let squares = apply(model, Op::Unary(Unary::Square), &[x]);
            let sum = apply(model, Op::Sum { axes: vec![1] }, &[squares]);
            let root = apply(model, Op::Unary(Unary::Sqrt), &[sum]);
            let bounded = apply(model, Op::Unary(Unary::Clip(1.0, f32::MAX)), &[root]);
            let inverse = apply(model, Op::Unary(Unary::Reciprocal), &[bounded]);
            apply(model, Op::Mul, &[x, inverse])
        }));
        assert!(!after.nodes.iter().any(|node| matches!(node.op, Op::Norm(_))));
    }

    #[test]
    fn keeps_a_norm_over_another_axis() {
        let after = simplified(model(&[8, 8], |model, x| {
            let average = apply(model, Op::Mean { axes: vec![0] }, &[x]);
            let centered = apply(model, Op::Sub, &[x, average]);
            normalized(model, centered, false)
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Sub)));
    }
}
