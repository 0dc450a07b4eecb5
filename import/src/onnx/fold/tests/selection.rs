use super::*;

#[test]
fn joined_along_an_axis() {
    let joined = |axis| {
        case("Concat", 13)
            .int("axis", axis)
            .with(counted(&[2, 1]))
            .with(ints(&[2, 2], &[7, 8, 9, 10]))
    };
    assert_ints(&joined(1).one(), &[2, 3], &[0, 7, 8, 1, 9, 10]);
    assert_ints(&joined(-1).one(), &[2, 3], &[0, 7, 8, 1, 9, 10]);
    assert!(joined(0).refusal().contains("do not join"));
    assert!(joined(2).refusal().contains("axis 2"));
    assert!(case("Concat", 13).with(list(&[1])).refusal().contains("axis"));
    assert_ints(
        &case("Concat", 13).int("axis", 0).with(list(&[])).with(list(&[3])).one(),
        &[1],
        &[3],
    );
    assert!(
        case("Concat", 13)
            .int("axis", 0)
            .with(list(&[1]))
            .with(floats(&[1], &[1.0]))
            .refusal()
            .contains("types")
    );
}

#[track_caller]
fn assert_parts(case: Case, expected: &[&[i64]]) {
    let parts: Vec<Vec<i64>> =
        case.run().into_iter().map(|part| part.unwrap().as_ints().unwrap()).collect();
    assert_eq!(parts, expected);
}

#[test]
fn split_into_parts() {
    let x = || counted(&[5]);
    assert_parts(
        case("Split", 13).outputs(&["a", "b"]).with(x()).with(list(&[2, 3])),
        &[&[0, 1], &[2, 3, 4]],
    );
    assert_parts(
        case("Split", 11).outputs(&["a", "b"]).ints("split", &[4, 1]).with(x()),
        &[&[0, 1, 2, 3], &[4]],
    );
    assert_parts(
        case("Split", 18).outputs(&["a", "b"]).int("num_outputs", 2).with(x()),
        &[&[0, 1, 2], &[3, 4]],
    );
    let columns = case("Split", 13).int("axis", -1).outputs(&["a", "b"]).with(counted(&[2, 4]));
    assert_parts(columns, &[&[0, 1, 4, 5], &[2, 3, 6, 7]]);
    assert!(case("Split", 13).outputs(&["a", "b"]).with(x()).refusal().contains("divide"));
    assert!(
        case("Split", 18)
            .outputs(&["a", "b"])
            .with(counted(&[4]))
            .refusal()
            .contains("num_outputs")
    );
    assert!(
        case("Split", 18)
            .outputs(&["a"])
            .int("num_outputs", 2)
            .with(x())
            .refusal()
            .contains("1 outputs")
    );
    assert!(
        case("Split", 18)
            .outputs(&["a", "b", "c", "d"])
            .int("num_outputs", 4)
            .with(x())
            .refusal()
            .contains("divide")
    );
    assert!(
        case("Split", 13)
            .outputs(&["a", "b"])
            .with(x())
            .with(list(&[2, 2]))
            .refusal()
            .contains("parts")
    );
    assert!(
        case("Split", 13)
            .outputs(&["a", "b"])
            .with(x())
            .with(list(&[6, -1]))
            .refusal()
            .contains("negative")
    );
}

fn slice(x: Tensor, start: i64, end: i64, axis: i64, step: i64) -> Case {
    case("Slice", 13)
        .with(x)
        .with(list(&[start]))
        .with(list(&[end]))
        .with(list(&[axis]))
        .with(list(&[step]))
}

