//! Compositions of functions of one number.
//!
//! Elementwise operations and equal-element constants on one source, whose steps nothing else
//! reads, are one function of one number and become one operation. Nothing is recognized by its
//! values: the composition is kept as it is written, and evaluated where a named function would be,
//! so every way of writing a GELU is what it is and nothing more.

use std::sync::Arc;

use crate::{Composition, MAX_STEPS, Model, NodeId, Op, Step, Unary};

/// Replaces compositions, the longest first, in one walk from the outputs to the inputs.
pub(super) fn compose(model: &mut Model) {
    let mut search = Search::new(model);
    for at in (0..model.nodes.len()).rev() {
        let id = NodeId(at);
        if search.uses[at] > 0
            && let Some((function, source)) = search.composition(model, id)
        {
            let before = std::mem::replace(&mut model.nodes[at].inputs, vec![source]);
            model.nodes[at].op = Op::Composed(Arc::new(function));
            search.uses[source.0] += 1;
            search.release(model, before);
        }
    }
}

/// What a search for compositions knows of the model, and marks of nodes that are good until the
/// next one is taken.
struct Search {
    /// How many operands and outputs read each node.
    uses: Vec<usize>,
    marks: Vec<usize>,
    mark: usize,
    /// How often the marked nodes are read by marked ones.
    read: Vec<usize>,
}

impl Search {
    fn new(model: &Model) -> Search {
        let nodes = model.nodes.len();
        Search { uses: model.uses(), marks: vec![0; nodes], mark: 0, read: vec![0; nodes] }
    }

    /// Counts readers less, and those of what nothing reads any more.
    fn release(&mut self, model: &Model, mut operands: Vec<NodeId>) {
        while let Some(id) = operands.pop() {
            self.uses[id.0] -= 1;
            if self.uses[id.0] == 0 {
                operands.extend(model.operands(id));
            }
        }
    }

    /// Marks a node; whether it was not marked yet.
    fn mark(&mut self, id: NodeId) -> bool {
        let is_new = self.marks[id.0] != self.mark;
        if is_new {
            self.marks[id.0] = self.mark;
            self.read[id.0] = 0;
        }
        is_new
    }

    /// The longest composition that ends at `id`, and its source.
    fn composition(&mut self, model: &Model, id: NodeId) -> Option<(Composition, NodeId)> {
        if !is_elementwise(model, id) {
            return None;
        }
        let cone = self.cone(model, id);
        if function(model, id).is_none() && cone.iter().all(|&node| function(model, node).is_none())
        {
            return None;
        }
        let mut found: Option<(Vec<NodeId>, NodeId)> = None;
        for source in cone {
            if let Some(inside) = self.between(model, id, source)
                && found.as_ref().is_none_or(|(longest, _)| inside.len() >= longest.len())
                && is_worth_it(model, &inside)
            {
                found = Some((inside, source));
            }
        }
        let (inside, source) = found?;
        Some((written_out(model, &inside, source)?, source))
    }

    /// What `id` is made of as far as operations are elementwise, and their operands; constants
    /// left out.
    fn cone(&mut self, model: &Model, id: NodeId) -> Vec<NodeId> {
        self.mark += 1;
        self.mark(id);
        let mut cone = vec![id];
        let mut at = 0;
        while at < cone.len() && cone.len() < MAX_STEPS {
            let next = cone[at];
            at += 1;
            if !is_elementwise(model, next) || model.extents(next) != model.extents(id) {
                continue;
            }
            for &operand in model.operands(next) {
                if model.constant(operand).is_none() && self.mark(operand) {
                    cone.push(operand);
                }
            }
        }
        cone.split_off(1)
    }

    /// The operations between `source` and `id`, in order with `id` last; `None` when `id` depends
    /// on anything else, something else reads one of them, or they are too many.
    fn between(&mut self, model: &Model, id: NodeId, source: NodeId) -> Option<Vec<NodeId>> {
        if model.extents(source) != model.extents(id) {
            return None;
        }
        self.mark += 1;
        self.mark(id);
        let (mut inside, mut constants) = (vec![id], 0);
        let mut at = 0;
        while at < inside.len() {
            let next = inside[at];
            at += 1;
            if !is_elementwise(model, next)
                || model.extents(next) != model.extents(id)
                || inside.len() > MAX_STEPS
            {
                return None;
            }
            for &operand in model.operands(next) {
                if operand == source {
                    continue;
                }
                if model.uniform(operand).is_some() {
                    constants += usize::from(self.mark(operand));
                    continue;
                }
                if self.mark(operand) {
                    inside.push(operand);
                }
                self.read[operand.0] += 1;
            }
        }
        // The argument is a step, and so is each constant.
        if 1 + constants + inside.len() > MAX_STEPS {
            return None;
        }
        let private = |&node: &NodeId| node == id || self.uses[node.0] == self.read[node.0];
        if !inside.iter().all(private) {
            return None;
        }
        inside.sort();
        Some(inside)
    }
}

