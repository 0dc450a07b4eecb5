use super::*;

#[test]
fn reductions_of_floats() {
    let x = || floats(&[2, 2], &[1.0, -2.0, 3.0, 4.0]);
    let reduced = |op, expected: [f64; 2]| {
        let case = case(op, 18).int("keepdims", 0).with(x()).with(list(&[1]));
        assert_floats(&case.one(), &[2], &expected);
    };
    reduced("ReduceSum", [-1.0, 7.0]);
    reduced("ReduceMean", [-0.5, 3.5]);
    reduced("ReduceProd", [-2.0, 12.0]);
    reduced("ReduceMax", [1.0, 4.0]);
    reduced("ReduceMin", [-2.0, 3.0]);
    reduced("ReduceSumSquare", [5.0, 25.0]);
    reduced("ReduceL1", [3.0, 7.0]);
    reduced("ReduceL2", [5f64.sqrt(), 5.0]);
    reduced("ReduceLogSum", [f64::NAN, 7f64.ln()]);
    reduced("ReduceLogSumExp", [1.048_587_351_573_742, 4.313_261_687_518_223]);
}

#[test]
fn axes_come_as_attribute_or_input_by_opset() {
    let x = || counted(&[2, 3]);
    assert_ints(&case("ReduceSum", 11).ints("axes", &[0]).with(x()).one(), &[1, 3], &[3, 5, 7]);
    assert_ints(&case("ReduceSum", 13).with(x()).with(list(&[-1])).one(), &[2, 1], &[3, 12]);
    assert_ints(
        &case("ReduceMax", 13).ints("axes", &[-1]).int("keepdims", 0).with(x()).one(),
        &[2],
        &[2, 5],
    );
    assert!(case("ReduceMax", 13).with(x()).with(list(&[0])).refusal().contains("2 inputs"));
    assert!(case("ReduceMax", 18).ints("axes", &[0]).with(x()).refusal().contains("`axes`"));
    assert!(case("ReduceSum", 13).with(x()).with(list(&[0, -2])).refusal().contains("twice"));
    assert!(case("ReduceSum", 13).with(x()).with(list(&[2])).refusal().contains("axis 2"));
}

#[test]
fn no_axes_mean_all_or_none() {
    let x = || counted(&[2, 2]);
    assert_ints(&case("ReduceSum", 13).with(x()).one(), &[1, 1], &[6]);
    assert_ints(
        &case("ReduceSum", 13).int("keepdims", 0).with(x()).with(list(&[])).one(),
        &[],
        &[6],
    );
    assert_ints(
        &case("ReduceSum", 13).int("noop_with_empty_axes", 1).with(x()).one(),
        &[2, 2],
        &[0, 1, 2, 3],
    );
    assert_ints(
        &case("ReduceSumSquare", 18).int("noop_with_empty_axes", 1).with(x()).one(),
        &[2, 2],
        &[0, 1, 4, 9],
    );
    assert!(
        case("ReduceSum", 11).int("noop_with_empty_axes", 1).with(x()).refusal().contains("noop")
    );
}

#[test]
fn reductions_of_nothing_and_of_integers() {
    let nothing =
        |op, tensor: Tensor| case(op, 18).int("keepdims", 0).with(tensor).with(list(&[0])).one();
    let empty = || floats(&[0, 1], &[]);
    for (op, expected) in [
        ("ReduceSum", 0.0),
        ("ReduceProd", 1.0),
        ("ReduceMax", f64::NEG_INFINITY),
        ("ReduceMin", f64::INFINITY),
        ("ReduceMean", f64::NAN),
        ("ReduceLogSumExp", f64::NEG_INFINITY),
    ] {
        assert_floats(&nothing(op, empty()), &[1], &[expected]);
    }
    assert_whole(&nothing("ReduceMax", of_kind(Kind::I8, &[0, 1], &[])), Kind::I8, &[1], &[-128]);
    assert_whole(&nothing("ReduceSum", of_kind(Kind::U8, &[2], &[200, 100])), Kind::U8, &[], &[44]);
    assert_ints(&nothing("ReduceMean", list(&[-3, -4])), &[], &[-3]);
    assert_ints(&nothing("ReduceProd", list(&[i64::MAX, i64::MAX, 2])), &[], &[2]);
    assert_ints(&nothing("ReduceSumSquare", list(&[i64::MIN, i64::MIN, 3])), &[], &[9]);
    assert!(case("ReduceMean", 18).with(list(&[])).refusal().contains("mean"));
    assert!(case("ReduceL2", 18).with(list(&[3, 4])).refusal().contains("floats"));
    let marks = || flags(&[2], &[0, 1]);
    assert_whole(&case("ReduceMax", 20).with(marks()).one(), Kind::Bool, &[1], &[1]);
    assert!(case("ReduceMax", 18).with(marks()).refusal().contains("bool"));
    assert!(case("ReduceSum", 20).with(marks()).refusal().contains("bool"));
    let nan = floats(&[2], &[f32::NAN, 1.0]);
    assert_floats(&case("ReduceMax", 18).with(nan).one(), &[1], &[f64::NAN]);
}

#[test]
fn positions_of_extremes() {
    let x = || ints(&[2, 3], &[2, 7, 7, 1, 1, 5]);
    assert_ints(&case("ArgMax", 13).int("axis", 1).with(x()).one(), &[2, 1], &[1, 2]);
    assert_ints(
        &case("ArgMax", 13)
            .int("axis", -1)
            .int("select_last_index", 1)
            .int("keepdims", 0)
            .with(x())
            .one(),
        &[2],
        &[2, 2],
    );
    assert_ints(
        &case("ArgMin", 13).int("axis", 1).int("keepdims", 0).with(x()).one(),
        &[2],
        &[0, 0],
    );
    assert_ints(&case("ArgMin", 13).with(x()).one(), &[1, 3], &[1, 1, 1]);
    assert!(
        case("ArgMax", 11)
            .int("select_last_index", 1)
            .with(x())
            .refusal()
            .contains("select_last_index")
    );
    assert!(case("ArgMax", 13).with(ints(&[0, 2], &[])).refusal().contains("without elements"));
    assert!(
        case("ArgMax", 13).with(floats(&[2], &[1.0, f32::NAN])).refusal().contains("not a number")
    );
}

