//! Scales of tables: shared where that costs no accuracy, exact compositions everywhere.

use lemma_model::{Op, Unary};

use crate::support::*;

fn curve(count: usize, range: f32) -> Vec<f32> {
    spread(-range, range, count)
}

/// Two GELUs, of `x` and of `factor x`, one behind the other in the last axis.
fn two_gelus(factor: f32) -> (usize, f64) {
    let shape = [1, 64];
    let model = model(&shape, |model, x| {
        let small = unary(model, Unary::Gelu, x);
        let large = with_number(model, Op::Mul, x, factor);
        let large = unary(model, Unary::Gelu, large);
        let large = with_number(model, Op::Mul, large, 1.0 / factor);
        apply(model, Op::View(lemma_model::View::Concat(1)), &[small, large])
    });
    let calibration = samples(&shape, &curve(64, 2.0));
    let quantized = calibrated(&model, &calibration).unwrap();
    let found = run(&quantized, &calibration[0]).unwrap();
    let expected = calibration[0]["x"].iter().map(|x| Unary::Gelu.evaluate(f64::from(*x)));
    let worst = found[..64].iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    (tables(&quantized).len(), worst)
}

#[test]
fn ranges_far_apart_have_tables_of_their_own_and_close_ones_share() {
    let (shared, error) = two_gelus(2.0);
    assert_eq!(shared, 1);
    assert!(error < 0.01, "{error}");
    let (apart, error) = two_gelus(300.0);
    assert_eq!(apart, 2);
    assert!(error < 0.01, "{error}");
}

#[test]
fn clamps_and_thresholds_hold_beyond_what_looks_like_a_known_function() {
    let shape = [1, 64];
    let calibration = samples(&shape, &curve(64, 40.0));
    let all = |f: fn(f64) -> f64| {
        move |x: &[f32]| x.iter().map(|x| f(f64::from(*x))).collect::<Vec<f64>>()
    };
    let clipped = model(&shape, |model, x| {
        let y = unary(model, Unary::Abs, x);
        unary(model, Unary::Clip(f32::MIN, 20.0), y)
    });
    agrees(&clipped, &calibration, all(|x| x.abs().min(20.0)), 0.002);
    let threshold = model(&shape, |model, x| {
        let a = unary(model, Unary::Abs, x);
        let d = with_number(model, Op::Sub, x, 20.0);
        let b = unary(model, Unary::Abs, d);
        let y = apply(model, Op::Sub, &[a, b]);
        let y = with_number(model, Op::Add, y, 20.0);
        with_number(model, Op::Mul, y, 0.5)
    });
    agrees(&threshold, &calibration, all(|x| x.clamp(0.0, 20.0)), 0.002);
    let swish = model(&shape, |model, x| {
        let y = unary(model, Unary::Clip(-15.0, 15.0), x);
        let s = unary(model, Unary::Sigmoid, y);
        apply(model, Op::Mul, &[y, s])
    });
    agrees(
        &swish,
        &calibration,
        all(|x| x.clamp(-15.0, 15.0) / (1.0 + (-x.clamp(-15.0, 15.0)).exp())),
        0.004,
    );
}

#[test]
fn small_units_keep_their_constants() {
    let shape = [1, 64];
    let model = model(&shape, |model, x| {
        let y = unary(model, Unary::Abs, x);
        with_number(model, Op::Add, y, 1e-6)
    });
    let exact = |x: &[f32]| x.iter().map(|x| f64::from(x.abs()) + 1e-6).collect();
    agrees(&model, &samples(&shape, &curve(64, 3e-6)), exact, 0.002);
}

/// The input itself gets the bits that the function needs, also behind a factor.
#[test]
fn an_input_gets_the_bits_that_a_steep_function_needs() {
    let shape = [1, 64];
    let model = model(&shape, |model, x| {
        let y = with_number(model, Op::Mul, x, 1.7);
        unary(model, Unary::Erf, y)
    });
    let exact = |x: &[f32]| x.iter().map(|x| Unary::Erf.evaluate(1.7 * f64::from(*x))).collect();
    agrees(&model, &samples(&shape, &curve(64, 100.0)), exact, 0.02);
    agrees(&model, &samples(&shape, &curve(64 * 64, 100.0)), exact, 0.02);
}

/// A step between calibrated arguments costs a finer operand, not its place.
#[test]
fn a_steep_function_gets_a_finer_operand() {
    let shape = [1, 64];
    let model = model(&shape, |model, x| {
        let y = with_number(model, Op::Mul, x, 300.0);
        let y = unary(model, Unary::Tanh, y);
        let z = unary(model, Unary::Abs, y);
        apply(model, Op::Add, &[y, z])
    });
    let exact =
        |x: &[f32]| x.iter().map(|x| (300.0 * f64::from(*x)).tanh()).map(|y| y + y.abs()).collect();
    agrees(&model, &samples(&shape, &curve(64, 1.0)), exact, 0.01);
}
