use super::*;

#[test]
fn reshapes() {
    let reshaped = |shape: &[i64]| case("Reshape", 13).with(counted(&[2, 3, 4])).with(list(shape));
    let all: Vec<i64> = (0..24).collect();
    for (shape, expected) in [
        (&[4, -1][..], &[4, 6][..]),
        (&[0, 0, 4], &[2, 3, 4]),
        (&[0, -1], &[2, 12]),
        (&[24], &[24]),
    ] {
        assert_ints(&reshaped(shape).one(), expected, &all);
    }
    assert!(reshaped(&[-1, -1]).refusal().contains("twice"));
    assert!(reshaped(&[5, -1]).refusal().contains("shape"));
    assert!(reshaped(&[24, 1, 1, 0]).refusal().contains("does not have"));
    assert!(reshaped(&[-2, 12]).refusal().contains("negative"));
    assert!(reshaped(&[i64::MAX, i64::MAX]).refusal().contains("large"));
    assert!(reshaped(&[i64::MAX, i64::MAX, -1]).refusal().contains("-1"));
    let empty = |opset| case("Reshape", opset).with(ints(&[0, 3], &[])).with(list(&[3, 0]));
    assert_ints(&empty(14).int("allowzero", 1).one(), &[3, 0], &[]);
    assert!(empty(14).refusal().contains("shape"));
    assert!(reshaped(&[24]).int("allowzero", 1).refusal().contains("`allowzero`"));
    let open =
        case("Reshape", 14).int("allowzero", 1).with(ints(&[0, 3], &[])).with(list(&[0, -1]));
    assert!(open.refusal().contains("-1"));
}

#[test]
fn flattened_at_an_axis() {
    let flat = |opset, axis| {
        case("Flatten", opset).int("axis", axis).with(counted(&[2, 3, 4])).one().shape().to_vec()
    };
    assert_eq!(
        (flat(13, 0), flat(13, 2), flat(13, 3), flat(13, -1)),
        (vec![1, 24], vec![6, 4], vec![24, 1], vec![6, 4])
    );
    assert_eq!(case("Flatten", 13).int("axis", 0).with(ints(&[], &[1])).one().shape(), [1, 1]);
    assert!(case("Flatten", 13).with(ints(&[], &[1])).refusal().contains("axis 1"));
}

#[test]
fn axes_of_one_element_come_and_go() {
    let x = || counted(&[1, 3, 1]);
    let shape = |case: Case| case.one().shape().to_vec();
    assert_eq!(shape(case("Squeeze", 13).with(x())), [3]);
    assert_eq!(shape(case("Squeeze", 13).with(x()).with(list(&[-1]))), [1, 3]);
    assert_eq!(shape(case("Squeeze", 11).ints("axes", &[0]).with(x())), [3, 1]);
    assert!(case("Squeeze", 13).with(x()).with(list(&[1])).refusal().contains("extent 1"));
    assert!(case("Squeeze", 13).with(x()).with(list(&[0, -3])).refusal().contains("twice"));
    assert!(case("Squeeze", 13).with(x()).with(list(&[])).refusal().contains("name the axes"));
    assert!(case("Squeeze", 13).ints("axes", &[0]).with(x()).refusal().contains("`axes`"));
    assert!(case("Squeeze", 11).with(x()).with(list(&[0])).refusal().contains("2 inputs"));
    assert_eq!(shape(case("Unsqueeze", 13).with(x()).with(list(&[-1, 0]))), [1, 1, 3, 1, 1]);
    assert_eq!(shape(case("Unsqueeze", 11).ints("axes", &[1]).with(x())), [1, 1, 3, 1]);
    assert!(case("Unsqueeze", 13).with(x()).refusal().contains("axes"));
    assert!(case("Unsqueeze", 13).with(x()).with(list(&[4])).refusal().contains("axis 4"));
    assert!(case("Unsqueeze", 13).with(x()).with(list(&[i64::MIN])).refusal().contains("axis"));
}

