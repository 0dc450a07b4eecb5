//! Every supported operator in a small file, in the forms that exporters write: the importer's model computes what
//! tract computes.

use std::collections::BTreeMap;

use lemma_quantizer::import::onnx::{Options, load};
use lemma_quantizer::model::{Op, Unary};
use ndarray::{Array, ArrayD};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::file::{File, float, floats, int, integers, ints, tensor, text};
use crate::support::agrees_with_tract;

/// Weights in (-1, 1) that depend on the shape only.
fn weights(shape: &[usize]) -> ArrayD<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(shape.iter().fold(1, |seed, &extent| seed * 31 + extent as u64));
    Array::from_shape_fn(shape, |_| rng.gen_range(-1.0..1.0))
}

fn positive(shape: &[usize]) -> ArrayD<f32> {
    weights(shape).mapv(|value| value.abs() + 0.5)
}

fn scalar(value: f32) -> ArrayD<f32> {
    ArrayD::from_elem(ndarray::IxDyn(&[]), value)
}

fn unary(operator: &str) -> File {
    File::new().input("x", &[2, 3, 4]).node(operator, &["x"], "y", &[]).output("y")
}

fn of_positive(operator: &str) -> File {
    let file = File::new().input("x", &[2, 3]).node("Exp", &["x"], "e", &[]);
    file.node(operator, &["e"], "y", &[]).output("y")
}

fn binary(operator: &str, a: &[usize], b: &[usize]) -> File {
    File::new().input("a", a).input("b", b).node(operator, &["a", "b"], "y", &[]).output("y")
}

fn with_constant(operator: &str, x: &[usize], c: ArrayD<f32>, constant_first: bool) -> File {
    let operands = if constant_first { ["c", "x"] } else { ["x", "c"] };
    File::new().input("x", x).weights("c", c).node(operator, &operands, "y", &[]).output("y")
}

fn shape_operator(operator: &str, x: &[usize], arguments: &[i64]) -> File {
    File::new().input("x", x).integers("s", arguments).node(operator, &["x", "s"], "y", &[]).output("y")
}

fn linear() -> Vec<(&'static str, File)> {
    let gemm = |flags: &[tract_onnx::pb::AttributeProto], w: &[usize]| {
        let file = File::new().input("x", &[2, 3]).weights("w", weights(w)).weights("b", weights(&[4]));
        file.node("Gemm", &["x", "w", "b"], "y", flags).output("y")
    };
    vec![
        ("gemm", gemm(&[], &[3, 4])),
        ("gemm transposed and scaled", gemm(&[int("transB", 1), float("alpha", 0.5), float("beta", 2.0)], &[4, 3])),
        ("gemm on a column", {
            let file = File::new().input("x", &[3, 2]).weights("w", weights(&[3, 4]));
            file.node("Gemm", &["x", "w"], "y", &[int("transA", 1)]).output("y")
        }),
        ("matmul with weights", with_constant("MatMul", &[1, 5, 3], weights(&[3, 4]), false)),
        ("matmul with weights on the left", with_constant("MatMul", &[3, 5], weights(&[4, 3]), true)),
        ("matmul with a weight vector", with_constant("MatMul", &[2, 3], weights(&[3]), false)),
        ("matmul with weights per head", with_constant("MatMul", &[2, 5, 3], weights(&[2, 3, 4]), false)),
        ("matmul of two values", binary("MatMul", &[1, 2, 5, 3], &[1, 2, 3, 4])),
        ("matmul of two values, broadcast", binary("MatMul", &[2, 5, 3], &[3, 4])),
        ("matmul of a vector", binary("MatMul", &[3], &[2, 3, 4])),
        ("matmul with a transposed value", {
            let file = File::new().input("a", &[1, 2, 5, 3]).input("b", &[1, 2, 4, 3]);
            let file = file.node("Transpose", &["b"], "t", &[ints("perm", &[0, 1, 3, 2])]);
            file.node("MatMul", &["a", "t"], "y", &[]).output("y")
        }),
        ("attention", attention()),
        ("grouped attention", grouped_attention()),
    ]
}

/// Two heads, scaled scores, a causal mask with minus infinity, softmax, values.
pub fn attention() -> File {
    let (tokens, heads, width) = (4, 2, 3);
    let mask = Array::from_shape_fn((tokens, tokens), |(i, j)| if j > i { f32::NEG_INFINITY } else { 0.0 });
    let mut file = File::new().input("x", &[1, tokens, 6]).integers("heads", &[1, tokens as i64, heads, width]);
    for (part, factor) in [("q", 1.0), ("k", -0.7), ("v", 1.3)] {
        let names = [format!("{part}w"), format!("{part}p"), format!("{part}r"), format!("{part}t")];
        let order = if part == "k" { [0, 2, 3, 1] } else { [0, 2, 1, 3] };
        file = file
            .weights(&names[0], weights(&[6, 6]) * factor)
            .node("MatMul", &["x", &names[0]], &names[1], &[])
            .node("Reshape", &[&names[1], "heads"], &names[2], &[])
            .node("Transpose", &[&names[2]], &names[3], &[ints("perm", &order)]);
    }
    file.weights("scale", scalar(0.577))
        .weights("mask", mask.into_dyn())
        .integers("joined", &[1, tokens as i64, 6])
        .node("MatMul", &["qt", "kt"], "scores", &[])
        .node("Mul", &["scores", "scale"], "scaled", &[])
        .node("Add", &["scaled", "mask"], "masked", &[])
        .node("Softmax", &["masked"], "p", &[int("axis", -1)])
        .node("MatMul", &["p", "vt"], "o", &[])
        .node("Transpose", &["o"], "ot", &[ints("perm", &[0, 2, 1, 3])])
        .node("Reshape", &["ot", "joined"], "y", &[])
        .output("y")
}