#[test]
fn slices_forwards_and_backwards() {
    for (start, end, step, expected) in [
        (1, 3, 1, &[1, 2][..]),
        (0, 100, 2, &[0, 2, 4]),
        (-3, i64::MAX, 1, &[2, 3, 4]),
        (4, 1, 1, &[]),
        (-1, i64::MIN, -1, &[4, 3, 2, 1, 0]),
        (100, 0, -2, &[4, 2]),
        (3, -100, -2, &[3, 1]),
        (-100, 100, i64::MAX, &[0]),
        (4, i64::MIN, i64::MIN, &[4]),
        (2, -1, -1, &[]),
        (-100, i64::MIN, -3, &[0]),
        (1, 100, -1, &[]),
    ] {
        assert_ints(&slice(counted(&[5]), start, end, 0, step).one(), &[expected.len()], expected);
    }
    assert_ints(&slice(ints(&[0], &[]), -1, i64::MIN, 0, -1).one(), &[0], &[]);
    let both = case("Slice", 9)
        .ints("starts", &[1, -2])
        .ints("ends", &[2, 100])
        .ints("axes", &[0, 1])
        .with(counted(&[2, 3]))
        .one();
    assert_ints(&both, &[1, 2], &[4, 5]);
    let leading = case("Slice", 13).with(counted(&[2, 3])).with(list(&[1])).with(list(&[2])).one();
    assert_ints(&leading, &[1, 3], &[3, 4, 5]);
}

#[test]
fn slices_that_are_not_defined_are_refused() {
    assert!(slice(counted(&[5]), 0, 5, 0, 0).refusal().contains("step"));
    for largest in [i64::from(i32::MAX), i64::MAX] {
        assert!(slice(counted(&[5]), 3, largest, 0, -1).refusal().contains("largest integer"));
    }
    assert!(slice(counted(&[5]), 0, 5, 1, 1).refusal().contains("axis 1"));
    let twice = case("Slice", 13)
        .with(counted(&[2, 2]))
        .with(list(&[0, 0]))
        .with(list(&[1, 1]))
        .with(list(&[0, -2]));
    assert!(twice.refusal().contains("twice"));
    let uneven = case("Slice", 13).with(counted(&[2, 2])).with(list(&[0, 0])).with(list(&[1]));
    assert!(uneven.refusal().contains("2 starts, 1 ends"));
    assert!(
        case("Slice", 10)
            .ints("starts", &[0])
            .ints("ends", &[1])
            .with(counted(&[2]))
            .refusal()
            .contains("missing")
    );
}

#[test]
fn tiles() {
    let tile = |repeats: &[i64]| case("Tile", 13).with(counted(&[2, 2])).with(list(repeats));
    assert_ints(&tile(&[1, 2]).one(), &[2, 4], &[0, 1, 0, 1, 2, 3, 2, 3]);
    assert_ints(&tile(&[2, 1]).one(), &[4, 2], &[0, 1, 2, 3, 0, 1, 2, 3]);
    assert_ints(&tile(&[0, 3]).one(), &[0, 6], &[]);
    assert!(tile(&[2]).refusal().contains("1 repeats for 2 axes"));
    assert!(tile(&[0, i64::MAX]).refusal().contains("large"));
}

#[test]
fn triangles() {
    let triangle = |upper, k| {
        let x =
            case("Trilu", 14).int("upper", upper).with(ints(&[3, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9]));
        if k == 0 { x } else { x.with(ints(&[], &[k])) }.one()
    };
    assert_ints(&triangle(1, 0), &[3, 3], &[1, 2, 3, 0, 5, 6, 0, 0, 9]);
    assert_ints(&triangle(1, 1), &[3, 3], &[0, 2, 3, 0, 0, 6, 0, 0, 0]);
    assert_ints(&triangle(0, -1), &[3, 3], &[0, 0, 0, 4, 0, 0, 7, 8, 0]);
    assert_ints(&triangle(0, i64::MIN), &[3, 3], &[0; 9]);
    assert!(case("Trilu", 13).with(counted(&[2, 2])).refusal().contains("opset 14"));
    assert!(case("Trilu", 14).with(list(&[1])).refusal().contains("shape"));
}

