//! Attention masks in the forms that exporters write, as an input of the model and as a constant.
//!
//! Every file computes the softmax of scores `[1, 2, 4, 4]` under a mask of four tokens;
//! onnxruntime computes the same file with the file's own numbers.

mod forms;
mod integers;
mod refused;

use std::collections::BTreeMap;

use lemma_import::onnx::{Options as ImportOptions, Problem, load};
use lemma_model::{Model, NodeId, Op};
use lemma_quantizer::calibrate::{Method, Ranges};
use lemma_quantizer::quantize::{Options, Quantized, dequantize, quantize};
use lemma_quantizer::report::quantize_inputs;
use ndarray::{ArrayD, Axis, IxDyn};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::file::{File, fixed, int};
use crate::proto::DataType;
use crate::support::reference_outputs;
use forms::{FORMS, masked, with_constant, with_input};

const TOKENS: usize = 4;

fn imported(file: &File) -> (tempfile::TempDir, std::path::PathBuf, Model) {
    let folder = tempfile::tempdir().unwrap();
    let path = file.write(folder.path(), "mask");
    let model = load(&path, &ImportOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    (folder, path, model)
}

fn scores(seed: u64) -> ArrayD<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    ArrayD::from_shape_fn(vec![1, 2, TOKENS, TOKENS], |_| rng.gen_range(-4.0..4.0))
}

fn mask_of(values: [u8; TOKENS]) -> ArrayD<f32> {
    ArrayD::from_shape_fn(vec![1, TOKENS], |at| f32::from(values[at[1]]))
}

fn run(model: &Model, inputs: &[(&str, ArrayD<f32>)]) -> ArrayD<f32> {
    let inputs: BTreeMap<String, ArrayD<f32>> =
        inputs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    model.run(&inputs).unwrap().remove(0)
}

