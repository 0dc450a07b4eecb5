use super::*;

#[test]
fn an_operator_of_nobody_is_refused_by_name() {
    assert!(case("Conv", 13).with(list(&[1])).refusal().contains("`Conv`"));
    let mut foreign = case("Add", 13).with(list(&[1])).with(list(&[1]));
    foreign.proto.domain = "com.example".into();
    assert!(foreign.refusal().contains("com.example.Add"));
}

#[test]
fn an_attribute_that_nobody_reads_is_refused() {
    assert!(
        case("Add", 13)
            .int("axis", 0)
            .with(list(&[1]))
            .with(list(&[1]))
            .refusal()
            .contains("`axis`")
    );
    assert!(case("Identity", 13).text("mode", "x").with(list(&[1])).refusal().contains("`mode`"));
}

#[test]
fn unknown_outputs_are_refused_and_unwanted_ones_left_out() {
    assert!(
        case("Add", 13)
            .outputs(&["y", "z"])
            .with(list(&[1]))
            .with(list(&[1]))
            .refusal()
            .contains("`z`")
    );
    let found =
        case("TopK", 11).outputs(&["", "positions"]).with(list(&[3, 5])).with(list(&[1])).run();
    assert!(found[0].is_none());
    assert_ints(found[1].as_ref().unwrap(), &[1], &[1]);
}

/// Cases that ask for more than there is.
fn greedy() -> Vec<Case> {
    let large = 1 << 27;
    vec![
        case("ConstantOfShape", 9).with(list(&[large])),
        case("ConstantOfShape", 9).with(list(&[i64::MAX, i64::MAX])),
        case("ConstantOfShape", 9).with(list(&[i64::MAX, 0])),
        case("ConstantOfShape", 9).with(list(&[1; 9])),
        case("Expand", 13).with(list(&[1])).with(list(&[large])),
        case("Tile", 13).with(list(&[1])).with(list(&[large])),
        case("Pad", 13).with(list(&[1])).with(list(&[large, large])),
        case("Range", 11).with(list(&[0])).with(list(&[large])).with(list(&[1])),
        case("OneHot", 11).with(list(&[1])).with(list(&[large])).with(list(&[0, 1])),
        case("Gather", 13).with(counted(&[1, 1 << 12])).with(ints(&[1 << 12], &[0; 1 << 12])),
        case("GatherND", 13).with(counted(&[1, 1 << 12])).with(ints(&[1 << 12, 1], &[0; 1 << 12])),
        case("Einsum", 12)
            .text("equation", "i,j->ij")
            .with(counted(&[1 << 12]))
            .with(counted(&[1 << 12])),
        case("MatMul", 13).with(counted(&[1 << 12, 1])).with(counted(&[1, 1 << 12])),
        case("HannWindow", 17).with(list(&[large])),
        case("Add", 13).with(counted(&[1 << 12, 1])).with(counted(&[1 << 12])),
    ]
}

#[test]
fn what_is_made_is_paid_for_before_it_is_allocated() {
    for case in greedy() {
        let op = case.proto.op_type.clone();
        let refusal = case.refusal();
        assert!(refusal.contains("large") || refusal.contains("axes"), "{op}: {refusal}");
    }
}

#[test]
fn work_is_bounded_too() {
    let product =
        case("MatMul", 13).with(counted(&[1 << 11, 1 << 10])).with(counted(&[1 << 10, 1 << 11]));
    assert!(product.refusal().contains("steps"));
    let sum = case("Einsum", 12)
        .text("equation", "i,j->")
        .with(counted(&[1 << 16]))
        .with(counted(&[1 << 16]));
    assert!(sum.refusal().contains("steps"));
    let mut spent = Budget::new(0);
    spent.work((1 << 30) - 100).unwrap();
    let sum = case("ReduceSum", 13).with(ints(&[128], &[1; 128])).run_within(&mut spent);
    assert!(sum.unwrap_err().to_string().contains("steps"));
}

#[test]
fn scalars_and_empty_tensors_pass() {
    assert_ints(&case("Transpose", 13).with(ints(&[], &[4])).one(), &[], &[4]);
    assert_ints(&case("Tile", 13).with(ints(&[], &[4])).with(list(&[])).one(), &[], &[4]);
    assert_ints(&case("Pad", 13).with(ints(&[], &[4])).with(list(&[])).one(), &[], &[4]);
    assert_ints(
        &case("Concat", 13).int("axis", 1).with(ints(&[2, 0], &[])).with(ints(&[2, 0], &[])).one(),
        &[2, 0],
        &[],
    );
    assert_floats(&case("Softmax", 13).with(floats(&[2, 0], &[])).one(), &[2, 0], &[]);
    assert_ints(&case("CumSum", 14).with(ints(&[0, 2], &[])).with(list(&[0])).one(), &[0, 2], &[]);
    assert_ints(&case("Trilu", 14).with(ints(&[0, 2], &[])).one(), &[0, 2], &[]);
    let top = case("TopK", 11).outputs(&["v", "p"]).with(ints(&[2, 0], &[])).with(list(&[0])).run();
    assert_ints(top[1].as_ref().unwrap(), &[2, 0], &[]);
    for op in ["Concat", "Softmax", "ArgMax", "Split"] {
        assert!(
            case(op, 13).int("axis", 0).with(floats(&[], &[1.0])).refusal().contains("axis 0"),
            "{op}"
        );
    }
}
