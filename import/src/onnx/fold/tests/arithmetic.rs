use super::*;

#[test]
fn single_precision_stays_single_precision() {
    let sum = case("Add", 13)
        .with(floats(&[2], &[16_777_216.0, 0.1]))
        .with(floats(&[2], &[1.0, 0.2]))
        .one();
    assert_eq!(sum.as_floats().as_slice().unwrap(), &[16_777_216.0, 0.1f32 + 0.2f32]);
    let quotient = case("Div", 13)
        .with(floats(&[3], &[1.0, -1.0, 0.0]))
        .with(floats(&[3], &[3.0, 0.0, 0.0]))
        .one();
    assert_eq!(quotient.as_floats()[0], 1.0f32 / 3.0);
    assert_floats(&quotient, &[3], &[1.0 / 3.0, f64::NEG_INFINITY, f64::NAN]);
}

#[test]
fn halves_are_rounded_after_every_operator() {
    let half = |value: f32| Tensor::new(Kind::F16, floats(&[1], &[value]).values);
    let sum = case("Add", 13).with(half(2048.0)).with(half(1.0)).one();
    assert_eq!((sum.kind, sum.as_float()), (Kind::F16, Some(2048.0)));
    let product = case("Mul", 13).with(half(300.0)).with(half(300.0)).one();
    assert_eq!(product.as_float(), Some(f32::INFINITY));
}

#[test]
fn integers_wrap_to_their_width() {
    let bytes = |values: &[i64]| of_kind(Kind::I8, &[values.len()], values);
    assert_whole(
        &case("Add", 14).with(bytes(&[127, -128])).with(bytes(&[1, -1])).one(),
        Kind::I8,
        &[2],
        &[-128, 127],
    );
    assert_whole(&case("Neg", 13).with(bytes(&[-128, 5])).one(), Kind::I8, &[2], &[-128, -5]);
    assert_whole(&case("Abs", 13).with(bytes(&[-128, -5])).one(), Kind::I8, &[2], &[-128, 5]);
    let wide = case("Mul", 13).with(list(&[i64::MAX, i64::MIN])).with(list(&[2, -1])).one();
    assert_ints(&wide, &[2], &[-2, i64::MIN]);
    let unsigned = |values: &[i64]| of_kind(Kind::U8, &[values.len()], values);
    assert_whole(
        &case("Sub", 14).with(unsigned(&[3])).with(unsigned(&[5])).one(),
        Kind::U8,
        &[1],
        &[254],
    );
}

#[test]
fn unsigned_numbers_that_no_constant_holds_are_refused() {
    let wide = |value: i64| of_kind(Kind::U64, &[1], &[value]);
    assert!(case("Sub", 13).with(wide(1)).with(wide(2)).refusal().contains("uint64"));
    assert_whole(&case("Sub", 13).with(wide(2)).with(wide(1)).one(), Kind::U64, &[1], &[1]);
}

#[test]
fn integer_division_cuts_off_towards_zero() {
    let divided =
        case("Div", 13).with(list(&[7, -7, 7, -7, i64::MIN])).with(list(&[2, 2, -2, -2, -1])).one();
    assert_ints(&divided, &[5], &[3, -3, -3, 3, i64::MIN]);
    assert!(
        case("Div", 13).with(list(&[1])).with(list(&[0])).refusal().contains("divided by zero")
    );
}

#[test]
fn remainders_have_the_sign_of_the_divisor_unless_fmod_is_set() {
    let operands = || (list(&[-4, 7, 5, 4, -7, 8]), list(&[2, -3, 8, -2, 3, 5]));
    let (a, b) = operands();
    assert_ints(&case("Mod", 13).with(a).with(b).one(), &[6], &[0, -2, 5, 0, 2, 3]);
    let (a, b) = operands();
    assert_ints(&case("Mod", 13).int("fmod", 1).with(a).with(b).one(), &[6], &[0, 1, 5, 0, -1, 3]);
    let (a, b) = (floats(&[3], &[-4.3, 7.2, 5.0]), floats(&[3], &[2.1, -3.4, 0.0]));
    let remainder = case("Mod", 13).int("fmod", 1).with(a.clone()).with(b.clone()).one();
    let exact = [-4.3f32 % 2.1, 7.2f32 % -3.4, f32::NAN].map(f64::from);
    assert_floats(&remainder, &[3], &exact);
    assert!(case("Mod", 13).with(a).with(b).refusal().contains("fmod"));
    assert!(case("Mod", 13).with(list(&[1])).with(list(&[0])).refusal().contains("zero"));
}

