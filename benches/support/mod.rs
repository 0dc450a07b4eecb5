//! The networks of the Bionetta report (arXiv 2510.06784) with random weights from a seed.

#![allow(dead_code, reason = "each bench uses its part")]

use lemma::model::{Model, NodeId, Op, Unary, View, Window};
use lemma::{CompileOptions, Inputs, Package, Report, compile};
use ndarray::{Array1, Array2, Array4, ArrayD, IxDyn};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Builds a network layer by layer.
pub struct Network {
    model: Model,
    rng: StdRng,
    count: usize,
}

impl Network {
    /// A network with one input.
    pub fn new(seed: u64, shape: &[usize]) -> (Network, NodeId) {
        let mut network =
            Network { model: Model::default(), rng: StdRng::seed_from_u64(seed), count: 0 };
        let input = network.model.push_input("input", Op::Input, shape).unwrap();
        (network, input)
    }

    fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.count += 1;
        self.model.push(format!("{}", self.count), op, inputs).unwrap()
    }

    fn shape(&self, id: NodeId) -> Vec<usize> {
        self.model.node(id).unwrap().shape.clone()
    }

    /// A weight whose layer keeps the scale of its operand (He initialisation).
    fn weight(&mut self, fan_in: usize) -> f32 {
        let scale = (6.0 / fan_in as f32).sqrt();
        self.rng.gen_range(-scale..scale)
    }

    /// A dense layer with bias.
    pub fn dense(&mut self, x: NodeId, to: usize) -> NodeId {
        let from = *self.shape(x).last().unwrap();
        let weight = Array2::from_shape_simple_fn((from, to), || self.weight(from));
        let bias = Some(Array1::from_shape_simple_fn(to, || self.rng.gen_range(-0.1..0.1)));
        self.push(Op::Dense { weight, bias }, &[x])
    }

    /// A convolution with its batch normalisation folded in.
    pub fn conv(
        &mut self,
        x: NodeId,
        to: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
    ) -> NodeId {
        let per_group = self.shape(x)[1] / groups;
        let fan_in = per_group * kernel * kernel;
        let weight =
            Array4::from_shape_simple_fn([to, per_group, kernel, kernel], || self.weight(fan_in));
        let bias = Some(Array1::from_shape_simple_fn(to, || self.rng.gen_range(-0.1..0.1)));
        let window = window(kernel, stride);
        self.push(Op::Conv { weight, bias, window, groups }, &[x])
    }

    /// A function of each element.
    pub fn unary(&mut self, x: NodeId, function: Unary) -> NodeId {
        self.push(Op::Unary(function), &[x])
    }

    /// The largest of 3 x 3, stride 2.
    pub fn max_pool(&mut self, x: NodeId) -> NodeId {
        self.push(Op::MaxPool { window: window(3, 2) }, &[x])
    }

    /// `a + b`.
    pub fn residual(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.push(Op::Add, &[a, b])
    }

    /// Mean over height and width, flattened.
    pub fn global_pool(&mut self, x: NodeId) -> NodeId {
        let channels = self.shape(x)[1];
        let mean = self.push(Op::Mean { axes: vec![2, 3] }, &[x]);
        self.count += 1;
        self.model
            .push_shaped(
                format!("{}", self.count),
                Op::View(View::Reshape),
                &[mean],
                &[1, channels],
            )
            .unwrap()
    }

    /// The model with `output` as its output.
    pub fn finish(mut self, output: NodeId) -> Model {
        self.model.outputs.push(("output".into(), output));
        self.model
    }
}

/// A square window with padding that keeps the size at stride 1.
fn window(kernel: usize, stride: usize) -> Window {
    let pad = [kernel / 2; 2];
    Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1, 1], before: pad, after: pad }
}

/// The MLP 784-2000-60-4000-10 with ReLU.
pub fn mlp() -> Model {
    let (mut net, mut x) = Network::new(1, &[1, 784]);
    for width in [2000, 60, 4000] {
        x = net.dense(x, width);
        x = net.unary(x, Unary::Relu);
    }
    let output = net.dense(x, 10);
    net.finish(output)
}