#[test]
fn pads_in_every_mode() {
    let pad = |mode, pads: &[i64]| {
        case("Pad", 19).text("mode", mode).with(ints(&[3], &[1, 2, 3])).with(list(pads))
    };
    assert_ints(&pad("constant", &[1, 2]).with(ints(&[], &[9])).one(), &[6], &[9, 1, 2, 3, 9, 9]);
    assert_ints(&pad("constant", &[1, 0]).one(), &[4], &[0, 1, 2, 3]);
    assert_ints(&pad("reflect", &[3, 2]).one(), &[8], &[2, 3, 2, 1, 2, 3, 2, 1]);
    assert_ints(&pad("edge", &[2, 1]).one(), &[6], &[1, 1, 1, 2, 3, 3]);
    assert_ints(&pad("wrap", &[2, 4]).one(), &[9], &[2, 3, 1, 2, 3, 1, 2, 3, 1]);
    assert_ints(&pad("constant", &[-1, 1]).one(), &[3], &[2, 3, 0]);
    assert_ints(&pad("edge", &[-2, 1]).one(), &[2], &[3, 3]);
    assert!(pad("edge", &[-3, 1]).refusal().contains("without elements"));
    assert!(pad("constant", &[-4, 1]).refusal().contains("extent 3"));
    assert!(pad("constant", &[i64::MIN, 1]).refusal().contains("extent 3"));
    assert!(pad("constant", &[i64::MAX, i64::MAX]).refusal().contains("large"));
    assert!(pad("mirror", &[1, 1]).refusal().contains("mirror"));
    assert!(pad("constant", &[1]).refusal().contains("1 pads"));
    let old = case("Pad", 10)
        .ints("pads", &[0, 1, 0, 0])
        .float("value", 0.5)
        .with(floats(&[1, 1], &[2.0]))
        .one();
    assert_floats(&old, &[1, 2], &[0.5, 2.0]);
    let axes = case("Pad", 18)
        .with(counted(&[1, 2]))
        .with(list(&[1, 1]))
        .without()
        .with(list(&[-1]))
        .one();
    assert_ints(&axes, &[1, 4], &[0, 0, 1, 0]);
    assert!(
        case("Pad", 18)
            .text("mode", "wrap")
            .with(list(&[1]))
            .with(list(&[1, 1]))
            .refusal()
            .contains("wrap")
    );
}

#[test]
fn gathered_by_position() {
    let x = || counted(&[3, 2]);
    assert_ints(
        &case("Gather", 13).with(x()).with(ints(&[2, 1], &[2, -3])).one(),
        &[2, 1, 2],
        &[4, 5, 0, 1],
    );
    assert_ints(
        &case("Gather", 13).int("axis", 1).with(x()).with(ints(&[], &[1])).one(),
        &[3],
        &[1, 3, 5],
    );
    assert_ints(&case("Gather", 13).with(x()).with(list(&[])).one(), &[0, 2], &[]);
    assert!(case("Gather", 13).with(x()).with(list(&[3])).refusal().contains("position 3"));
    assert!(case("Gather", 13).with(x()).with(floats(&[1], &[0.0])).refusal().contains("float"));
    let elements = case("GatherElements", 13)
        .int("axis", 1)
        .with(x())
        .with(ints(&[2, 3], &[0, 1, -1, -2, 0, 0]))
        .one();
    assert_ints(&elements, &[2, 3], &[0, 1, 1, 2, 2, 2]);
    assert!(
        case("GatherElements", 13)
            .with(x())
            .with(ints(&[1, 3], &[0; 3]))
            .refusal()
            .contains("indices")
    );
    assert!(case("GatherElements", 13).with(x()).with(list(&[0])).refusal().contains("indices"));
}

