use super::super::super::proto::{DataType, SparseTensorProto, TensorProto};
use super::*;

fn constant(opset: i64) -> Case {
    case("Constant", opset)
}

impl Case {
    fn tensor(self, name: &str, tensor: TensorProto) -> Case {
        self.attribute(
            AttributeType::Tensor,
            AttributeProto { name: name.into(), t: Some(tensor), ..AttributeProto::default() },
        )
    }

    fn floats(self, name: &str, floats: &[f32]) -> Case {
        let attribute = AttributeProto {
            name: name.into(),
            floats: floats.to_vec(),
            ..AttributeProto::default()
        };
        self.attribute(AttributeType::Floats, attribute)
    }
}

fn byte(value: i32) -> TensorProto {
    TensorProto {
        dims: vec![1],
        data_type: DataType::Int8 as i32,
        int32_data: vec![value],
        ..TensorProto::default()
    }
}

#[test]
fn constants_in_every_form() {
    assert_whole(&constant(13).tensor("value", byte(-3)).one(), Kind::I8, &[1], &[-3]);
    assert_floats(
        &constant(13).float("value_float", f32::NEG_INFINITY).one(),
        &[],
        &[f64::NEG_INFINITY],
    );
    assert_floats(&constant(13).floats("value_floats", &[1.5, -2.0]).one(), &[2], &[1.5, -2.0]);
    assert_ints(&constant(13).int("value_int", -7).one(), &[], &[-7]);
    assert_ints(&constant(13).ints("value_ints", &[]).one(), &[0], &[]);
}

#[test]
fn a_constant_has_one_value() {
    assert!(constant(13).refusal().contains("missing"));
    assert!(
        constant(13)
            .int("value_int", 1)
            .float("value_float", 1.0)
            .refusal()
            .contains("more than one")
    );
    assert!(constant(11).int("value_int", 1).refusal().contains("`value_int`"));
    assert!(constant(13).text("value_string", "a").refusal().contains("`value_string`"));
    let sparse = AttributeProto {
        name: "sparse_value".into(),
        sparse_tensor: Some(SparseTensorProto::default()),
        ..Default::default()
    };
    assert!(
        constant(13)
            .attribute(AttributeType::SparseTensor, sparse)
            .refusal()
            .contains("`sparse_value`")
    );
    let elsewhere = TensorProto { data_location: Some(1), ..byte(0) };
    assert!(constant(13).tensor("value", elsewhere).refusal().contains("another file"));
}

#[test]
fn constants_of_a_shape() {
    assert_floats(&case("ConstantOfShape", 9).with(list(&[2, 1])).one(), &[2, 1], &[0.0, 0.0]);
    assert_whole(
        &case("ConstantOfShape", 9).tensor("value", byte(5)).with(list(&[3])).one(),
        Kind::I8,
        &[3],
        &[5, 5, 5],
    );
    assert_floats(&case("ConstantOfShape", 9).with(list(&[])).one(), &[], &[0.0]);
    assert_floats(&case("ConstantOfShape", 9).with(list(&[0, 4])).one(), &[0, 4], &[]);
    assert!(case("ConstantOfShape", 9).with(list(&[-1])).refusal().contains("negative"));
}

#[test]
fn shapes_and_sizes() {
    let x = || counted(&[2, 3, 4]);
    assert_ints(&case("Shape", 13).with(x()).one(), &[3], &[2, 3, 4]);
    assert_ints(&case("Shape", 15).int("start", -2).int("end", 9).with(x()).one(), &[2], &[3, 4]);
    assert_ints(&case("Shape", 15).int("start", 2).int("end", 1).with(x()).one(), &[0], &[]);
    assert!(case("Shape", 14).int("start", 1).with(x()).refusal().contains("`start`"));
    assert_ints(&case("Size", 13).with(x()).one(), &[], &[24]);
}

#[test]
fn ranges() {
    let whole = |start, limit, delta| {
        case("Range", 11)
            .with(ints(&[], &[start]))
            .with(ints(&[], &[limit]))
            .with(ints(&[], &[delta]))
    };
    assert_ints(&whole(1, 8, 3).one(), &[3], &[1, 4, 7]);
    assert_ints(&whole(10, 4, -2).one(), &[3], &[10, 8, 6]);
    assert_ints(&whole(3, 3, 1).one(), &[0], &[]);
    assert_ints(&whole(i64::MIN, i64::MAX, i64::MAX).one(), &[3], &[i64::MIN, -1, i64::MAX - 1]);
    assert!(whole(0, 1, 0).refusal().contains("step"));
    assert!(whole(0, i64::MAX, 1).refusal().contains("large"));
    let real = |start, limit, delta| {
        case("Range", 11)
            .with(floats(&[], &[start]))
            .with(floats(&[], &[limit]))
            .with(floats(&[], &[delta]))
    };
    assert_floats(&real(1.0, 2.0, 0.25).one(), &[4], &[1.0, 1.25, 1.5, 1.75]);
    assert_floats(&real(0.0, -1.0, -0.4).one(), &[3], &[0.0, -0.4, -0.8]);
    assert!(real(0.0, f32::INFINITY, 1.0).refusal().contains("finite"));
}

