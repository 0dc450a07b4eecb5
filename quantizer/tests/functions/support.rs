//! Small models, calibrated, quantized and run.

use std::collections::BTreeMap;

use lemma_graph::Table;
use lemma_model::{Model, NodeId, Op, Unary};
use lemma_quantizer::calibrate::{Method, Ranges};
use lemma_quantizer::quantize::{Options, QuantizeError, Quantized, dequantize, quantize};
use lemma_quantizer::report::{Report, Reporter, quantize_inputs};
use ndarray::{ArrayD, IxDyn};

pub type Inputs = BTreeMap<String, ArrayD<f32>>;

/// A model with one input `x`, simplified, whose output `y` is what `build` returns.
pub fn model(shape: &[usize], build: impl FnOnce(&mut Model, NodeId) -> NodeId) -> Model {
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, shape).unwrap();
    let y = build(&mut model, x);
    model.outputs.push(("y".into(), y));
    model.simplify().unwrap()
}

pub fn apply(model: &mut Model, op: Op, inputs: &[NodeId]) -> NodeId {
    let name = format!("node {}", model.nodes.len());
    model.push(name, op, inputs).unwrap()
}

pub fn unary(model: &mut Model, function: Unary, x: NodeId) -> NodeId {
    apply(model, Op::Unary(function), &[x])
}

pub fn with_number(model: &mut Model, op: Op, x: NodeId, number: f32) -> NodeId {
    let number = apply(model, Op::Constant(ArrayD::from_elem(IxDyn(&[]), number)), &[]);
    apply(model, op, &[x, number])
}

/// Inputs `x` of `shape`, as many as the values fill.
pub fn samples(shape: &[usize], values: &[f32]) -> Vec<Inputs> {
    let size = shape.iter().product();
    values.chunks_exact(size).map(|row| input(shape, row)).collect()
}

pub fn input(shape: &[usize], values: &[f32]) -> Inputs {
    BTreeMap::from([("x".to_owned(), ArrayD::from_shape_vec(shape, values.to_vec()).unwrap())])
}

pub fn calibrated(model: &Model, samples: &[Inputs]) -> Result<Quantized, QuantizeError> {
    let ranges = Ranges::observe(model, samples.iter().cloned(), Method::Max).unwrap();
    quantize(model, &ranges, &Options::default())
}

/// The first output, as real numbers.
pub fn run(quantized: &Quantized, inputs: &Inputs) -> Result<Vec<f64>, lemma_graph::ExecuteError> {
    let graph = &quantized.graph;
    let values = graph.execute(&quantize_inputs(graph, inputs).unwrap())?;
    let output = graph.outputs[0].node;
    let frac = graph.node(output).fractional_bits;
    Ok(values[output.0].iter().map(|value| dequantize(*value, frac)).collect())
}

pub fn report(model: &Model, quantized: &Quantized, samples: &[Inputs]) -> Report {
    let mut reporter = Reporter::new(model, quantized);
    samples.iter().for_each(|sample| reporter.add(sample, None).unwrap());
    reporter.finish(Options::default().bits, Options::default().headroom)
}

/// Every sample runs and gives the values of `expected`, to within `tolerance` of the largest.
pub fn agrees(
    model: &Model,
    samples: &[Inputs],
    expected: impl Fn(&[f32]) -> Vec<f64>,
    tolerance: f64,
) -> Quantized {
    let quantized = calibrated(model, samples).unwrap();
    let wanted: Vec<Vec<f64>> =
        samples.iter().map(|sample| expected(sample["x"].as_slice().unwrap())).collect();
    let largest = wanted.iter().flatten().fold(0f64, |largest, value| largest.max(value.abs()));
    for (sample, wanted) in samples.iter().zip(&wanted) {
        let found = run(&quantized, sample).unwrap();
        assert_eq!(found.len(), wanted.len());
        for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!(
                (found - wanted).abs() <= tolerance * largest,
                "{found} for {wanted} of {}",
                sample["x"].as_slice().unwrap()[i]
            );
        }
    }
    quantized
}

/// The tables of a graph, each once.
pub fn tables(quantized: &Quantized) -> Vec<Table> {
    let mut found: Vec<Table> = Vec::new();
    for node in quantized.graph.nodes() {
        if let lemma_graph::Op::Table { table, .. } = &node.op
            && !found.contains(table)
        {
            found.push((**table).clone());
        }
    }
    found
}

/// `count` numbers from `low` to `high`.
pub fn spread(low: f32, high: f32, count: usize) -> Vec<f32> {
    (0..count).map(|i| low + (high - low) * i as f32 / (count - 1) as f32).collect()
}
