//! Rearrangements, lookups, choices, shape arithmetic.

use super::{scalar, shape_operator, weights};
use crate::file::{File, floats, int, integers, ints, tensor, text};

pub fn views() -> Vec<(&'static str, File)> {
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
        (
            "flatten",
            File::new().input("x", &[1, 3, 4]).node("Flatten", &["x"], "y", &[]).output("y"),
        ),
        ("transpose", {
            File::new()
                .input("x", &[2, 3, 4])
                .node("Transpose", &["x"], "y", &[ints("perm", &[2, 0, 1])])
                .output("y")
        }),
        (
            "transpose by default",
            File::new().input("x", &[2, 3]).node("Transpose", &["x"], "y", &[]).output("y"),
        ),
        ("squeeze", shape_operator("Squeeze", &[1, 3, 1], &[0])),
        ("unsqueeze", shape_operator("Unsqueeze", &[3, 2], &[0, -1])),
        ("expand", shape_operator("Expand", &[3, 1], &[2, 1, 4])),
        ("tile", shape_operator("Tile", &[2, 3], &[2, 2])),
        ("concat", {
            let file =
                File::new().input("a", &[2, 3]).input("b", &[2, 1]).weights("c", weights(&[2, 2]));
            file.node("Concat", &["a", "c", "b"], "y", &[int("axis", 1)]).output("y")
        }),
        ("split", {
            let file = File::new().input("x", &[2, 6]).integers("sizes", &[1, 2, 3]);
            let file =
                file.node_of("", "Split", &["x", "sizes"], &["a", "b", "c"], &[int("axis", 1)]);
            file.output("c").output("a").output("b")
        }),
        ("split in equal parts", {
            let file =
                File::new().input("x", &[6, 2]).node_of("", "Split", &["x"], &["a", "b"], &[]);
            file.node("Mul", &["a", "b"], "y", &[]).output("y")
        }),
        ("slice", slice(&[1, 0], &[3, -1], &[0, 1], &[1, 1])),
        ("slice with steps", slice(&[0, 1], &[4, 5], &[0, 1], &[2, 3])),
        ("slice backwards", slice(&[-1], &[-5], &[1], &[-1])),
        ("slice to the end", slice(&[1], &[i64::MAX], &[1], &[1])),
        ("pad with a constant", pad("constant")),
        ("pad with a given constant", {
            let file = File::new()
                .input("x", &[3, 4])
                .integers("pads", &[1, 0, 2, 1])
                .weights("v", scalar(0.25));
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
                .node(
                    "ConstantOfShape",
                    &["shape"],
                    "zeros",
                    &[tensor("value", integers("", &[1], &[0]))],
                )
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
            File::new()
                .input("x", &[2, 3])
                .node("Constant", &[], "c", &[value])
                .node("Add", &["x", "c"], "y", &[])
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

pub fn where_mask(value: f32) -> File {
    let visible: Vec<bool> = (0..9).map(|at| at % 3 <= at / 3).collect();
    let file = File::new().input("x", &[1, 2, 3, 3]).weights("hidden", scalar(value));
    let file = file.booleans("visible", &[3, 3], &visible).node(
        "Where",
        &["visible", "x", "hidden"],
        "m",
        &[],
    );
    file.node("Softmax", &["m"], "y", &[int("axis", -1)]).output("y")
}
