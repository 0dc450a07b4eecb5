//! Activations and norms as single operators and written out, softmax, reductions.

use crate::proto::AttributeProto;

use super::{positive, scalar, shape_operator, weights};
use crate::file::{File, float, int, ints, text};

pub fn functions() -> Vec<(&'static str, File)> {
    let gelu = |attributes: &[AttributeProto]| {
        File::new().opset(20).input("x", &[3, 4]).node("Gelu", &["x"], "y", attributes).output("y")
    };
    let microsoft = |operator: &str, inputs: &[&str]| {
        let file = File::new().input("x", &[2, 3, 4]).input("z", &[2, 3, 4]);
        let file = file.weights("b", weights(&[4])).weights("g", positive(&[4]));
        let epsilon = (operator == "SkipLayerNormalization").then(|| float("epsilon", 1e-3));
        file.node_of("com.microsoft", operator, inputs, &["y"], epsilon.as_slice())
            .node("Add", &["y", "z"], "r", &[])
            .output("r")
    };
    let each = |operators: &[&'static str], before: &str| {
        let file = File::new().opset(22).input("x", &[3, 4]);
        let file = if before.is_empty() { file } else { file.node(before, &["x"], "b", &[]) };
        let operand = if before.is_empty() { "x" } else { "b" };
        operators.iter().fold(file, |file, operator| {
            file.node(operator, &[operand], operator, &[]).output(operator)
        })
    };
    vec![
        ("functions of any number", {
            let names = [
                "Abs",
                "Asinh",
                "Atan",
                "Ceil",
                "Cos",
                "Cosh",
                "Erf",
                "Exp",
                "Floor",
                "HardSwish",
                "Mish",
                "Relu",
            ];
            let others =
                ["Round", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Tan", "Tanh"];
            each(&[&names[..], &others].concat(), "")
        }),
        ("functions of numbers below 1", each(&["Asin", "Acos", "Atanh"], "Tanh")),
        ("functions of numbers above 1", each(&["Acosh", "Log", "Sqrt", "Reciprocal"], "Cosh")),
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
            File::new()
                .input("x", &[3, 4])
                .node("Sigmoid", &["x"], "s", &[])
                .node("Mul", &["x", "s"], "y", &[])
                .output("y")
        }),
        ("squared relu, written out", {
            File::new()
                .input("x", &[3, 4])
                .node("Relu", &["x"], "r", &[])
                .node("Mul", &["r", "r"], "y", &[])
                .output("y")
        }),
        ("bias gelu", microsoft("BiasGelu", &["x", "b"])),
        ("fast gelu", microsoft("FastGelu", &["x"])),
        ("skip layer norm", microsoft("SkipLayerNormalization", &["x", "z", "g", "b"])),
        ("simplified layer norm", {
            let file = File::new().input("x", &[2, 3, 4]).weights("g", positive(&[4]));
            file.node("SimplifiedLayerNormalization", &["x", "g"], "y", &[float("epsilon", 1e-6)])
                .output("y")
        }),
        (
            "softmax",
            File::new().input("x", &[2, 3, 4]).node("Softmax", &["x"], "y", &[]).output("y"),
        ),
        ("softmax of a middle axis", {
            File::new()
                .input("x", &[2, 3, 4])
                .node("Softmax", &["x"], "y", &[int("axis", 1)])
                .output("y")
        }),
        ("softmax of an old operator set", {
            File::new()
                .opset(11)
                .input("x", &[2, 3, 4])
                .node("Softmax", &["x"], "y", &[int("axis", 1)])
                .output("y")
        }),
        (
            "log softmax",
            File::new().input("x", &[2, 4]).node("LogSoftmax", &["x"], "y", &[]).output("y"),
        ),
        ("argmax", {
            let attributes = [int("axis", -1), int("keepdims", 0)];
            File::new().input("x", &[2, 5]).node("ArgMax", &["x"], "y", &attributes).output("y")
        }),
        ("argmax of a middle axis", {
            File::new()
                .input("x", &[2, 5, 3])
                .node("ArgMax", &["x"], "y", &[int("axis", 1)])
                .output("y")
        }),
        ("reduce mean", {
            File::new()
                .input("x", &[2, 3, 4])
                .node("ReduceMean", &["x"], "y", &[ints("axes", &[1, 2])])
                .output("y")
        }),
        ("reduce mean without its axis", {
            let attributes = [ints("axes", &[-1]), int("keepdims", 0)];
            File::new()
                .input("x", &[2, 3, 4])
                .node("ReduceMean", &["x"], "y", &attributes)
                .output("y")
        }),
        ("reduce sum", shape_operator("ReduceSum", &[2, 3, 4], &[1])),
        ("layer norm", {
            let file = File::new()
                .input("x", &[2, 3, 4])
                .weights("g", positive(&[4]))
                .weights("b", weights(&[4]));
            file.node("LayerNormalization", &["x", "g", "b"], "y", &[float("epsilon", 1e-3)])
                .output("y")
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

/// Comparisons of numbers as truth values, as numbers, and as conditions.
pub fn comparisons() -> Vec<(&'static str, File)> {
    let two = || File::new().opset(16).input("a", &[3, 4]).input("b", &[3, 4]);
    let as_float = |file: File| file.node("Cast", &["c"], "y", &[int("to", 1)]).output("y");
    let mut cases = vec![
        ("greater than a constant, as a number", {
            as_float(two().weights("k", scalar(0.1)).node("Greater", &["a", "k"], "c", &[]))
        }),
        (
            "a constant row, not greater",
            as_float(two().weights("k", weights(&[4])).node("LessOrEqual", &["k", "a"], "c", &[])),
        ),
        ("a choice between two inputs by a third", {
            let file = two().input("z", &[1, 4]).node("Less", &["a", "z"], "c", &[]);
            file.node("Where", &["c", "a", "b"], "y", &[]).output("y")
        }),
        ("both of two comparisons", {
            let file = two().weights("k", scalar(0.2)).node("Greater", &["a", "b"], "l", &[]).node(
                "Less",
                &["a", "k"],
                "r",
                &[],
            );
            as_float(file.node("And", &["l", "r"], "c", &[]))
        }),
        ("one-hot by equality", {
            let file = File::new().opset(16).ids("a", &[2, 3]).integers("k", &[0, 1, 2, 3, 4]);
            let file = file.integers("axis", &[2]).node("Unsqueeze", &["a", "axis"], "u", &[]);
            as_float(file.node("Equal", &["u", "k"], "c", &[]))
        }),
    ];
    for operator in ["Greater", "Less", "GreaterOrEqual", "LessOrEqual"] {
        cases.push((operator, as_float(two().node(operator, &["a", "b"], "c", &[]))));
    }
    cases
}