/// Keys shared by two query heads through Expand.
fn grouped_attention() -> File {
    File::new()
        .input("q", &[1, 4, 5, 3])
        .input("k", &[1, 2, 5, 3])
        .integers("wide", &[1, 2, 2, 5, 3])
        .integers("flat", &[1, 4, 5, 3])
        .integers("axis", &[2])
        .node("Unsqueeze", &["k", "axis"], "ku", &[])
        .node("Expand", &["ku", "wide"], "ke", &[])
        .node("Reshape", &["ke", "flat"], "kf", &[])
        .node("Transpose", &["kf"], "kt", &[ints("perm", &[0, 1, 3, 2])])
        .node("MatMul", &["q", "kt"], "y", &[])
        .output("y")
}

fn windows() -> Vec<(&'static str, File)> {
    let conv = |x: &[usize], w: &[usize], attributes: &[tract_onnx::pb::AttributeProto]| {
        let file = File::new().input("x", x).weights("w", weights(w)).weights("b", weights(&w[..1]));
        file.node("Conv", &["x", "w", "b"], "y", attributes).output("y")
    };
    let pool = |operator: &str, x: &[usize], attributes: &[tract_onnx::pb::AttributeProto]| {
        File::new().input("x", x).node(operator, &["x"], "y", attributes).output("y")
    };
    let square = || ints("kernel_shape", &[3, 3]);
    vec![
        ("conv", conv(&[1, 2, 7, 6], &[4, 2, 3, 3], &[])),
        ("conv strided and padded", {
            conv(&[1, 2, 7, 6], &[4, 2, 3, 3], &[ints("strides", &[2, 1]), ints("pads", &[1, 0, 2, 1])])
        }),
        ("conv dilated", conv(&[1, 2, 9, 8], &[4, 2, 3, 2], &[ints("dilations", &[2, 3])])),
        ("conv in groups", conv(&[1, 4, 6, 6], &[6, 2, 3, 3], &[int("group", 2)])),
        ("conv depthwise", conv(&[1, 4, 6, 6], &[4, 1, 3, 3], &[int("group", 4), ints("pads", &[1, 1, 1, 1])])),
        ("conv 1x1", conv(&[1, 4, 5, 5], &[3, 4, 1, 1], &[])),
        ("conv 1x1 strided", conv(&[1, 4, 5, 5], &[3, 4, 1, 1], &[ints("strides", &[2, 2])])),
        ("conv same upper", conv(&[1, 2, 7, 6], &[4, 2, 3, 2], &[text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])])),
        ("conv same lower", conv(&[1, 2, 7, 6], &[4, 2, 2, 2], &[text("auto_pad", "SAME_LOWER")])),
        ("conv valid", conv(&[1, 2, 7, 6], &[4, 2, 3, 3], &[text("auto_pad", "VALID")])),
        ("conv of a line", conv(&[1, 2, 9], &[4, 2, 3], &[ints("strides", &[2]), ints("pads", &[1, 1])])),
        ("conv of a line, depthwise", conv(&[1, 4, 9], &[4, 1, 3], &[int("group", 4), ints("pads", &[2, 0])])),
        ("conv with batch norm and relu", {
            conv(&[1, 2, 6, 6], &[4, 2, 3, 3], &[])
                .weights("scale", positive(&[4]))
                .weights("shift", weights(&[4]))
                .weights("mean", weights(&[4]) * 0.5)
                .weights("variance", positive(&[4]))
                .node("BatchNormalization", &["y", "scale", "shift", "mean", "variance"], "n", &[])
                .node("Relu", &["n"], "r", &[])
                .output("r")
        }),
        ("batch norm alone", {
            File::new()
                .input("x", &[1, 4, 3, 3])
                .weights("scale", positive(&[4]))
                .weights("shift", weights(&[4]))
                .weights("mean", weights(&[4]) * 0.5)
                .weights("variance", positive(&[4]))
                .node("BatchNormalization", &["x", "scale", "shift", "mean", "variance"], "y", &[])
                .output("y")
        }),
        ("average pool", pool("AveragePool", &[1, 2, 6, 6], &[square(), ints("strides", &[2, 2])])),
        ("average pool padded", pool("AveragePool", &[1, 2, 6, 6], &[square(), ints("pads", &[1, 1, 1, 1])])),
        ("average pool counting padding", {
            let count = int("count_include_pad", 1);
            pool("AveragePool", &[1, 2, 6, 6], &[square(), ints("pads", &[1, 1, 1, 1]), count])
        }),
        ("average pool rounding up", {
            let attributes = [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
            pool("AveragePool", &[1, 2, 5, 5], &attributes)
        }),
        ("average pool of a line", pool("AveragePool", &[1, 2, 6], &[ints("kernel_shape", &[2])])),
        ("max pool", pool("MaxPool", &[1, 2, 6, 6], &[square(), ints("strides", &[2, 2]), ints("pads", &[1, 1, 0, 0])])),
        ("max pool rounding up", {
            let attributes = [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
            pool("MaxPool", &[1, 2, 5, 7], &attributes)
        }),
        ("max pool dilated", pool("MaxPool", &[1, 2, 7, 7], &[square(), ints("dilations", &[2, 2])])),
        ("max pool of a line", pool("MaxPool", &[1, 2, 6], &[ints("kernel_shape", &[2]), ints("strides", &[2])])),
        ("global average pool", pool("GlobalAveragePool", &[1, 3, 4, 5], &[])),
        ("zero padding before a conv", {
            let file = File::new().input("x", &[1, 1, 4, 4]).integers("pads", &[0, 0, 1, 1, 0, 0, 2, 1]);
            let file = file.weights("w", weights(&[2, 1, 3, 3])).node("Pad", &["x", "pads"], "p", &[]);
            file.node("Conv", &["p", "w"], "y", &[]).output("y")
        }),
    ]
}

