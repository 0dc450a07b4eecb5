//! Operations found by their form.
//!
//! ```text
//! 1 / sqrt(x)                 reciprocal root
//! clip(a x + b, 0, 1)         hard sigmoid
//! clip(x, 0, infinity)        ReLU
//! sum(x) / n                  mean
//! log(softmax(x))             log-softmax, also behind rearrangements
//! ```

use super::super::{MAX_STEPS, Model, NodeId, Op, Unary, View};
use super::{Bypass, reread};

pub(super) fn recognize(model: &mut Model) -> bool {
    let mut changed = false;
    let (mut uses, mut readers) = (model.uses(), Bypass::new(model));
    for at in 0..model.nodes.len() {
        let id = NodeId(at);
        readers.reach(model, id);
        if let Some((op, source)) = formed(model, id) {
            model.nodes[at].op = op;
            reread(model, id, source, &mut uses);
            changed = true;
        }
        if let Some(operand) = log_softmax(model, id, &uses) {
            readers.bypass(id, operand);
            uses[operand.0] += uses[at] - 1;
            uses[at] = 0;
            changed = true;
        }
    }
    readers.finish(model);
    changed
}

fn formed(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    let first = model.operands(id).first().copied()?;
    match model.op(id) {
        Op::Unary(Unary::Reciprocal) => match model.op(first) {
            Op::Unary(Unary::Sqrt) => {
                Some((Op::Unary(Unary::Rsqrt), *model.operands(first).first()?))
            }
            _ => None,
        },
        Op::Unary(Unary::Clip(0.0, high)) if *high >= f32::MAX => {
            Some((Op::Unary(Unary::Relu), first))
        }
        Op::Unary(Unary::Clip(0.0, 1.0)) => {
            let (slope, offset, x) = line(model, first)?;
            (slope != 1.0 || offset != 0.0)
                .then_some((Op::Unary(Unary::HardSigmoid(slope, offset)), x))
        }
        Op::Mul => {
            let (sum, value, _) = model.with_constant(id)?;
            let Op::Sum { axes } = model.op(sum) else {
                return None;
            };
            let source = *model.operands(sum).first()?;
            let count: usize = axes.iter().map(|&axis| model.extents(source)[axis]).product();
            let averages = value.iter().all(|&factor| (factor * count as f32 - 1.0).abs() < 1e-6);
            let same_shape = model.extents(sum) == model.extents(id);
            (averages && same_shape).then(|| (Op::Mean { axes: axes.clone() }, source))
        }
        _ => None,
    }
}

/// `slope * x + offset` by numbers, with `x` not itself such a line.
fn line(model: &Model, id: NodeId) -> Option<(f32, f32, NodeId)> {
    let (mut slope, mut offset, mut at) = (1.0f32, 0.0f32, id);
    for _ in 0..MAX_STEPS {
        let Some((x, value, constant_first)) = model.with_constant(at) else { break };
        let Some(number) =
            value.first().copied().filter(|first| value.iter().all(|other| other == first))
        else {
            break;
        };
        if model.extents(x) != model.extents(at) {
            break;
        }
        match (model.op(at), constant_first) {
            (Op::Mul, _) => slope *= number,
            (Op::Add, _) => offset += slope * number,
            (Op::Sub, false) => offset -= slope * number,
            (Op::Sub, true) => {
                offset += slope * number;
                slope = -slope;
            }
            _ => break,
        }
        at = x;
    }
    (at != id).then_some((slope, offset, at))
}

/// Makes a softmax whose logarithm is its only use a log-softmax: the logarithm is taken of the
/// sum, never of a probability. What is to be read in the logarithm's place.
fn log_softmax(model: &mut Model, id: NodeId, uses: &[usize]) -> Option<NodeId> {
    let (Op::Unary(Unary::Ln), &[operand]) = (model.op(id), model.operands(id)) else {
        return None;
    };
    let mut at = operand;
    while uses[at.0] == 1 && matches!(model.op(at), Op::View(View::Reshape | View::Transpose(_))) {
        at = model.operands(at)[0];
    }
    if uses[at.0] != 1 || uses[id.0] == 0 || !matches!(model.op(at), Op::Softmax) {
        return None;
    }
    model.nodes[at.0].op = Op::LogSoftmax;
    Some(operand)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn unary(model: &mut Model, function: Unary, x: NodeId) -> NodeId {
        apply(model, Op::Unary(function), &[x])
    }

    fn times(model: &mut Model, x: NodeId, factor: f32) -> NodeId {
        let factor = scalar(model, factor);
        apply(model, Op::Mul, &[x, factor])
    }

    #[test]
    fn finds_functions_by_form() {
        let after = simplified(model(&[64], |model, x| {
            let y = times(model, x, 0.25);
            let half = scalar(model, 0.5);
            let y = apply(model, Op::Add, &[half, y]);
            let y = unary(model, Unary::Clip(f32::MIN, 1.0), y);
            unary(model, Unary::Relu, y)
        }));
        assert!(
            matches!(after.nodes[1].op, Op::Unary(Unary::HardSigmoid(0.25, 0.5))),
            "{:?}",
            after.nodes[1].op
        );
        let relu = simplified(model(&[64], |model, x| unary(model, Unary::Clip(0.0, f32::MAX), x)));
        assert!(matches!(relu.nodes[1].op, Op::Unary(Unary::Relu)));
        let mean = simplified(model(&[2, 4], |model, x| {
            let y = apply(model, Op::Sum { axes: vec![1] }, &[x]);
            times(model, y, 0.25)
        }));
        assert!(matches!(mean.nodes[1].op, Op::Mean { .. }));
    }

    #[test]
    fn finds_a_log_softmax_behind_rearrangements() {
        let after = simplified(model(&[2, 3, 4], |model, x| {
            let y = apply(model, Op::Softmax, &[x]);
            let y = apply(model, Op::View(View::Transpose(vec![1, 0, 2])), &[y]);
            unary(model, Unary::Ln, y)
        }));
        assert!(matches!(after.nodes[1].op, Op::LogSoftmax));
        assert_eq!(after.nodes.len(), 3);
    }

    #[test]
    fn keeps_a_softmax_with_another_reader() {
        let after = simplified(model(&[2, 4], |model, x| {
            let y = apply(model, Op::Softmax, &[x]);
            let z = unary(model, Unary::Ln, y);
            apply(model, Op::Add, &[y, z])
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Softmax)));
        assert!(!after.nodes.iter().any(|node| matches!(node.op, Op::LogSoftmax)));
    }
}
