//! Trees look through what stands in front of them: scalers move into the bounds, and columns are
//! taken where they come from.
//!
//! A sum, difference or product with a constant is monotone in `f32` as well: `f(x) <= b` holds for
//! exactly the numbers up to some `x`, or from some `x` on, which a search over all `f32` finds.
//! The trees decide as before, bit by bit.

use std::sync::Arc;

use crate::{Model, NodeId, Op, Split, Trees, View};

/// Moves every ensemble one step towards the inputs; whether there was one to move.
pub(super) fn look_through(model: &mut Model) -> bool {
    let uses = model.uses();
    let mut changed = false;
    for at in 0..model.nodes.len() {
        if let Op::Trees(trees) = &model.nodes[at].op {
            let trees = trees.clone();
            changed |= past_view(model, at, &trees)
                || past_constant(model, at, &trees)
                || past_join(model, at, &trees, &uses);
        }
    }
    changed
}

/// A monotone function of `f32`.
#[derive(Clone, Copy)]
enum Step {
    Add(f32),
    From(f32),
    Times(f32),
}

impl Step {
    fn of(self, x: f32) -> f32 {
        match self {
            Step::Add(constant) => x + constant,
            Step::From(constant) => constant - x,
            Step::Times(constant) => x * constant,
        }
    }

    fn grows(self) -> bool {
        match self {
            Step::Add(_) => true,
            Step::From(_) => false,
            Step::Times(constant) => constant > 0.0,
        }
    }

    /// The same comparison of what the function is of.
    fn before(self, split: &Split) -> Split {
        // Numbers in the order of their size.
        let holds = |at: i64| self.of(number(at)) <= split.bound;
        let (mut low, mut high) = (place(-f32::MAX), place(f32::MAX));
        let grows = self.grows();
        // The last of a growing function that is at most the bound, of a falling one the last above.
        while low < high {
            let middle = (low + high + 1).div_euclid(2);
            if holds(middle) == grows { low = middle } else { high = middle - 1 }
        }
        let (at_most, above) =
            if grows { (split.at_most, split.above) } else { (split.above, split.at_most) };
        Split { bound: number(low), at_most, above, ..*split }
    }
}

/// The place of a finite number among all; both zeros have one.
fn place(x: f32) -> i64 {
    let size = i64::from(x.to_bits() & 0x7fff_ffff);
    if x.is_sign_negative() { -size } else { size }
}

/// The number at a place.
fn number(place: i64) -> f32 {
    let size = f32::from_bits(place.unsigned_abs() as u32);
    if place < 0 { -size } else { size }
}

/// `model`'s trees at `at` read `operand`, with other comparisons.
fn replace(
    model: &mut Model,
    at: usize,
    trees: &Trees,
    operand: NodeId,
    change: impl Fn(&Split) -> Split,
) {
    let splits = trees.splits.iter().map(change).collect();
    model.nodes[at].op = Op::Trees(Arc::new(Trees { splits, ..trees.clone() }));
    model.nodes[at].inputs = vec![operand];
}

/// Columns that are chosen from a row are columns of it.
fn past_view(model: &mut Model, at: usize, trees: &Trees) -> bool {
    let operand = model.nodes[at].inputs[0];
    let (Op::View(view), &[source]) = (model.op(operand), model.operands(operand)) else {
        return false;
    };
    let (from, to) = (model.extents(source), model.extents(operand));
    let is_row = |shape: &[usize]| shape.iter().rev().skip(1).all(|extent| *extent == 1);
    // The result has as many axes as the row had.
    if !is_row(from) || !is_row(to) || from.len() != to.len() {
        return false;
    }
    let last = from.len() - 1;
    let columns: Vec<usize> = match view {
        View::Reshape => (0..to[last]).collect(),
        View::Select { axis, indices } if *axis == last => indices.clone(),
        View::Slice { axis, start, step } if *axis == last => {
            (0..to[last]).map(|at| start.wrapping_add_signed(at as isize * step)).collect()
        }
        _ => return false,
    };
    replace(model, at, trees, source, |split| Split { column: columns[split.column], ..*split });
    true
}

/// What an elementwise operation with a constant does to each column, and its operand.
fn steps(model: &Model, id: NodeId) -> Option<(NodeId, Vec<Step>)> {
    let (x, constant, first) = model.with_constant(id)?;
    let shape = model.extents(id);
    if model.extents(x) != shape || shape.iter().rev().skip(1).any(|extent| *extent != 1) {
        return None;
    }
    let constants = constant.broadcast(shape)?;
    let step = |constant: f32| match model.op(id) {
        Op::Add => Some(Step::Add(constant)),
        Op::Sub if first => Some(Step::From(constant)),
        Op::Sub => Some(Step::Add(-constant)),
        Op::Mul if constant != 0.0 => Some(Step::Times(constant)),
        _ => None,
    };
    Some((x, constants.iter().map(|constant| step(*constant)).collect::<Option<_>>()?))
}

fn past_constant(model: &mut Model, at: usize, trees: &Trees) -> bool {
    let Some((source, steps)) = steps(model, model.nodes[at].inputs[0]) else { return false };
    replace(model, at, trees, source, |split| steps[split.column].before(split));
    true
}