fn pointwise() -> Vec<(&'static str, File)> {
    let clip = |low: Option<f32>, high: Option<f32>| {
        let mut file = File::new().input("x", &[3, 4]);
        for (name, bound) in [("low", low), ("high", high)] {
            if let Some(bound) = bound {
                file = file.weights(name, scalar(bound));
            }
        }
        let operands = ["x", low.map_or("", |_| "low"), high.map_or("", |_| "high")];
        file.node("Clip", &operands, "y", &[]).output("y")
    };
    let power = |exponent: f32| {
        let file = File::new().input("x", &[2, 3]).weights("p", scalar(exponent)).node("Exp", &["x"], "e", &[]);
        file.node("Pow", &["e", "p"], "y", &[]).output("y")
    };
    let mut cases: Vec<(&'static str, File)> = [
        "Relu",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
        "HardSigmoid",
        "HardSwish",
        "Elu",
        "Softplus",
        "Erf",
        "Neg",
        "Abs",
        "Exp",
        "Identity",
        "Dropout",
    ]
    .into_iter()
    .map(|operator| (operator, unary(operator)))
    .collect();
    cases.extend(["Sqrt", "Log", "Reciprocal"].map(|operator| (operator, of_positive(operator))));
    cases.extend([
        ("leaky relu with a slope", {
            File::new().input("x", &[3, 4]).node("LeakyRelu", &["x"], "y", &[float("alpha", 0.3)]).output("y")
        }),
        ("elu with an alpha", { File::new().input("x", &[3, 4]).node("Elu", &["x"], "y", &[float("alpha", 0.7)]).output("y") }),
        ("hard sigmoid with parameters", {
            let attributes = [float("alpha", 0.3), float("beta", 0.4)];
            File::new().input("x", &[3, 4]).node("HardSigmoid", &["x"], "y", &attributes).output("y")
        }),
        ("prelu per channel", with_constant("PRelu", &[1, 3, 2, 2], weights(&[3, 1, 1]), false)),
        ("prelu with one slope", with_constant("PRelu", &[1, 3, 2, 2], weights(&[1, 1, 1]), false)),
        ("relu6", clip(Some(0.0), Some(6.0))),
        ("clip", clip(Some(-0.3), Some(0.2))),
        ("clip below", clip(Some(-0.3), None)),
        ("clip above", clip(None, Some(0.2))),
        ("add", binary("Add", &[2, 3], &[2, 3])),
        ("add broadcast", binary("Add", &[2, 1, 3], &[4, 1])),
        ("sub", binary("Sub", &[2, 3], &[3])),
        ("mul", binary("Mul", &[2, 3], &[2, 1])),
        ("max", binary("Max", &[2, 3], &[2, 3])),
        ("min", binary("Min", &[2, 3], &[2, 3])),
        ("div of two values", {
            let file = File::new().input("a", &[2, 3]).input("b", &[2, 3]).node("Exp", &["b"], "e", &[]);
            file.node("Div", &["a", "e"], "y", &[]).output("y")
        }),
        ("a constant less a value", with_constant("Sub", &[2, 3], weights(&[2, 3]), true)),
        ("a constant added", with_constant("Add", &[2, 3], weights(&[3]), false)),
        ("a constant multiplied", with_constant("Mul", &[2, 3], weights(&[1]), false)),
        ("divided by a constant", with_constant("Div", &[2, 3], positive(&[3]), false)),
        ("a constant maximum", with_constant("Max", &[2, 3], weights(&[3]), false)),
        ("a constant divided by a value", {
            let file = File::new().input("x", &[2, 3]).weights("c", weights(&[3])).node("Exp", &["x"], "e", &[]);
            file.node("Div", &["c", "e"], "y", &[]).output("y")
        }),
        ("sum of three", {
            let file = File::new().input("a", &[2]).input("b", &[2]).input("c", &[2]);
            file.node("Sum", &["a", "b", "c"], "y", &[]).output("y")
        }),
        ("square", with_constant("Pow", &[2, 3], scalar(2.0), false)),
        ("cube", with_constant("Pow", &[2, 3], scalar(3.0), false)),
        ("square root by power", power(0.5)),
        ("inverse square root by power", power(-0.5)),
        ("odd power", power(1.7)),
        ("square by product", File::new().input("x", &[3]).node("Mul", &["x", "x"], "y", &[]).output("y")),
        ("cast to float", {
            File::new().input("x", &[3]).node("Cast", &["x"], "c", &[int("to", 1)]).node("Neg", &["c"], "y", &[]).output("y")
        }),
        ("integers used as numbers", {
            let file = File::new().ids("x", &[1, 3]).node("Cast", &["x"], "c", &[int("to", 1)]);
            file.weights("w", weights(&[3, 2])).node("MatMul", &["c", "w"], "y", &[]).output("y")
        }),
    ]);
    cases
}

