//! Passes over the float model that change its form and not its values.
//!
//! Importers leave what their formats say; calibration and the integer graph want few, large
//! operations. The passes run until none of them changes anything; every one of them removes a node
//! from use or turns one into a constant, so they stop. What is then left of functions of one
//! number is composed. Values agree up to the rounding of `f32`; each pass is tested by running
//! models before and after.

mod affine;
mod before;
mod compose;
mod constants;
mod functions;
mod identities;
mod norms;
mod trees;

use ndarray::ArrayD;

pub use before::{Channels, scale_operand};

use super::{Model, NodeId, Op, ShapeError};

type Pass = fn(&mut Model) -> bool;

const PASSES: &[Pass] = &[
    constants::fold,
    identities::remove,
    identities::merge,
    functions::recognize,
    norms::recognize,
    trees::look_through,
    affine::fold,
];

impl Model {
    /// The same model in fewer operations.
    ///
    /// Constants are folded; identities and dead nodes are gone; a constant multiple or offset per
    /// channel is part of the dense layer or convolution before it, or else behind it; layer norms,
    /// RMS norms and L2 norms are single operations, and so is every composition of functions of
    /// one number. Ensembles of trees compare columns where these come from.
    ///
    /// # Errors
    /// The model is inconsistent, see [`Model::check`], or has a softmax with a row that constants
    /// hide altogether.
    pub fn simplify(mut self) -> Result<Model, ShapeError> {
        self.check()?;
        let mut changed = true;
        while changed {
            changed = false;
            for pass in PASSES {
                changed |= pass(&mut self);
            }
            self.remove_dead();
        }
        compose::compose(&mut self);
        // Behind the compositions, which end in constant factors themselves.
        self.remove_dead();
        before::fold(&mut self);
        self.remove_dead();
        self.check()?;
        self.check_rows()?;
        Ok(self)
    }

    /// Removes nodes that no output depends on, other than inputs.
    pub fn remove_dead(&mut self) {
        let mut alive: Vec<bool> = self
            .nodes
            .iter()
            .map(|node| matches!(node.op, Op::Input | Op::Tokens { .. }))
            .collect();
        for (_, id) in &self.outputs {
            alive[id.0] = true;
        }
        for at in (0..self.nodes.len())
            .rev()
            .filter(|&at| self.nodes[at].inputs.iter().all(|id| id.0 < at))
        {
            if alive[at] {
                for id in &self.nodes[at].inputs {
                    alive[id.0] = true;
                }
            }
        }
        let mut renamed = vec![NodeId(0); self.nodes.len()];
        let mut kept = 0;
        for (at, &alive) in alive.iter().enumerate() {
            renamed[at] = NodeId(kept);
            kept += usize::from(alive);
        }
        let mut at = 0;
        self.nodes.retain(|_| {
            at += 1;
            alive[at - 1]
        });
        let ids = self.nodes.iter_mut().flat_map(|node| &mut node.inputs);
        for id in ids.chain(&mut self.inputs).chain(self.outputs.iter_mut().map(|(_, id)| id)) {
            *id = renamed[id.0];
        }
    }