/// ResNet-18 at 32x32x3: 3x3 stem without pooling (the form used for small images), four stages of
/// two basic blocks.
pub fn resnet18() -> Model {
    let (mut net, input) = Network::new(2, &[1, 3, 32, 32]);
    let stem = net.conv(input, 64, 3, 1, 1);
    let mut x = net.unary(stem, Unary::Relu);
    for (stage, width) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = basic_block(&mut net, x, width, stride);
        }
    }
    let pooled = net.global_pool(x);
    let output = net.dense(pooled, 10);
    net.finish(output)
}

/// ResNet-18 at 32x32x3 with the stem for large images: 7x7 stride 2, then 3x3 max pooling.
pub fn resnet18_pooled_stem() -> Model {
    let (mut net, input) = Network::new(3, &[1, 3, 32, 32]);
    let stem = net.conv(input, 64, 7, 2, 1);
    let stem = net.unary(stem, Unary::Relu);
    let mut x = net.max_pool(stem);
    for (stage, width) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = basic_block(&mut net, x, width, stride);
        }
    }
    let pooled = net.global_pool(x);
    let output = net.dense(pooled, 10);
    net.finish(output)
}

fn basic_block(net: &mut Network, x: NodeId, width: usize, stride: usize) -> NodeId {
    let first = net.conv(x, width, 3, stride, 1);
    let first = net.unary(first, Unary::Relu);
    let second = net.conv(first, width, 3, 1, 1);
    let changes = stride != 1 || net.shape(x)[1] != width;
    let shortcut = if changes { net.conv(x, width, 1, stride, 1) } else { x };
    let sum = net.residual(second, shortcut);
    net.unary(sum, Unary::Relu)
}

/// MobileNetV2 at 32x32x1 with ReLU6, strides of the original.
pub fn mobilenet_v2() -> Model {
    let relu6 = Unary::Clip(0.0, 6.0);
    let (mut net, input) = Network::new(4, &[1, 1, 32, 32]);
    let stem = net.conv(input, 32, 3, 2, 1);
    let mut x = net.unary(stem, relu6);
    let stages = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ];
    for (expansion, width, repeats, stride) in stages {
        for block in 0..repeats {
            let from = net.shape(x)[1];
            let stride = if block == 0 { stride } else { 1 };
            let hidden = from * expansion;
            let mut y = x;
            if expansion > 1 {
                y = net.conv(y, hidden, 1, 1, 1);
                y = net.unary(y, relu6);
            }
            y = net.conv(y, hidden, 3, stride, hidden);
            y = net.unary(y, relu6);
            y = net.conv(y, width, 1, 1, 1);
            x = if stride == 1 && from == width { net.residual(x, y) } else { y };
        }
    }
    let head = net.conv(x, 1280, 1, 1, 1);
    let head = net.unary(head, relu6);
    let pooled = net.global_pool(head);
    let output = net.dense(pooled, 10);
    net.finish(output)
}

/// Random inputs in `[0, 1]`.
pub fn inputs(model: &Model, seed: u64) -> Inputs {
    let mut rng = StdRng::seed_from_u64(seed);
    let nodes = model.inputs.iter().filter_map(|id| model.node(*id));
    let mut random =
        |shape: &[usize]| ArrayD::from_shape_simple_fn(IxDyn(shape), || rng.gen_range(0.0..1.0));
    nodes.map(|node| (node.name.clone(), random(&node.shape))).collect()
}

/// A network compiled on four random inputs, its report, and one of the inputs.
pub fn compiled(
    name: &str,
    model: Model,
    options: &CompileOptions,
) -> (Package, Report, Vec<Vec<i64>>) {
    let samples: Vec<Inputs> = (0..4).map(|seed| inputs(&model, seed)).collect();
    let (package, report) = compile(name, model, &samples, &[], options, &()).unwrap();
    let input = package.quantize(&samples[0]).unwrap();
    (package, report, input)
}