fn functions() -> Vec<(&'static str, File)> {
    let gelu = |attributes: &[tract_onnx::pb::AttributeProto]| {
        File::new().opset(20).input("x", &[3, 4]).node("Gelu", &["x"], "y", attributes).output("y")
    };
    let microsoft = |operator: &str, inputs: &[&str]| {
        let file = File::new().input("x", &[2, 3, 4]).input("z", &[2, 3, 4]);
        let file = file.weights("b", weights(&[4])).weights("g", positive(&[4]));
        let epsilon = (operator == "SkipLayerNormalization").then(|| float("epsilon", 1e-3));
        file.node_of("com.microsoft", operator, inputs, &["y"], epsilon.as_slice()).node("Add", &["y", "z"], "r", &[]).output("r")
    };
    vec![
        ("gelu", gelu(&[])),
        ("gelu by tanh", gelu(&[text("approximate", "tanh")])),
        ("gelu by erf, written out", {
            File::new()
                .input("x", &[3, 4])
                .weights("root", scalar(2f32.sqrt()))
                .weights("one", scalar(1.0))
                .weights("half", scalar(0.5))
                .node("Div", &["x", "root"], "a", &[])
                .node("Erf", &["a"], "e", &[])
                .node("Add", &["e", "one"], "s", &[])
                .node("Mul", &["x", "s"], "m", &[])
                .node("Mul", &["m", "half"], "y", &[])
                .output("y")
        }),
        ("silu, written out", {
            File::new().input("x", &[3, 4]).node("Sigmoid", &["x"], "s", &[]).node("Mul", &["x", "s"], "y", &[]).output("y")
        }),
        ("squared relu, written out", {
            File::new().input("x", &[3, 4]).node("Relu", &["x"], "r", &[]).node("Mul", &["r", "r"], "y", &[]).output("y")
        }),
        ("bias gelu", microsoft("BiasGelu", &["x", "b"])),
        ("fast gelu", microsoft("FastGelu", &["x"])),
        ("skip layer norm", microsoft("SkipLayerNormalization", &["x", "z", "g", "b"])),
        ("simplified layer norm", {
            let file = File::new().input("x", &[2, 3, 4]).weights("g", positive(&[4]));
            file.node("SimplifiedLayerNormalization", &["x", "g"], "y", &[float("epsilon", 1e-6)]).output("y")
        }),
        ("softmax", File::new().input("x", &[2, 3, 4]).node("Softmax", &["x"], "y", &[]).output("y")),
        ("softmax of a middle axis", {
            File::new().input("x", &[2, 3, 4]).node("Softmax", &["x"], "y", &[int("axis", 1)]).output("y")
        }),
        ("softmax of an old operator set", {
            File::new().opset(11).input("x", &[2, 3, 4]).node("Softmax", &["x"], "y", &[int("axis", 1)]).output("y")
        }),
        ("log softmax", File::new().input("x", &[2, 4]).node("LogSoftmax", &["x"], "y", &[]).output("y")),
        ("argmax", {
            let attributes = [int("axis", -1), int("keepdims", 0)];
            File::new().input("x", &[2, 5]).node("ArgMax", &["x"], "y", &attributes).output("y")
        }),
        ("argmax of a middle axis", {
            File::new().input("x", &[2, 5, 3]).node("ArgMax", &["x"], "y", &[int("axis", 1)]).output("y")
        }),
        ("reduce mean", {
            File::new().input("x", &[2, 3, 4]).node("ReduceMean", &["x"], "y", &[ints("axes", &[1, 2])]).output("y")
        }),
        ("reduce mean without its axis", {
            let attributes = [ints("axes", &[-1]), int("keepdims", 0)];
            File::new().input("x", &[2, 3, 4]).node("ReduceMean", &["x"], "y", &attributes).output("y")
        }),
        ("reduce sum", shape_operator("ReduceSum", &[2, 3, 4], &[1])),
        ("layer norm", {
            let file = File::new().input("x", &[2, 3, 4]).weights("g", positive(&[4])).weights("b", weights(&[4]));
            file.node("LayerNormalization", &["x", "g", "b"], "y", &[float("epsilon", 1e-3)]).output("y")
        }),
        ("layer norm without a bias", {
            let file = File::new().input("x", &[2, 3, 4]).weights("g", positive(&[4]));
            file.node("LayerNormalization", &["x", "g"], "y", &[]).output("y")
        }),
        ("layer norm, written out", {
            File::new()
                .input("x", &[2, 3, 4])
                .weights("two", scalar(2.0))
                .weights("e", scalar(1e-5))
                .weights("g", positive(&[4]))
                .weights("b", weights(&[4]))
                .node("ReduceMean", &["x"], "m", &[ints("axes", &[-1])])
                .node("Sub", &["x", "m"], "d", &[])
                .node("Pow", &["d", "two"], "q", &[])
                .node("ReduceMean", &["q"], "v", &[ints("axes", &[-1])])
                .node("Add", &["v", "e"], "s", &[])
                .node("Sqrt", &["s"], "r", &[])
                .node("Div", &["d", "r"], "n", &[])
                .node("Mul", &["n", "g"], "h", &[])
                .node("Add", &["h", "b"], "y", &[])
                .output("y")
        }),
        ("rms norm", {
            let file = File::new().opset(23).input("x", &[2, 3, 4]).weights("g", positive(&[4]));
            file.node("RMSNormalization", &["x", "g"], "y", &[float("epsilon", 1e-3)]).output("y")
        }),
        ("rms norm, written out", {
            File::new()
                .input("x", &[2, 3, 4])
                .weights("two", scalar(2.0))
                .weights("e", scalar(1e-5))
                .weights("g", positive(&[4]))
                .node("Pow", &["x", "two"], "q", &[])
                .node("ReduceMean", &["q"], "v", &[ints("axes", &[-1])])
                .node("Add", &["v", "e"], "s", &[])
                .node("Sqrt", &["s"], "r", &[])
                .node("Reciprocal", &["r"], "i", &[])
                .node("Mul", &["x", "i"], "n", &[])
                .node("Mul", &["g", "n"], "y", &[])
                .output("y")
        }),
    ]
}

