//! ONNX files.

use std::path::{Path, PathBuf};

use lemma::Inputs;
use lemma::import::onnx::{Options, read};
use lemma::model::{ExecuteError, Model, Op};
use ndarray::ArrayD;

use super::Target;
use crate::onnx::{axes, constant, float, floats, integers, model, node, scalar, text, whole};
use crate::outcome::Outcome;
use crate::{Rng, wire};

/// Most elements of all values of a model that is also run.
const RUN: usize = 1 << 14;

/// The folder in which data outside of a file would be looked for.
pub struct Onnx(PathBuf);

impl Onnx {
    pub fn new(folder: &Path) -> Onnx {
        Onnx(folder.join("none"))
    }
}

/// Weights.
const W: [f32; 12] = [-0.7, -0.6, 0.5, -0.3, -0.2, 0.1, 0.05, 0.2, 0.3, -0.4, 0.55, 0.7];

/// A model of real numbers.
fn real(input: &[i64], constants: &[Vec<u8>], nodes: &[Vec<u8>], output: &[i64]) -> Vec<u8> {
    model(1, input, constants, nodes, output)
}

impl Target for Onnx {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let dense = real(
            &[1, 4],
            &[floats("w", &[4, 3], &W), floats("b", &[3], &W[..3])],
            &[
                node("Gemm", "x w b", "h", &[float("alpha", 0.5), integers("transB", &[0])]),
                node("Relu", "h", "a", &[]),
                node("Softmax", "a", "y", &[integers("axis", &[1])]),
            ],
            &[1, 3],
        );
        let convolution = real(
            &[1, 1, 4, 4],
            &[floats("k", &[2, 1, 2, 2], &W[..8])],
            &[
                node(
                    "Conv",
                    "x k",
                    "c",
                    &[integers("kernel_shape", &[2, 2]), integers("pads", &[0, 0, 1, 1])],
                ),
                node(
                    "MaxPool",
                    "c",
                    "p",
                    &[integers("kernel_shape", &[2, 2]), integers("strides", &[2, 2])],
                ),
                node("Flatten", "p", "y", &[integers("axis", &[1])]),
            ],
            &[1, 8],
        );
        let pooling = real(
            &[1, 2, 4, 4],
            &[
                floats("k", &[2, 1, 2, 2], &W[..8]),
                floats("s", &[2], &[1.0, 2.0]),
                floats("b", &[2], &[0.0, 1.0]),
                floats("v", &[2], &[0.5, 1.0]),
            ],
            &[
                node("BatchNormalization", "x s b b v", "n", &[float("epsilon", 1e-3)]),
                node(
                    "AveragePool",
                    "n",
                    "p",
                    &[
                        integers("kernel_shape", &[2, 2]),
                        integers("strides", &[2, 2]),
                        integers("count_include_pad", &[1]),
                    ],
                ),
                node(
                    "ConvTranspose",
                    "p k",
                    "t",
                    &[integers("strides", &[2, 2]), integers("group", &[2])],
                ),
                node("GlobalAveragePool", "t", "y", &[]),
            ],
            &[1, 2, 1, 1],
        );
        let views = real(
            &[1, 2, 3],
            &[
                whole("s", &[3, 2]),
                whole("i", &[1, 0]),
                whole("from", &[1]),
                whole("to", &[6]),
                whole("axis", &[0]),
                whole("step", &[2]),
            ],
            &[
                node("Transpose", "x", "t", &[integers("perm", &[0, 2, 1])]),
                node("Reshape", "t s", "r", &[]),
                node("Gather", "r i", "g", &[integers("axis", &[1])]),
                node("Concat", "g r", "c", &[integers("axis", &[0])]),
                node("Slice", "c from to axis step", "y", &[]),
            ],
            &[3, 2],
        );
        let parts = real(
            &[1, 6],
            &[
                whole("lengths", &[2, 4]),
                whole("pads", &[0, 1, 0, 1]),
                whole("axes", &[0]),
                whole("tiles", &[1, 2]),
            ],
            &[
                node("Split", "x lengths", "a b", &[integers("axis", &[1])]),
                node("Pad", "a pads", "p", &[]),
                node("Mul", "p b", "m", &[]),
                node("Tile", "m tiles", "l", &[]),
                node("Squeeze", "l axes", "q", &[]),
                node("Unsqueeze", "q axes", "y", &[]),
            ],
            &[1, 8],
        );
        let arithmetic = real(
            &[1, 4],
            &[floats("w", &[4], &W[..4]), whole("axes", &[1])],
            &[
                node("Mul", "x w", "m", &[]),
                node("Sigmoid", "m", "s", &[]),
                node("Add", "s x", "a", &[]),
                node("ReduceSum", "a axes", "y", &[integers("keepdims", &[1])]),
            ],
            &[1, 1],
        );
        let norm = real(
            &[1, 4],
            &[floats("w", &[4], &W[..4]), floats("two", &[], &[2.0]), floats("e", &[], &[1e-2])],
            &[
                node("ReduceMean", "x", "m", &[axes("axes", &[-1]), integers("keepdims", &[1])]),
                node("Sub", "x m", "d", &[]),
                node("Pow", "d two", "q", &[]),
                node("ReduceMean", "q", "v", &[axes("axes", &[-1])]),
                node("Add", "v e", "u", &[]),
                node("Sqrt", "u", "r", &[]),
                node("Div", "d r", "n", &[]),
                node(
                    "LayerNormalization",
                    "n w w",
                    "y",
                    &[integers("axis", &[-1]), float("epsilon", 1e-2)],
                ),
            ],
            &[1, 4],
        );
        let attention = real(
            &[1, 2, 4],
            &[floats("half", &[], &[0.5])],
            &[
                node("Transpose", "x", "t", &[integers("perm", &[0, 2, 1])]),
                node("MatMul", "x t", "s", &[]),
                node("Mul", "s half", "h", &[]),
                node("Softmax", "h", "a", &[integers("axis", &[-1])]),
                node("Einsum", "a x", "y", &[text("equation", "bij,bjk->bik")]),
            ],
            &[1, 2, 4],
        );
        let shapes = real(
            &[1, 2, 3],
            &[scalar("zero", 0), whole("axes", &[0]), whole("rest", &[-1])],
            &[
                node("Shape", "x", "s", &[]),
                node("Gather", "s zero", "n", &[]),
                node("Unsqueeze", "n axes", "u", &[]),
                node("Concat", "u rest", "to", &[integers("axis", &[0])]),
                node("Reshape", "x to", "r", &[]),
                node("ConstantOfShape", "s", "f", &[constant("value", &floats("", &[1], &[0.5]))]),
                node("Reshape", "f to", "g", &[]),
                node("Constant", "", "k", &[constant("value", &floats("", &[6], &W[..6]))]),
                node("Mul", "g k", "c", &[]),
                node("Add", "r c", "y", &[]),
            ],
            &[1, 6],
        );
        let choices = real(
            &[1, 1, 2, 2],
            &[
                floats("zero", &[], &[0.0]),
                floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]),
                floats("six", &[], &[6.0]),
            ],
            &[
                node("Greater", "x zero", "g", &[]),
                node("Where", "g x zero", "w", &[]),
                node("Clip", "w zero six", "c", &[]),
                node(
                    "Resize",
                    "c  scales",
                    "r",
                    &[
                        text("mode", "nearest"),
                        text("coordinate_transformation_mode", "asymmetric"),
                        text("nearest_mode", "floor"),
                    ],
                ),
                node("LeakyRelu", "r", "y", &[float("alpha", 0.1)]),
            ],
            &[1, 1, 4, 4],
        );
        let rows = model(
            7,
            &[1, 3],
            &[floats("table", &[4, 3], &W)],
            &[
                node("Gather", "table x", "e", &[integers("axis", &[0])]),
                node("Cast", "e", "f", &[integers("to", &[1])]),
                node("ReduceMax", "f", "y", &[axes("axes", &[1]), integers("keepdims", &[0])]),
            ],
            &[1, 3],
        );
        vec![
            dense,
            convolution,
            pooling,
            views,
            parts,
            arithmetic,
            norm,
            attention,
            shapes,
            choices,
            rows,
        ]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        wire::mutate(input, other, rng)
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let model = match read(input, &self.0, &Options::default()) {
            Ok(model) => model,
            Err(error) => return Outcome::refused(&error),
        };
        assert!(
            model.nodes.iter().all(|node| node.shape.iter().all(|extent| *extent > 0)),
            "an empty value"
        );
        assert!(
            model
                .nodes
                .iter()
                .enumerate()
                .all(|(at, node)| node.inputs.iter().all(|input| input.0 < at)),
            "out of order"
        );
        runs(&model)
    }
}

