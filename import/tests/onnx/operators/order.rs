//! The largest elements and their places.

use crate::file::{File, int};
use crate::proto::DataType;

pub fn order() -> Vec<(&'static str, File)> {
    let top = |count: i64, axis: i64, largest: i64, whole: bool| {
        let file = File::new().input("x", &[2, 5, 3]).integers("k", &[count]);
        // Few different numbers, so that many are equal.
        let file = file.weights("four", super::scalar(4.0)).node("Mul", &["x", "four"], "m", &[]);
        let file = if whole {
            file.node("Round", &["m"], "r", &[]).node("Cast", &["r"], "v", &[int("to", 7)])
        } else {
            file.node("Identity", &["m"], "v", &[])
        };
        let attributes = [int("axis", axis), int("largest", largest)];
        let file = file.node_of("", "TopK", &["v", "k"], &["y", "i"], &attributes);
        let kind = if whole { DataType::Int64 } else { DataType::Float };
        file.typed_output("y", kind).typed_output("i", DataType::Int64)
    };
    let hard = |opset: i64, axis: i64| {
        let file = File::new().opset(opset).input("x", &[2, 4, 3]);
        file.node("Hardmax", &["x"], "y", &[int("axis", axis)]).output("y")
    };
    vec![
        ("three largest of the middle axis", top(3, 1, 1, false)),
        ("three smallest of the first axis of equal numbers", top(2, 0, 0, true)),
        ("all of an axis in order", top(5, -2, 1, true)),
        ("two largest of few", top(2, -1, 1, true)),
        ("the largest alone", top(1, 1, 1, true)),
        ("the largest of the oldest form", {
            let file = File::new().opset(9).input("x", &[2, 5]);
            let file = file.node_of("", "TopK", &["x"], &["y", "i"], &[int("k", 2)]);
            file.output("y").typed_output("i", DataType::Int64)
        }),
        ("hardmax", hard(13, -1)),
        ("hardmax of the middle axis", hard(13, 1)),
        ("hardmax of joined axes", hard(11, 1)),
    ]
}