fn views() -> Vec<(&'static str, File)> {
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        File::new()
            .input("x", &[4, 5])
            .integers("starts", starts)
            .integers("ends", ends)
            .integers("axes", axes)
            .integers("steps", steps)
            .node("Slice", &["x", "starts", "ends", "axes", "steps"], "y", &[])
            .output("y")
    };
    let pad = |mode: &str| {
        let file = File::new().input("x", &[3, 4]).integers("pads", &[1, 0, 2, 1]);
        file.node("Pad", &["x", "pads"], "y", &[text("mode", mode)]).output("y")
    };
    let select = |indices: &[i64], axis: i64| {
        let file = File::new().input("x", &[3, 4]).integers("i", indices);
        file.node("Gather", &["x", "i"], "y", &[int("axis", axis)]).output("y")
    };
    vec![
        ("reshape", shape_operator("Reshape", &[2, 3, 4], &[0, -1])),
        ("flatten", File::new().input("x", &[1, 3, 4]).node("Flatten", &["x"], "y", &[]).output("y")),
        ("transpose", {
            File::new().input("x", &[2, 3, 4]).node("Transpose", &["x"], "y", &[ints("perm", &[2, 0, 1])]).output("y")
        }),
        ("transpose by default", File::new().input("x", &[2, 3]).node("Transpose", &["x"], "y", &[]).output("y")),
        ("squeeze", shape_operator("Squeeze", &[1, 3, 1], &[0])),
        ("unsqueeze", shape_operator("Unsqueeze", &[3, 2], &[0, -1])),
        ("expand", shape_operator("Expand", &[3, 1], &[2, 1, 4])),
        ("tile", shape_operator("Tile", &[2, 3], &[2, 2])),
        ("concat", {
            let file = File::new().input("a", &[2, 3]).input("b", &[2, 1]).weights("c", weights(&[2, 2]));
            file.node("Concat", &["a", "c", "b"], "y", &[int("axis", 1)]).output("y")
        }),
        ("split", {
            let file = File::new().input("x", &[2, 6]).integers("sizes", &[1, 2, 3]);
            let file = file.node_of("", "Split", &["x", "sizes"], &["a", "b", "c"], &[int("axis", 1)]);
            file.output("c").output("a").output("b")
        }),
        ("split in equal parts", {
            let file = File::new().input("x", &[6, 2]).node_of("", "Split", &["x"], &["a", "b"], &[]);
            file.node("Mul", &["a", "b"], "y", &[]).output("y")
        }),
        ("slice", slice(&[1, 0], &[3, -1], &[0, 1], &[1, 1])),
        ("slice with steps", slice(&[0, 1], &[4, 5], &[0, 1], &[2, 3])),
        ("slice backwards", slice(&[-1], &[-5], &[1], &[-1])),
        ("slice to the end", slice(&[1], &[i64::MAX], &[1], &[1])),
        ("pad with a constant", pad("constant")),
        ("pad with a given constant", {
            let file = File::new().input("x", &[3, 4]).integers("pads", &[1, 0, 2, 1]).weights("v", scalar(0.25));
            file.node("Pad", &["x", "pads", "v"], "y", &[]).output("y")
        }),
        ("pad by reflection", pad("reflect")),
        ("pad with the edge", pad("edge")),
        ("gather rows", select(&[2, 0, -1], 0)),
        ("gather columns", select(&[1, 1], 1)),
        ("gather one", {
            let file = File::new().input("x", &[3, 4]).integer("i", -1);
            file.node("Gather", &["x", "i"], "y", &[int("axis", 0)]).output("y")
        }),
        ("embedding", embedding()),
        ("where with a constant condition", {
            let file = File::new().input("a", &[2, 2]).input("b", &[2, 2]);
            let file = file.booleans("c", &[2, 2], &[true, false, false, true]);
            file.node("Where", &["c", "a", "b"], "y", &[]).output("y")
        }),
        ("where with a constant", {
            let file = File::new().input("x", &[2, 2]).weights("k", scalar(0.5));
            let file = file.booleans("c", &[2, 2], &[true, false, false, true]);
            file.node("Where", &["c", "k", "x"], "y", &[]).output("y")
        }),
        ("where as a mask of minus infinity", where_mask(f32::NEG_INFINITY)),
        ("where as a mask of a large number", where_mask(-1e9)),
        ("where as a mask of a half-precision number", where_mask(-65504.0)),
        ("trilu", {
            let file = File::new().input("x", &[1, 3, 4]).integer("k", 1);
            file.node("Trilu", &["x", "k"], "y", &[int("upper", 0)]).output("y")
        }),
        ("shape plumbing", {
            // Flattens by shape arithmetic, the way exporters write `x.view(x.size(0), -1)`.
            File::new()
                .input("x", &[1, 3, 4])
                .integer("zero", 0)
                .integers("axis", &[0])
                .integers("rest", &[-1])
                .node("Shape", &["x"], "shape", &[])
                .node("Gather", &["shape", "zero"], "first", &[int("axis", 0)])
                .node("Unsqueeze", &["first", "axis"], "first1", &[])
                .node("Concat", &["first1", "rest"], "target", &[int("axis", 0)])
                .node("Reshape", &["x", "target"], "y", &[])
                .output("y")
        }),
        ("positions from a range", {
            File::new()
                .input("x", &[1, 4, 2])
                .integer("zero", 0)
                .integer("one", 1)
                .integers("shape", &[4])
                .weights("table", weights(&[6, 2]))
                .node("ConstantOfShape", &["shape"], "zeros", &[tensor("value", integers("", &[1], &[0]))])
                .node("Shape", &["x"], "extents", &[])
                .node("Gather", &["extents", "one"], "count", &[int("axis", 0)])
                .node("Range", &["zero", "count", "one"], "positions", &[])
                .node("Add", &["positions", "zeros"], "ids", &[])
                .node("Gather", &["table", "ids"], "rows", &[int("axis", 0)])
                .node("Add", &["x", "rows"], "y", &[])
                .output("y")
        }),
        ("a constant node", {
            let value = tensor("value", floats("", weights(&[3])));
            File::new().input("x", &[2, 3]).node("Constant", &[], "c", &[value]).node("Add", &["x", "c"], "y", &[]).output("y")
        }),
    ]
}

