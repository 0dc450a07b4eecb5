//! Compositions that are known functions of one number.
//!
//! A subgraph of elementwise operations and equal-element constants on one source is a function of one number. It is
//! evaluated at a fixed set of points and replaced by the named function that has the same values there, to within
//! [`TOLERANCE`]: so every way of writing a GELU or a SiLU is found, without a pattern for each. The points reach from
//! 1e-9 to 1e18, so that neither a clamp far out nor a small constant vanishes: `min(|x|, 20)` and `|x| + 1e-6` stay. `HardSigmoid` has
//! parameters and is matched by form, as are `1 / sqrt(x)` and the mean.

use super::super::{Model, NodeId, Op, Unary};

/// Largest difference, relative to the value or to `|x|` where that is larger and below 1, that a replacement may make;
/// the two GELUs differ by 4e-4.
const TOLERANCE: f64 = 2e-6;

/// Most operations in a composition.
const LARGEST: usize = 24;

/// Most steps in evaluating one, where shared parts count every time they are read.
const EFFORT: usize = 256;

/// Functions that are looked for.
const KNOWN: &[Unary] = &[
    Unary::Relu,
    Unary::Gelu,
    Unary::GeluTanh,
    Unary::Silu,
    Unary::HardSwish,
    Unary::ReluSquared,
    Unary::Softplus,
    Unary::Sigmoid,
    Unary::Abs,
];

pub(super) fn recognise(model: &mut Model) -> bool {
    let mut changed = false;
    for at in 0..model.nodes.len() {
        let found = formed(model, NodeId(at)).or_else(|| known(model, NodeId(at)));
        if let Some((op, source)) = found {
            model.nodes[at].op = op;
            model.nodes[at].inputs = vec![source];
            changed = true;
        }
    }
    changed
}

