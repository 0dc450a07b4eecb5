//! Attention masks in the forms that exporters write, as an input of the model and as a constant.
//!
//! Every file computes the softmax of scores `[1, 2, 4, 4]` under a mask of four tokens;
//! onnxruntime computes the same file with the file's own numbers.

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

const TOKENS: usize = 4;

/// Names of the forms of a mask.
const FORMS: [&str; 15] = [
    "multiplied by -150",
    "multiplied by -9999",
    "less one, multiplied by 1000",
    "multiplied by the lowest float",
    "multiplied by -1e9",
    "less one, multiplied by 1e9",
    "filled where the complement is true",
    "scores chosen, or minus infinity",
    "zero or minus infinity, added",
    "zero or the lowest float, added",
    "not, then minus infinity",
    "compared with zero",
    "gathered by positions",
    "with a causal mask, by and",
    "with a causal mask, by a sum",
];

/// The mask as an input of 64-bit integers.
fn with_input() -> File {
    File::new().input("scores", &[1, 2, TOKENS, TOKENS]).ids("mask", &[1, TOKENS])
}

/// The mask as a constant.
fn with_constant(mask: &[i64]) -> File {
    let mut file = File::new().input("scores", &[1, 2, TOKENS, TOKENS]);
    file.graph.initializer.push(crate::file::integers("mask", &[1, TOKENS as i64], mask));
    file
}

/// Adds `masked`, the scores under the mask in one of the forms, and its softmax.
fn masked(file: File, form: &str) -> File {
    let number = |value: f32| ArrayD::from_elem(IxDyn(&[]), value);
    let causal: Vec<bool> = (0..TOKENS * TOKENS).map(|at| at % TOKENS <= at / TOKENS).collect();
    let file = file
        .weights("one", number(1.0))
        .weights("zero", number(0.0))
        .weights("lowest", number(f32::MIN))
        .weights("large", number(-1e9))
        .weights("small", number(-150.0))
        .weights("odd", number(-9999.0))
        .weights("thousand", number(1000.0))
        .weights("positive", number(1e9))
        .weights("bottom", number(f32::NEG_INFINITY))
        .integer("none", 0)
        .integers("axes", &[1, 2])
        .integers("everywhere", &[1, 1, TOKENS as i64, TOKENS as i64])
        .booleans("causal", &[1, 1, TOKENS as i64, TOKENS as i64], &causal);
    let to = |kind: DataType| int("to", kind as i64);
    let numbers = |file: File| {
        let file = file.node("Unsqueeze", &["mask", "axes"], "m4", &[]).node(
            "Cast",
            &["m4"],
            "mf",
            &[to(DataType::Float)],
        );
        file.node("Sub", &["one", "mf"], "hidden", &[])
    };
    let truths = |file: File| {
        let file = file.node("Cast", &["mask"], "mb", &[to(DataType::Bool)]).node(
            "Unsqueeze",
            &["mb", "axes"],
            "m4",
            &[],
        );
        file.node("Expand", &["m4", "everywhere"], "allowed", &[])
    };
    let add = |file: File, mask: &str| file.node("Add", &["scores", mask], "masked", &[]);
    let file = match form {
        "multiplied by the lowest float" => {
            add(numbers(file).node("Mul", &["hidden", "lowest"], "bias", &[]), "bias")
        }
        "multiplied by -1e9" => {
            add(numbers(file).node("Mul", &["hidden", "large"], "bias", &[]), "bias")
        }
        "multiplied by -150" => {
            add(numbers(file).node("Mul", &["hidden", "small"], "bias", &[]), "bias")
        }
        "multiplied by -9999" => {
            add(numbers(file).node("Mul", &["hidden", "odd"], "bias", &[]), "bias")
        }
        "less one, multiplied by 1000" => {
            let file = numbers(file).node("Sub", &["mf", "one"], "less", &[]).node(
                "Mul",
                &["thousand", "less"],
                "bias",
                &[],
            );
            add(file, "bias")
        }
        "less one, multiplied by 1e9" => {
            let file = numbers(file).node("Sub", &["mf", "one"], "less", &[]).node(
                "Mul",
                &["less", "positive"],
                "bias",
                &[],
            );
            add(file, "bias")
        }
        "filled where the complement is true" => {
            let file = numbers(file).node("Cast", &["hidden"], "hb", &[to(DataType::Bool)]);
            add(file.node("Where", &["hb", "lowest", "hidden"], "bias", &[]), "bias")
        }
        "scores chosen, or minus infinity" => {
            truths(file).node("Where", &["allowed", "scores", "bottom"], "masked", &[])
        }
        "zero or minus infinity, added" => {
            add(truths(file).node("Where", &["allowed", "zero", "bottom"], "bias", &[]), "bias")
        }
        "zero or the lowest float, added" => {
            add(truths(file).node("Where", &["allowed", "zero", "lowest"], "bias", &[]), "bias")
        }
        "not, then minus infinity" => {
            let file = truths(file).node("Not", &["allowed"], "forbidden", &[]);
            file.node("Where", &["forbidden", "bottom", "scores"], "masked", &[])
        }
        "compared with zero" => {
            let file = file.node("Unsqueeze", &["mask", "axes"], "m4", &[]).node(
                "Equal",
                &["m4", "none"],
                "forbidden",
                &[],
            );
            file.node("Where", &["forbidden", "lowest", "scores"], "masked", &[])
        }
        "gathered by positions" => {
            add(gathered(file).node("Where", &["allowed", "zero", "lowest"], "bias", &[]), "bias")
        }
        "with a causal mask, by and" => {
            let file = truths(file).node("And", &["allowed", "causal"], "both", &[]);
            add(file.node("Where", &["both", "zero", "lowest"], "bias", &[]), "bias")
        }
        "with a causal mask, by a sum" => {
            let file = numbers(file).node("Mul", &["hidden", "lowest"], "padding", &[]);
            let file = file.node("Where", &["causal", "zero", "lowest"], "later", &[]);
            add(file.node("Add", &["padding", "later"], "bias", &[]), "bias")
        }
        other => panic!("no form {other}"),
    };
    file.node("Softmax", &["masked"], "weights", &[int("axis", -1)])
        .node("IsNaN", &["weights"], "broken", &[])
        .node("Where", &["broken", "zero", "weights"], "y", &[])
        .output("y")
}