#[test]
fn gathered_by_coordinates() {
    let points = |x: Tensor, indices: Tensor| case("GatherND", 13).with(x).with(indices);
    assert_ints(&points(counted(&[2, 2]), ints(&[2, 2], &[0, 0, 1, -1])).one(), &[2], &[0, 3]);
    assert_ints(&points(counted(&[2, 2]), ints(&[2, 1], &[1, 0])).one(), &[2, 2], &[2, 3, 0, 1]);
    let batched = points(counted(&[2, 2, 2]), ints(&[2, 1], &[1, 0])).int("batch_dims", 1).one();
    assert_ints(&batched, &[2, 2], &[2, 3, 4, 5]);
    assert!(points(counted(&[2, 2]), ints(&[1, 3], &[0; 3])).refusal().contains("indices"));
    assert!(points(counted(&[2, 2]), ints(&[1, 2], &[0, 2])).refusal().contains("position 2"));
    assert!(
        points(counted(&[2, 2]), ints(&[3, 1], &[0; 3]))
            .int("batch_dims", 1)
            .refusal()
            .contains("indices")
    );
    assert!(points(counted(&[2, 2]), ints(&[], &[0])).refusal().contains("indices"));
}

#[test]
fn scattered_elements() {
    let scatter = |opset, updates: &[i64]| {
        case("ScatterElements", opset)
            .int("axis", 1)
            .with(counted(&[1, 4]))
            .with(ints(&[1, 2], &[1, -1]))
            .with(ints(&[1, 2], updates))
    };
    assert_ints(&scatter(13, &[8, 9]).one(), &[1, 4], &[0, 8, 2, 9]);
    assert_ints(&scatter(18, &[8, 9]).text("reduction", "add").one(), &[1, 4], &[0, 9, 2, 12]);
    assert_ints(&scatter(18, &[8, 2]).text("reduction", "min").one(), &[1, 4], &[0, 1, 2, 2]);
    assert!(scatter(16, &[8, 9]).text("reduction", "max").refusal().contains("max"));
    assert!(scatter(13, &[8, 9]).text("reduction", "add").refusal().contains("reduction"));
    let uneven =
        case("ScatterElements", 13).with(counted(&[3])).with(list(&[0])).with(list(&[1, 2]));
    assert!(uneven.refusal().contains("updates"));
}

#[test]
fn scattered_points() {
    let scatter = |indices: Tensor, updates: Tensor| {
        case("ScatterND", 18).with(counted(&[2, 2])).with(indices).with(updates)
    };
    assert_ints(
        &scatter(ints(&[1, 1], &[1]), ints(&[1, 2], &[7, 8])).one(),
        &[2, 2],
        &[0, 1, 7, 8],
    );
    let twice = scatter(ints(&[2, 2], &[0, 0, 0, 0]), list(&[3, 4]));
    assert_ints(&twice.text("reduction", "mul").one(), &[2, 2], &[0, 1, 2, 3]);
    let summed =
        scatter(ints(&[2, 2], &[0, 1, 0, 1]), list(&[3, 4])).text("reduction", "add").one();
    assert_ints(&summed, &[2, 2], &[0, 8, 2, 3]);
    assert!(scatter(ints(&[1, 1], &[2]), ints(&[1, 2], &[7, 8])).refusal().contains("position 2"));
    assert!(scatter(ints(&[1, 1], &[1]), list(&[7])).refusal().contains("updates"));
}

#[test]
fn compressed_by_marks() {
    let x = || counted(&[2, 3]);
    assert_ints(
        &case("Compress", 11).int("axis", 1).with(x()).with(flags(&[2], &[0, 1])).one(),
        &[2, 1],
        &[1, 4],
    );
    assert_ints(
        &case("Compress", 11).with(x()).with(flags(&[5], &[0, 1, 0, 0, 1])).one(),
        &[2],
        &[1, 4],
    );
    assert!(
        case("Compress", 11)
            .int("axis", 0)
            .with(x())
            .with(flags(&[3], &[1; 3]))
            .refusal()
            .contains("condition")
    );
    assert!(case("Compress", 11).with(x()).with(list(&[1])).refusal().contains("condition"));
}
