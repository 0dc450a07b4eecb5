//! Forms of older and newer operator sets, and corners.

use crate::proto::AttributeProto;

use super::{positive, scalar, shape_operator, weights, with_constant};
use crate::file::{File, float, int, integers, ints, text};

pub fn editions() -> Vec<(&'static str, File)> {
    let with = |opset: i64, operator: &str, shape: &[usize], attributes: &[AttributeProto]| {
        File::new()
            .opset(opset)
            .input("x", shape)
            .node(operator, &["x"], "y", attributes)
            .output("y")
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
        ("top by attribute", {
            let file = File::new().opset(9).input("x", &[2, 6]);
            file.node_of("", "TopK", &["x"], &["a", "b"], &[int("axis", 0), int("k", 1)])
                .output("a")
                .output("b")
        }),
        ("slice by attributes", {
            let attributes = [ints("starts", &[1]), ints("ends", &[-1]), ints("axes", &[1])];
            with(9, "Slice", &[2, 5], &attributes)
        }),
        (
            "pad by attributes",
            with(10, "Pad", &[2, 3], &[ints("pads", &[0, 1, 1, 0]), float("value", 0.5)]),
        ),
        (
            "pad by attributes and reflection",
            with(10, "Pad", &[2, 3], &[ints("pads", &[0, 1, 1, 0]), text("mode", "reflect")]),
        ),
        ("reduce sum by attribute", with(11, "ReduceSum", &[2, 3, 4], &[ints("axes", &[1])])),
        ("reduce mean by operand", shape_operator("ReduceMean", &[2, 3, 4], &[1, 2]).opset(18)),
        ("reduce mean of everything", with(17, "ReduceMean", &[2, 3, 4], &[])),
        ("reduce sum of squares", with(13, "ReduceSumSquare", &[2, 3, 4], &[ints("axes", &[2])])),
        ("unit length", {
            let file = with(13, "ReduceL2", &[2, 3, 4], &[ints("axes", &[-1])])
                .weights("e", scalar(1e-12));
            let mut file = file.integers("s", &[2, 3, 4]);
            file.graph.output.clear();
            let file =
                file.node("Clip", &["y", "e"], "c", &[]).node("Expand", &["c", "s"], "w", &[]);
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
            let file = File::new()
                .input("x", &[2, 3])
                .weights("w", weights(&[3, 4]))
                .weights("b", weights(&[1]));
            file.node("Gemm", &["x", "w", "b"], "y", &[]).output("y")
        }),
        ("gemm with a computed bias", {
            let file =
                File::new().input("x", &[2, 3]).input("b", &[2, 4]).weights("w", weights(&[3, 4]));
            file.node("Gemm", &["x", "w", "b"], "y", &[]).output("y")
        }),
        ("average pool rounding up with padding", {
            let attributes = [
                square(),
                ints("strides", &[2, 2]),
                ints("pads", &[1, 1, 1, 1]),
                int("ceil_mode", 1),
            ];
            with(17, "AveragePool", &[1, 2, 6, 6], &attributes)
        }),
        ("average pool same upper", {
            with(
                17,
                "AveragePool",
                &[1, 2, 6, 6],
                &[square(), ints("strides", &[2, 2]), text("auto_pad", "SAME_UPPER")],
            )
        }),
        (
            "average pool dilated",
            with(19, "AveragePool", &[1, 2, 7, 7], &[square(), ints("dilations", &[2, 2])]),
        ),
        (
            "max pool same lower",
            with(17, "MaxPool", &[1, 2, 6, 6], &[square(), text("auto_pad", "SAME_LOWER")]),
        ),
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
