//! Masks that are not understood.

use super::*;

fn refused(file: &File) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    load(&file.write(folder.path(), "file"), &ImportOptions::default()).unwrap_err().problem
}

#[test]
fn rejects_minus_infinity_that_is_read_by_something_else_than_a_softmax() {
    let file = with_input().weights("bottom", ArrayD::from_elem(IxDyn(&[]), f32::NEG_INFINITY));
    let file = file.integers("axes", &[1, 2]).node(
        "Cast",
        &["mask"],
        "flags",
        &[int("to", DataType::Bool as i64)],
    );
    let file = file.node("Unsqueeze", &["flags", "axes"], "f4", &[]).node(
        "Where",
        &["f4", "scores", "bottom"],
        "y",
        &[],
    );
    let file = file.output("y");
    assert!(
        matches!(refused(&file), Problem::Unsupported { node, problem, .. } if node.starts_with('y') && problem.contains("softmax"))
    );
}

#[test]
fn rejects_a_guard_of_something_that_may_be_no_number() {
    let file = File::new().input("x", &[4]).weights("zero", ArrayD::zeros(IxDyn(&[]))).node(
        "Log",
        &["x"],
        "l",
        &[],
    );
    let file = file
        .node("IsNaN", &["l"], "broken", &[])
        .node("Where", &["broken", "zero", "l"], "y", &[])
        .output("y");
    assert!(
        matches!(refused(&file), Problem::Unsupported { problem, .. } if problem.contains("finite numbers"))
    );
}

#[test]
fn rejects_a_constant_mask_that_no_softmax_reads() {
    let visible = [true, false, true, true];
    let file = File::new().input("x", &[4]).weights("bottom", ArrayD::from_elem(IxDyn(&[]), -1e9));
    let file = file
        .booleans("visible", &[4], &visible)
        .node("Where", &["visible", "x", "bottom"], "y", &[])
        .output("y");
    assert!(
        matches!(refused(&file), Problem::Unsupported { problem, .. } if problem.contains("softmax"))
    );
}

/// `scores - (1 - mask) * n`: a mask by its numbers, in a form that is not read as one.
#[test]
fn a_mask_that_is_not_recognized_is_no_number() {
    let number = |value: f32| ArrayD::from_elem(IxDyn(&[]), value);
    for large in [1e4, 1e9] {
        let file =
            File::new().input("x", &[1, 4]).input("bias", &[1, 4]).weights("large", number(large));
        let file = file.node("Mul", &["bias", "large"], "low", &[]).node(
            "Sub",
            &["x", "low"],
            "scores",
            &[],
        );
        let file = file.node("Softmax", &["scores"], "y", &[]).output("y");
        assert!(
            matches!(refused(&file), Problem::Unsupported { problem, .. } if problem.contains("mask")),
            "{large}"
        );
    }
}

#[test]
fn rejects_points_that_are_computed_or_outside() {
    let inside = |points: &[i64]| {
        let mut file = File::new().input("x", &[2, 3]);
        file.graph.initializer.push(crate::file::integers(
            "points",
            &[points.len() as i64 / 2, 2],
            points,
        ));
        file.node("GatherND", &["x", "points"], "y", &[]).output("y")
    };
    let (_folder, _, model) = imported(&inside(&[0, 2, 1, -1, 1, 0]));
    let x = ArrayD::from_shape_fn(vec![2, 3], |at| (at[0] * 3 + at[1]) as f32);
    assert_eq!(run(&model, &[("x", x)]), ndarray::array![2.0, 5.0, 3.0].into_dyn());
    assert!(
        matches!(refused(&inside(&[0, 3, 0, 0])), Problem::Unsupported { problem, .. } if problem.contains("outside"))
    );
    let computed = File::new()
        .input("x", &[2, 3])
        .ids("points", &[2, 2])
        .node("GatherND", &["x", "points"], "y", &[])
        .output("y");
    assert!(
        matches!(refused(&computed), Problem::Unsupported { problem, .. } if problem.contains("depend on an input"))
    );
}
