//! Divisions by norms, and log-softmax.

use std::f64::consts::LN_2;

use lemma_model::{Norm, Op, Unary};
use lemma_quantizer::calibrate::{Method, Ranges};
use lemma_quantizer::guards::written_out;

use crate::support::*;

/// Rows of 6 numbers, the first of them zero.
fn rows(count: usize) -> Vec<f32> {
    (0..count * 6)
        .map(|i| if i < 6 { 0.0 } else { ((i * i * 7 + i * 3) % 41) as f32 / 8.0 - 2.5 })
        .collect()
}

fn by_rows(x: &[f32], width: usize, f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    x.chunks(width)
        .flat_map(|row| f(&row.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>()))
        .collect()
}

/// `x / (sum |x| + 1e-6)`, with a row of zeros.
#[test]
fn an_l1_norm_of_zeros_divides_zeros() {
    let model = model(&[2, 6], |model, x| {
        let y = unary(model, Unary::Abs, x);
        let y = apply(model, Op::Sum { axes: vec![1] }, &[y]);
        let y = with_number(model, Op::Add, y, 1e-6);
        let y = unary(model, Unary::Reciprocal, y);
        apply(model, Op::Mul, &[x, y])
    });
    let exact = |x: &[f32]| {
        by_rows(x, 6, |row| {
            let norm = row.iter().map(|x| x.abs()).sum::<f64>() + 1e-6;
            row.iter().map(|x| x / norm).collect()
        })
    };
    agrees(&model, &samples(&[2, 6], &rows(12)), exact, 0.01);
}

/// `x / max(||x||, bound)`, for bounds that rows come near and that none does.
#[test]
fn an_l2_norm_keeps_its_bound() {
    for bound in [1e-12f32, 1e-6, 0.5, 1.0, 4.0, 100.0] {
        let model = model(&[2, 6], |model, x| {
            let y = unary(model, Unary::Square, x);
            let y = apply(model, Op::Sum { axes: vec![1] }, &[y]);
            let y = unary(model, Unary::Sqrt, y);
            let y = unary(model, Unary::Clip(bound, f32::MAX), y);
            let y = unary(model, Unary::Reciprocal, y);
            apply(model, Op::Mul, &[x, y])
        });
        let exact = |x: &[f32]| {
            by_rows(x, 6, |row| {
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(bound.into());
                row.iter().map(|x| x / norm).collect()
            })
        };
        agrees(&model, &samples(&[2, 6], &rows(12)), exact, 0.015);
    }
}

/// The same where the data are as small as the bound of a norm that is one operation.
#[test]
fn an_l2_norm_keeps_its_bound_in_small_units() {
    for unit in [1e-12f32, 1e-6] {
        let whole = model(&[2, 6], |model, x| apply(model, Op::Norm(Norm::l2(2.0 * unit)), &[x]));
        let values: Vec<f32> = rows(12).iter().map(|x| x * unit).collect();
        let small = samples(&[2, 6], &values);
        let observed = |samples: &[Inputs]| {
            Ranges::observe(&whole, samples.iter().cloned(), Method::Max).unwrap()
        };
        let bounded = written_out(&whole, &observed(&small)).unwrap();
        let exact = |x: &[f32]| {
            by_rows(x, 6, |row| {
                let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::from(2.0 * unit));
                row.iter().map(|x| x / norm).collect()
            })
        };
        agrees(&bounded, &small, exact, 0.015);
        let values: Vec<f32> = values.iter().map(|x| x * 1e6).collect();
        assert!(written_out(&whole, &observed(&samples(&[2, 6], &values))).is_none());
    }
}

/// Scores far apart: probabilities underflow, their logarithms do not.
#[test]
fn log_softmax_never_takes_the_logarithm_of_a_probability() {
    for (width, scale) in [(3, 1.0f32), (8, 10.0), (8, 200.0), (100, 5.0)] {
        let written: [bool; 2] = [false, true];
        for logarithm in written {
            let shape = [2, width];
            let model = model(&shape, |model, x| {
                if !logarithm {
                    return apply(model, Op::LogSoftmax, &[x]);
                }
                let y = apply(model, Op::Softmax, &[x]);
                unary(model, Unary::Ln, y)
            });
            let values: Vec<f32> = (0..8 * width)
                .map(|i| (((i * 37 + 11) % 101) as f32 / 50.0 - 1.0) * scale)
                .collect();
            let exact = |x: &[f32]| {
                by_rows(x, width, |row| {
                    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
                    row.iter().map(|x| x - largest - sum.ln()).collect()
                })
            };
            agrees(&model, &samples(&shape, &values), exact, 0.005);
        }
    }
}

#[test]
fn log_softmax_of_equal_scores_is_the_logarithm_of_their_number() {
    let model = model(&[1, 4], |model, x| apply(model, Op::LogSoftmax, &[x]));
    let quantized =
        calibrated(&model, &samples(&[1, 4], &[1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 2.0, 3.0])).unwrap();
    for value in run(&quantized, &input(&[1, 4], &[1.0, 1.0, 1.0, 1.0])).unwrap() {
        assert!((value + 2.0 * LN_2).abs() < 0.01, "{value}");
    }
}