fn apart(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_mask_that_is_an_input_computes_what_the_reference_computes() {
    let mut failures = vec![];
    for form in FORMS {
        let checked = std::panic::catch_unwind(|| {
            let (_folder, path, model) = imported(&masked(with_input(), form));
            for (seed, mask) in
                [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 0, 0]].into_iter().enumerate()
            {
                let (scores, mask) = (scores(seed as u64), mask_of(mask));
                let expected =
                    reference_outputs(&path, &[("scores", &scores), ("mask", &mask)]).remove(0);
                let found = run(&model, &[("scores", scores), ("mask", mask)]);
                let error = apart(&found, &expected);
                assert!(error < 1e-6, "{form}: {error}");
            }
        });
        if checked.is_err() {
            failures.push(form);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn a_mask_that_is_a_constant_computes_what_the_reference_computes_and_leaves_scores_out() {
    let mut failures = vec![];
    for form in FORMS {
        let checked = std::panic::catch_unwind(|| {
            let (_folder, path, model) = imported(&masked(with_constant(&[1, 1, 1, 0]), form));
            let scores = scores(7);
            let expected = reference_outputs(&path, &[("scores", &scores)]).remove(0);
            let error = apart(&run(&model, &[("scores", scores)]), &expected);
            assert!(error < 1e-6, "{form}: {error}");
            let (softmax, hidden) = hidden(&model);
            assert!(
                model.masks_before(softmax).iter().all(|mask| model.is_constant(mask.hidden)),
                "{form}"
            );
            assert!(
                (0..hidden.len()).all(|at| hidden[at] == 1.0 || at % TOKENS < 3),
                "{form}: {hidden:?}"
            );
        });
        if checked.is_err() {
            failures.push(form);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

/// The softmax of a model, and which of its scores are hidden whatever the inputs are.
fn hidden(model: &Model) -> (NodeId, Vec<f32>) {
    let softmax =
        NodeId(model.nodes.iter().position(|node| matches!(node.op, Op::Softmax)).unwrap());
    let hidden = model
        .always_hidden(softmax)
        .map_or_else(Vec::new, |hidden| hidden.iter().copied().collect());
    (softmax, hidden)
}

/// As in the file, where its number swallows the scores; minus infinity leaves no numbers there.
#[test]
fn a_row_of_padding_alone_has_equal_weights() {
    for form in FORMS.iter().filter(|form| !form.contains("causal")) {
        let (_folder, path, model) = imported(&masked(with_input(), form));
        let inputs = [("scores", scores(3)), ("mask", mask_of([0; TOKENS]))];
        let found = run(&model, &inputs);
        assert!(found.iter().all(|weight| *weight == 0.25), "{form}: {found}");
        if form.contains("lowest") || form.contains("1e9") {
            let expected =
                reference_outputs(&path, &[("scores", &inputs[0].1), ("mask", &inputs[1].1)])
                    .remove(0);
            assert!(apart(&found, &expected) < 1e-6, "{form}: {expected}");
        }
    }
    for form in FORMS.iter().filter(|form| form.contains("causal")) {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let found = run(&model, &[("scores", scores(3)), ("mask", mask_of([0; TOKENS]))]);
        let row =
            |i: usize| (0..TOKENS).map(move |at| if at <= i { 1.0 / (i + 1) as f32 } else { 0.0 });
        assert!(
            found.iter().copied().eq((0..2 * TOKENS).flat_map(|i| row(i % TOKENS))),
            "{form}: {found}"
        );
    }
}

#[test]
fn a_mask_keeps_the_ranges_of_scores() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let inputs = [("scores", scores(1)), ("mask", mask_of([1, 1, 0, 0]))];
        let sample = inputs.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        let ranges = Ranges::observe(&model, [sample], Method::Max).unwrap();
        for at in 0..model.nodes.len() {
            assert!(ranges.magnitude(NodeId(at)) <= 5.0, "{form}: {}", model.nodes[at].name);
        }
    }
}

#[test]
fn a_causal_mask_leaves_scores_out_beside_one_that_is_an_input() {
    for form in ["with a causal mask, by and", "with a causal mask, by a sum"] {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let (_, hidden) = hidden(&model);
        assert!(
            (0..hidden.len()).all(|at| (hidden[at] == 1.0) == (at % TOKENS > at / TOKENS % TOKENS)),
            "{form}: {hidden:?}"
        );
    }
}

/// Beside hidden scores, what is added to the others stays.
#[test]
fn numbers_beside_a_mask_are_a_bias() {
    let bias = ArrayD::from_shape_fn(vec![1, 1, TOKENS, TOKENS], |at| match at[3] {
        0 => 0.5,
        1 => -30.0,
        2 => -99.0,
        _ => -100.0,
    });
    let file = File::new().input("scores", &[1, 2, TOKENS, TOKENS]).weights("bias", bias);
    let file = file
        .node("Add", &["scores", "bias"], "s", &[])
        .node("Softmax", &["s"], "y", &[int("axis", -1)])
        .output("y");
    let (_folder, path, model) = imported(&file);
    let (_, hidden) = hidden(&model);
    assert!((0..hidden.len()).all(|at| (hidden[at] == 1.0) == (at % TOKENS == 3)), "{hidden:?}");
    let expected = reference_outputs(&path, &[("scores", &scores(2))]).remove(0);
    assert!(apart(&run(&model, &[("scores", scores(2))]), &expected) < 1e-6);
}

#[test]
fn a_constant_mask_passes_rearrangements_on_the_way_to_its_softmax() {
    let visible: Vec<bool> = (0..9).map(|at| at % 3 <= at / 3).collect();
    let file = File::new()
        .input("x", &[1, 2, 3, 3])
        .weights("bottom", ArrayD::from_elem(IxDyn(&[]), f32::MIN));
    let file = file.booleans("visible", &[3, 3], &visible).integers("matrices", &[2, 3, 3]);
    let file = file.node("Where", &["visible", "x", "bottom"], "m", &[]).node(
        "Reshape",
        &["m", "matrices"],
        "r",
        &[],
    );
    let file = file.node("Softmax", &["r"], "y", &[int("axis", -1)]).output("y");
    let (_folder, path, model) = imported(&file);
    assert_eq!(hidden(&model).1.iter().sum::<f32>(), 6.0);
    let x = ArrayD::from_shape_fn(vec![1, 2, 3, 3], |at| {
        ((at[1] * 9 + at[2] * 3 + at[3]) as f32).sin()
    });
    let expected = reference_outputs(&path, &[("x", &x)]).remove(0);
    assert!(apart(&run(&model, &[("x", x)]), &expected) < 1e-6);
}

#[test]
fn a_guard_after_softmax_is_gone() {
    let (_folder, _, model) = imported(&masked(with_input(), "zero or the lowest float, added"));
    let last = &model.nodes[model.outputs[0].1.0];
    assert!(matches!(last.op, Op::Softmax), "{:?}", last.op);
}

#[test]
fn a_mask_accepts_zero_and_one_only() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let mask = model
            .inputs
            .iter()
            .map(|id| &model.nodes[id.0])
            .find(|node| node.name == "mask")
            .unwrap();
        assert!(matches!(mask.op, Op::Tokens { vocabulary: 2 }), "{form}: {:?}", mask.op);
    }
}

#[test]
fn a_boolean_input_is_a_mask() {
    let four = [1, TOKENS as i64].map(fixed).to_vec();
    let file = File::new().input("scores", &[1, 2, TOKENS, TOKENS]).typed_input(
        "mask",
        DataType::Bool,
        four,
    );
    let (_folder, _, model) = imported(&masked(file, "scores chosen, or minus infinity"));
    let (_folder, _, integers) =
        imported(&masked(with_input(), "scores chosen, or minus infinity"));
    let inputs = [("scores", scores(5)), ("mask", mask_of([1, 1, 0, 1]))];
    assert_eq!(run(&model, &inputs), run(&integers, &inputs));
}

#[test]
fn flags_choose_between_numbers() {
    let file = File::new().input("a", &[2, 3]).input("b", &[2, 3]).ids("mask", &[2, 1]);
    let file = file.node("Cast", &["mask"], "flags", &[int("to", DataType::Bool as i64)]);
    let file = file.node("Where", &["flags", "a", "b"], "y", &[]).output("y");
    let (_folder, path, model) = imported(&file);
    let (a, b) = (ArrayD::from_elem(vec![2, 3], 0.25), ArrayD::from_elem(vec![2, 3], -0.5));
    let flags = ndarray::array![[1.0], [0.0]].into_dyn();
    let expected = reference_outputs(&path, &[("a", &a), ("b", &b), ("mask", &flags)]).remove(0);
    assert_eq!(run(&model, &[("a", a), ("b", b), ("mask", flags)]), expected);
}
