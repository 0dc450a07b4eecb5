//! Images at other places and of other sizes, scattered elements, transforms.

use ndarray::{Array, ArrayD};

use crate::file::{File, float, int, ints, text};
use crate::proto::{AttributeProto, DataType};

use super::{scalar, weights};

fn resized(scales: &[f32], attributes: &[AttributeProto]) -> File {
    let scales = Array::from_vec([&[1.0, 1.0], scales].concat()).into_dyn();
    let file = File::new().opset(18).input("x", &[1, 2, 4, 5]).weights("s", scales);
    file.node("Resize", &["x", "", "s"], "y", attributes).output("y")
}

fn sampled(mode: &str, padding: &str, corners: i64) -> File {
    let grid = weights(&[2, 3, 2, 2]).mapv(|place| 1.4 * place);
    let file = File::new().opset(20).input("x", &[2, 2, 4, 3]).weights("g", grid);
    let attributes =
        [text("mode", mode), text("padding_mode", padding), int("align_corners", corners)];
    file.node("GridSample", &["x", "g"], "y", &attributes).output("y")
}

pub fn images() -> Vec<(&'static str, File)> {
    let mode = |mode: &str| text("mode", mode);
    let places = |places: &str| text("coordinate_transformation_mode", places);
    let with = |operator: &str, opset: i64, x: &[usize], attributes: &[AttributeProto]| {
        let file = File::new().opset(opset).input("x", x);
        file.node(operator, &["x"], "y", attributes).output("y")
    };
    let scatter = |operator: &str, indices: &[i64], shape: &[i64], updates: &[usize], how: &str| {
        let mut file = File::new().opset(18).input("x", &[3, 4]).input("u", updates);
        file.graph.initializer.push(crate::file::integers("i", shape, indices));
        let attributes = [text("reduction", how)];
        file.node(operator, &["x", "i", "u"], "y", &attributes).output("y")
    };
    let pairs = [0, 1, 2, -1, 2, 0, 1, 2];
    vec![
        ("resize, cubic", resized(&[2.0, 1.5], &[mode("cubic")])),
        ("resize, cubic and sharper", {
            let sharp = [mode("cubic"), float("cubic_coeff_a", -0.5), int("exclude_outside", 1)];
            resized(&[1.5, 2.0], &sharp)
        }),
        ("resize, cubic with corners", {
            resized(&[1.5, 2.0], &[mode("cubic"), places("align_corners")])
        }),
        ("shrunk without aliases", resized(&[0.5, 0.6], &[mode("linear"), int("antialias", 1)])),
        ("resize that keeps the aspect", {
            let file = File::new().opset(18).input("x", &[1, 1, 4, 6]).integers("z", &[7, 8]);
            let attributes =
                [text("keep_aspect_ratio_policy", "not_larger"), ints("axes", &[2, 3])];
            file.node("Resize", &["x", "", "", "z"], "y", &attributes).output("y")
        }),
        ("samples of a grid", sampled("linear", "zeros", 0)),
        ("samples of a grid with corners", sampled("linear", "border", 1)),
        ("samples of a mirrored grid", sampled("linear", "reflection", 0)),
        ("nearest samples of a grid", sampled("nearest", "zeros", 0)),
        ("cubic samples of a grid", sampled("cubic", "reflection", 1)),
        ("columns to an image", {
            let file = File::new().opset(18).input("x", &[1, 8, 6]).integers("s", &[3, 4]);
            let file = file.integers("b", &[2, 2]);
            file.node("Col2Im", &["x", "s", "b"], "y", &[]).output("y")
        }),
        ("fourier transform", with("DFT", 17, &[2, 5, 3, 1], &[int("axis", 1)])),
        ("one side of a fourier transform", {
            with("DFT", 17, &[2, 6, 1], &[int("axis", 1), int("onesided", 1)])
        }),
        ("inverse of one side of a fourier transform", {
            let attributes = [int("inverse", 1), int("onesided", 1)];
            with("DFT", 20, &[2, 4, 2], &attributes)
        }),
        ("inverse fourier transform", {
            with("DFT", 17, &[2, 5, 2], &[int("axis", 1), int("inverse", 1)])
        }),
        ("places of a grid", {
            let file = File::new().opset(20).input("x", &[2, 2, 3]).integers("s", &[2, 1, 3, 4]);
            file.node("AffineGrid", &["x", "s"], "y", &[int("align_corners", 1)]).output("y")
        }),
        ("local response", {
            let attributes = [int("size", 3), float("alpha", 0.5), float("bias", 1.5)];
            with("LRN", 13, &[2, 5, 3, 2], &attributes)
        }),
        ("the middle", {
            let file = File::new().opset(18).input("x", &[5, 4, 3]).integers("s", &[2, 7]);
            file.node("CenterCropPad", &["x", "s"], "y", &[ints("axes", &[0, -1])]).output("y")
        }),
        ("normalized over axes", {
            with("MeanVarianceNormalization", 13, &[2, 3, 4, 5], &[ints("axes", &[0, 2, 3])])
        }),
        ("scattered elements", {
            scatter("ScatterElements", &[0, 2, 1, 0, 1, 2, 0, 1], &[2, 4], &[2, 4], "none")
        }),
        ("scattered elements, added", {
            scatter("ScatterElements", &pairs, &[2, 4], &[2, 4], "add")
        }),
        ("scattered elements, the largest", {
            scatter("ScatterElements", &[0, 0, 0, 0, 0, 0, 2, 2], &[2, 4], &[2, 4], "max")
        }),
        ("scattered rows, multiplied", scatter("ScatterND", &[2, 0, 2], &[3, 1], &[3, 4], "mul")),
        ("scattered points, the least", scatter("ScatterND", &pairs, &[4, 2], &[4], "min")),
        ("rows that are kept", {
            let file =
                File::new().input("x", &[3, 4]).booleans("c", &[4], &[true, false, true, true]);
            file.node("Compress", &["x", "c"], "y", &[int("axis", 1)]).output("y")
        }),
        ("sequences turned round", {
            let file = File::new().input("x", &[4, 3]).integers("l", &[1, 4, 3]);
            file.node("ReverseSequence", &["x", "l"], "y", &[]).output("y")
        }),
        ("products", {
            let file = File::new().opset(18).input("x", &[2, 5, 3]).integers("a", &[1]);
            file.node("ReduceProd", &["x", "a"], "y", &[int("keepdims", 0)]).output("y")
        }),
        ("a constant beside the result", {
            let file = File::new().input("x", &[2, 3]).weights("c", scalar(0.3));
            let file = file.node("Add", &["x", "c"], "y", &[]).node("Shape", &["x"], "s", &[]);
            file.output("y").typed_output("s", DataType::Int64)
        }),
        ("a volume resized", {
            let scales: ArrayD<f32> = Array::from_vec(vec![1.0, 1.0, 2.0, 1.0, 1.5]).into_dyn();
            let file = File::new().opset(18).input("x", &[1, 1, 2, 3, 4]).weights("s", scales);
            file.node("Resize", &["x", "", "s"], "y", &[mode("linear")]).output("y")
        }),
    ]
}