#[test]
fn the_first_in_order() {
    let top = |opset| {
        case("TopK", opset)
            .outputs(&["values", "positions"])
            .with(floats(&[2, 3], &[1.0, 3.0, 3.0, -1.0, 0.0, -1.0]))
    };
    let found = top(11).with(list(&[2])).run();
    assert_floats(found[0].as_ref().unwrap(), &[2, 2], &[3.0, 3.0, 0.0, -1.0]);
    assert_ints(found[1].as_ref().unwrap(), &[2, 2], &[1, 2, 1, 0]);
    let smallest = top(11).int("largest", 0).int("axis", 0).with(list(&[1])).run();
    assert_floats(smallest[0].as_ref().unwrap(), &[1, 3], &[-1.0, 0.0, -1.0]);
    assert_ints(smallest[1].as_ref().unwrap(), &[1, 3], &[1, 1, 1]);
    assert_floats(top(9).int("k", 1).run()[0].as_ref().unwrap(), &[2, 1], &[3.0, 0.0]);
    assert!(top(11).with(list(&[4])).refusal().contains("k is outside"));
    assert!(top(10).int("largest", 0).with(list(&[1])).refusal().contains("largest"));
}

#[test]
fn running_sums() {
    let sums = |exclusive, reverse| {
        let case = case("CumSum", 14).int("exclusive", exclusive).int("reverse", reverse);
        case.with(ints(&[2, 2], &[1, 2, 3, 4])).with(ints(&[], &[0])).one()
    };
    assert_ints(&sums(0, 0), &[2, 2], &[1, 2, 4, 6]);
    assert_ints(&sums(1, 0), &[2, 2], &[0, 0, 1, 2]);
    assert_ints(&sums(0, 1), &[2, 2], &[4, 6, 3, 4]);
    assert_ints(&sums(1, 1), &[2, 2], &[3, 4, 0, 0]);
    let stuck =
        case("CumSum", 14).with(floats(&[3], &[16_777_216.0, 1.0, 1.0])).with(list(&[0])).one();
    assert_floats(&stuck, &[3], &[16_777_216.0; 3]);
    assert!(case("CumSum", 14).with(list(&[1])).with(list(&[1])).refusal().contains("axis 1"));
}

#[test]
fn coordinates_of_what_is_not_zero() {
    assert_ints(
        &case("NonZero", 13).with(ints(&[2, 2], &[1, 0, 3, 4])).one(),
        &[2, 3],
        &[0, 1, 1, 0, 0, 1],
    );
    assert_ints(&case("NonZero", 13).with(floats(&[], &[2.0])).one(), &[0, 1], &[]);
}

#[test]
fn softmax_of_an_axis_or_of_all_that_follow() {
    let x = || floats(&[1, 2, 2], &[0.0, 0.0, 0.0, f32::NEG_INFINITY]);
    assert_floats(&case("Softmax", 13).with(x()).one(), &[1, 2, 2], &[0.5, 0.5, 1.0, 0.0]);
    let third = 1.0 / 3.0;
    assert_floats(&case("Softmax", 11).with(x()).one(), &[1, 2, 2], &[third, third, third, 0.0]);
    assert_floats(
        &case("Softmax", 13).int("axis", 1).with(x()).one(),
        &[1, 2, 2],
        &[0.5, 1.0, 0.5, 0.0],
    );
    let logs = case("LogSoftmax", 13).with(floats(&[2], &[1000.0, 1000.0])).one();
    assert_floats(&logs, &[2], &[-std::f64::consts::LN_2; 2]);
    assert_floats(
        &case("Hardmax", 13).with(floats(&[3], &[1.0, 4.0, 4.0])).one(),
        &[3],
        &[0.0, 1.0, 0.0],
    );
}

#[test]
fn normalized_rows() {
    let x = || floats(&[2, 2], &[1.0, 3.0, 0.0, 0.0]);
    let norm =
        case("LayerNormalization", 17).outputs(&["y", "mean", "inverse"]).float("epsilon", 0.25);
    let found =
        norm.with(x()).with(floats(&[2], &[1.0, 2.0])).with(floats(&[2], &[0.5, 0.5])).run();
    let inverse = 1.0 / 1.25f64.sqrt();
    assert_floats(
        found[0].as_ref().unwrap(),
        &[2, 2],
        &[0.5 - inverse, 0.5 + 2.0 * inverse, 0.5, 0.5],
    );
    assert_floats(found[1].as_ref().unwrap(), &[2, 1], &[2.0, 0.0]);
    assert_floats(found[2].as_ref().unwrap(), &[2, 1], &[inverse, 2.0]);
    let rms = case("RMSNormalization", 23)
        .float("epsilon", 4.0)
        .with(x())
        .with(floats(&[], &[3.0]))
        .one();
    assert_floats(&rms, &[2, 2], &[1.0, 3.0, 0.0, 0.0]);
    let wide = case("LayerNormalization", 17).with(x()).with(floats(&[3], &[1.0; 3]));
    assert!(wide.refusal().contains("broadcast"));
    assert!(
        case("RMSNormalization", 22)
            .with(x())
            .with(floats(&[], &[1.0]))
            .refusal()
            .contains("opset 23")
    );
}
