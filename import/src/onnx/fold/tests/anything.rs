//! Whatever a file asks for, there is a result or a refusal.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::FAMILIES;
use super::*;

/// Numbers that code about shapes gets wrong.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -4i64..6,
        1 => select(vec![i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, 1 << 31, 1 << 32, -(1 << 31), 1 << 62]),
    ]
}

fn tensor() -> impl Strategy<Value = Tensor> {
    let kind = select(vec![
        Kind::F32,
        Kind::F32,
        Kind::F16,
        Kind::F64,
        Kind::I64,
        Kind::I64,
        Kind::I32,
        Kind::I8,
        Kind::U8,
        Kind::U64,
        Kind::Bool,
    ]);
    (kind, prop::collection::vec(0usize..4, 0..4), prop::collection::vec(number(), 27), 0usize..12)
        .prop_map(|(kind, shape, numbers, special)| {
            let elements: Vec<i64> = numbers.into_iter().take(shape.iter().product()).collect();
            if !kind.is_float() {
                let elements: Vec<i64> = elements
                    .into_iter()
                    .map(|x| if kind == Kind::U64 { x & i64::MAX } else { x })
                    .collect();
                return of_kind(kind, &shape, &elements);
            }
            let mut elements: Vec<f64> = elements.into_iter().map(|x| x as f64 / 2.0).collect();
            if let (Some(first), Some(&value)) =
                (elements.first_mut(), [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].get(special))
            {
                *first = value;
            }
            let array = ArrayD::from_shape_vec(IxDyn(&shape), elements).unwrap();
            Tensor::new(kind, Values::F64(array.into_shared()))
        })
}

/// An attribute that some operator reads.
fn attribute() -> impl Strategy<Value = (AttributeType, AttributeProto)> {
    let int = (
        select(vec![
            "axis",
            "keepdims",
            "upper",
            "k",
            "blocksize",
            "batch_dims",
            "exclusive",
            "reverse",
            "largest",
            "sorted",
            "fmod",
            "to",
            "dtype",
            "allowzero",
            "start",
            "end",
            "num_outputs",
            "transA",
            "transB",
            "block_size",
            "output_dtype",
            "broadcast",
            "noop_with_empty_axes",
            "select_last_index",
            "value_int",
            "detect_negative",
            "periodic",
            "output_datatype",
        ]),
        number(),
    )
        .prop_map(|(name, value)| {
            (
                AttributeType::Int,
                AttributeProto { name: name.into(), i: Some(value), ..Default::default() },
            )
        });
    let ints = (
        select(vec!["axes", "perm", "split", "starts", "ends", "pads", "shape", "value_ints"]),
        prop::collection::vec(number(), 0..7),
    )
        .prop_map(|(name, ints)| {
            (AttributeType::Ints, AttributeProto { name: name.into(), ints, ..Default::default() })
        });
    let text = select(vec![
        ("mode", "reflect"),
        ("mode", "edge"),
        ("mode", "wrap"),
        ("mode", "CRD"),
        ("reduction", "add"),
        ("reduction", "max"),
        ("direction", "LEFT"),
        ("direction", "RIGHT"),
        ("approximate", "tanh"),
        ("equation", "ij,jk->ik"),
        ("equation", "...i,...i"),
        ("equation", "ii"),
        ("equation", "...->..."),
        ("equation", "->"),
        ("equation", "i...,j"),
    ])
    .prop_map(|(name, text)| {
        (
            AttributeType::String,
            AttributeProto { name: name.into(), s: Some(text.into()), ..Default::default() },
        )
    });
    let float =
        (select(vec!["alpha", "beta", "epsilon", "min", "max", "value", "value_float"]), -2i32..3)
            .prop_map(|(name, value)| {
                (
                    AttributeType::Float,
                    AttributeProto {
                        name: name.into(),
                        f: Some(value as f32),
                        ..Default::default()
                    },
                )
            });
    prop_oneof![3 => int, 2 => ints, 2 => text, 1 => float]
}

fn operators() -> Vec<&'static str> {
    FAMILIES.iter().copied().flatten().map(|(name, _, _)| *name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_results_are_in_order(
        op in select(operators()),
        opset in 1i64..25,
        inputs in prop::collection::vec(prop::option::weighted(0.95, tensor()), 0..5),
        attributes in prop::collection::vec(attribute(), 0..3),
        outputs in 1usize..4,
    ) {
        let mut node = case(op, opset).outputs(&["a", "b", "c"][..outputs]);
        for (kind, attribute) in attributes {
            node = node.attribute(kind, attribute);
        }
        for input in inputs {
            node = match input {
                Some(tensor) => node.with(tensor),
                None => node.without(),
            };
        }
        let mut budget = Budget::new(0);
        budget.elements(&[(1 << 23) - (1 << 12)]).unwrap();
        budget.work((1 << 30) - (1 << 16)).unwrap();
        for result in node.run_within(&mut budget).into_iter().flatten().flatten() {
            let (is_packed, elements) = match &result.values {
                Values::F32(array) => (array.is_standard_layout(), array.len()),
                Values::F64(array) => (array.is_standard_layout(), array.len()),
                Values::I64(array) => (array.is_standard_layout(), array.len()),
            };
            prop_assert!(is_packed && elements <= 1 << 12);
            let is_in_form = match &result.values {
                Values::F32(array) => array.iter().all(|&x| x.is_nan() || result.kind.round(x) == x),
                Values::F64(_) => result.kind == Kind::F64,
                Values::I64(array) => !result.kind.is_float() && array.iter().all(|&x| result.kind.wrap(x) == x && (result.kind != Kind::U64 || x >= 0)),
            };
            prop_assert!(is_in_form, "{result:?}");
        }
    }
}
