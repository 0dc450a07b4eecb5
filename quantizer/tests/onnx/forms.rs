//! Forms of supported operators that must be refused, since they would be read otherwise than the file means them.

use lemma_quantizer::import::onnx::{Options, Problem, load};
use ndarray::{ArrayD, IxDyn};
use tract_onnx::pb::AttributeProto;

use crate::file::{File, float, int, ints, text};

fn problem(file: &File) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    match load(&file.write(folder.path(), "model"), &Options::default()).map_err(|error| error.problem) {
        Ok(_) => None,
        Err(Problem::Unsupported { node, problem, .. }) if node.starts_with("y/") => Some(problem),
        Err(other) => panic!("{other}"),
    }
}

fn of(opset: i64, operator: &str, shape: &[usize], attributes: &[AttributeProto]) -> File {
    File::new().opset(opset).input("x", shape).node(operator, &["x"], "y", attributes).output("y")
}

fn ones(shape: &[usize]) -> ArrayD<f32> {
    ArrayD::ones(IxDyn(shape))
}

fn with_ones(opset: i64, operator: &str, shape: &[usize], other: &[usize], attributes: &[AttributeProto]) -> File {
    let file = File::new().opset(opset).input("x", shape).weights("w", ones(other));
    file.node(operator, &["x", "w"], "y", attributes).output("y")
}

fn rejects(file: &File, words: &str) {
    let found = problem(file).expect("the file must be refused");
    assert!(found.contains(words), "{found}");
}

#[test]
fn rejects_two_paddings() {
    let window = [ints("kernel_shape", &[3, 3]), ints("pads", &[0, 0, 0, 0])];
    for mode in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        for operator in ["MaxPool", "AveragePool"] {
            let attributes = [&window[..], &[text("auto_pad", mode)]].concat();
            rejects(&of(17, operator, &[1, 2, 6, 6], &attributes), "auto_pad");
        }
        let attributes = [&window[..], &[text("auto_pad", mode)]].concat();
        rejects(&with_ones(17, "Conv", &[1, 2, 6, 6], &[2, 2, 3, 3], &attributes), "auto_pad");
    }
    let explicit = [&window[..], &[text("auto_pad", "NOTSET")]].concat();
    assert_eq!(problem(&of(17, "MaxPool", &[1, 2, 6, 6], &explicit)), None);
    let automatic = [ints("kernel_shape", &[3, 3]), text("auto_pad", "SAME_UPPER")];
    assert_eq!(problem(&of(17, "MaxPool", &[1, 2, 6, 6], &automatic)), None);
}

#[test]
fn rejects_batch_normalization_by_the_batch() {
    let file = |outputs: &[&str], attributes: &[AttributeProto]| {
        let file = File::new().input("x", &[1, 3, 4, 4]);
        let file = ["s", "b", "m", "v"].iter().fold(file, |file, name| file.weights(name, ones(&[3])));
        file.node_of("", "BatchNormalization", &["x", "s", "b", "m", "v"], outputs, attributes).output("y")
    };
    assert_eq!(problem(&file(&["y"], &[])), None);
    rejects(&file(&["y"], &[int("training_mode", 1)]), "training_mode");
    rejects(&file(&["y", "", ""], &[int("training_mode", 1)]), "training_mode");
    rejects(&file(&["y", "mean", "variance"], &[]), "training mode");
    rejects(&file(&["y"], &[int("spatial", 0)]).opset(7), "spatial");
    rejects(&file(&["y"], &[]).opset(6), "training mode");
}

#[test]
fn rejects_a_swish_of_another_slope() {
    rejects(&of(24, "Swish", &[2, 3], &[float("alpha", 2.5)]), "alpha");
}

#[test]
fn rejects_broadcasting_along_a_named_axis() {
    for operator in ["Add", "Sub", "Mul", "Div"] {
        let attributes = [int("broadcast", 1), int("axis", 1)];
        rejects(&with_ones(6, operator, &[1, 3, 3], &[3], &attributes), "axis");
    }
    rejects(&with_ones(6, "PRelu", &[1, 3, 3], &[3], &[]), "channels");
    assert_eq!(problem(&with_ones(7, "Add", &[1, 3, 3], &[3], &[])), None);
}

#[test]
fn rejects_a_narrowing_cast() {
    for kind in [2, 3, 4, 5] {
        rejects(&of(17, "Cast", &[2, 3], &[int("to", kind)]), "drops high bits");
    }
}

#[test]
fn rejects_a_permutation_that_is_none() {
    for axes in [[0, 0], [1, 1], [0, 2], [-1, 0]] {
        rejects(&of(17, "Transpose", &[2, 3], &[ints("perm", &axes)]), "permutation");
    }
    assert_eq!(problem(&of(17, "Transpose", &[2, 3], &[ints("perm", &[1, 0])])), None);
}