fn is_elementwise(model: &Model, id: NodeId) -> bool {
    matches!(model.op(id), Op::Unary(_) | Op::Add | Op::Sub | Op::Mul)
}

/// Whether one table takes the place of more than itself: of two functions or products, one of
/// which a table is needed for anyway; or of a function that is steep at zero and what is added
/// before it, which then need not be told from zero.
fn is_worth_it(model: &Model, inside: &[NodeId]) -> bool {
    let functions: Vec<Unary> = inside.iter().filter_map(|&id| function(model, id)).collect();
    let products = inside
        .iter()
        .filter(|&&id| matches!(model.op(id), Op::Mul) && model.with_constant(id).is_none())
        .count();
    let tables = functions
        .iter()
        .filter(|function| !matches!(function, Unary::Relu | Unary::LeakyRelu(_)))
        .count();
    let sums = inside.iter().any(|&id| matches!(model.op(id), Op::Add | Op::Sub));
    match (functions.as_slice(), products) {
        ([only], 0) => sums && only.is_steep_at_zero() && *only != Unary::Reciprocal,
        ([], _) => false,
        (functions, products) => functions.len() + products > 1 && tables + products > 0,
    }
}

fn function(model: &Model, id: NodeId) -> Option<Unary> {
    match model.op(id) {
        Op::Unary(function) => Some(*function),
        _ => None,
    }
}