#[test]
fn conversions() {
    let to = |kind: DataType, x: Tensor| case("Cast", 13).int("to", kind as i64).with(x);
    let x = || floats(&[4], &[-1.9, 0.0, 0.5, 300.7]);
    assert_ints(&to(DataType::Int64, x()).one(), &[4], &[-1, 0, 0, 300]);
    assert_whole(&to(DataType::Bool, x()).one(), Kind::Bool, &[4], &[1, 0, 1, 1]);
    assert!(to(DataType::Int8, x()).refusal().contains("range"));
    assert!(to(DataType::Uint8, x()).refusal().contains("range"));
    assert!(to(DataType::Int64, floats(&[1], &[f32::INFINITY])).refusal().contains("infinite"));
    assert!(to(DataType::Int64, floats(&[1], &[9.223_372e18])).refusal().contains("range"));
    assert_ints(&to(DataType::Int64, floats(&[1], &[-9.223_372e18])).one(), &[1], &[i64::MIN]);
    let wide = || list(&[-1, 255, 256, 1 << 40]);
    assert_whole(&to(DataType::Uint8, wide()).one(), Kind::U8, &[4], &[255, 255, 0, 0]);
    assert_whole(&to(DataType::Int8, wide()).one(), Kind::I8, &[4], &[-1, -1, 0, 0]);
    assert_floats(&to(DataType::Float, list(&[16_777_217, -3])).one(), &[2], &[16_777_216.0, -3.0]);
    let half = to(DataType::Float16, floats(&[3], &[0.1, 65504.0, 1e6])).one();
    assert_eq!(
        (half.kind, half.as_floats().as_slice().unwrap()),
        (Kind::F16, &[0.099_975_586, 65504.0, f32::INFINITY][..])
    );
    let brain = to(DataType::Bfloat16, floats(&[1], &[1.007_812_5])).one();
    assert_eq!((brain.kind, brain.as_float()), (Kind::BF16, Some(1.007_812_5)));
    assert!(to(DataType::String, x()).refusal().contains("to = 8"));
    assert!(to(DataType::Uint64, list(&[-1])).refusal().contains("uint64"));
    assert!(case("Cast", 13).with(x()).refusal().contains("type"));
    assert_whole(
        &case("CastLike", 15).with(x()).with(flags(&[0], &[])).one(),
        Kind::Bool,
        &[4],
        &[1, 0, 1, 1],
    );
}

#[test]
fn identity_matrices() {
    let x = || counted(&[2, 3]);
    assert_ints(&case("EyeLike", 9).with(x()).one(), &[2, 3], &[1, 0, 0, 0, 1, 0]);
    let lower = case("EyeLike", 9).int("k", -1).int("dtype", 1).with(x()).one();
    assert_floats(&lower, &[2, 3], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert!(case("EyeLike", 9).with(list(&[1])).refusal().contains("shape"));
}

#[test]
fn one_hot_positions() {
    let hot = |opset, indices: Tensor| {
        case("OneHot", opset).with(indices).with(ints(&[], &[3])).with(list(&[2, 5]))
    };
    assert_ints(&hot(11, list(&[1, -1, 3])).one(), &[3, 3], &[2, 5, 2, 2, 2, 5, 2, 2, 2]);
    assert_ints(&hot(10, list(&[1, 3])).one(), &[2, 3], &[2, 5, 2, 2, 2, 2]);
    assert!(hot(10, list(&[-1])).refusal().contains("opset 11"));
    assert_ints(&hot(11, list(&[1, -1])).int("axis", 0).one(), &[3, 2], &[2, 2, 5, 2, 2, 5]);
    assert!(hot(11, list(&[0])).int("axis", 2).refusal().contains("axis"));
    assert!(
        case("OneHot", 11)
            .with(list(&[0]))
            .with(list(&[0]))
            .with(list(&[0, 1]))
            .refusal()
            .contains("depth")
    );
}

#[test]
fn windows_are_symmetric_or_periodic() {
    let window = |op, periodic| case(op, 17).int("periodic", periodic).with(ints(&[], &[4])).one();
    assert_floats(&window("HannWindow", 1), &[4], &[0.0, 0.5, 1.0, 0.5]);
    assert_floats(&window("HannWindow", 0), &[4], &[0.0, 0.75, 0.75, 0.0]);
    assert_floats(&window("HammingWindow", 1), &[4], &[4.0 / 46.0, 25.0 / 46.0, 1.0, 25.0 / 46.0]);
    assert_floats(&window("BlackmanWindow", 1), &[4], &[0.0, 0.34, 1.0, 0.34]);
}
