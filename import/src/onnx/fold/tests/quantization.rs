use super::*;

fn bytes(values: &[i64]) -> Tensor {
    of_kind(Kind::I8, &[values.len()], values)
}

#[test]
fn quantized_on_one_scale() {
    let x = || floats(&[6], &[0.0, 1.0, 3.0, -3.0, 1000.0, -1000.0]);
    let unsigned = case("QuantizeLinear", 10)
        .with(x())
        .with(floats(&[], &[2.0]))
        .with(of_kind(Kind::U8, &[], &[128]))
        .one();
    assert_whole(&unsigned, Kind::U8, &[6], &[128, 128, 130, 126, 255, 0]);
    let signed = case("QuantizeLinear", 10)
        .with(x())
        .with(floats(&[], &[2.0]))
        .with(of_kind(Kind::I8, &[], &[1]))
        .one();
    assert_whole(&signed, Kind::I8, &[6], &[1, 1, 3, -1, 127, -128]);
    assert_whole(
        &case("QuantizeLinear", 13).with(x()).with(floats(&[], &[2.0])).one(),
        Kind::U8,
        &[6],
        &[0, 0, 2, 0, 255, 0],
    );
    let declared =
        case("QuantizeLinear", 21).int("output_dtype", 3).with(x()).with(floats(&[], &[2.0])).one();
    assert_eq!(declared.kind, Kind::I8);
    let nan = floats(&[1], &[f32::NAN]);
    assert!(
        case("QuantizeLinear", 13)
            .with(nan)
            .with(floats(&[], &[1.0]))
            .refusal()
            .contains("not a number")
    );
}

#[test]
fn scales_of_an_axis_and_of_blocks() {
    let x = || floats(&[2, 2], &[2.0, 4.0, 6.0, 8.0]);
    let scales = || floats(&[2], &[1.0, 2.0]);
    assert_whole(
        &case("QuantizeLinear", 13).with(x()).with(scales()).one(),
        Kind::U8,
        &[2, 2],
        &[2, 2, 6, 4],
    );
    assert_whole(
        &case("QuantizeLinear", 13).int("axis", 0).with(x()).with(scales()).one(),
        Kind::U8,
        &[2, 2],
        &[2, 4, 3, 4],
    );
    assert!(case("QuantizeLinear", 10).with(x()).with(scales()).refusal().contains("scales"));
    let wide = of_kind(Kind::I8, &[1, 3], &[1, 2, 3]);
    let blocks = case("DequantizeLinear", 21)
        .int("block_size", 2)
        .with(wide.clone())
        .with(floats(&[1, 2], &[10.0, 100.0]));
    assert_floats(
        &blocks.with(of_kind(Kind::I8, &[1, 2], &[0, 1])).one(),
        &[1, 3],
        &[10.0, 20.0, 200.0],
    );
    let few = case("DequantizeLinear", 21)
        .int("block_size", 2)
        .with(wide)
        .with(floats(&[1, 3], &[1.0; 3]));
    assert!(few.refusal().contains("blocks of 2"));
}

#[test]
fn dequantized() {
    let found = case("DequantizeLinear", 13)
        .with(bytes(&[-128, 3]))
        .with(floats(&[], &[0.5]))
        .with(of_kind(Kind::I8, &[], &[1]))
        .one();
    assert_floats(&found, &[2], &[-64.5, 1.0]);
    let wide = case("DequantizeLinear", 10)
        .with(of_kind(Kind::I32, &[1], &[100_000]))
        .with(floats(&[], &[0.25]))
        .one();
    assert_floats(&wide, &[1], &[25_000.0]);
    let mixed = case("DequantizeLinear", 13)
        .with(bytes(&[1]))
        .with(floats(&[], &[0.5]))
        .with(of_kind(Kind::U8, &[], &[1]));
    assert!(mixed.refusal().contains("uint8"));
    assert!(
        case("DequantizeLinear", 13)
            .with(list(&[1]))
            .with(floats(&[], &[0.5]))
            .refusal()
            .contains("int64")
    );
    let sixteen = |opset| {
        case("DequantizeLinear", opset)
            .with(of_kind(Kind::I16, &[1], &[300]))
            .with(floats(&[], &[0.5]))
    };
    assert_floats(&sixteen(21).one(), &[1], &[150.0]);
    assert!(sixteen(19).refusal().contains("int16"));
}

