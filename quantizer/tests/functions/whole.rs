//! Functions of whole numbers are exact, or refused.

use lemma_model::{Bits, Op, Unary};

use super::support::{Inputs, agrees, apply, calibrated, model, samples, unary};

fn numbers(most: i32, step: usize) -> Vec<Inputs> {
    let values: Vec<f32> = (-most..=most).step_by(step).map(|x| x as f32).collect();
    samples(&[1], &values)
}

#[test]
fn functions_of_whole_numbers_are_exact() {
    let functions = [
        Unary::Remainder(7.0),
        Unary::Remainder(256.0),
        Unary::TruncatedRemainder(7.0),
        Unary::Quotient(-3.0),
        Unary::Bits(Bits::Xor, 0x55),
        Unary::Bits(Bits::And, -16),
        Unary::Bits(Bits::Or, 3),
    ];
    for function in functions {
        let model = model(&[1], |model, x| unary(model, function, x));
        let expected = |x: &[f32]| vec![function.evaluate(f64::from(x[0]))];
        agrees(&model, &numbers(1000, 1), expected, 0.0);
    }
}

/// Results that are larger than the activation bits are exact too.
#[test]
fn large_results_are_exact() {
    let function = Unary::Bits(Bits::Or, 0xf_0001);
    let model = model(&[1], |model, x| unary(model, function, x));
    let expected = |x: &[f32]| vec![function.evaluate(f64::from(x[0]))];
    agrees(&model, &numbers(500, 1), expected, 0.0);
}

#[test]
fn numbers_too_large_for_a_step_of_one_are_refused() {
    let low = model(&[1], |model, x| unary(model, Unary::Bits(Bits::And, 1), x));
    let error = calibrated(&low, &numbers(1 << 23, (1 << 16) - 1)).err().unwrap();
    assert!(error.to_string().contains("Bits"), "{error}");
    // Of a sum whose operand was rounded before.
    let sum = model(&[1], |model, x| {
        let twice = apply(model, Op::Add, &[x, x]);
        unary(model, Unary::Remainder(2.0), twice)
    });
    assert!(calibrated(&sum, &numbers(1 << 23, (1 << 16) - 1)).is_err());
}
