//! Functions near a pole or the end of their domain.

use lemma_graph::ExecuteError;
use lemma_model::{Op, Unary};
use lemma_quantizer::calibrate::{CalibrationError, Method, Ranges};
use lemma_quantizer::quantize::QuantizeError;

use crate::support::*;

const WITH_A_POLE: [Unary; 5] =
    [Unary::Ln, Unary::Reciprocal, Unary::Rsqrt, Unary::Pow(-1.5), Unary::Pow(-2.0)];

/// Logarithms, reciprocals, roots: no table has a row at zero or below, so zero has no proof.
#[test]
fn a_pole_has_no_row_and_what_lies_on_it_is_refused_by_name() {
    for function in WITH_A_POLE {
        // Many elements: a reciprocal is then a table too.
        let shape = [1, 500];
        let model = model(&shape, |model, x| unary(model, function, x));
        let quantized = agrees(
            &model,
            &samples(&shape, &spread(0.5, 8.0, 500)),
            |x| x.iter().map(|x| function.evaluate((*x).into())).collect(),
            0.01,
        );
        let found = tables(&quantized);
        let [table] = found.as_slice() else { panic!("{function:?}") };
        assert!(table.first_key() >= 1, "{function:?}");
        for bad in [0.0, -1.0] {
            let mut values = spread(0.5, 8.0, 500);
            values[7] = bad;
            let error = run(&quantized, &input(&shape, &values)).unwrap_err();
            assert!(
                matches!(&error, ExecuteError::OutOfRange { layer, index: 7, .. } if layer == "node 1" || layer == "x"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_division_by_few_numbers_has_no_value_at_zero() {
    let model = model(&[1, 4], |model, x| unary(model, Unary::Reciprocal, x));
    let calibration = samples(&[1, 4], &[1e-3, 2.0, 5.0, 0.25, 1.0, 0.01, 100.0, 7.0]);
    let quantized = calibrated(&model, &calibration).unwrap();
    assert!(
        quantized
            .graph
            .nodes()
            .iter()
            .any(|node| matches!(node.op, lemma_graph::Op::Reciprocal { .. }))
    );
    // Each to a share of itself, over five decades.
    for sample in &calibration {
        for (found, x) in run(&quantized, sample).unwrap().iter().zip(&sample["x"]) {
            let wanted = 1.0 / f64::from(*x);
            assert!((found - wanted).abs() <= 0.02 * wanted, "{found} for {wanted}");
        }
    }
    for bad in [0.0, -1.0] {
        let error = run(&quantized, &input(&[1, 4], &[1.0, 1.0, bad, 1.0])).unwrap_err();
        assert!(matches!(&error, ExecuteError::OutOfRange { index: 2, .. }), "{error}");
    }
}

#[test]
fn negative_divisors_divide_too() {
    let model = model(&[1, 3], |model, x| unary(model, Unary::Reciprocal, x));
    let calibration = samples(&[1, 3], &[-0.5, -2.0, -8.0, -1.0, -4.0, -3.0]);
    agrees(&model, &calibration, |x| x.iter().map(|x| 1.0 / f64::from(*x)).collect(), 0.01);
}

#[test]
fn a_sample_on_a_pole_stops_calibration_and_is_named() {
    let model = model(&[1, 2], |model, x| unary(model, Unary::Ln, x));
    let samples = samples(&[1, 2], &[1.0, 2.0, 3.0, 0.0]);
    let error = Ranges::observe(&model, samples, Method::Max).unwrap_err();
    let CalibrationError::NotFinite { sample: 1, layer, value, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((layer.as_str(), *value), ("node 1", f32::NEG_INFINITY));
}

#[test]
fn arguments_on_both_sides_of_a_pole_are_refused() {
    // Also where the pole lies between two keys.
    for offset in [0.0, 0.2503] {
        let shape = [1, 400];
        let model = model(&shape, |model, x| {
            let y = with_number(model, Op::Sub, x, offset);
            unary(model, Unary::Reciprocal, y)
        });
        let values: Vec<f32> = spread(1.0, 5.0, 200).into_iter().flat_map(|x| [x, -x]).collect();
        let error = calibrated(&model, &samples(&shape, &values)).unwrap_err();
        assert!(
            matches!(&error, QuantizeError::Pole { layer, value, .. } if layer == "node 3" || layer == "node 2" && value.abs() < 0.3),
            "{error}"
        );
    }
}

/// `ln(relu(x) + e)`: the guard is part of the table, and an argument that is rounded to none of
/// its neighbours keeps its value.
#[test]
fn a_guarded_logarithm_keeps_its_guard() {
    for guard in [1e-2f32, 1e-4, 1e-6, 1e-9] {
        let model = model(&[1, 8], |model, x| {
            let y = unary(model, Unary::Relu, x);
            let y = with_number(model, Op::Add, y, guard);
            unary(model, Unary::Ln, y)
        });
        let calibration = samples(&[1, 8], &[-3.0, 0.0, 0.5, 1.0, 2.5, 4.0, -0.1, 6.0]);
        let exact =
            |x: &[f32]| x.iter().map(|x| (f64::from(x.max(0.0)) + f64::from(guard)).ln()).collect();
        agrees(&model, &calibration, exact, 0.01);
    }
}

/// Close to the pole the operand gets finer, and where that is not enough the function is refused
/// with its error.
#[test]
fn an_unresolved_function_is_refused_with_its_error() {
    let model = model(&[1, 4], |model, x| unary(model, Unary::Ln, x));
    let exact = |x: &[f32]| x.iter().map(|x| f64::from(*x).ln()).collect();
    agrees(&model, &samples(&[1, 4], &[0.01, 0.5, 2.0, 6.0]), exact, 0.02);
    let error = calibrated(&model, &samples(&[1, 4], &[1e-7, 0.5, 2.0, 600.0])).unwrap_err();
    let QuantizeError::Unresolved { layer, value, error, .. } = &error else { panic!("{error}") };
    assert_eq!((layer.as_str(), *value as f32), ("node 1", 1e-7));
    assert!(*error > 1.0);
}

/// What rounds to below the domain of a root is refused, zero itself is not.
#[test]
fn a_root_ends_at_zero() {
    let model = model(&[1, 4], |model, x| unary(model, Unary::Sqrt, x));
    let calibration = samples(&[1, 4], &[0.0, 1.0, 2.0, 4.0]);
    let quantized =
        agrees(&model, &calibration, |x| x.iter().map(|x| f64::from(*x).sqrt()).collect(), 0.01);
    assert!(tables(&quantized)[0].first_key() == 0);
    assert!(run(&quantized, &input(&[1, 4], &[0.0, -1.0, 1.0, 1.0])).is_err());
}