/// Functions found by their form.
fn formed(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    let first = model.operands(id).first().copied()?;
    match model.op(id) {
        Op::Unary(Unary::Reciprocal) => match model.op(first) {
            Op::Unary(Unary::Sqrt) => Some((Op::Unary(Unary::Rsqrt), *model.operands(first).first()?)),
            _ => None,
        },
        Op::Unary(Unary::Clip(0.0, 1.0)) => {
            let (slope, offset, x) = line(model, first)?;
            (slope != 1.0 || offset != 0.0).then_some((Op::Unary(Unary::HardSigmoid(slope, offset)), x))
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
    while let Some((x, value, constant_first)) = model.with_constant(at) {
        let Some(number) = value.first().copied().filter(|first| value.iter().all(|other| other == first)) else {
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

/// Functions found by their values.
fn known(model: &Model, id: NodeId) -> Option<(Op, NodeId)> {
    if !is_elementwise(model, id) {
        return None;
    }
    let cone = cone(model, id);
    let direct = match (model.op(id), model.operands(id)) {
        (Op::Unary(_), &[x]) => Some(x),
        _ => None,
    };
    for &source in cone.iter().filter(|&&source| source != id && Some(source) != direct) {
        if model.extents(source) != model.extents(id) || model.constant(source).is_some() {
            continue;
        }
        let found = KNOWN.iter().find(|function| {
            points().all(|x| {
                let expected = function.evaluate(x);
                let value = value_at(model, id, source, x, &mut { EFFORT });
                value.is_some_and(|value| is_same(x, value, expected))
            })
        });
        if let Some(&function) = found {
            return Some((Op::Unary(function), source));
        }
    }
    None
}

/// Zero, points in (-12, 12) off every usual kink, and others of both signs between 1e-9 and 1e18, four to an octave.
fn points() -> impl Iterator<Item = f64> {
    let near = (-47..48).map(|step| f64::from(step) * 0.253_137 + 0.017);
    let spread = (-120..240).map(|quarter| 1.0137 * (f64::from(quarter) / 4.0).exp2());
    std::iter::once(0.0).chain(near).chain(spread.flat_map(|x| [x, -x]))
}

/// Whether a composition that gives `value` at `x` may be replaced by a function that gives `expected`. Far out a
/// composition may overflow where the function does not: there the model has no value to keep.
fn is_same(x: f64, value: f64, expected: f64) -> bool {
    let overflows = x.abs() > 12.0 && !value.is_finite();
    overflows || (value - expected).abs() <= TOLERANCE * expected.abs().max(x.abs().min(1.0))
}

fn is_elementwise(model: &Model, id: NodeId) -> bool {
    matches!(model.op(id), Op::Unary(_) | Op::Add | Op::Sub | Op::Mul)
}

/// The nodes that `id` is composed of, nearest first, as far as operations are elementwise, and their operands.
fn cone(model: &Model, id: NodeId) -> Vec<NodeId> {
    let mut cone = vec![id];
    let mut at = 0;
    while at < cone.len() && cone.len() < LARGEST {
        let next = cone[at];
        if is_elementwise(model, next) {
            for &operand in model.operands(next) {
                if !cone.contains(&operand) {
                    cone.push(operand);
                }
            }
        }
        at += 1;
    }
    cone
}

/// The value of `id` when `source` is `x`; nothing when it depends on anything else or takes too many steps.
fn value_at(model: &Model, id: NodeId, source: NodeId, x: f64, effort: &mut usize) -> Option<f64> {
    if id == source {
        return Some(x);
    }
    if let Some(number) = model.uniform(id) {
        return Some(f64::from(number));
    }
    *effort = effort.checked_sub(1)?;
    let mut operand = |at: usize| value_at(model, *model.operands(id).get(at)?, source, x, effort);
    match model.op(id) {
        Op::Unary(function) => Some(function.evaluate(operand(0)?)),
        Op::Add => Some(operand(0)? + operand(1)?),
        Op::Sub => Some(operand(0)? - operand(1)?),
        Op::Mul => Some(operand(0)? * operand(1)?),
        _ => None,
    }
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

    fn plus(model: &mut Model, x: NodeId, offset: f32) -> NodeId {
        let offset = scalar(model, offset);
        apply(model, Op::Add, &[offset, x])
    }

    fn finds(expected: Unary, build: impl FnOnce(&mut Model, NodeId) -> NodeId) {
        let after = simplified(model(&[64], build));
        assert_eq!(after.nodes.len(), 2, "{expected:?}");
        assert!(matches!(after.nodes[1].op, Op::Unary(found) if found == expected), "{:?}", after.nodes[1].op);
    }

    #[test]
    fn finds_both_ways_of_writing_the_exact_gelu() {
        finds(Unary::Gelu, |model, x| {
            let y = times(model, x, 0.5f32.sqrt());
            let y = unary(model, Unary::Erf, y);
            let y = plus(model, y, 1.0);
            let half = times(model, x, 0.5);
            apply(model, Op::Mul, &[half, y])
        });
        finds(Unary::Gelu, |model, x| {
            let y = times(model, x, 0.5f32.sqrt());
            let y = unary(model, Unary::Erf, y);
            let y = plus(model, y, 1.0);
            let y = apply(model, Op::Mul, &[y, x]);
            times(model, y, 0.5)
        });
    }

    #[test]
    fn finds_the_tanh_gelu_and_tells_it_from_the_exact_one() {
        finds(Unary::GeluTanh, |model, x| {
            let cube = unary(model, Unary::Pow(3.0), x);
            let cube = times(model, cube, 0.044715);
            let y = apply(model, Op::Add, &[x, cube]);
            let y = times(model, y, (2.0 / std::f32::consts::PI).sqrt());
            let y = unary(model, Unary::Tanh, y);
            let y = plus(model, y, 1.0);
            let y = apply(model, Op::Mul, &[x, y]);
            times(model, y, 0.5)
        });
    }

    #[test]
    fn finds_silu_hard_swish_softplus_and_squared_relu() {
        finds(Unary::Silu, |model, x| {
            let y = unary(model, Unary::Sigmoid, x);
            apply(model, Op::Mul, &[y, x])
        });
        finds(Unary::HardSwish, |model, x| {
            let y = plus(model, x, 3.0);
            let y = unary(model, Unary::Clip(0.0, 6.0), y);
            let y = apply(model, Op::Mul, &[x, y]);
            times(model, y, 1.0 / 6.0)
        });
        finds(Unary::Softplus, |model, x| {
            let y = unary(model, Unary::Exp, x);
            let y = plus(model, y, 1.0);
            unary(model, Unary::Ln, y)
        });
        finds(Unary::ReluSquared, |model, x| {
            let y = unary(model, Unary::Relu, x);
            unary(model, Unary::Square, y)
        });
    }

    #[test]
    fn finds_functions_by_form() {
        finds(Unary::HardSigmoid(0.25, 0.5), |model, x| {
            let y = times(model, x, 0.25);
            let y = plus(model, y, 0.5);
            let y = unary(model, Unary::Clip(f32::MIN, 1.0), y);
            unary(model, Unary::Relu, y)
        });
        let mean = simplified(model(&[2, 4], |model, x| {
            let y = apply(model, Op::Sum { axes: vec![1] }, &[x]);
            times(model, y, 0.25)
        }));
        assert!(matches!(mean.nodes[1].op, Op::Mean { .. }));
    }

    #[test]
    fn finds_a_function_of_a_computed_source() {
        let after = simplified(model(&[8], |model, x| {
            let x = unary(model, Unary::Tanh, x);
            let y = unary(model, Unary::Sigmoid, x);
            apply(model, Op::Mul, &[x, y])
        }));
        assert_eq!(after.nodes.len(), 3);
        assert!(matches!(after.nodes[2].op, Op::Unary(Unary::Silu)));
    }

    #[test]
    fn keeps_a_product_of_two_sources() {
        let after = simplified(model(&[8], |model, x| {
            let other = apply(model, Op::View(crate::model::View::Transpose(vec![0])), &[x]);
            let other = apply(model, Op::Softmax, &[other]);
            let y = unary(model, Unary::Sigmoid, other);
            apply(model, Op::Mul, &[x, y])
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Mul)));
    }

    #[test]
    fn keeps_a_slightly_different_function() {
        let after = simplified(model(&[8], |model, x| {
            let y = times(model, x, 1.702);
            let y = unary(model, Unary::Sigmoid, y);
            apply(model, Op::Mul, &[x, y])
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Mul)));
    }

    #[test]
    fn keeps_a_clamp_far_out() {
        for limit in [12.5, 15.0, 20.0, 1e3, 1e6] {
            for function in [Unary::Relu, Unary::Gelu, Unary::Silu, Unary::HardSwish, Unary::Softplus, Unary::Abs] {
                let before = simplified(model(&[8], |model, x| {
                    let y = unary(model, Unary::Clip(-limit, limit), x);
                    unary(model, function, y)
                }));
                let after = simplified(model(&[8], |model, x| {
                    let y = unary(model, function, x);
                    unary(model, Unary::Clip(-limit, limit), y)
                }));
                for kept in [before, after] {
                    let last = kept.nodes.last().map(|node| &node.op);
                    assert!(!matches!(last, Some(Op::Unary(found)) if *found == function && kept.nodes.len() == 2), "{limit}");
                }
            }
        }
    }

    #[test]
    fn keeps_a_small_constant() {
        for offset in [1e-3, 1e-6, 1e-8] {
            let after = simplified(model(&[8], |model, x| {
                let y = unary(model, Unary::Abs, x);
                plus(model, y, offset)
            }));
            assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Add)), "{offset}");
        }
    }
}
