//! Random small transformers, from a seed.

use lemma_model::{Model, NodeId, Norm, Op, Unary, View};
use ndarray::{Array1, Array2, ArrayD};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A transformer of one or two blocks: norms before or after, causal or not.
pub fn transformer(seed: u64) -> Model {
    let mut rng = StdRng::seed_from_u64(seed);
    let (tokens, heads, size) = (rng.gen_range(2..6), rng.gen_range(1..4), rng.gen_range(2..5));
    let (before, causal, blocks) = (rng.gen_bool(0.5), rng.gen_bool(0.5), rng.gen_range(1..3));
    let mut builder = Builder { model: Model::default(), rng, tokens, heads, size, count: 0 };
    let mut x = builder.model.push_input("x", Op::Input, &[1, tokens, heads * size]).unwrap();
    for _ in 0..blocks {
        x = builder.block(x, before, causal);
    }
    let output = builder.dense(x, heads * size, 3);
    builder.model.outputs.push(("output".into(), output));
    builder.model
}

/// A transformer under construction: `tokens` rows of `heads * size` elements.
struct Builder {
    model: Model,
    rng: StdRng,
    tokens: usize,
    heads: usize,
    size: usize,
    count: usize,
}

impl Builder {
    fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.count += 1;
        self.model.push(format!("n{}", self.count), op, inputs).unwrap()
    }

    fn reshape(&mut self, x: NodeId, shape: &[usize]) -> NodeId {
        self.count += 1;
        self.model
            .push_shaped(format!("n{}", self.count), Op::View(View::Reshape), &[x], shape)
            .unwrap()
    }

    fn dense(&mut self, x: NodeId, from: usize, to: usize) -> NodeId {
        let scale = 1.5 / (from as f32).sqrt();
        let weight = Array2::from_shape_simple_fn((from, to), || self.rng.gen_range(-scale..scale));
        let bias = self
            .rng
            .gen_bool(0.7)
            .then(|| Array1::from_shape_simple_fn(to, || self.rng.gen_range(-0.5..0.5)));
        self.push(Op::Dense { weight, bias }, &[x])
    }

    fn norm(&mut self, x: NodeId) -> NodeId {
        let width = self.heads * self.size;
        let mut parameter = |low: f32, high: f32| {
            let values = Array1::from_shape_simple_fn(width, || self.rng.gen_range(low..high));
            self.rng.gen_bool(0.7).then_some(values)
        };
        let (gain, bias) = (parameter(0.5, 2.0), parameter(-0.5, 0.5));
        let norm = match self.rng.gen_range(0..3) {
            0 => Norm { gain, ..Norm::rms(1e-5) },
            1 => Norm::l2(1e-6),
            _ => Norm { gain, bias, ..Norm::layer(1e-5) },
        };
        self.push(Op::Norm(norm), &[x])
    }

    /// Rows of each head, `[1, heads, tokens, size]`, or their columns.
    fn split(&mut self, x: NodeId, order: [usize; 4]) -> NodeId {
        let rows = self.reshape(x, &[1, self.tokens, self.heads, self.size]);
        self.push(Op::View(View::Transpose(order.to_vec())), &[rows])
    }

    fn attention(&mut self, x: NodeId, causal: bool) -> NodeId {
        let (tokens, width) = (self.tokens, self.heads * self.size);
        let [q, k, v] = std::array::from_fn(|_| self.dense(x, width, width));
        let q = self.split(q, [0, 2, 1, 3]);
        let k = self.split(k, [0, 2, 3, 1]);
        let v = self.split(v, [0, 2, 1, 3]);
        let scores = self.push(Op::MatMul, &[q, k]);
        let factor = ArrayD::from_elem(vec![1, 1, 1, 1], 1.0 / (self.size as f32).sqrt());
        let factor = self.push(Op::Constant(factor), &[]);
        let mut scores = self.push(Op::Mul, &[scores, factor]);
        if causal {
            let mask = ArrayD::from_shape_fn(vec![1, 1, tokens, tokens], |i| {
                f32::from(u8::from(i[3] > i[2]))
            });
            let mask = self.push(Op::Constant(mask), &[]);
            scores = self.push(Op::Mask, &[scores, mask]);
        }
        let weights = self.push(Op::Softmax, &[scores]);
        let mixed = self.push(Op::MatMul, &[weights, v]);
        let rows = self.push(Op::View(View::Transpose(vec![0, 2, 1, 3])), &[mixed]);
        let rows = self.reshape(rows, &[1, tokens, width]);
        self.dense(rows, width, width)
    }

    fn block(&mut self, x: NodeId, before: bool, causal: bool) -> NodeId {
        let width = self.heads * self.size;
        let inner = if before { self.norm(x) } else { x };
        let mixed = self.attention(inner, causal);
        let sum = self.push(Op::Add, &[x, mixed]);
        let sum = if before { sum } else { self.norm(sum) };
        let inner = if before { self.norm(sum) } else { sum };
        let hidden = self.dense(inner, width, 2 * width);
        let function = if self.rng.gen_bool(0.5) { Unary::Gelu } else { Unary::Relu };
        let hidden = self.push(Op::Unary(function), &[hidden]);
        let out = self.dense(hidden, 2 * width, width);
        let sum = self.push(Op::Add, &[sum, out]);
        if before { sum } else { self.norm(sum) }
    }
}
