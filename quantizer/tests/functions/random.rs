//! Random functions of one number, over ranges from 0.001 to 1,000: refused by name, or right to
//! within the reported error.

use lemma_model::{Model, NodeId, Op, Unary};
use lemma_quantizer::calibrate::{Method, Ranges};
use lemma_quantizer::quantize::{Options, QuantizeError, quantize};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::*;

const FUNCTIONS: usize = 2000;

/// Samples of eight elements each.
const SAMPLES: usize = 24;

/// A step on the value so far; the last two also take the argument.
#[derive(Clone, Copy, Debug)]
enum Part {
    Function(Unary),
    Scale(f32),
    Offset(f32),
    TimesArgument,
    PlusArgument,
}

/// A magnitude between `10^low` and `10^high`.
fn magnitude(rng: &mut ChaCha8Rng, low: f32, high: f32) -> f32 {
    10f32.powf(rng.gen_range(low..high))
}

fn function(rng: &mut ChaCha8Rng) -> Unary {
    let size = magnitude(rng, -3.0, 3.0);
    match rng.gen_range(0..24) {
        0 => Unary::Relu,
        1 => Unary::LeakyRelu(rng.gen_range(-0.5..0.5)),
        2 => Unary::Clip(-size, size),
        3 => Unary::Clip(0.0, size),
        4 => Unary::Sigmoid,
        5 => Unary::Tanh,
        6 => Unary::HardSigmoid(rng.gen_range(0.1..0.5), 0.5),
        7 => Unary::HardSwish,
        8 => Unary::Elu(rng.gen_range(0.2..2.0)),
        9 => Unary::Softplus,
        10 => Unary::Erf,
        11 => Unary::Gelu,
        12 => Unary::GeluTanh,
        13 => Unary::Silu,
        14 => Unary::ReluSquared,
        15 => Unary::Exp,
        16 => Unary::Sqrt,
        17 => Unary::Rsqrt,
        18 => Unary::Reciprocal,
        19 => Unary::Square,
        20 => Unary::Abs,
        21 => Unary::Ln,
        22 => Unary::Pow([3.0, 1.5, -2.0, -0.75, 0.3][rng.gen_range(0..5)]),
        _ => Unary::Clip(size, f32::MAX),
    }
}

fn parts(rng: &mut ChaCha8Rng) -> Vec<Part> {
    let sign = |rng: &mut ChaCha8Rng| if rng.gen_bool(0.3) { -1.0 } else { 1.0 };
    let part = |rng: &mut ChaCha8Rng| match rng.gen_range(0..10) {
        0 => Part::Scale(sign(rng) * magnitude(rng, -2.0, 2.0)),
        // Also the small constants that guard a pole.
        1 => Part::Offset(sign(rng) * magnitude(rng, -2.0, 2.0)),
        2 => Part::Offset(magnitude(rng, -9.0, -3.0)),
        3 => Part::TimesArgument,
        4 => Part::PlusArgument,
        _ => Part::Function(function(rng)),
    };
    let mut parts: Vec<Part> = (0..rng.gen_range(0..5)).map(|_| part(rng)).collect();
    parts.push(Part::Function(function(rng)));
    parts
}

fn built(model: &mut Model, x: NodeId, parts: &[Part]) -> NodeId {
    parts.iter().fold(x, |y, part| match *part {
        Part::Function(function) => unary(model, function, y),
        Part::Scale(factor) => with_number(model, Op::Mul, y, factor),
        Part::Offset(offset) => with_number(model, Op::Add, y, offset),
        Part::TimesArgument => apply(model, Op::Mul, &[y, x]),
        Part::PlusArgument => apply(model, Op::Add, &[y, x]),
    })
}

fn evaluated(x: f64, parts: &[Part]) -> f64 {
    parts.iter().fold(x, |y, part| match *part {
        Part::Function(function) => function.evaluate(y),
        Part::Scale(factor) => y * f64::from(factor),
        Part::Offset(offset) => y + f64::from(offset),
        Part::TimesArgument => y * x,
        Part::PlusArgument => y + x,
    })
}

fn arguments(rng: &mut ChaCha8Rng) -> Vec<f32> {
    let range = magnitude(rng, -3.0, 3.0);
    let kind = rng.gen_range(0..4);
    (0..SAMPLES * 8)
        .map(|_| match kind {
            0 => rng.gen_range(-range..range),
            1 => rng.gen_range(0.0..range),
            2 => rng.gen_range(0.05 * range..range),
            _ => [0.0, rng.gen_range(-range..range)][rng.gen_range(0..2)],
        })
        .collect()
}

#[test]
fn random_functions_are_refused_or_right() {
    let [mut ran, mut refused, mut not_finite] = [0; 3];
    let mut shares: Vec<f64> = Vec::new();
    for seed in 0..FUNCTIONS as u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let parts = parts(&mut rng);
        let shape = [1, 8];
        let calibration = samples(&shape, &arguments(&mut rng));
        let model = model(&shape, |model, x| built(model, x, &parts));
        let Ok(ranges) = Ranges::observe(&model, calibration.iter().cloned(), Method::Max) else {
            not_finite += 1;
            continue;
        };
        let quantized = match quantize(&model, &ranges, &Options::default()) {
            Ok(quantized) => quantized,
            Err(QuantizeError::Options(problem)) => panic!("{seed}: {problem}"),
            Err(_) => {
                refused += 1;
                continue;
            }
        };
        let report = report(&model, &quantized, &calibration);
        let error = report.outputs[0].largest_error;
        let exact = |sample: &Inputs| {
            sample["x"].iter().map(|x| evaluated(f64::from(*x), &parts)).collect::<Vec<f64>>()
        };
        let largest = calibration
            .iter()
            .flat_map(exact)
            .fold(0f64, |largest, value| largest.max(value.abs()));
        for sample in &calibration {
            let found = run(&quantized, sample)
                .unwrap_or_else(|error| panic!("{seed}: {parts:?}: {error}"));
            for ((found, wanted), x) in found.iter().zip(exact(sample)).zip(&sample["x"]) {
                // The floats that the report measures against are rounded at every step.
                let bound = error + 1e-4 * largest;
                assert!(
                    (found - wanted).abs() <= bound,
                    "{seed}: {found} for {wanted} at {x}, reported {error}: {parts:?}"
                );
            }
        }
        ran += 1;
        shares.push(error / largest.max(f64::MIN_POSITIVE));
        if shares.last().is_some_and(|share| *share > 0.03) {
            println!("{seed}: error {error} of {largest}: {parts:?}");
        }
    }
    shares.sort_by(f64::total_cmp);
    let at = |share: f64| shares[((shares.len() - 1) as f64 * share) as usize];
    println!("{ran} ran, {refused} refused, {not_finite} not finite on their samples");
    println!(
        "largest error over largest value: median {:.5}, 99% {:.5}, most {:.5}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    assert!(ran > FUNCTIONS / 2, "{ran}");
}