/// The parts of a joined row that are scaled are joined before.
fn past_join(model: &mut Model, at: usize, trees: &Trees, uses: &[usize]) -> bool {
    let join = model.nodes[at].inputs[0];
    let last = model.extents(join).len().saturating_sub(1);
    if !matches!(model.op(join), Op::View(View::Concat(axis)) if *axis == last) || uses[join.0] != 1
    {
        return false;
    }
    let mut start = 0;
    for (part, operand) in model.operands(join).to_vec().into_iter().enumerate() {
        let width = model.extents(operand)[last];
        if let Some((source, steps)) = steps(model, operand) {
            model.nodes[join.0].inputs[part] = source;
            replace(model, at, trees, join, |split| {
                match split.column.checked_sub(start).and_then(|column| steps.get(column)) {
                    Some(step) => step.before(split),
                    None => *split,
                }
            });
            return true;
        }
        start += width;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::{ArrayD, IxDyn};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Branch;

    /// A tree for each of some comparisons.
    fn stumps(splits: &[(usize, f32)]) -> Op {
        let split = |(at, &(column, bound)): (usize, &(usize, f32))| Split {
            column,
            bound,
            at_most: Branch::Leaf(2 * at),
            above: Branch::Leaf(2 * at + 1),
        };
        Op::Trees(Arc::new(Trees {
            roots: (0..splits.len()).map(Branch::Split).collect(),
            splits: splits.iter().enumerate().map(split).collect(),
            leaves: 2 * splits.len(),
        }))
    }

    fn constant(model: &mut Model, name: &str, values: &[f32]) -> NodeId {
        let values = ArrayD::from_shape_vec(IxDyn(&[1, values.len()]), values.to_vec()).unwrap();
        model.push(name, Op::Constant(values), &[]).unwrap()
    }

    #[test]
    fn places_are_in_the_order_of_numbers() {
        for x in [0.0, -0.0, 1.5, -1.5, f32::MIN_POSITIVE, 1e-45, -1e-45, f32::MAX, -f32::MAX] {
            assert_eq!(number(place(x)), x);
            if x.abs() < f32::MAX {
                assert!(number(place(x) + 1) > x && number(place(x) - 1) < x, "{x}");
            }
        }
    }

    /// Scaled, turned around, chosen and joined columns: every row comes to the same leaves, those
    /// at the bounds too.
    #[test]
    fn trees_decide_as_before_bit_by_bit() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 3]).unwrap();
        let offset = constant(&mut model, "offset", &[0.3, -17.25, 1e4]);
        let scale = constant(&mut model, "scale", &[1.7, -0.013, 3e-5]);
        let one = constant(&mut model, "one", &[1.0]);
        let centred = model.push("centred", Op::Sub, &[x, offset]).unwrap();
        let scaled = model.push("scaled", Op::Mul, &[centred, scale]).unwrap();
        let chosen = View::Select { axis: 1, indices: vec![2, 0] };
        let chosen = model.push("chosen", Op::View(chosen), &[x]).unwrap();
        let factors = constant(&mut model, "factors", &[-1e-4, 0.07]);
        let chosen = model.push("multiplied", Op::Mul, &[chosen, factors]).unwrap();
        let turned = View::Slice { axis: 1, start: 1, step: 1 };
        let turned = model.push_shaped("slice", Op::View(turned), &[x], &[1, 1]).unwrap();
        let turned = model.push("turned", Op::Sub, &[one, turned]).unwrap();
        let join =
            model.push("join", Op::View(View::Concat(1)), &[chosen, turned, scaled]).unwrap();
        let splits: Vec<(usize, f32)> =
            (0..60).map(|at| (at % 6, rng.gen_range(-1.0f32..1.0))).collect();
        let leaves = model.push("leaves", stumps(&splits), &[join]).unwrap();
        model.outputs.push(("leaves".into(), leaves));
        let simple = model.clone().simplify().unwrap();
        let reads = |node: &crate::Node| matches!(node.op, Op::Mul | Op::Sub | Op::Add);
        assert!(!simple.nodes.iter().any(reads), "{:?}", simple.nodes);
        let moved = simple.nodes.iter().find_map(|node| match &node.op {
            Op::Trees(trees) => Some(trees.clone()),
            _ => None,
        });
        let bounds: Vec<f32> = moved.unwrap().splits.iter().map(|split| split.bound).collect();
        for round in 0..2000 {
            let mut pick = || match round % 4 {
                0 => rng.gen_range(-40.0f32..40.0),
                1 => rng.gen_range(-4e4f32..4e4),
                // Bounds and their neighbours.
                _ => {
                    let bound = bounds[rng.gen_range(0..bounds.len())];
                    [bound, bound.next_up(), bound.next_down()][rng.gen_range(0..3)]
                }
            };
            let row = ArrayD::from_shape_fn(IxDyn(&[1, 3]), |_| pick());
            let inputs = BTreeMap::from([("x".to_owned(), row)]);
            assert_eq!(model.run(&inputs).unwrap(), simple.run(&inputs).unwrap(), "{inputs:?}");
        }
    }

    #[test]
    fn a_column_that_is_multiplied_by_zero_stays() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 2]).unwrap();
        let scale = constant(&mut model, "scale", &[0.0, 2.0]);
        let scaled = model.push("scaled", Op::Mul, &[x, scale]).unwrap();
        let leaves = model.push("leaves", stumps(&[(0, -1.0), (1, 3.0)]), &[scaled]).unwrap();
        model.outputs.push(("leaves".into(), leaves));
        let simple = model.simplify().unwrap();
        let row = ndarray::arr2(&[[-9.0, 1.5]]).into_dyn();
        let found = simple.run(&BTreeMap::from([("x".to_owned(), row)])).unwrap();
        assert_eq!(found[0], ndarray::arr2(&[[0.0, 1.0, 1.0, 0.0]]).into_dyn());
    }
}
