//! Every supported operator in a small file, in the forms that exporters write: the importer's
//! model computes what onnxruntime computes.

mod attention;
mod editions;
mod functions;
mod images;
mod linear;
mod numbers;
mod order;
mod pointwise;
mod recurrent;
mod views;
mod volumes;
mod windows;

use std::collections::BTreeMap;

use lemma_import::onnx::{Options, load};
use lemma_model::{Norm, NormForm, Op, Unary};
use ndarray::{Array, ArrayD};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::file::{File, text};
use crate::support::agrees_with_reference;

use attention::attentions;
use editions::editions;
use functions::{comparisons, functions};
use images::images;
pub use linear::attention;
use linear::linear;
use numbers::{numbers, quantized};
use order::order;
use pointwise::pointwise;
use recurrent::recurrent;
pub use views::embedding;
use views::{views, where_mask};
use volumes::volumes;
use windows::windows;

/// Weights in (-1, 1) that depend on the shape only.
fn weights(shape: &[usize]) -> ArrayD<f32> {
    let mut rng =
        ChaCha8Rng::seed_from_u64(shape.iter().fold(1, |seed, &extent| seed * 31 + extent as u64));
    Array::from_shape_fn(shape, |_| rng.gen_range(-1.0..1.0))
}

fn positive(shape: &[usize]) -> ArrayD<f32> {
    weights(shape).mapv(|value| value.abs() + 0.5)
}

fn scalar(value: f32) -> ArrayD<f32> {
    ArrayD::from_elem(ndarray::IxDyn(&[]), value)
}

fn unary(operator: &str) -> File {
    File::new().input("x", &[2, 3, 4]).node(operator, &["x"], "y", &[]).output("y")
}

fn of_positive(operator: &str) -> File {
    let file = File::new().input("x", &[2, 3]).node("Exp", &["x"], "e", &[]);
    file.node(operator, &["e"], "y", &[]).output("y")
}

fn binary(operator: &str, a: &[usize], b: &[usize]) -> File {
    File::new().input("a", a).input("b", b).node(operator, &["a", "b"], "y", &[]).output("y")
}

fn with_constant(operator: &str, x: &[usize], c: ArrayD<f32>, constant_first: bool) -> File {
    let operands = if constant_first { ["c", "x"] } else { ["x", "c"] };
    File::new().input("x", x).weights("c", c).node(operator, &operands, "y", &[]).output("y")
}

fn shape_operator(operator: &str, x: &[usize], arguments: &[i64]) -> File {
    File::new()
        .input("x", x)
        .integers("s", arguments)
        .node(operator, &["x", "s"], "y", &[])
        .output("y")
}

#[test]
fn every_operator_computes_what_the_reference_computes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("LEMMA_KEEP_ONNX")
        .map_or(folder.path().to_path_buf(), std::path::PathBuf::from);
    let cases = [
        linear(),
        windows(),
        pointwise(),
        functions(),
        comparisons(),
        recurrent(),
        views(),
        editions(),
        order(),
        volumes(),
        numbers(),
        quantized(),
        attentions(),
        images(),
    ]
    .concat();
    let mut failures = vec![];
    for (name, file) in &cases {
        let path = file.write(&folder, &name.replace(' ', "_"));
        let checked =
            std::panic::catch_unwind(|| agrees_with_reference(&path, &Options::default(), 1e-4));
        if checked.is_err() {
            failures.push(*name);
        }
    }
    println!("{} files", cases.len());
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn reflection_is_not_undone_by_a_constant() {
    let file = File::new().input("x", &[3]).integers("pads", &[1, 2]).weights("v", scalar(9.0));
    let file = file.node("Pad", &["x", "pads", "v"], "y", &[text("mode", "reflect")]).output("y");
    let folder = tempfile::tempdir().unwrap();
    let model = load(&file.write(folder.path(), "file"), &Options::default()).unwrap();
    let x = BTreeMap::from([("x".to_string(), ndarray::array![1.0, 2.0, 3.0].into_dyn())]);
    assert_eq!(model.run(&x).unwrap()[0], ndarray::array![2.0, 1.0, 2.0, 3.0, 2.0, 1.0].into_dyn());
}

#[test]
fn a_skip_connections_norm_has_its_own_default_epsilon() {
    let file = File::new().input("x", &[2, 4]).input("z", &[2, 4]).weights("g", positive(&[4]));
    let file = file
        .node_of("com.microsoft", "SkipLayerNormalization", &["x", "z", "g"], &["y"], &[])
        .output("y");
    let folder = tempfile::tempdir().unwrap();
    let model = load(&file.write(folder.path(), "file"), &Options::default()).unwrap();
    let norm = model.nodes.iter().find(|node| matches!(node.op, Op::Norm(_))).unwrap();
    assert!(
        matches!(norm.op, Op::Norm(Norm { form: NormForm::Layer, epsilon, .. }) if epsilon == 1e-12)
    );
}

