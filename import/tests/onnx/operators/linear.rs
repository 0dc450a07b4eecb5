//! Dense layers, products of matrices, attention.

use crate::proto::AttributeProto;
use ndarray::Array;

use super::{binary, scalar, weights, with_constant};
use crate::file::{File, float, int, ints};

pub fn linear() -> Vec<(&'static str, File)> {
    let gemm = |flags: &[AttributeProto], w: &[usize]| {
        let file =
            File::new().input("x", &[2, 3]).weights("w", weights(w)).weights("b", weights(&[4]));
        file.node("Gemm", &["x", "w", "b"], "y", flags).output("y")
    };
    vec![
        ("gemm", gemm(&[], &[3, 4])),
        (
            "gemm transposed and scaled",
            gemm(&[int("transB", 1), float("alpha", 0.5), float("beta", 2.0)], &[4, 3]),
        ),
        ("gemm on a column", {
            let file = File::new().input("x", &[3, 2]).weights("w", weights(&[3, 4]));
            file.node("Gemm", &["x", "w"], "y", &[int("transA", 1)]).output("y")
        }),
        ("matmul with weights", with_constant("MatMul", &[1, 5, 3], weights(&[3, 4]), false)),
        (
            "matmul with weights on the left",
            with_constant("MatMul", &[3, 5], weights(&[4, 3]), true),
        ),
        ("matmul with a weight vector", with_constant("MatMul", &[2, 3], weights(&[3]), false)),
        (
            "matmul with weights per head",
            with_constant("MatMul", &[2, 5, 3], weights(&[2, 3, 4]), false),
        ),
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
    let mask = Array::from_shape_fn(
        (tokens, tokens),
        |(i, j)| if j > i { f32::NEG_INFINITY } else { 0.0 },
    );
    let mut file = File::new()
        .input("x", &[1, tokens, 6])
        .integers("heads", &[1, tokens as i64, heads, width]);
    for (part, factor) in [("q", 1.0), ("k", -0.7), ("v", 1.3)] {
        let names =
            [format!("{part}w"), format!("{part}p"), format!("{part}r"), format!("{part}t")];
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
