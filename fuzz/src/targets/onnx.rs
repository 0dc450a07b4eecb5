//! ONNX files.

use anyhow::Result;
use lemma::import::onnx::{Options, load};

use super::Target;
use crate::bytes::varint;
use crate::{Rng, wire};

pub struct Onnx(tempfile::TempDir);

impl Onnx {
    pub fn new() -> Result<Onnx> {
        Ok(Onnx(tempfile::tempdir()?))
    }
}

/// A field that holds bytes.
fn field(number: u64, contents: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(contents.len() as u64), contents.to_vec()].concat()
}

/// A field that holds a number.
fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

fn fields(number: u64, all: &[Vec<u8>]) -> Vec<u8> {
    all.iter().flat_map(|contents| field(number, contents)).collect()
}

/// An attribute of whole numbers, or of one.
fn attribute(name: &str, values: &[i64]) -> Vec<u8> {
    let name = field(1, name.as_bytes());
    match values {
        [value] => [name, number(3, *value), number(20, 2)].concat(),
        _ => [name, values.iter().flat_map(|value| number(8, *value)).collect(), number(20, 7)].concat(),
    }
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    let names = [field(2, output.as_bytes()), field(3, output.as_bytes()), field(4, operator.as_bytes())].concat();
    [inputs, names, fields(5, attributes)].concat()
}

/// A constant of floats, or of whole numbers.
fn tensor(name: &str, shape: &[i64], values: &[f32], whole: bool) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|extent| number(1, *extent)).collect();
    let raw: Vec<u8> =
        values.iter().flat_map(|v| if whole { (*v as i64).to_le_bytes().to_vec() } else { v.to_le_bytes().to_vec() }).collect();
    [shape, number(2, if whole { 7 } else { 1 }), field(8, name.as_bytes()), field(9, &raw)].concat()
}

fn value(name: &str, shape: &[i64]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|extent| field(1, &number(1, *extent))).collect();
    let tensor = [number(1, 1), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A model with the nodes in a row, from `x` to the output of the last.
fn model(input: &[i64], constants: &[Vec<u8>], nodes: &[Vec<u8>], (last, output): (&str, &[i64])) -> Vec<u8> {
    let graph = [
        fields(1, nodes),
        field(2, b"graph"),
        fields(5, constants),
        field(11, &value("x", input)),
        field(12, &value(last, output)),
    ];
    let operators = [field(1, b""), number(2, 17)].concat();
    [number(1, 8), field(8, &operators), field(7, &graph.concat())].concat()
}

impl Target for Onnx {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let weights: Vec<f32> = (0..12).map(|i| i as f32 / 8.0 - 0.7).collect();
        let dense = model(
            &[1, 4],
            &[tensor("w", &[4, 3], &weights, false), tensor("b", &[3], &weights[..3], false)],
            &[
                node("Gemm", &["x", "w", "b"], "h", &[]),
                node("Relu", &["h"], "a", &[]),
                node("Softmax", &["a"], "y", &[attribute("axis", &[1])]),
            ],
            ("y", &[1, 3]),
        );
        let convolution = model(
            &[1, 1, 4, 4],
            &[tensor("k", &[2, 1, 2, 2], &weights[..8], false)],
            &[
                node("Conv", &["x", "k"], "c", &[attribute("kernel_shape", &[2, 2]), attribute("pads", &[0, 0, 1, 1])]),
                node("MaxPool", &["c"], "p", &[attribute("kernel_shape", &[2, 2]), attribute("strides", &[2, 2])]),
                node("Flatten", &["p"], "y", &[attribute("axis", &[1])]),
            ],
            ("y", &[1, 8]),
        );
        let views = model(
            &[1, 2, 3],
            &[tensor("s", &[2], &[3.0, 2.0], true), tensor("i", &[2], &[1.0, 0.0], true)],
            &[
                node("Transpose", &["x"], "t", &[attribute("perm", &[0, 2, 1])]),
                node("Reshape", &["t", "s"], "r", &[]),
                node("Gather", &["r", "i"], "g", &[attribute("axis", &[1])]),
                node("Concat", &["g", "r"], "c", &[attribute("axis", &[0])]),
            ],
            ("c", &[6, 2]),
        );
        let arithmetic = model(
            &[1, 4],
            &[tensor("w", &[4], &weights[..4], false), tensor("axes", &[1], &[1.0], true)],
            &[
                node("Mul", &["x", "w"], "m", &[]),
                node("Sigmoid", &["m"], "s", &[]),
                node("Add", &["s", "x"], "a", &[]),
                node("ReduceSum", &["a", "axes"], "y", &[attribute("keepdims", &[1])]),
            ],
            ("y", &[1, 1]),
        );
        vec![dense, convolution, views, arithmetic]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        wire::mutate(input, other, rng)
    }

    fn run(&self, input: &[u8]) -> bool {
        let path = self.0.path().join("model.onnx");
        if std::fs::write(&path, input).is_err() {
            return false;
        }
        let Ok(model) = load(&path, &Options::default()) else { return false };
        assert!(model.nodes.iter().all(|node| node.shape.iter().all(|extent| *extent > 0)));
        true
    }
}