/// A model that is read can be run, and its values have the shapes that it says.
fn runs(model: &Model) -> Outcome {
    let volume = |shape: &[usize]| shape.iter().product::<usize>();
    if model.nodes.iter().map(|node| volume(&node.shape)).sum::<usize>() > RUN {
        return Outcome::Accepted("a model too large to be run often");
    }
    let value =
        |at: usize, op: &Op| if matches!(op, Op::Input) { (at as f32 * 0.7).sin() } else { 0.0 };
    let inputs: Inputs = model
        .inputs
        .iter()
        .map(|id| &model.nodes[id.0])
        .map(|node| {
            let values = (0..volume(&node.shape)).map(|at| value(at, &node.op)).collect();
            (
                node.name.clone(),
                ArrayD::from_shape_vec(node.shape.clone(), values)
                    .expect("as many as the shape says"),
            )
        })
        .collect();
    match model.execute(&inputs) {
        Ok(values) => {
            for (node, value) in model.nodes.iter().zip(values) {
                assert_eq!(node.shape, value.shape(), "node {}", node.name);
            }
            Outcome::Accepted("a model that runs")
        }
        Err(ExecuteError::OutputNotFinite { .. } | ExecuteError::NotToken { .. }) => {
            Outcome::Accepted(
                "a model that overflows on some input, or chooses a row that is not there",
            )
        }
        Err(error) => panic!("a model that was read does not run: {error}"),
    }
}