/// Forms of older and newer operator sets, and corners.
fn editions() -> Vec<(&'static str, File)> {
    let with = |opset: i64, operator: &str, shape: &[usize], attributes: &[tract_onnx::pb::AttributeProto]| {
        File::new().opset(opset).input("x", shape).node(operator, &["x"], "y", attributes).output("y")
    };
    let square = || ints("kernel_shape", &[3, 3]);
    vec![
        ("clip by attributes", with(10, "Clip", &[3, 4], &[float("min", -0.2), float("max", 0.3)])),
        ("squeeze by attribute", with(11, "Squeeze", &[1, 3, 1], &[ints("axes", &[0])])),
        ("unsqueeze by attribute", with(11, "Unsqueeze", &[3, 2], &[ints("axes", &[0, 3])])),
        ("split by attribute", {
            let file = File::new().opset(11).input("x", &[2, 6]);
            let attributes = [int("axis", -1), ints("split", &[2, 4])];
            file.node_of("", "Split", &["x"], &["a", "b"], &attributes).output("a").output("b")
        }),
        ("slice by attributes", {
            let attributes = [ints("starts", &[1]), ints("ends", &[-1]), ints("axes", &[1])];
            with(9, "Slice", &[2, 5], &attributes)
        }),
        ("pad by attributes", with(10, "Pad", &[2, 3], &[ints("pads", &[0, 1, 1, 0]), float("value", 0.5)])),
        ("pad by attributes and reflection", with(10, "Pad", &[2, 3], &[ints("pads", &[0, 1, 1, 0]), text("mode", "reflect")])),
        ("reduce sum by attribute", with(11, "ReduceSum", &[2, 3, 4], &[ints("axes", &[1])])),
        ("reduce mean by operand", shape_operator("ReduceMean", &[2, 3, 4], &[1, 2]).opset(18)),
        ("reduce mean of everything", with(17, "ReduceMean", &[2, 3, 4], &[])),
        ("reduce sum of squares", with(13, "ReduceSumSquare", &[2, 3, 4], &[ints("axes", &[2])])),
        ("unit length", {
            let file = with(13, "ReduceL2", &[2, 3, 4], &[ints("axes", &[-1])]).weights("e", scalar(1e-12));
            let mut file = file.integers("s", &[2, 3, 4]);
            file.graph.output.clear();
            let file = file.node("Clip", &["y", "e"], "c", &[]).node("Expand", &["c", "s"], "w", &[]);
            file.node("Div", &["x", "w"], "z", &[]).output("z")
        }),
        ("softmax of the last axis but one", with(13, "Softmax", &[2, 3, 4], &[int("axis", -2)])),
        ("softmax of an old operator set by default", with(9, "Softmax", &[2, 3, 4], &[])),
        ("flatten at a later axis", with(13, "Flatten", &[2, 3, 4], &[int("axis", 2)])),
        ("flatten at the first axis", with(13, "Flatten", &[2, 3], &[int("axis", 0)])),
        ("concat by a negative axis", {
            let file = File::new().input("a", &[2, 3]).input("b", &[2, 1]);
            file.node("Concat", &["a", "b"], "y", &[int("axis", -1)]).output("y")
        }),
        ("gather by a negative axis and a matrix of indices", {
            let mut file = File::new().input("x", &[3, 4]);
            file.graph.initializer.push(integers("i", &[2, 2], &[0, 3, -1, 2]));
            file.node("Gather", &["x", "i"], "y", &[int("axis", -1)]).output("y")
        }),
        ("reshape with a copied extent", shape_operator("Reshape", &[2, 3, 4], &[0, 0, 2, 2])),
        ("gemm without a bias", with_constant("Gemm", &[2, 3], weights(&[3, 4]), false)),
        ("gemm with one bias", {
            let file = File::new().input("x", &[2, 3]).weights("w", weights(&[3, 4])).weights("b", weights(&[1]));
            file.node("Gemm", &["x", "w", "b"], "y", &[]).output("y")
        }),
        ("gemm with a computed bias", {
            let file = File::new().input("x", &[2, 3]).input("b", &[2, 4]).weights("w", weights(&[3, 4]));
            file.node("Gemm", &["x", "w", "b"], "y", &[]).output("y")
        }),
        ("average pool rounding up with padding", {
            let attributes = [square(), ints("strides", &[2, 2]), ints("pads", &[1, 1, 1, 1]), int("ceil_mode", 1)];
            with(17, "AveragePool", &[1, 2, 6, 6], &attributes)
        }),
        ("average pool same upper", {
            with(17, "AveragePool", &[1, 2, 6, 6], &[square(), ints("strides", &[2, 2]), text("auto_pad", "SAME_UPPER")])
        }),
        ("average pool dilated", with(19, "AveragePool", &[1, 2, 7, 7], &[square(), ints("dilations", &[2, 2])])),
        ("max pool same lower", with(17, "MaxPool", &[1, 2, 6, 6], &[square(), text("auto_pad", "SAME_LOWER")])),
        ("global average pool of a line", with(17, "GlobalAveragePool", &[1, 3, 5], &[])),
        ("prelu with one number", with_constant("PRelu", &[2, 3], weights(&[1]), false)),
        ("layer norm over two axes", {
            let file = File::new().input("x", &[2, 3, 4]).weights("g", positive(&[3, 4]));
            file.node("LayerNormalization", &["x", "g"], "y", &[int("axis", 1)]).output("y")
        }),
        ("half of a clip", with(10, "Clip", &[3, 4], &[float("max", 0.3)])),
        ("hard swish, written out", {
            File::new()
                .input("x", &[3, 4])
                .weights("three", scalar(3.0))
                .weights("zero", scalar(0.0))
                .weights("six", scalar(6.0))
                .node("Add", &["x", "three"], "a", &[])
                .node("Clip", &["a", "zero", "six"], "c", &[])
                .node("Mul", &["x", "c"], "m", &[])
                .node("Div", &["m", "six"], "y", &[])
                .output("y")
        }),
        ("rotary position", {
            // Half-split rotation: x * cos + concat(-x2, x1) * sin.
            File::new()
                .input("x", &[1, 2, 3, 4])
                .weights("cos", weights(&[1, 1, 3, 4]))
                .weights("sin", positive(&[1, 1, 3, 4]))
                .node_of("", "Split", &["x"], &["x1", "x2"], &[int("axis", -1)])
                .node("Neg", &["x2"], "n2", &[])
                .node("Concat", &["n2", "x1"], "r", &[int("axis", -1)])
                .node("Mul", &["x", "cos"], "a", &[])
                .node("Mul", &["r", "sin"], "b", &[])
                .node("Add", &["a", "b"], "y", &[])
                .output("y")
        }),
    ]
}