/// A scale and a zero point of one number are a scalar or a list of one, each on its own.
#[test]
fn one_number_is_a_scalar_or_a_list_of_one() {
    let forms: [&[usize]; 2] = [&[], &[1]];
    let types = [(Kind::I8, 10), (Kind::U8, 10), (Kind::I32, 10), (Kind::I16, 21), (Kind::U16, 21)];
    for (scale, zero) in
        forms.iter().flat_map(|scale| forms.iter().map(move |zero| (*scale, *zero)))
    {
        for (kind, opset) in types.iter().flat_map(|(kind, since)| {
            [10, 13, 19, 21, 23, 24].map(|opset| (*kind, opset.max(*since)))
        }) {
            let x = of_kind(kind, &[2, 2], &[3, 5, 0, 100]);
            let back = case("DequantizeLinear", opset)
                .with(x)
                .with(floats(scale, &[0.5]))
                .with(of_kind(kind, zero, &[1]));
            assert_floats(&back.one(), &[2, 2], &[1.0, 2.0, -0.5, 49.5]);
            if kind != Kind::I32 {
                let x = floats(&[2, 2], &[1.0, 2.0, -0.25, 49.5]);
                let there = case("QuantizeLinear", opset)
                    .with(x)
                    .with(floats(scale, &[0.5]))
                    .with(of_kind(kind, zero, &[1]));
                assert_whole(&there.one(), kind, &[2, 2], &[3, 5, 1, 100]);
            }
        }
    }
    let row = |shape: &[usize]| {
        case("DequantizeLinear", 21).with(bytes(&[1])).with(floats(&[1], &[0.5])).with(of_kind(
            Kind::I8,
            shape,
            &[1],
        ))
    };
    assert!(row(&[1, 1]).refusal().contains("[1, 1]"));
    let two = case("DequantizeLinear", 21)
        .with(bytes(&[1, 2]))
        .with(floats(&[], &[0.5]))
        .with(bytes(&[1, 2]));
    assert!(two.refusal().contains("zero point of shape [2]"));
}

#[test]
fn types_that_attributes_choose() {
    let x = || floats(&[2], &[1.0, 300.0]);
    let sixteen =
        || case("QuantizeLinear", 23).with(x()).with(floats(&[], &[1.0])).int("output_dtype", 5);
    assert_whole(&sixteen().one(), Kind::I16, &[2], &[1, 300]);
    let unset =
        case("QuantizeLinear", 21).with(x()).with(floats(&[], &[1.0])).int("output_dtype", 0);
    assert_whole(&unset.one(), Kind::U8, &[2], &[1, 255]);
    // Half precision has even numbers only from 2048 on.
    let half = |precision| {
        case("QuantizeLinear", 23)
            .with(floats(&[1], &[2049.2]))
            .with(floats(&[], &[1.0]))
            .int("output_dtype", 5)
            .int("precision", precision)
    };
    assert_whole(&half(1).one(), Kind::I16, &[1], &[2049]);
    assert_whole(&half(10).one(), Kind::I16, &[1], &[2050]);
    assert!(half(7).refusal().contains("int64"));
    assert!(
        case("QuantizeLinear", 21)
            .with(x())
            .with(floats(&[], &[1.0]))
            .int("precision", 1)
            .refusal()
            .contains("precision")
    );
}

#[test]
fn quantized_on_the_scale_of_its_range() {
    let names = ["y", "scale", "zero"];
    let found = case("DynamicQuantizeLinear", 11)
        .outputs(&names)
        .with(floats(&[3], &[-1.0, 0.0, 1.55]))
        .run();
    assert_floats(found[1].as_ref().unwrap(), &[], &[0.01]);
    assert_whole(found[2].as_ref().unwrap(), Kind::U8, &[], &[100]);
    assert_whole(found[0].as_ref().unwrap(), Kind::U8, &[3], &[0, 100, 255]);
    assert!(
        case("DynamicQuantizeLinear", 11).with(floats(&[1], &[0.0])).refusal().contains("range")
    );
}