#[test]
fn a_power_has_the_type_of_the_base() {
    assert_ints(
        &case("Pow", 13).with(list(&[2, -3, 10, 3])).with(list(&[10, 3, 0, 41])).one(),
        &[4],
        &[1024, -27, 1, 3i64.wrapping_pow(41)],
    );
    assert_floats(
        &case("Pow", 13).with(floats(&[2], &[2.0, -8.0])).with(list(&[-1, 2])).one(),
        &[2],
        &[0.5, 64.0],
    );
    assert_ints(
        &case("Pow", 13).with(list(&[9, 2])).with(floats(&[1], &[0.5])).one(),
        &[2],
        &[3, 1],
    );
    assert!(
        case("Pow", 13).with(list(&[2])).with(list(&[-1])).refusal().contains("negative power")
    );
    assert!(
        case("Pow", 11).with(list(&[2])).with(floats(&[1], &[2.0])).refusal().contains("types")
    );
}

#[test]
fn extremes_of_several_operands_keep_what_is_no_number() {
    let (a, b) = (floats(&[3], &[1.0, f32::NAN, 5.0]), floats(&[3], &[3.0, 0.0, 2.0]));
    assert_floats(
        &case("Max", 13).with(a.clone()).with(b.clone()).one(),
        &[3],
        &[3.0, f64::NAN, 5.0],
    );
    assert_floats(
        &case("Min", 13).with(a).with(b).with(floats(&[], &[1.5])).one(),
        &[3],
        &[1.0, f64::NAN, 1.5],
    );
    assert_ints(
        &case("Max", 13).with(list(&[1, -2])).with(ints(&[2, 1], &[0, 3])).one(),
        &[2, 2],
        &[1, 0, 3, 3],
    );
    assert!(case("Max", 7).with(list(&[1, 2])).with(list(&[1])).refusal().contains("opset 8"));
}

#[test]
fn sums_and_means_of_several_operands() {
    let terms = || [floats(&[2], &[1.0, 2.0]), floats(&[], &[4.0]), floats(&[2, 1], &[1.0, 10.0])];
    let [a, b, c] = terms();
    assert_floats(&case("Sum", 13).with(a).with(b).with(c).one(), &[2, 2], &[6.0, 7.0, 15.0, 16.0]);
    let [a, b, c] = terms();
    assert_floats(
        &case("Mean", 13).with(a).with(b).with(c).one(),
        &[2, 2],
        &[2.0, 7.0 / 3.0, 5.0, 16.0 / 3.0],
    );
    assert!(case("Sum", 13).with(list(&[1])).refusal().contains("int64"));
}

#[test]
fn operands_of_different_types_are_refused() {
    assert!(
        case("Add", 13)
            .with(list(&[1]))
            .with(floats(&[1], &[1.0]))
            .refusal()
            .contains("int64 and float")
    );
    assert!(
        case("Add", 13).with(flags(&[1], &[1])).with(flags(&[1], &[1])).refusal().contains("bool")
    );
    assert!(
        case("Add", 13)
            .with(list(&[1]))
            .with(list(&[1]))
            .with(list(&[1]))
            .refusal()
            .contains("3 inputs")
    );
    assert!(case("Add", 13).with(list(&[1])).refusal().contains("missing"));
}

#[test]
fn until_opset_6_broadcasting_is_asked_for() {
    let (a, b) = (floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), floats(&[2], &[10.0, 20.0]));
    assert!(case("Add", 6).with(a.clone()).with(b.clone()).refusal().contains("do not fit"));
    let last = case("Add", 6).int("broadcast", 1).with(a.clone()).with(b.clone()).one();
    assert_floats(&last, &[2, 2], &[11.0, 22.0, 13.0, 24.0]);
    let first =
        case("Add", 6).int("broadcast", 1).int("axis", 0).with(a.clone()).with(b.clone()).one();
    assert_floats(&first, &[2, 2], &[11.0, 12.0, 23.0, 24.0]);
    assert!(
        case("Add", 7)
            .int("broadcast", 1)
            .with(a.clone())
            .with(b.clone())
            .refusal()
            .contains("broadcast")
    );
    assert!(case("Add", 6).int("broadcast", 1).with(b).with(a).refusal().contains("do not fit"));
}
