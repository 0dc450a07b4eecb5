//! Forms of supported operators that must be refused, since they would be read otherwise than the
//! file means them.

use std::collections::BTreeMap;

use crate::proto::AttributeProto;
use lemma_import::onnx::{Options, Problem, load};
use ndarray::{ArrayD, IxDyn};

use crate::file::{File, float, int, ints, text};

fn problem(file: &File) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    match load(&file.write(folder.path(), "model"), &Options::default())
        .map_err(|error| error.problem)
    {
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

fn with_ones(
    opset: i64,
    operator: &str,
    shape: &[usize],
    other: &[usize],
    attributes: &[AttributeProto],
) -> File {
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
        let file =
            ["s", "b", "m", "v"].iter().fold(file, |file, name| file.weights(name, ones(&[3])));
        file.node_of("", "BatchNormalization", &["x", "s", "b", "m", "v"], outputs, attributes)
            .output("y")
    };
    assert_eq!(problem(&file(&["y"], &[])), None);
    rejects(&file(&["y"], &[int("training_mode", 1)]), "training_mode");
    rejects(&file(&["y", "", ""], &[int("training_mode", 1)]), "training_mode");
    rejects(&file(&["y", "mean", "variance"], &[]), "training mode");
    rejects(&file(&["y"], &[int("spatial", 0)]).opset(7), "spatial");
    rejects(&file(&["y"], &[]).opset(6), "training mode");
}

#[test]
fn rejects_a_narrowing_cast() {
    let narrow = File::new().ids("x", &[2]).node("Cast", &["x"], "y", &[int("to", 6)]).output("y");
    rejects(&narrow, "drops high bits");
    // Ids of a table are in the range of any integer type.
    let ids = File::new()
        .ids("x", &[2])
        .node("Cast", &["x"], "i", &[int("to", 6)])
        .weights("t", ones(&[4, 2]));
    assert_eq!(problem(&ids.node("Gather", &["t", "i"], "y", &[]).output("y")), None);
}

#[test]
fn rejects_an_input_read_as_truth_that_nothing_says_is_a_mask() {
    let file = |name: &str| {
        let file = File::new().ids(name, &[3]).input("a", &[3]).input("b", &[3]).integer("one", 1);
        file.node("Equal", &[name, "one"], "c", &[])
            .node("Where", &["c", "a", "b"], "y", &[])
            .output("y")
    };
    let folder = tempfile::tempdir().unwrap();
    let found = load(&file("kind").write(folder.path(), "model"), &Options::default())
        .unwrap_err()
        .to_string();
    assert!(found.contains("`kind`") && found.contains("declare the input as bool"), "{found}");
    assert!(
        load(&file("attention_mask").write(folder.path(), "model"), &Options::default()).is_ok()
    );
}