/// `allowed` from the mask by index arithmetic, as the export of MiniLM does:
/// `mask[batch, position]` for computed positions.
fn gathered(file: File) -> File {
    file.integer("first", 0)
        .integer("step", 1)
        .integer("tokens", TOKENS as i64)
        .integers("last", &[-1])
        .integers("of_rows", &[1, 2, 3])
        .integers("of_columns", &[0, 1, 2])
        .node("Cast", &["mask"], "mb", &[int("to", DataType::Bool as i64)])
        .node("Range", &["first", "step", "step"], "rows", &[])
        .node("Range", &["first", "tokens", "step"], "columns", &[])
        .node("Unsqueeze", &["rows", "of_rows"], "rows4", &[])
        .node("Unsqueeze", &["columns", "of_columns"], "columns4", &[])
        .node("Max", &["rows4", "columns4"], "larger", &[])
        .node("Shape", &["larger"], "extents", &[])
        .node("Expand", &["rows4", "extents"], "all_rows", &[])
        .node("Expand", &["columns4", "extents"], "all_columns", &[])
        .node("Unsqueeze", &["all_rows", "last"], "row", &[])
        .node("Unsqueeze", &["all_columns", "last"], "column", &[])
        .node("Concat", &["row", "column"], "points", &[int("axis", -1)])
        .node("GatherND", &["mb", "points"], "chosen", &[])
        .node("GreaterOrEqual", &["columns4", "first"], "not_before", &[])
        .node("And", &["not_before", "chosen"], "allowed", &[])
}

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

fn refused(file: &File) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    load(&file.write(folder.path(), "file"), &ImportOptions::default()).unwrap_err().problem
}

#[test]
fn rejects_minus_infinity_that_is_read_by_something_else_than_a_softmax() {
    let file = with_input().weights("bottom", ArrayD::from_elem(IxDyn(&[]), f32::NEG_INFINITY));
    let file = file.integers("axes", &[1, 2]).node(
        "Cast",
        &["mask"],
        "flags",
        &[int("to", DataType::Bool as i64)],
    );
    let file = file.node("Unsqueeze", &["flags", "axes"], "f4", &[]).node(
        "Where",
        &["f4", "scores", "bottom"],
        "y",
        &[],
    );
    let file = file.output("y");
    assert!(
        matches!(refused(&file), Problem::Unsupported { node, problem, .. } if node.starts_with('y') && problem.contains("softmax"))
    );
}

#[test]
fn rejects_a_guard_of_something_that_may_be_no_number() {
    let file = File::new().input("x", &[4]).weights("zero", ArrayD::zeros(IxDyn(&[]))).node(
        "Log",
        &["x"],
        "l",
        &[],
    );
    let file = file
        .node("IsNaN", &["l"], "broken", &[])
        .node("Where", &["broken", "zero", "l"], "y", &[])
        .output("y");
    assert!(
        matches!(refused(&file), Problem::Unsupported { problem, .. } if problem.contains("depends on the input"))
    );
}

#[test]
fn rejects_a_constant_mask_that_no_softmax_reads() {
    let visible = [true, false, true, true];
    let file = File::new().input("x", &[4]).weights("bottom", ArrayD::from_elem(IxDyn(&[]), -1e9));
    let file = file
        .booleans("visible", &[4], &visible)
        .node("Where", &["visible", "x", "bottom"], "y", &[])
        .output("y");
    assert!(
        matches!(refused(&file), Problem::Unsupported { problem, .. } if problem.contains("softmax"))
    );
}

