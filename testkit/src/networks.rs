//! Random small float models and inputs, from a seed.

use std::collections::BTreeMap;

use lemma_model::{Model, NodeId, Op, Unary, View, Window};
use ndarray::{Array1, Array2, Array4, ArrayD, IxDyn};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// Named input tensors.
pub type Inputs = BTreeMap<String, ArrayD<f32>>;

/// A random model: a few convolutional or dense blocks with random activations, pooling, residuals
/// and heads.
pub fn random_model(seed: u64) -> Model {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut builder = Random { model: Model::default(), rng: &mut rng, count: 0 };
    let last =
        if builder.rng.gen_bool(0.5) { builder.convolutional() } else { builder.dense_stack() };
    let output = builder.head(last);
    builder.model.outputs.push(("output".into(), output));
    builder.model
}

/// Inputs for a model, uniform in `[-1, 1]`.
pub fn random_inputs(model: &Model, rng: &mut StdRng) -> Inputs {
    model
        .inputs
        .iter()
        .filter_map(|id| model.node(*id))
        .map(|node| (node.name.clone(), tensor(rng, &node.shape, 1.0)))
        .collect()
}

/// A tensor with entries uniform in `[-scale, scale]`.
pub fn tensor(rng: &mut StdRng, shape: &[usize], scale: f32) -> ArrayD<f32> {
    ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.gen_range(-scale..=scale))
}

struct Random<'a> {
    model: Model,
    rng: &'a mut StdRng,
    count: usize,
}

impl Random<'_> {
    fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.count += 1;
        self.model.push(format!("n{}", self.count), op, inputs).unwrap()
    }

    fn shape(&self, id: NodeId) -> Vec<usize> {
        self.model.node(id).unwrap().shape.clone()
    }

    fn convolutional(&mut self) -> NodeId {
        let channels = self.rng.gen_range(1..3);
        let size = self.rng.gen_range(5..8);
        let mut x = self.model.push_input("x", Op::Input, &[1, channels, size, size]).unwrap();
        for _ in 0..self.rng.gen_range(1..3) {
            x = self.conv(x);
            x = self.activation(x);
            x = match self.rng.gen_range(0..4) {
                0 => self.pool(x, true),
                1 => self.pool(x, false),
                2 => {
                    let y = self.pointwise_conv(x);
                    self.push(Op::Add, &[x, y])
                }
                _ => x,
            };
        }
        let shape = self.shape(x);
        let flat: usize = shape.iter().product();
        self.count += 1;
        self.model
            .push_shaped(format!("n{}", self.count), Op::View(View::Reshape), &[x], &[1, flat])
            .unwrap()
    }

    fn conv(&mut self, x: NodeId) -> NodeId {
        let shape = self.shape(x);
        let channels = shape[1];
        let (groups, out) = if self.rng.gen_bool(0.3) {
            (channels, channels)
        } else {
            (1, self.rng.gen_range(1..4))
        };
        let k = self.rng.gen_range(1..=shape[2].min(shape[3]).min(3));
        let weight = self.weights4([out, channels / groups, k, k]);
        let bias = Some(Array1::from_shape_simple_fn(out, || self.rng.gen_range(-0.5..0.5)));
        let pad = self.rng.gen_range(0..2);
        let window = Window {
            kernel: [k, k],
            stride: [self.rng.gen_range(1..3), 1],
            dilation: [1, 1],
            before: [pad, 0],
            after: [0, pad],
        };
        self.push(Op::Conv { weight, bias, window, groups }, &[x])
    }

    fn pointwise_conv(&mut self, x: NodeId) -> NodeId {
        let channels = self.shape(x)[1];
        let weight = self.weights4([channels, channels, 1, 1]);
        let window = Window {
            kernel: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            before: [0, 0],
            after: [0, 0],
        };
        self.push(Op::Conv { weight, bias: None, window, groups: 1 }, &[x])
    }

    fn weights4(&mut self, dim: [usize; 4]) -> Array4<f32> {
        let fan_in = (dim[1] * dim[2] * dim[3]) as f32;
        Array4::from_shape_simple_fn(dim, || self.rng.gen_range(-1.0..1.0) / fan_in.sqrt())
    }

    fn pool(&mut self, x: NodeId, maximum: bool) -> NodeId {
        let shape = self.shape(x);
        if shape[2] < 2 || shape[3] < 2 {
            return x;
        }
        let stride = self.rng.gen_range(1..3);
        let before = self.rng.gen_range(0..2);
        let window = Window {
            kernel: [2, 2],
            stride: [stride, 2],
            dilation: [1, 1],
            before: [before, 0],
            after: [0, 0],
        };
        let count_padding = self.rng.gen_bool(0.5);
        self.push(
            if maximum {
                Op::MaxPool { window }
            } else {
                Op::AveragePool { window, count_padding }
            },
            &[x],
        )
    }

    fn dense_stack(&mut self) -> NodeId {
        let mut width = self.rng.gen_range(2..8);
        let mut x = self.model.push_input("x", Op::Input, &[1, width]).unwrap();
        for _ in 0..self.rng.gen_range(1..4) {
            let next = self.rng.gen_range(2..9);
            x = self.dense(x, width, next);
            width = next;
            x = self.activation(x);
            if self.rng.gen_bool(0.2) {
                x = self.push(Op::Mul, &[x, x]);
            }
        }
        x
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

    fn activation(&mut self, x: NodeId) -> NodeId {
        let functions = [
            Unary::Relu,
            Unary::Relu,
            Unary::Relu,
            Unary::LeakyRelu(0.1),
            Unary::Clip(0.0, 6.0),
            Unary::Sigmoid,
            Unary::Tanh,
            Unary::HardSwish,
            Unary::Elu(1.0),
            Unary::Gelu,
        ];
        match functions.choose(self.rng) {
            Some(function) => self.push(Op::Unary(*function), &[x]),
            None => x,
        }
    }

    fn head(&mut self, x: NodeId) -> NodeId {
        let width = self.shape(x)[1];
        let logits = self.dense(x, width, 3);
        match self.rng.gen_range(0..4) {
            0 => self.push(Op::Softmax, &[logits]),
            1 => self.push(Op::ArgMax, &[logits]),
            2 => self.push(Op::Unary(Unary::Sigmoid), &[logits]),
            _ => logits,
        }
    }
}
