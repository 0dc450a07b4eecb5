//! Elementwise operators, with constants and between values.

use super::{binary, of_positive, positive, scalar, unary, weights, with_constant};
use crate::file::{File, float, int};

pub fn pointwise() -> Vec<(&'static str, File)> {
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
        let file = File::new().input("x", &[2, 3]).weights("p", scalar(exponent)).node(
            "Exp",
            &["x"],
            "e",
            &[],
        );
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
            File::new()
                .input("x", &[3, 4])
                .node("LeakyRelu", &["x"], "y", &[float("alpha", 0.3)])
                .output("y")
        }),
        ("elu with an alpha", {
            File::new()
                .input("x", &[3, 4])
                .node("Elu", &["x"], "y", &[float("alpha", 0.7)])
                .output("y")
        }),
        ("hard sigmoid with parameters", {
            let attributes = [float("alpha", 0.3), float("beta", 0.4)];
            File::new()
                .input("x", &[3, 4])
                .node("HardSigmoid", &["x"], "y", &attributes)
                .output("y")
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
            let file =
                File::new().input("a", &[2, 3]).input("b", &[2, 3]).node("Exp", &["b"], "e", &[]);
            file.node("Div", &["a", "e"], "y", &[]).output("y")
        }),
        ("a constant less a value", with_constant("Sub", &[2, 3], weights(&[2, 3]), true)),
        ("a constant added", with_constant("Add", &[2, 3], weights(&[3]), false)),
        ("a constant multiplied", with_constant("Mul", &[2, 3], weights(&[1]), false)),
        ("divided by a constant", with_constant("Div", &[2, 3], positive(&[3]), false)),
        ("a constant maximum", with_constant("Max", &[2, 3], weights(&[3]), false)),
        ("a constant divided by a value", {
            let file = File::new().input("x", &[2, 3]).weights("c", weights(&[3])).node(
                "Exp",
                &["x"],
                "e",
                &[],
            );
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
        (
            "square by product",
            File::new().input("x", &[3]).node("Mul", &["x", "x"], "y", &[]).output("y"),
        ),
        ("cast to float", {
            File::new()
                .input("x", &[3])
                .node("Cast", &["x"], "c", &[int("to", 1)])
                .node("Neg", &["c"], "y", &[])
                .output("y")
        }),
        ("integers used as numbers", {
            let file = File::new().ids("x", &[1, 3]).node("Cast", &["x"], "c", &[int("to", 1)]);
            file.weights("w", weights(&[3, 2])).node("MatMul", &["c", "w"], "y", &[]).output("y")
        }),
    ]);
    cases
}