#[test]
fn transposed() {
    let x = || counted(&[2, 3]);
    assert_ints(&case("Transpose", 13).with(x()).one(), &[3, 2], &[0, 3, 1, 4, 2, 5]);
    assert_ints(
        &case("Transpose", 13).ints("perm", &[0, 1]).with(x()).one(),
        &[2, 3],
        &[0, 1, 2, 3, 4, 5],
    );
    let turned = case("Transpose", 13).ints("perm", &[2, 0, 1]).with(counted(&[2, 1, 2])).one();
    assert_ints(&turned, &[2, 2, 1], &[0, 2, 1, 3]);
    for wrong in [&[0][..], &[0, 0], &[0, 2], &[0, -1]] {
        assert!(
            case("Transpose", 13).ints("perm", wrong).with(x()).refusal().contains("n"),
            "{wrong:?}"
        );
    }
}

#[test]
fn expanded_both_ways() {
    let expanded =
        |shape: &[i64]| case("Expand", 13).with(ints(&[2, 1], &[7, 8])).with(list(shape));
    assert_ints(&expanded(&[3]).one(), &[2, 3], &[7, 7, 7, 8, 8, 8]);
    assert_ints(&expanded(&[1, 1]).one(), &[2, 1], &[7, 8]);
    assert_ints(&expanded(&[2, 1, 2]).one(), &[2, 2, 2], &[7, 7, 8, 8, 7, 7, 8, 8]);
    assert_ints(&expanded(&[0]).one(), &[2, 0], &[]);
    assert!(expanded(&[3, 1]).refusal().contains("broadcast"));
    assert!(expanded(&[-1]).refusal().contains("negative"));
}

#[test]
fn blocks_become_channels_and_back() {
    let x = || counted(&[1, 4, 1, 2]);
    let spread = [0, 2, 1, 3, 4, 6, 5, 7];
    assert_ints(
        &case("DepthToSpace", 13).int("blocksize", 2).with(x()).one(),
        &[1, 1, 2, 4],
        &spread,
    );
    let x8 = || counted(&[1, 8, 1, 1]);
    let depth_first = case("DepthToSpace", 13).int("blocksize", 2).with(x8()).one();
    assert_ints(&depth_first, &[1, 2, 2, 2], &[0, 2, 4, 6, 1, 3, 5, 7]);
    let columns_first =
        case("DepthToSpace", 13).int("blocksize", 2).text("mode", "CRD").with(x8()).one();
    assert_ints(&columns_first, &[1, 2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_ints(
        &case("SpaceToDepth", 13).int("blocksize", 2).with(depth_first).one(),
        &[1, 8, 1, 1],
        &[0, 1, 2, 3, 4, 5, 6, 7],
    );
    assert!(case("DepthToSpace", 13).int("blocksize", 3).with(x()).refusal().contains("channels"));
    assert!(
        case("DepthToSpace", 13)
            .int("blocksize", i64::MAX)
            .with(ints(&[1, 0, 1, 1], &[]))
            .refusal()
            .contains("channels")
    );
    assert!(
        case("SpaceToDepth", 13)
            .int("blocksize", i64::MAX)
            .with(ints(&[1, 1, 0, 0], &[]))
            .refusal()
            .contains("large")
    );
    assert!(case("SpaceToDepth", 13).int("blocksize", 0).with(x()).refusal().contains("blocksize"));
}

#[test]
fn dropout_drops_nothing() {
    let x = || floats(&[2], &[1.0, 2.0]);
    let both = case("Dropout", 13)
        .outputs(&["y", "mask"])
        .with(x())
        .with(floats(&[], &[0.5]))
        .with(flags(&[], &[0]))
        .run();
    assert_floats(both[0].as_ref().unwrap(), &[2], &[1.0, 2.0]);
    assert_whole(both[1].as_ref().unwrap(), Kind::Bool, &[2], &[1, 1]);
    assert_floats(&case("Dropout", 7).float("ratio", 0.5).with(x()).one(), &[2], &[1.0, 2.0]);
    assert!(
        case("Dropout", 13)
            .with(x())
            .without()
            .with(flags(&[], &[1]))
            .refusal()
            .contains("training")
    );
    assert!(case("Dropout", 7).outputs(&["y", "mask"]).with(x()).refusal().contains("`mask`"));
}