    /// How many operands and outputs read each node.
    fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let operands = self.nodes.iter().flat_map(|node| &node.inputs);
        for id in operands.chain(self.outputs.iter().map(|(_, id)| id)) {
            uses[id.0] += 1;
        }
        uses
    }

    fn op(&self, id: NodeId) -> &Op {
        &self.nodes[id.0].op
    }

    fn operands(&self, id: NodeId) -> &[NodeId] {
        &self.nodes[id.0].inputs
    }

    fn extents(&self, id: NodeId) -> &[usize] {
        &self.nodes[id.0].shape
    }

    fn constant(&self, id: NodeId) -> Option<&ArrayD<f32>> {
        match self.op(id) {
            Op::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a constant whose elements are all the same.
    fn uniform(&self, id: NodeId) -> Option<f32> {
        let value = self.constant(id)?;
        let first = *value.first()?;
        value.iter().all(|&other| other == first).then_some(first)
    }

    /// The computed operand and the constant one of a binary node, and whether the constant comes
    /// first.
    fn with_constant(&self, id: NodeId) -> Option<(NodeId, &ArrayD<f32>, bool)> {
        let &[a, b] = self.operands(id) else {
            return None;
        };
        match (self.constant(a), self.constant(b)) {
            (None, Some(value)) => Some((a, value, false)),
            (Some(value), None) => Some((b, value, true)),
            _ => None,
        }
    }
}

/// Makes `source` the only operand of a node, and counts its readers.
fn reread(model: &mut Model, id: NodeId, source: NodeId, uses: &mut [usize]) {
    let before = std::mem::replace(&mut model.nodes[id.0].inputs, vec![source]);
    before.into_iter().for_each(|operand| uses[operand.0] -= 1);
    uses[source.0] += 1;
}

/// Readers of bypassed nodes, sent to other nodes in one walk from the inputs to the outputs.
struct Bypass(Vec<NodeId>);

impl Bypass {
    fn new(model: &Model) -> Bypass {
        Bypass((0..model.nodes.len()).map(NodeId).collect())
    }

    /// The next node of the walk: it reads what its operands were bypassed to.
    fn reach(&self, model: &mut Model, id: NodeId) {
        model.nodes[id.0].inputs.iter_mut().for_each(|operand| *operand = self.0[operand.0]);
    }

    /// Makes every reader of `from`, the node that was reached last, read `to`, an earlier node of
    /// the same shape.
    fn bypass(&mut self, from: NodeId, to: NodeId) {
        self.0[from.0] = to;
    }

    /// The end of the walk: outputs are readers too.
    fn finish(self, model: &mut Model) {
        model.outputs.iter_mut().for_each(|(_, id)| *id = self.0[id.0]);
    }
}

/// Model building and comparing for the passes' tests.
#[cfg(test)]
mod testing {
    use std::collections::BTreeMap;

    use ndarray::ArrayD;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use crate::{Model, NodeId, Op};

    /// A model with one input `x` of `shape`, whose output is what `build` returns.
    pub fn model(shape: &[usize], build: impl FnOnce(&mut Model, NodeId) -> NodeId) -> Model {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, shape).unwrap();
        let y = build(&mut model, x);
        model.outputs.push(("y".into(), y));
        model
    }

    pub fn constant(model: &mut Model, value: ArrayD<f32>) -> NodeId {
        let name = format!("constant {}", model.nodes.len());
        model.push(name, Op::Constant(value), &[]).unwrap()
    }

    pub fn scalar(model: &mut Model, value: f32) -> NodeId {
        constant(model, ArrayD::from_elem(ndarray::IxDyn(&[]), value))
    }

    pub fn apply(model: &mut Model, op: Op, inputs: &[NodeId]) -> NodeId {
        let name = format!("node {}", model.nodes.len());
        model.push(name, op, inputs).unwrap()
    }

    pub fn random(shape: &[usize], seed: u64) -> ArrayD<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        ArrayD::from_shape_fn(shape, |_| rng.gen_range(-3.0..3.0))
    }

    /// Simplifies, checks that outputs agree on random inputs, and returns the simplified model.
    pub fn simplified(model: Model) -> Model {
        let simple = model.clone().simplify().unwrap();
        for seed in 0..4 {
            let inputs: BTreeMap<_, _> = model
                .inputs
                .iter()
                .map(|id| (model.nodes[id.0].name.clone(), random(&model.nodes[id.0].shape, seed)))
                .collect();
            let (before, after) =
                (model.execute(&inputs).unwrap(), simple.execute(&inputs).unwrap());
            for ((_, a), (_, b)) in model.outputs.iter().zip(&simple.outputs) {
                let (a, b) = (&before[a.0], &after[b.0]);
                assert_eq!(a.shape(), b.shape());
                let worst = a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| (a - b).abs() / (1.0 + a.abs()))
                    .fold(0.0, f32::max);
                assert!(worst < 1e-5, "seed {seed}: error {worst}");
            }
        }
        simple
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::testing::*;
    use crate::{Model, NodeId, Norm, Op, Unary, View};

    #[test]
    fn removes_dead_nodes_and_keeps_inputs() {
        let mut before = model(&[3], |model, x| {
            apply(model, Op::Unary(Unary::Tanh), &[x]);
            apply(model, Op::Unary(Unary::Relu), &[x])
        });
        before.push_input("unused", Op::Input, &[1]).unwrap();
        let after = simplified(before);
        assert_eq!(after.nodes.len(), 3);
        assert_eq!(after.inputs.len(), 2);
        assert_eq!(after.check(), Ok(()));
    }

    /// Graphs of random operations: whatever the passes do to each other's results, the values
    /// stay.
    #[test]
    fn random_graphs_keep_their_values() {
        let mut removed = 0;
        for seed in 0..400 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let before = model(&[1, 4, 6], |model, x| {
                let mut nodes = vec![x];
                for _ in 0..rng.gen_range(3..16) {
                    let next = random_node(model, &nodes, &mut rng);
                    nodes.push(next);
                }
                let last = nodes[nodes.len() - 1];
                apply(model, Op::Unary(Unary::Tanh), &[last])
            });
            println!("seed {seed}");
            let after = simplified(before.clone());
            removed += before.nodes.len() - after.nodes.len();
        }
        assert!(removed > 1000);
    }

    /// A long chain of operations, each `step(number of the step, its operand)` with a constant
    /// behind the operand where it is not a function.
    fn chain(
        model: &mut Model,
        mut x: NodeId,
        step: impl Fn(usize) -> (Op, Option<f32>),
    ) -> NodeId {
        for at in 0..10_000 {
            let (op, number) = step(at);
            let mut operands = vec![x];
            if let Some(number) = number {
                let value = Op::Constant(ArrayD::from_elem(vec![1, 2], number));
                operands.push(model.push_new(format!("number {at}"), value, &[], None).unwrap());
            }
            x = model.push_new(format!("step {at}"), op, &operands, None).unwrap();
        }
        x
    }

    fn swapped() -> Op {
        Op::Dense { weight: ndarray::arr2(&[[0.0, 1.0], [1.0, 0.0]]), bias: None }
    }

    /// Every pass is linear in them, and none recurses.
    #[test]
    fn long_chains_become_what_they_compute() {
        let lines = |at: usize| {
            if at.is_multiple_of(2) { (Op::Mul, Some(-1.0)) } else { (Op::Add, Some(0.5)) }
        };
        let behind = simplified(model(&[1, 2], |model, x| {
            let x = apply(model, swapped(), &[x]);
            chain(model, x, lines)
        }));
        assert_eq!(behind.nodes.len(), 2, "folded into the layer before");
        let before = simplified(model(&[1, 2], |model, x| {
            let x = chain(model, x, lines);
            apply(model, swapped(), &[x])
        }));
        assert_eq!(before.nodes.len(), 2, "folded into the layer behind");
        let ones = simplified(model(&[1, 2], |model, x| chain(model, x, |_| (Op::Mul, Some(1.0)))));
        assert_eq!(ones.nodes.len(), 1, "changes nothing");
        let functions = simplified(model(&[1, 2], |model, x| {
            chain(model, x, |at| {
                if at.is_multiple_of(2) {
                    (Op::Unary(Unary::Abs), None)
                } else {
                    (Op::Sub, Some(0.5))
                }
            })
        }));
        assert!(functions.nodes.len() < 2 * 10_000 / 20, "composed: {}", functions.nodes.len());
    }

    /// An operation on one of `nodes`, all of which are `[1, 4, 6]`, that is `[1, 4, 6]` again and
    /// stays small.
    fn random_node(model: &mut Model, nodes: &[NodeId], rng: &mut ChaCha8Rng) -> NodeId {
        const UNARY: [Unary; 8] = [
            Unary::Relu,
            Unary::Tanh,
            Unary::Sigmoid,
            Unary::Clip(-1.0, 0.5),
            Unary::Clip(f32::MIN, 0.25),
            Unary::Erf,
            Unary::Abs,
            Unary::HardSigmoid(0.3, 0.5),
        ];
        const SHAPES: [&[usize]; 5] = [&[], &[6], &[4, 1], &[1, 1, 6], &[1, 4, 6]];
        // The latest node most of the time, so that chains form.
        let x = if rng.gen_bool(0.7) {
            nodes[nodes.len() - 1]
        } else {
            nodes[rng.gen_range(0..nodes.len())]
        };
        let other = nodes[rng.gen_range(0..nodes.len())];
        match rng.gen_range(0..10) {
            0 | 1 => apply(model, Op::Unary(UNARY[rng.gen_range(0..UNARY.len())]), &[x]),
            2..=4 => {
                let shape = SHAPES[rng.gen_range(0..SHAPES.len())];
                let value = match rng.gen_range(0..4) {
                    0 => ArrayD::ones(shape),
                    1 => ArrayD::zeros(shape),
                    2 => ArrayD::from_elem(shape, 0.5),
                    _ => random(shape, rng.r#gen()) * 0.3,
                };
                let constant = constant(model, value);
                let op = [Op::Add, Op::Sub, Op::Mul][rng.gen_range(0..3)].clone();
                let operands = if rng.gen_bool(0.5) { [x, constant] } else { [constant, x] };
                apply(model, op, &operands)
            }
            5 => {
                let weight = (random(&[6, 6], rng.r#gen()) * 0.1).into_dimensionality().unwrap();
                apply(model, Op::Dense { weight, bias: None }, &[x])
            }
            6 => {
                let y = model
                    .push_shaped(name(model), Op::View(View::Reshape), &[x], &[2, 2, 6])
                    .unwrap();
                let y = apply(model, Op::View(View::Transpose(vec![1, 0, 2])), &[y]);
                model.push_shaped(name(model), Op::View(View::Reshape), &[y], &[1, 4, 6]).unwrap()
            }
            7 => {
                let mean = apply(model, Op::Mean { axes: vec![2] }, &[x]);
                let centered = apply(model, Op::Sub, &[x, mean]);
                apply(model, Op::Norm(Norm::rms(0.1)), &[centered])
            }
            8 => {
                let keys = apply(model, Op::View(View::Transpose(vec![0, 2, 1])), &[other]);
                let scores = apply(model, Op::MatMul, &[x, keys]);
                let weights = apply(model, Op::Softmax, &[scores]);
                apply(model, Op::MatMul, &[weights, x])
            }
            _ => {
                let op = if rng.gen_bool(0.5) { Op::Add } else { Op::Mul };
                let y = apply(model, op, &[x, other]);
                apply(model, Op::Unary(Unary::Clip(-2.0, 2.0)), &[y])
            }
        }
    }

    fn name(model: &Model) -> String {
        format!("view {}", model.nodes.len())
    }
}
