//! What a file leaves open and the options fix: sizes of axes, outputs, the inputs of a whole text.

use std::collections::BTreeMap;
use std::path::Path;

use lemma_import::onnx::{Options, Problem, read};
use lemma_model::Model;
use ndarray::{ArrayD, Dimension as _, array};

use crate::file::{File, fixed, int, ints, open};
use crate::proto::DataType;

fn import(file: &File, options: &Options) -> Result<Model, Problem> {
    read(&file.bytes(), Path::new(""), options)
}

fn refused(file: &File, options: &Options) -> String {
    import(file, options).expect_err("the file must be refused").to_string()
}

fn shapes<const N: usize>(given: [(&str, &[usize]); N]) -> BTreeMap<String, Vec<usize>> {
    given.into_iter().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect()
}

/// The sum of an image of any size and of a row that is as wide.
fn image() -> File {
    let x = vec![open("batch"), fixed(2), open("height"), open("width")];
    File::new()
        .typed_input("x", DataType::Float, x)
        .typed_input("row", DataType::Float, vec![open("batch"), fixed(1), fixed(1), open("width")])
        .node("Add", &["x", "row"], "y", &[])
        .output("y")
}

fn shape_of(model: &Model, name: &str) -> Vec<usize> {
    model.nodes.iter().find(|node| node.name == name).unwrap().shape.clone()
}

#[test]
fn a_shape_fixes_its_input_and_the_axes_of_its_names() {
    let given = |shape: &[usize]| Options { shapes: shapes([("x", shape)]), ..Options::default() };
    let model = import(&image(), &given(&[1, 2, 3, 5])).unwrap();
    assert_eq!(shape_of(&model, "x"), [1, 2, 3, 5]);
    assert_eq!(shape_of(&model, "row"), [1, 1, 1, 5]);
    let model = import(&image(), &given(&[4, 2, 3, 5])).unwrap();
    assert_eq!(shape_of(&model, "row"), [4, 1, 1, 5]);
    let tokens = Options { tokens: Some(7), ..given(&[1, 2, 3, 5]) };
    assert_eq!(shape_of(&import(&image(), &tokens).unwrap(), "x"), [1, 2, 3, 5]);
}

#[test]
fn a_shape_that_does_not_fit_is_refused() {
    let given =
        |name, shape: &[usize]| Options { shapes: shapes([(name, shape)]), ..Options::default() };
    for (options, said) in [
        (given("x", &[1, 3, 4, 5]), "the size 3 is given for axis 1, which is 2"),
        (given("x", &[1, 2, 4]), "a shape of 3 axes is given; it has 4"),
        (given("image", &[1, 2, 4, 5]), "a shape is given for `image`; the inputs are x, row"),
        (given("x", &[1, 2, 1 << 40, 1 << 40]), "elements"),
    ] {
        let found = refused(&image(), &options);
        assert!(found.contains(said), "{found}");
    }
    let two = Options {
        shapes: shapes([("x", &[1, 2, 4, 5]), ("row", &[1, 1, 1, 6])]),
        ..Options::default()
    };
    let found = refused(&image(), &two);
    assert!(found.contains("axis `width`, which is 5 in the shape of `x`"), "{found}");
}

#[test]
fn an_open_axis_is_as_long_as_in_the_samples() {
    let samples = |x: &[usize], row: &[usize]| Options {
        samples: shapes([("x", x), ("row", row)]),
        ..Options::default()
    };
    for options in
        [samples(&[20, 2, 3, 5], &[20, 1, 1, 5]), samples(&[20, 1, 2, 3, 5], &[20, 1, 1, 1, 5])]
    {
        let model = import(&image(), &options).unwrap();
        assert_eq!(shape_of(&model, "x"), [1, 2, 3, 5]);
        assert_eq!(shape_of(&model, "row"), [1, 1, 1, 5]);
    }
    // Channels last are no sizes of this input.
    let problem = import(&image(), &samples(&[20, 3, 5, 2], &[20, 1, 1, 5])).unwrap_err();
    let Problem::DynamicAxis { input, axis: 2, extents } = problem else { panic!("{problem}") };
    assert_eq!((input.as_str(), extents), ("x", vec![Some(1), Some(2), None, None]));
}

#[test]
fn tokens_are_the_size_of_every_open_axis_but_the_batch() {
    let file = File::new()
        .typed_input("ids", DataType::Int64, vec![open("batch"), open("sequence")])
        .weights("table", ArrayD::zeros(vec![5, 2]))
        .node("Gather", &["table", "ids"], "y", &[])
        .output("y");
    let found = import(&file, &Options::default()).unwrap_err();
    assert!(matches!(found, Problem::DynamicAxis { input, axis: 1, .. } if input == "ids"));
    let model = import(&file, &Options { tokens: Some(7), ..Options::default() }).unwrap();
    assert_eq!(model.nodes[0].shape, [1, 7]);
}

