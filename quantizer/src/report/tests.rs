//! Reports of small models, against values worked out by hand.

use std::collections::BTreeMap;

use ndarray::{ArrayD, arr2};

use super::*;
use crate::calibrate::{Method, Ranges};
use crate::quantize::{Options, quantize};
use lemma_model::{Model, NodeId, Op, Unary, View};

type Inputs = BTreeMap<String, ArrayD<f32>>;

fn row<const N: usize>(values: [f32; N]) -> ArrayD<f32> {
    arr2(&[values]).into_dyn()
}

fn sample<const N: usize>(values: [f32; N]) -> Inputs {
    BTreeMap::from([("x".to_owned(), row(values))])
}

/// A model of one input `x` of `width` numbers.
fn model(width: usize, build: impl FnOnce(&mut Model, NodeId) -> NodeId) -> Model {
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, &[1, width]).unwrap();
    let y = build(&mut model, x);
    model.outputs.push(("y".into(), y));
    model
}

fn report(
    model: &Model,
    calibration: &[Inputs],
    test: &[(Inputs, Option<usize>)],
    options: &Options,
) -> Report {
    let ranges = Ranges::observe(model, calibration.iter().cloned(), Method::Max).unwrap();
    let quantized = quantize(model, &ranges, options).unwrap();
    let mut reporter = Reporter::new(model, &quantized);
    for (inputs, label) in test {
        reporter.add(inputs, *label).unwrap();
    }
    reporter.finish(options.bits, options.headroom)
}

fn unlabelled(samples: &[Inputs]) -> Vec<(Inputs, Option<usize>)> {
    samples.iter().map(|inputs| (inputs.clone(), None)).collect()
}

#[test]
fn flags_and_ids_are_never_close_to_their_edge() {
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, &[1, 2]).unwrap();
    let flags = model.push_input("flags", Op::Tokens { vocabulary: 2 }, &[1, 2]).unwrap();
    let y = model.push("y", Op::Mul, &[x, flags]).unwrap();
    model.outputs.push(("y".into(), y));
    let inputs = BTreeMap::from([
        ("x".to_owned(), row([0.99, -0.99])),
        ("flags".to_owned(), row([1.0, 0.0])),
    ]);
    let options = Options { headroom: 1.0, ..Options::default() };
    let report = report(&model, std::slice::from_ref(&inputs), &[(inputs.clone(), None)], &options);
    assert!(
        report.close_to_edge.iter().all(|close| close.layer == "x"),
        "{:?}",
        report.close_to_edge
    );
    assert!(
        matches!(report.layers[1].difference, Difference::Indices { equal } if equal == 1.0),
        "{:?}",
        report.layers[1]
    );
}

#[test]
fn errors_of_a_layer_are_absolute_and_relative_to_its_largest_value() {
    let samples = [sample([1.0, 0.001])];
    let model = model(2, |model, x| model.push("y", Op::Unary(Unary::Relu), &[x]).unwrap());
    let report = report(&model, &samples, &unlabelled(&samples), &Options::default());
    let Difference::Numbers { largest_error, mean_error, relative_error } =
        report.layers[0].difference
    else {
        panic!()
    };
    let step = f64::from(-report.layers[0].fractional_bits).exp2();
    let error = (f64::from(0.001f32) - (f64::from(0.001f32) / step).round() * step).abs();
    assert!((largest_error - error).abs() < 1e-12 && (mean_error - error / 2.0).abs() < 1e-12);
    assert!((relative_error - error).abs() < 1e-12, "the largest value is 1");
}

/// A softmax in front of a matrix product is divided by its sum after the product only.
#[test]
fn weights_of_an_attention_are_compared_as_divided() {
    let mut model = Model::default();
    let x = model.push_input("x", Op::Input, &[1, 4, 8]).unwrap();
    let keys = model.push("keys", Op::View(View::Transpose(vec![0, 2, 1])), &[x]).unwrap();
    let scores = model.push("scores", Op::MatMul, &[x, keys]).unwrap();
    let weights = model.push("weights", Op::Softmax, &[scores]).unwrap();
    let mixed = model.push("mixed", Op::MatMul, &[weights, x]).unwrap();
    model.outputs.push(("y".into(), mixed));
    let x =
        ArrayD::from_shape_fn(vec![1, 4, 8], |i| ((i[1] * 5 + i[2] * 3) % 7) as f32 / 7.0 - 0.4);
    let samples = [BTreeMap::from([("x".to_owned(), x)])];
    let report = report(&model, &samples, &unlabelled(&samples), &Options::default());
    let weights = report.layers.iter().find(|layer| layer.layer == "weights").unwrap();
    let Difference::Numbers { largest_error, .. } = weights.difference else { panic!() };
    assert!(weights.magnitude < 0.7 && largest_error < 0.01, "{weights:?}");
}