/// `scores - (1 - mask) * n`: a mask by its numbers, in a form that is not read as one.
#[test]
fn a_mask_that_is_not_recognized_is_no_number() {
    let number = |value: f32| ArrayD::from_elem(IxDyn(&[]), value);
    for large in [1e4, 1e9] {
        let file =
            File::new().input("x", &[1, 4]).input("bias", &[1, 4]).weights("large", number(large));
        let file = file.node("Mul", &["bias", "large"], "low", &[]).node(
            "Sub",
            &["x", "low"],
            "scores",
            &[],
        );
        let file = file.node("Softmax", &["scores"], "y", &[]).output("y");
        assert!(
            matches!(refused(&file), Problem::Unsupported { problem, .. } if problem.contains("mask")),
            "{large}"
        );
    }
}

#[test]
fn rejects_points_that_are_computed_or_outside() {
    let inside = |points: &[i64]| {
        let mut file = File::new().input("x", &[2, 3]);
        file.graph.initializer.push(crate::file::integers(
            "points",
            &[points.len() as i64 / 2, 2],
            points,
        ));
        file.node("GatherND", &["x", "points"], "y", &[]).output("y")
    };
    let (_folder, _, model) = imported(&inside(&[0, 2, 1, -1, 1, 0]));
    let x = ArrayD::from_shape_fn(vec![2, 3], |at| (at[0] * 3 + at[1]) as f32);
    assert_eq!(run(&model, &[("x", x)]), ndarray::array![2.0, 5.0, 3.0].into_dyn());
    assert!(
        matches!(refused(&inside(&[0, 3, 0, 0])), Problem::Unsupported { problem, .. } if problem.contains("outside"))
    );
    let computed = File::new()
        .input("x", &[2, 3])
        .ids("points", &[2, 2])
        .node("GatherND", &["x", "points"], "y", &[])
        .output("y");
    assert!(
        matches!(refused(&computed), Problem::Unsupported { problem, .. } if problem.contains("depend on an input"))
    );
}

/// The integer model, calibrated on some masks and scores up to four times `factor`.
fn quantized(model: &Model, factor: f32) -> Quantized {
    let masks = [[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]];
    let samples = (0..32).map(|seed| {
        BTreeMap::from([
            ("scores".to_string(), scores(seed) * factor),
            ("mask".to_string(), mask_of(masks[seed as usize % masks.len()])),
        ])
    });
    let ranges = Ranges::observe(model, samples, Method::Max).unwrap();
    quantize(model, &ranges, &Options::default()).unwrap()
}

/// Softmax of the integer model on one mask, and of the float model.
fn integers(model: &Model, mask: [u8; TOKENS]) -> (Vec<f64>, Vec<f64>) {
    outputs(model, &quantized(model, 1.0), &[("scores", scores(100)), ("mask", mask_of(mask))])
}

/// The output of the integer model, and of the float model.
fn outputs(
    model: &Model,
    quantized: &Quantized,
    inputs: &[(&str, ArrayD<f32>)],
) -> (Vec<f64>, Vec<f64>) {
    let given = inputs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    let inputs = quantize_inputs(&quantized.graph, &given).unwrap();
    let output = quantized.graph.outputs[0].node;
    let frac = quantized.graph.node(output).fractional_bits;
    let values = quantized.graph.execute(&inputs).unwrap();
    let found = values[output.0].iter().map(|value| dequantize(*value, frac)).collect();
    (found, model.run(&given).unwrap()[0].iter().map(|value| f64::from(*value)).collect())
}

#[test]
fn the_integer_model_gives_forbidden_scores_nothing() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        for mask in [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 1, 1]] {
            let (found, expected) = integers(&model, mask);
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!((found - expected).abs() < 0.01, "{form} {mask:?}: {found} for {expected}");
                assert!(
                    mask[at % TOKENS] == 1 || *found == 0.0,
                    "{form} {mask:?}: {found} at {at}"
                );
            }
        }
    }
}

/// Hidden scores far above the visible ones, such as no calibration sample had: they stay hidden,
/// and no range minds them.
#[test]
fn the_integer_model_hides_scores_that_calibration_never_saw() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let quantized = quantized(&model, 6.0);
        let mut wild = scores(100).mapv(|score| score - 40.0);
        wild.index_axis_mut(Axis(3), 1).fill(45.0);
        let (found, expected) =
            outputs(&model, &quantized, &[("scores", wild), ("mask", mask_of([1, 0, 1, 1]))]);
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 0.03, "{form}: {found} for {expected}");
            assert!(at % TOKENS != 1 || *found == 0.0, "{form}: {found} at {at}");
        }
    }
}

#[test]
fn the_integer_model_takes_a_row_of_padding_alone() {
    for form in FORMS {
        let (_folder, _, model) = imported(&masked(with_input(), form));
        let (found, expected) = integers(&model, [0; TOKENS]);
        for (row, (found, expected)) in
            found.chunks(TOKENS).zip(expected.chunks(TOKENS)).enumerate()
        {
            assert!(
                (found.iter().sum::<f64>() - 1.0).abs() < 0.01,
                "{form}: row {row} is {found:?}"
            );
            assert!(
                found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01),
                "{form}: {found:?} for {expected:?}"
            );
        }
    }
}