pub fn embedding() -> File {
    File::new()
        .ids("ids", &[1, 4])
        .weights("table", weights(&[7, 3]))
        .weights("positions", weights(&[1, 4, 3]))
        .node("Gather", &["table", "ids"], "rows", &[int("axis", 0)])
        .node("Add", &["rows", "positions"], "y", &[])
        .output("y")
}

fn where_mask(value: f32) -> File {
    let visible: Vec<bool> = (0..9).map(|at| at % 3 <= at / 3).collect();
    let file = File::new().input("x", &[1, 2, 3, 3]).weights("hidden", scalar(value));
    let file = file.booleans("visible", &[3, 3], &visible).node("Where", &["visible", "x", "hidden"], "m", &[]);
    file.node("Softmax", &["m"], "y", &[int("axis", -1)]).output("y")
}

#[test]
fn every_operator_computes_what_tract_computes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("LEMMA_KEEP_ONNX").map_or(folder.path().to_path_buf(), std::path::PathBuf::from);
    let cases = [linear(), windows(), pointwise(), functions(), views(), editions()].concat();
    let mut failures = vec![];
    for (name, file) in &cases {
        let path = file.write(&folder, &name.replace(' ', "_"));
        let checked = std::panic::catch_unwind(|| agrees_with_tract(&path, &Options::default(), 1e-4));
        if checked.is_err() {
            failures.push(*name);
        }
    }
    println!("{} files", cases.len());
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn reflection_is_not_undone_by_a_constant() {
    let file = File::new().input("x", &[3]).integers("pads", &[1, 2]).weights("v", scalar(9.0));
    let file = file.node("Pad", &["x", "pads", "v"], "y", &[text("mode", "reflect")]).output("y");
    let folder = tempfile::tempdir().unwrap();
    let model = load(&file.write(folder.path(), "file"), &Options::default()).unwrap();
    let x = BTreeMap::from([("x".to_string(), ndarray::array![1.0, 2.0, 3.0].into_dyn())]);
    assert_eq!(model.run(&x).unwrap()[0], ndarray::array![2.0, 1.0, 2.0, 3.0, 2.0, 1.0].into_dyn());
}

#[test]
fn a_skip_connections_norm_has_its_own_default_epsilon() {
    let file = File::new().input("x", &[2, 4]).input("z", &[2, 4]).weights("g", positive(&[4]));
    let file = file.node_of("com.microsoft", "SkipLayerNormalization", &["x", "z", "g"], &["y"], &[]).output("y");
    let folder = tempfile::tempdir().unwrap();
    let model = load(&file.write(folder.path(), "file"), &Options::default()).unwrap();
    let norm = model.nodes.iter().find(|node| matches!(node.op, Op::LayerNorm { .. })).unwrap();
    assert!(matches!(norm.op, Op::LayerNorm { epsilon, .. } if epsilon == 1e-12));
}