#[test]
fn indices_are_equal_or_not() {
    let model = model(3, |model, x| model.push("largest", Op::ArgMax, &[x]).unwrap());
    // The second sample is a tie in integers, and its lowest index wins there.
    let samples = [sample([0.0, 1.0, 0.5]), sample([0.999_99, 1.0, 0.5])];
    let report =
        report(&model, &samples, &unlabelled(&samples), &Options { bits: 8, ..Options::default() });
    assert!(
        matches!(report.layers[1].difference, Difference::Indices { equal } if equal == 0.5),
        "{:?}",
        report.layers[1]
    );
    let output = &report.outputs[0];
    assert_eq!(
        (report.agreement, output.agreement, output.reversed, output.r_squared),
        (Some(0.5), Some(0.5), Some(0.0), None)
    );
    assert!(report.to_string().contains("50.00% equal"), "{report}");
}

#[test]
fn near_ties_are_no_reversals() {
    let model = model(3, |model, x| model.push("y", Op::Unary(Unary::Relu), &[x]).unwrap());
    let samples = [sample([0.0, 1.0, 0.5]), sample([0.999_99, 1.0, 0.0])];
    let report =
        report(&model, &samples, &unlabelled(&samples), &Options { bits: 8, ..Options::default() });
    assert_eq!((report.outputs[0].agreement, report.outputs[0].reversed), (Some(0.5), Some(0.0)));
}

#[test]
fn a_probability_chooses_by_a_half_and_there_is_one_agreement() {
    let model = model(1, |model, x| model.push("y", Op::Unary(Unary::Sigmoid), &[x]).unwrap());
    let samples = [sample([3.0]), sample([-2.0]), sample([1.0])];
    let labelled: Vec<_> = samples.iter().cloned().zip([Some(1), Some(0), Some(0)]).collect();
    let report = report(&model, &samples, &labelled, &Options::default());
    let accuracy = report.accuracy.unwrap();
    assert_eq!((accuracy.float, accuracy.integer), (2.0 / 3.0, 2.0 / 3.0));
    assert_eq!((report.agreement, accuracy.agreement), (Some(1.0), 1.0));
    assert_eq!(report.to_string().matches("alike").count(), 1, "{report}");
}

#[test]
fn a_number_that_chooses_nothing_has_a_fit_and_no_agreement() {
    let model = model(1, |model, x| model.push("y", Op::Unary(Unary::Relu), &[x]).unwrap());
    let samples = [sample([3.0]), sample([1.0]), sample([2.0])];
    let report = report(&model, &samples, &unlabelled(&samples), &Options::default());
    assert_eq!((report.agreement, report.outputs[0].agreement), (None, None));
    let output = &report.outputs[0];
    // Deviations from the mean 2: 1, 1 and 0.
    let expected = 1.0 - 3.0 * output.rms_error.powi(2) / 2.0;
    assert!(
        (output.r_squared.unwrap() - expected).abs() < 1e-12
            && (output.lowest, output.highest) == (1.0, 3.0)
    );
    assert!(report.verdict().errors.is_empty());
}

#[test]
fn labels_that_are_no_classes_and_samples_outside_are_found() {
    let scores = model(3, |model, x| model.push("y", Op::Unary(Unary::Relu), &[x]).unwrap());
    let samples = [sample([0.0, 1.0, 0.5])];
    let report = |label, test| report(&scores, &samples, &[(test, label)], &Options::default());
    assert_eq!(report(Some(2), sample([0.0, 1.0, 0.5])).no_class, None);
    let no_class = report(Some(3), sample([0.0, 1.0, 0.5])).no_class;
    assert_eq!(no_class, Some(NoClass { sample: 0, label: 3, classes: 3 }));
    let outside = report(None, sample([0.0, 100.0, 0.5]));
    assert_eq!(outside.out_of_range, 1);
    assert!(outside.first_out_of_range.unwrap().contains("layer `x`"));
}

/// Padding wider than a format takes would panic.
#[test]
fn a_layer_may_have_a_long_name() {
    let name = "y".repeat(70_000);
    let long = model(2, |model, x| model.push(name.clone(), Op::Unary(Unary::Relu), &[x]).unwrap());
    let samples = [sample([1.0, 0.5])];
    let report = report(&long, &samples, &unlabelled(&samples), &Options::default());
    assert!(report.to_string().lines().all(|line| line.chars().count() < 200));
    assert_eq!(report.layers[1].layer, name);
}