#[test]
fn what_only_other_outputs_need_is_not_looked_at() {
    let file = File::new()
        .input("x", &[1, 2])
        .input("z", &[1, 2])
        .node("Neg", &["x"], "low", &[])
        .node("Abs", &["x"], "high", &[])
        .node("NonMaxSuppression", &["z"], "boxes", &[])
        .output("boxes")
        .output("low")
        .output("high");
    let kept = |names: &[&str]| Options {
        outputs: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Options::default()
    };
    assert!(refused(&file, &kept(&[])).contains("NonMaxSuppression"));
    let model = import(&file, &kept(&["high", "low"])).unwrap();
    let names: Vec<&str> = model.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["high", "low"]);
    assert_eq!(model.inputs.len(), 1);
    let found = model.run(&BTreeMap::from([("x".into(), array![[3.0, -4.0]].into_dyn())])).unwrap();
    assert_eq!(found, [array![[3.0, 4.0]].into_dyn(), array![[-3.0, 4.0]].into_dyn()]);
    let found = refused(&file, &kept(&["low", "top"]));
    assert!(found.contains("no output `top`; the outputs are boxes, low, high"), "{found}");
    assert!(refused(&file, &kept(&["low", "low"])).contains("`low`"));
}

/// Embeddings behind a cache of earlier ones, plus the position where the mask is 1.
fn decoder() -> File {
    let row = || vec![open("batch"), open("length")];
    let total = vec![open("batch"), open("past + length")];
    let cache = vec![open("batch"), open("past"), fixed(2)];
    File::new()
        .typed_input("input_ids", DataType::Int64, row())
        .typed_input("past_key_values.0.key", DataType::Float, cache)
        .typed_input("attention_mask", DataType::Int64, total)
        .typed_input("position_ids", DataType::Int64, row())
        .weights("table", array![[0.5, -1.0], [2.0, 3.0], [7.0, -0.25]].into_dyn())
        .integers("last", &[2])
        .node("Gather", &["table", "input_ids"], "rows", &[])
        .node("Concat", &["past_key_values.0.key", "rows"], "present.0.key", &[int("axis", 1)])
        .node("Mul", &["attention_mask", "position_ids"], "seen", &[])
        .node("Cast", &["seen"], "real", &[int("to", 1)])
        .node("Unsqueeze", &["real", "last"], "column", &[])
        .node("Add", &["present.0.key", "column"], "logits", &[])
        .output("logits")
        .output("present.0.key")
}

#[test]
fn a_whole_text_has_nothing_before_it_and_no_padding() {
    let options = Options { tokens: Some(3), whole_text: true, ..Options::default() };
    let model = import(&decoder(), &options).unwrap();
    let inputs: Vec<&str> =
        model.inputs.iter().map(|id| model.node(*id).unwrap().name.as_str()).collect();
    assert_eq!(inputs, ["input_ids"]);
    let outputs: Vec<&str> = model.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(outputs, ["logits"]);
    let ids = array![[2.0, 0.0, 1.0]].into_dyn();
    let found = model.run(&BTreeMap::from([("input_ids".into(), ids)])).unwrap();
    assert_eq!(found, [array![[[7.0, -0.25], [1.5, 0.0], [4.0, 5.0]]].into_dyn()]);
}

#[test]
fn an_axis_of_size_0_makes_an_input_empty() {
    let file = File::new()
        .typed_input("past", DataType::Float, vec![fixed(1), open("past"), fixed(2)])
        .input("x", &[1, 2, 2])
        .node("Concat", &["past", "x"], "y", &[int("axis", 1)])
        .node("ReduceSum", &["y"], "z", &[int("keepdims", 0)])
        .node("Transpose", &["y"], "t", &[ints("perm", &[0, 2, 1])])
        .output("t")
        .output("z");
    let empty = Options { shapes: shapes([("past", &[1, 0, 2])]), ..Options::default() };
    let model = import(&file, &empty).unwrap();
    assert_eq!(model.inputs.len(), 1);
    let x = ArrayD::from_shape_fn(vec![1, 2, 2], |at| (at.slice()[1] * 2 + at.slice()[2]) as f32);
    let found = model.run(&BTreeMap::from([("x".into(), x)])).unwrap();
    assert_eq!(found[0], array![[[0.0, 2.0], [1.0, 3.0]]].into_dyn());
    assert_eq!(found[1].sum(), 6.0);
}
