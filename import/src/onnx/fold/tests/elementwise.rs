use super::*;

#[track_caller]
fn assert_function(op: &str, opset: i64, x: &[f32], expected: &[f64]) {
    assert_floats(&case(op, opset).with(floats(&[x.len()], x)).one(), &[x.len()], expected);
}

#[test]
fn roundings() {
    let x = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.4];
    assert_function("Round", 11, &x, &[-2.0, -2.0, 0.0, 0.0, 2.0, 2.0]);
    assert_function("Floor", 13, &x, &[-3.0, -2.0, -1.0, 0.0, 1.0, 2.0]);
    assert_function("Ceil", 13, &x, &[-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
    assert_function("Sign", 13, &[-2.5, 0.0, 7.0], &[-1.0, 0.0, 1.0]);
}

#[test]
fn functions_at_points_that_are_known() {
    let ln2 = std::f64::consts::LN_2;
    assert_function("Exp", 13, &[0.0, 1.0, f32::NEG_INFINITY], &[1.0, std::f64::consts::E, 0.0]);
    assert_function("Log", 13, &[1.0, 2.0, 0.0, -1.0], &[0.0, ln2, f64::NEG_INFINITY, f64::NAN]);
    assert_function("Sqrt", 13, &[9.0, 2.0, -1.0], &[3.0, std::f64::consts::SQRT_2, f64::NAN]);
    assert_function("Reciprocal", 13, &[4.0, 0.0], &[0.25, f64::INFINITY]);
    assert_function("Sin", 7, &[0.0, std::f32::consts::FRAC_PI_2], &[0.0, 1.0]);
    assert_function("Acos", 7, &[1.0, -1.0], &[0.0, std::f64::consts::PI]);
    assert_function("Cosh", 9, &[0.0, 1.0], &[1.0, 1.543_080_634_815_243_7]);
    assert_function("Atanh", 9, &[0.5], &[0.549_306_144_334_054_8]);
    assert_function(
        "Erf",
        13,
        &[0.0, 0.5, -0.5],
        &[0.0, 0.520_499_877_813_046_5, -0.520_499_877_813_046_5],
    );
    assert_function("Sigmoid", 13, &[0.0, 2.0], &[0.5, 0.880_797_077_977_882_3]);
    assert_function("Softplus", 1, &[0.0, 1.0], &[ln2, 1.313_261_687_518_222_8]);
    assert_function("Softsign", 1, &[-3.0, 1.0], &[-0.75, 0.5]);
    assert_function("HardSwish", 14, &[-4.0, 0.0, 3.0, 1.5], &[0.0, 0.0, 3.0, 1.125]);
    assert_function("Mish", 18, &[1.0], &[0.865_098_388_267_291]);
    assert_function(
        "Gelu",
        20,
        &[1.0, -1.0],
        &[0.841_344_746_068_542_9, -0.158_655_253_931_457_05],
    );
    assert_function("Swish", 24, &[1.0], &[0.731_058_578_630_004_9]);
}

#[test]
fn parameters_of_functions() {
    let x = || floats(&[3], &[-2.0, 0.25, 1.5]);
    assert_floats(
        &case("LeakyRelu", 16).float("alpha", 0.5).with(x()).one(),
        &[3],
        &[-1.0, 0.25, 1.5],
    );
    assert_floats(&case("LeakyRelu", 16).with(x()).one(), &[3], &[-0.02, 0.25, 1.5]);
    assert_floats(
        &case("HardSigmoid", 6).float("alpha", 0.5).float("beta", 0.75).with(x()).one(),
        &[3],
        &[0.0, 0.875, 1.0],
    );
    let small = (-2f64).exp() - 1.0;
    assert_floats(
        &case("Elu", 6).float("alpha", 2.0).with(x()).one(),
        &[3],
        &[2.0 * small, 0.25, 1.5],
    );
    let halved = 2.0 * ((-1f64).exp() - 1.0);
    assert_floats(
        &case("Celu", 12).float("alpha", 2.0).with(x()).one(),
        &[3],
        &[halved, 0.25, 1.5],
    );
    let scaled = case("Selu", 6).float("alpha", 2.0).float("gamma", 3.0).with(x()).one();
    assert_floats(&scaled, &[3], &[6.0 * small, 0.75, 4.5]);
    assert_floats(
        &case("ThresholdedRelu", 10).float("alpha", 0.5).with(x()).one(),
        &[3],
        &[0.0, 0.0, 1.5],
    );
    let shrunk = case("Shrink", 9).float("lambd", 1.0).float("bias", 0.5).with(x()).one();
    assert_floats(&shrunk, &[3], &[-1.5, 0.0, 1.0]);
    let slope = floats(&[], &[0.5]);
    assert_floats(&case("PRelu", 16).with(x()).with(slope).one(), &[3], &[-1.0, 0.25, 1.5]);
    assert!(
        case("PRelu", 16).with(x()).with(floats(&[2, 3], &[0.5; 6])).refusal().contains("slopes")
    );
    assert!(
        case("Gelu", 20).text("approximate", "erf").with(x()).refusal().contains("approximate")
    );
}

#[test]
fn what_is_no_number_stays_none() {
    for op in ["Relu", "Sigmoid", "Floor", "Abs", "Sign", "Neg"] {
        assert_function(op, 13, &[f32::NAN], &[f64::NAN]);
    }
    assert_function("Relu", 13, &[-1.0, 2.0], &[0.0, 2.0]);
    assert_ints(&case("Relu", 14).with(list(&[-1, 2])).one(), &[2], &[0, 2]);
    assert!(case("Exp", 13).with(list(&[1])).refusal().contains("int64"));
}

#[test]
fn clipping_by_attributes_and_by_inputs() {
    let x = || floats(&[3], &[-2.0, 0.5, 9.0]);
    assert_floats(&case("Clip", 6).float("min", -1.0).with(x()).one(), &[3], &[-1.0, 0.5, 9.0]);
    assert_floats(
        &case("Clip", 13).with(x()).without().with(floats(&[], &[1.0])).one(),
        &[3],
        &[-2.0, 0.5, 1.0],
    );
    let crossed =
        case("Clip", 13).with(x()).with(floats(&[], &[3.0])).with(floats(&[], &[1.0])).one();
    assert_floats(&crossed, &[3], &[1.0, 1.0, 1.0]);
    let whole = case("Clip", 12)
        .with(list(&[-5, 0, i64::MAX]))
        .with(ints(&[], &[-1]))
        .with(ints(&[], &[7]))
        .one();
    assert_ints(&whole, &[3], &[-1, 0, 7]);
    assert!(case("Clip", 13).float("min", 0.0).with(x()).refusal().contains("`min`"));
    assert!(case("Clip", 13).with(x()).with(floats(&[2], &[0.0, 1.0])).refusal().contains("bound"));
    assert!(case("Clip", 13).with(x()).with(list(&[0])).refusal().contains("types"));
}

#[test]
fn comparisons_are_exact() {
    let (a, b) = (list(&[i64::MAX, 3, -1]), list(&[i64::MAX - 1, 3, 0]));
    for (op, expected) in [
        ("Equal", [0, 1, 0]),
        ("Greater", [1, 0, 0]),
        ("Less", [0, 0, 1]),
        ("GreaterOrEqual", [1, 1, 0]),
        ("LessOrEqual", [0, 1, 1]),
    ] {
        assert_whole(
            &case(op, 16).with(a.clone()).with(b.clone()).one(),
            Kind::Bool,
            &[3],
            &expected,
        );
    }
    let nan = floats(&[1], &[f32::NAN]);
    assert_whole(&case("Equal", 13).with(nan.clone()).with(nan).one(), Kind::Bool, &[1], &[0]);
}

#[test]
fn truth_values_and_bits() {
    let (a, b) = (flags(&[4], &[0, 0, 1, 1]), flags(&[4], &[0, 1, 0, 1]));
    for (op, expected) in [("And", [0, 0, 0, 1]), ("Or", [0, 1, 1, 1]), ("Xor", [0, 1, 1, 0])] {
        assert_whole(
            &case(op, 7).with(a.clone()).with(b.clone()).one(),
            Kind::Bool,
            &[4],
            &expected,
        );
    }
    assert_whole(&case("Not", 1).with(b).one(), Kind::Bool, &[4], &[1, 0, 1, 0]);
    assert!(case("And", 7).with(list(&[1])).with(list(&[1])).refusal().contains("int64"));
    let bytes = |values: &[i64]| of_kind(Kind::U8, &[values.len()], values);
    assert_whole(&case("BitwiseNot", 18).with(bytes(&[0, 170])).one(), Kind::U8, &[2], &[255, 85]);
    assert_whole(
        &case("BitwiseXor", 18).with(bytes(&[12])).with(bytes(&[10])).one(),
        Kind::U8,
        &[1],
        &[6],
    );
    assert_ints(&case("BitwiseAnd", 18).with(list(&[-4])).with(list(&[6])).one(), &[1], &[4]);
    let shifted = |direction| {
        case("BitShift", 11)
            .text("direction", direction)
            .with(bytes(&[129, 4, 1]))
            .with(bytes(&[1, 2, 200]))
    };
    assert_whole(&shifted("LEFT").one(), Kind::U8, &[3], &[2, 16, 0]);
    assert_whole(&shifted("RIGHT").one(), Kind::U8, &[3], &[64, 1, 0]);
    assert!(shifted("UP").refusal().contains("UP"));
}

#[test]
fn infinities_are_told_apart() {
    let x = || floats(&[4], &[1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
    assert_whole(&case("IsNaN", 13).with(x()).one(), Kind::Bool, &[4], &[0, 0, 0, 1]);
    assert_whole(&case("IsInf", 10).with(x()).one(), Kind::Bool, &[4], &[0, 1, 1, 0]);
    assert_whole(
        &case("IsInf", 10).int("detect_negative", 0).with(x()).one(),
        Kind::Bool,
        &[4],
        &[0, 1, 0, 0],
    );
    assert_whole(
        &case("IsInf", 10).int("detect_positive", 0).with(x()).one(),
        Kind::Bool,
        &[4],
        &[0, 0, 1, 0],
    );
}

#[test]
fn a_choice_needs_truth_values() {
    let choice = case("Where", 16)
        .with(flags(&[2, 1], &[1, 0]))
        .with(list(&[1, 2]))
        .with(ints(&[], &[9]))
        .one();
    assert_ints(&choice, &[2, 2], &[1, 2, 9, 9]);
    assert!(
        case("Where", 16)
            .with(list(&[1]))
            .with(list(&[1]))
            .with(list(&[2]))
            .refusal()
            .contains("int64")
    );
    assert!(
        case("Where", 16)
            .with(flags(&[1], &[1]))
            .with(list(&[1]))
            .with(floats(&[1], &[2.0]))
            .refusal()
            .contains("types")
    );
}