/// Values of `y` for `x` = 1, 2, ..
fn values(file: &File, shape: &[usize]) -> Vec<f32> {
    let folder = tempfile::tempdir().unwrap();
    let model = load(&file.write(folder.path(), "model"), &Options::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let count = shape.iter().product::<usize>();
    let x = ArrayD::from_shape_vec(shape, (1..=count).map(|value| value as f32).collect()).unwrap();
    model.run(&BTreeMap::from([("x".to_string(), x)])).unwrap()[0].iter().copied().collect()
}

fn with_row(
    opset: i64,
    operator: &str,
    shape: &[usize],
    row: &[f32],
    attributes: &[AttributeProto],
) -> File {
    let row = ArrayD::from_shape_vec(vec![row.len()], row.to_vec()).unwrap();
    let file = File::new().opset(opset).input("x", shape).weights("w", row);
    file.node(operator, &["x", "w"], "y", attributes).output("y")
}

#[test]
fn broadcasts_along_a_named_axis_in_old_operator_sets() {
    let file =
        with_row(6, "Add", &[1, 2, 2], &[10.0, 20.0], &[int("broadcast", 1), int("axis", 1)]);
    assert_eq!(values(&file, &[1, 2, 2]), [11.0, 12.0, 23.0, 24.0]);
    let last = with_row(6, "Add", &[1, 2, 2], &[10.0, 20.0], &[int("broadcast", 1)]);
    assert_eq!(values(&last, &[1, 2, 2]), [11.0, 22.0, 13.0, 24.0]);
    rejects(&with_row(6, "Add", &[1, 2, 2], &[10.0, 20.0], &[]), "broadcast");
    let numpy = with_row(7, "Add", &[1, 2, 2], &[10.0, 20.0], &[]);
    assert_eq!(values(&numpy, &[1, 2, 2]), [11.0, 22.0, 13.0, 24.0]);
    rejects(&with_row(7, "Add", &[1, 2, 2], &[10.0, 20.0], &[int("axis", 1)]), "axis");
}

#[test]
fn slopes_lie_on_the_channels_in_old_operator_sets() {
    let negative = |opset: i64| {
        let slope = ArrayD::from_shape_vec(vec![2], vec![0.5, 2.0]).unwrap();
        let file = File::new().opset(opset).input("x", &[1, 2, 2]).weights("s", slope).node(
            "Neg",
            &["x"],
            "n",
            &[],
        );
        file.node("PRelu", &["n", "s"], "y", &[]).output("y")
    };
    assert_eq!(values(&negative(6), &[1, 2, 2]), [-0.5, -1.0, -6.0, -8.0]);
    assert_eq!(values(&negative(9), &[1, 2, 2]), [-0.5, -4.0, -1.5, -8.0]);
}

#[test]
fn a_swish_of_another_slope_has_it() {
    let found = values(&of(24, "Swish", &[1, 2], &[float("alpha", 2.5)]), &[1, 2]);
    let expected = [1.0, 2.0].map(|x: f32| x / (1.0 + (-2.5 * x).exp()));
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
}

#[test]
fn depth_has_blocks_or_channels_first() {
    let file = |mode: &str| {
        let attributes = [int("blocksize", 2), text("mode", mode)];
        of(28, "SpaceToDepth", &[1, 2, 2, 2], &attributes)
    };
    assert_eq!(values(&file("DCR"), &[1, 2, 2, 2]), [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
    assert_eq!(values(&file("CRD"), &[1, 2, 2, 2]), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    rejects(&file("RCD"), "mode");
}

#[test]
fn negative_padding_crops() {
    let file = File::new()
        .input("x", &[4])
        .integers("p", &[-1, 1])
        .node("Pad", &["x", "p"], "y", &[])
        .output("y");
    assert_eq!(values(&file, &[4]), [2.0, 3.0, 4.0, 0.0]);
}

#[test]
fn rejects_a_permutation_that_is_none() {
    for axes in [[0, 0], [1, 1], [0, 2], [-1, 0]] {
        rejects(&of(17, "Transpose", &[2, 3], &[ints("perm", &axes)]), "permutation");
    }
    assert_eq!(problem(&of(17, "Transpose", &[2, 3], &[ints("perm", &[1, 0])])), None);
}

#[test]
fn fused_norms_of_a_sum_have_their_own_epsilon() {
    let norm = |attributes: &[AttributeProto]| {
        let small = ArrayD::from_elem(IxDyn(&[2]), 1e-4);
        let file = File::new().input("x", &[1, 1, 2]).weights("s", small).weights("g", ones(&[2]));
        let file =
            file.weights("o", ArrayD::zeros(IxDyn(&[1, 1, 2]))).node("Mul", &["x", "s"], "m", &[]);
        let norm = "SkipSimplifiedLayerNormalization";
        file.node_of("com.microsoft", norm, &["m", "o", "g"], &["y"], attributes).output("y")
    };
    let close = |found: Vec<f32>, expected: [f32; 2]| {
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
    };
    // Mean square 2.5e-8.
    close(values(&norm(&[]), &[1, 1, 2]), [0.6325, 1.2649]);
    close(values(&norm(&[float("epsilon", 7.5e-8)]), &[1, 1, 2]), [0.3162, 0.6325]);
}

#[test]
fn rejects_a_scale_that_depends_on_rounding() {
    let resized = |scale: f32| {
        let scales = ArrayD::from_shape_vec(vec![4], vec![1.0, 1.0, 1.0, scale]).unwrap();
        let attributes =
            [text("coordinate_transformation_mode", "asymmetric"), text("nearest_mode", "floor")];
        let file = File::new().input("x", &[1, 1, 1, 10]).weights("s", scales);
        file.node("Resize", &["x", "", "s"], "y", &attributes).output("y")
    };
    // Ten times 0.7 is 7 in single precision, and less in double precision.
    rejects(&resized(0.7), "rounding");
    assert_eq!(values(&resized(0.5), &[1, 1, 1, 10]), [1.0, 3.0, 5.0, 7.0, 9.0]);
}

#[test]
fn rejects_axes_that_are_none_or_given_twice() {
    let squeezed = |axes: &[i64]| {
        let file = File::new().input("x", &[1, 2]).integers("a", axes);
        file.node("Squeeze", &["x", "a"], "y", &[]).output("y")
    };
    rejects(&squeezed(&[]), "name the axes");
    assert_eq!(values(&squeezed(&[0]), &[1, 2]), [1.0, 2.0]);
    let padded =
        File::new().opset(18).input("x", &[2]).integers("p", &[1, 1, 0, 0]).integers("a", &[0, -1]);
    rejects(&padded.node("Pad", &["x", "p", "", "a"], "y", &[]).output("y"), "twice");
    let resized = File::new().opset(18).input("x", &[1, 2]).integers("s", &[4, 4]);
    let resized =
        resized.node("Resize", &["x", "", "", "s"], "y", &[ints("axes", &[1, -1])]).output("y");
    rejects(&resized, "twice");
}

#[test]
fn a_constant_of_minus_infinity_hides() {
    let file = File::new().input("x", &[1, 2]).booleans("c", &[2], &[true, false]);
    let file = file.node("Constant", &[], "low", &[float("value_float", f32::NEG_INFINITY)]);
    let file = file
        .node("Where", &["c", "x", "low"], "m", &[])
        .node("Softmax", &["m"], "y", &[])
        .output("y");
    assert_eq!(values(&file, &[1, 2]), [1.0, 0.0]);
}