/// The steps of the operations `inside`, which are in order, of `source`.
fn written_out(model: &Model, inside: &[NodeId], source: NodeId) -> Option<Composition> {
    let mut steps = vec![Step::Argument];
    let mut places = vec![(source, 0)];
    for &id in inside {
        let mut operands = [0; 2];
        for (place, &operand) in operands.iter_mut().zip(model.operands(id)) {
            *place = match places.iter().find(|(node, _)| *node == operand) {
                Some((_, at)) => *at,
                None => {
                    steps.push(Step::Constant(model.uniform(operand)?));
                    places.push((operand, steps.len() - 1));
                    steps.len() - 1
                }
            };
        }
        let [a, b] = operands;
        steps.push(match model.op(id) {
            Op::Unary(function) => Step::Apply(*function, a),
            Op::Add => Step::Add(a, b),
            Op::Sub => Step::Sub(a, b),
            Op::Mul => Step::Mul(a, b),
            _ => return None,
        });
        places.push((id, steps.len() - 1));
    }
    Composition::new(steps)
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

    /// The model is one function of its input, with the values of `expected` from 1e-9 to 1e12, to
    /// within `tolerance` of the larger of the value and 1.
    fn is_one_function(
        expected: impl Fn(f64) -> f64,
        tolerance: f64,
        build: impl FnOnce(&mut Model, NodeId) -> NodeId,
    ) {
        let after = simplified(model(&[64], build));
        assert_eq!(after.nodes.len(), 2);
        let Op::Composed(function) = &after.nodes[1].op else { panic!("{:?}", after.nodes[1].op) };
        let spread = (-120..160).map(|quarter| 1.0137 * (f64::from(quarter) / 4.0).exp2());
        for x in std::iter::once(0.0).chain(spread.flat_map(|x| [x, -x])) {
            let (found, expected) = (function.evaluate(x), expected(x));
            let overflows = x.abs() > 300.0 && !found.is_finite();
            assert!(
                overflows || (found - expected).abs() <= tolerance * expected.abs().max(1.0),
                "{found} for {expected} at {x}"
            );
        }
    }

    #[test]
    fn both_ways_of_writing_the_exact_gelu_are_one_function() {
        is_one_function(
            |x| Unary::Gelu.evaluate(x),
            1e-7,
            |model, x| {
                let y = times(model, x, 0.5f32.sqrt());
                let y = unary(model, Unary::Erf, y);
                let y = plus(model, y, 1.0);
                let half = times(model, x, 0.5);
                apply(model, Op::Mul, &[half, y])
            },
        );
        is_one_function(
            |x| Unary::Gelu.evaluate(x),
            1e-7,
            |model, x| {
                let y = times(model, x, 0.5f32.sqrt());
                let y = unary(model, Unary::Erf, y);
                let y = plus(model, y, 1.0);
                let y = apply(model, Op::Mul, &[y, x]);
                times(model, y, 0.5)
            },
        );
    }

    #[test]
    fn the_tanh_gelu_is_one_function() {
        is_one_function(
            |x| Unary::GeluTanh.evaluate(x),
            1e-6,
            |model, x| {
                let cube = unary(model, Unary::Pow(3.0), x);
                let cube = times(model, cube, 0.044715);
                let y = apply(model, Op::Add, &[x, cube]);
                let y = times(model, y, (2.0 / std::f32::consts::PI).sqrt());
                let y = unary(model, Unary::Tanh, y);
                let y = plus(model, y, 1.0);
                let y = apply(model, Op::Mul, &[x, y]);
                times(model, y, 0.5)
            },
        );
    }

    #[test]
    fn silu_hard_swish_softplus_and_squared_relu_are_one_function() {
        is_one_function(
            |x| Unary::Silu.evaluate(x),
            1e-12,
            |model, x| {
                let y = unary(model, Unary::Sigmoid, x);
                apply(model, Op::Mul, &[y, x])
            },
        );
        is_one_function(
            |x| Unary::HardSwish.evaluate(x),
            1e-6,
            |model, x| {
                let y = plus(model, x, 3.0);
                let y = unary(model, Unary::Clip(0.0, 6.0), y);
                let y = apply(model, Op::Mul, &[x, y]);
                times(model, y, 1.0 / 6.0)
            },
        );
        is_one_function(
            |x| Unary::Softplus.evaluate(x),
            1e-12,
            |model, x| {
                let y = unary(model, Unary::Exp, x);
                let y = plus(model, y, 1.0);
                unary(model, Unary::Ln, y)
            },
        );
        is_one_function(
            |x| Unary::ReluSquared.evaluate(x),
            1e-12,
            |model, x| {
                let y = unary(model, Unary::Relu, x);
                apply(model, Op::Mul, &[y, y])
            },
        );
    }

    #[test]
    fn clamps_far_out_and_small_constants_stay() {
        for limit in [12.5, 20.0, 1e6, 1e30] {
            let bound = f64::from(limit);
            is_one_function(
                |x| x.abs().min(bound),
                1e-12,
                |model, x| {
                    let y = unary(model, Unary::Abs, x);
                    unary(model, Unary::Clip(f32::MIN, limit), y)
                },
            );
            is_one_function(
                |x| Unary::Silu.evaluate(x.clamp(-bound, bound)),
                1e-12,
                |model, x| {
                    let x = unary(model, Unary::Clip(-limit, limit), x);
                    let y = unary(model, Unary::Sigmoid, x);
                    apply(model, Op::Mul, &[y, x])
                },
            );
        }
        for offset in [1e-3, 1e-8, 1e-30] {
            is_one_function(
                |x| (x.max(0.0) + f64::from(offset)).ln(),
                1e-12,
                |model, x| {
                    let y = unary(model, Unary::Relu, x);
                    let y = plus(model, y, offset);
                    unary(model, Unary::Ln, y)
                },
            );
        }
    }

    #[test]
    fn a_threshold_written_with_magnitudes_is_one_function() {
        is_one_function(
            |x| x.clamp(0.0, 20.0),
            1e-12,
            |model, x| {
                let a = unary(model, Unary::Abs, x);
                let d = plus(model, x, -20.0);
                let b = unary(model, Unary::Abs, d);
                let y = apply(model, Op::Sub, &[a, b]);
                let y = plus(model, y, 20.0);
                times(model, y, 0.5)
            },
        );
    }

    #[test]
    fn the_source_may_be_computed() {
        let after = simplified(model(&[8], |model, x| {
            let x = apply(model, Op::Softmax, &[x]);
            let y = unary(model, Unary::Sigmoid, x);
            apply(model, Op::Mul, &[x, y])
        }));
        assert_eq!(after.nodes.len(), 3);
        assert!(matches!(&after.nodes[2].op, Op::Composed(_)));
    }

    #[test]
    fn two_sources_steps_with_other_readers_and_single_functions_stay() {
        let composed = |model: Model| {
            simplified(model).nodes.iter().any(|node| matches!(node.op, Op::Composed(_)))
        };
        assert!(!composed(model(&[8], |model, x| {
            let other = apply(model, Op::Softmax, &[x]);
            let y = unary(model, Unary::Sigmoid, other);
            apply(model, Op::Mul, &[x, y])
        })));
        assert!(!composed(model(&[8], |model, x| {
            let y = unary(model, Unary::Sigmoid, x);
            let z = unary(model, Unary::Tanh, y);
            let other = apply(model, Op::Softmax, &[y]);
            apply(model, Op::Mul, &[z, other])
        })));
        assert!(!composed(model(&[8], |model, x| {
            let y = times(model, x, 3.0);
            let y = unary(model, Unary::Tanh, y);
            plus(model, y, 1.0)
        })));
        // Two ReLUs are cheaper than a table.
        assert!(!composed(model(&[8], |model, x| {
            let y = unary(model, Unary::Relu, x);
            let negative = times(model, x, -1.0);
            let negative = unary(model, Unary::Relu, negative);
            let negative = times(model, negative, 0.25);
            apply(model, Op::Sub, &[y, negative])
        })));
    }
}