fn ops_of(file: &File) -> Vec<Op> {
    let folder = tempfile::tempdir().unwrap();
    let model =
        agrees_with_reference(&file.write(folder.path(), "file"), &Options::default(), 1e-4);
    model
        .nodes
        .into_iter()
        .map(|node| node.op)
        .filter(|op| !matches!(op, Op::Input | Op::View(_)))
        .collect()
}

#[test]
fn activations_arrive_as_single_operations() {
    let cases =
        ["Relu", "HardSigmoid", "Softplus", "Elu", "LeakyRelu", "Sigmoid", "HardSwish", "Erf"];
    for operator in cases {
        let ops = ops_of(&unary(operator));
        assert!(matches!(ops[..], [Op::Unary(_) | Op::Composed(_)]), "{operator}: {ops:?}");
    }
    let named = [
        "gelu",
        "gelu by erf, written out",
        "gelu by tanh",
        "silu, written out",
        "squared relu, written out",
    ];
    for (name, file) in functions().into_iter().filter(|(name, _)| named.contains(name)) {
        let ops = ops_of(&file);
        assert!(matches!(ops[..], [Op::Unary(_) | Op::Composed(_)]), "{name}: {ops:?}");
    }
    let (_, file) = functions().into_iter().find(|(name, _)| *name == "log softmax").unwrap();
    assert!(matches!(ops_of(&file)[..], [Op::LogSoftmax]));
}

#[test]
fn norms_arrive_as_single_operations() {
    for (name, file) in functions() {
        let ops = ops_of(&file);
        let single = match name {
            "layer norm" | "layer norm, written out" => {
                matches!(
                    ops[..],
                    [Op::Norm(Norm { form: NormForm::Layer, gain: Some(_), bias: Some(_), .. })]
                )
            }
            "rms norm" | "rms norm, written out" | "simplified layer norm" => {
                matches!(ops[..], [Op::Norm(Norm { form: NormForm::Rms, gain: Some(_), .. })])
            }
            _ => continue,
        };
        assert!(single, "{name}: {ops:?}");
    }
}

#[test]
fn a_batch_norm_is_gone_and_the_scale_of_scores_is_in_the_weights() {
    let conv =
        windows().into_iter().find(|(name, _)| *name == "conv with batch norm and relu").unwrap().1;
    let mut conv = conv;
    conv.graph.output.remove(0);
    let ops = ops_of(&conv);
    assert!(matches!(ops[..], [Op::Conv { .. }, Op::Unary(Unary::Relu)]), "{ops:?}");
    let ops = ops_of(&attention());
    assert!(!ops.iter().any(|op| matches!(op, Op::Mul)), "{ops:?}");
}

/// What the lowering and the passes make of attention.
#[test]
fn the_lowered_attention_is_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let model =
        agrees_with_reference(&attention().write(folder.path(), "file"), &Options::default(), 1e-4);
    let kind = |op: &Op| format!("{op:?}").split([' ', '(']).next().unwrap_or_default().to_string();
    let found: Vec<String> = model
        .nodes
        .iter()
        .filter(|node| !matches!(node.op, Op::View(_)))
        .map(|node| format!("{} {} {:?}", node.name, kind(&node.op), node.shape))
        .collect();
    let expected = [
        "x Input [1, 4, 6]",
        "qp/MatMul Dense [1, 4, 6]",
        "kp/MatMul Dense [1, 4, 6]",
        "vp/MatMul Dense [1, 4, 6]",
        "scores/MatMul MatMul [2, 4, 4]",
        "p/Softmax.hidden Constant [1, 2, 4, 4]",
        "p/Softmax.mask Mask [1, 2, 4, 4]",
        "p/Softmax Softmax [1, 2, 4, 4]",
        "o/MatMul MatMul [2, 4, 3]",
    ];
    assert_eq!(found, expected);
}

#[test]
fn numbers_that_hide_are_masks() {
    for value in [f32::NEG_INFINITY, f32::MIN, -1e9, -65504.0, -1000.0, -100.0] {
        let ops = ops_of(&where_mask(value));
        let Op::Constant(mask) = &ops[0] else { panic!("{value}: {ops:?}") };
        assert!(mask.iter().all(|&entry| entry == 0.0 || entry == 1.0), "{value}: {mask}");
        assert!(matches!(ops[1..], [Op::Mask, Op::Softmax]), "{value}: {ops:?}");
    }
}

#[test]
fn integer_inputs_that_choose_rows_are_tokens() {
    let ops = ops_of(&embedding());
    assert!(matches!(ops[0], Op::Tokens { vocabulary: 7 }));
    assert!(matches!(ops[1], Op::Embedding { .. }));
}

#[test]
fn nodes_keep_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let model =
        agrees_with_reference(&attention().write(folder.path(), "file"), &Options::default(), 1e-4);
    for name in ["qp/MatMul", "scores/MatMul", "p/Softmax", "o/MatMul"] {
        assert!(model.nodes.iter().any(|node| node.name == name), "{name}");
    }
    assert_eq!(model.nodes[model.inputs[0].0].name, "x");
    assert_eq!(model.outputs[0].0, "y");
}