fn ops_of(file: &File) -> Vec<Op> {
    let folder = tempfile::tempdir().unwrap();
    let model = agrees_with_tract(&file.write(folder.path(), "file"), &Options::default(), 1e-4);
    model.nodes.into_iter().map(|node| node.op).filter(|op| !matches!(op, Op::Input | Op::View(_))).collect()
}

#[test]
fn activations_arrive_as_single_operations() {
    let cases: [(File, Unary); 8] = [
        (unary("Relu"), Unary::Relu),
        (unary("HardSigmoid"), Unary::HardSigmoid(0.2, 0.5)),
        (unary("Softplus"), Unary::Softplus),
        (unary("Elu"), Unary::Elu(1.0)),
        (unary("LeakyRelu"), Unary::LeakyRelu(0.01)),
        (unary("Sigmoid"), Unary::Sigmoid),
        (unary("HardSwish"), Unary::HardSwish),
        (unary("Erf"), Unary::Erf),
    ];
    for (file, expected) in cases {
        let ops = ops_of(&file);
        assert!(matches!(ops[..], [Op::Unary(found)] if found == expected), "{expected:?}: {ops:?}");
    }
    for (name, file) in functions() {
        let expected = match name {
            "gelu" | "gelu by erf, written out" => Unary::Gelu,
            "gelu by tanh" => Unary::GeluTanh,
            "silu, written out" => Unary::Silu,
            "squared relu, written out" => Unary::ReluSquared,
            _ => continue,
        };
        let ops = ops_of(&file);
        assert!(matches!(ops[..], [Op::Unary(found)] if found == expected), "{name}: {ops:?}");
    }
}

#[test]
fn norms_arrive_as_single_operations() {
    for (name, file) in functions() {
        let ops = ops_of(&file);
        let single = match name {
            "layer norm" | "layer norm, written out" => {
                matches!(ops[..], [Op::LayerNorm { gain: Some(_), bias: Some(_), .. }])
            }
            "rms norm" | "rms norm, written out" | "simplified layer norm" => {
                matches!(ops[..], [Op::RmsNorm { gain: Some(_), .. }])
            }
            _ => continue,
        };
        assert!(single, "{name}: {ops:?}");
    }
}

#[test]
fn a_batch_norm_is_gone_and_the_scale_of_scores_is_in_the_weights() {
    let conv = windows().into_iter().find(|(name, _)| *name == "conv with batch norm and relu").unwrap().1;
    let mut conv = conv;
    conv.graph.output.remove(0);
    let ops = ops_of(&conv);
    assert!(matches!(ops[..], [Op::Conv { .. }, Op::Unary(Unary::Relu)]), "{ops:?}");
    let ops = ops_of(&attention());
    assert!(!ops.iter().any(|op| matches!(op, Op::Mul)), "{ops:?}");
}

/// tract's rewrites move between versions; this is what its pinned version and the passes make of attention.
#[test]
fn the_lowered_attention_is_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let model = agrees_with_tract(&attention().write(folder.path(), "file"), &Options::default(), 1e-4);
    let kind = |op: &Op| format!("{op:?}").split([' ', '(']).next().unwrap_or_default().to_string();
    let found: Vec<String> = model
        .nodes
        .iter()
        .filter(|node| !matches!(node.op, Op::View(_)))
        .map(|node| format!("{} {} {:?}", node.name, kind(&node.op), node.shape))
        .collect();
    let expected = [
        "x Input [1, 4, 6]",
        "qp/MatMul Dense [4, 6]",
        "kp/MatMul Dense [4, 6]",
        "scores/MatMul MatMul [2, 4, 4]",
        "masked/Add.mask Constant [1, 4, 4]",
        "masked/Add Add [2, 4, 4]",
        "p/Softmax Softmax [2, 4, 4]",
        "vp/MatMul Dense [4, 6]",
        "o/MatMul MatMul [2, 4, 3]",
    ];
    assert_eq!(found, expected);
}

#[test]
fn masks_are_added_and_large() {
    for value in [f32::NEG_INFINITY, f32::MIN, -1e9, -65504.0] {
        let ops = ops_of(&where_mask(value));
        let Op::Constant(mask) = &ops[0] else { panic!("{value}: {ops:?}") };
        assert!(mask.iter().all(|&entry| entry == 0.0 || entry == -1e9), "{value}: {mask}");
        assert!(matches!(ops[1..], [Op::Add, Op::Softmax]), "{value}: {ops:?}");
    }
}

#[test]
fn integer_inputs_that_choose_rows_are_tokens() {
    let ops = ops_of(&embedding());
    assert!(matches!(ops[0], Op::Tokens { vocabulary: 7 }));
    assert!(matches!(ops[1], Op::Embedding { .. }));
}

#[test]
fn nodes_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let model = agrees_with_tract(&attention().write(folder.path(), "file"), &Options::default(), 1e-4);
    for name in ["qp/MatMul", "scores/MatMul", "masked/Add", "p/Softmax", "o/MatMul"] {
        assert!(model.nodes.iter().any(|node| node.name == name), "{name}");
    }
    assert_eq!(model.nodes[model.inputs[0].0].name, "x");
    assert_eq!(model.outputs[0].0, "y");
}
