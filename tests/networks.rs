//! Random small networks: float, integer, trace, constraint check.

#[path = "support/networks.rs"]
mod networks;

use lemma::circuits::Compiled;
use lemma::circuits::check::violations;
use lemma::quantizer::calibrate::{Method, Ranges};
use lemma::quantizer::quantize::{Options, dequantize, quantize};
use lemma::quantizer::report::quantize_inputs;
use rand::SeedableRng;
use rand::rngs::StdRng;

use networks::{random_inputs, random_model};

const NETWORKS: u64 = 200;

#[test]
fn float_integer_trace_and_check_agree_on_random_networks() {
    let mut worst: f64 = 0.0;
    for seed in 0..NETWORKS {
        let model = random_model(seed).relu_after_max_pool();
        let mut rng = StdRng::seed_from_u64(seed + 1000);
        let samples: Vec<_> = (0..8).map(|_| random_inputs(&model, &mut rng)).collect();
        let ranges = Ranges::observe(&model, samples.clone(), Method::Max).unwrap();
        let quantized = quantize(&model, &ranges, &Options::default()).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let compiled = Compiled::new(quantized.graph.clone()).unwrap();
        for sample in &samples[..2] {
            let inputs = quantize_inputs(&quantized.graph, sample).unwrap();
            let inference = compiled.infer(&inputs).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            let output = inference.outputs()[0].clone();
            let frac = quantized.graph.node(quantized.graph.outputs[0].node).fractional_bits;
            let float = model.run(sample).unwrap();
            if frac != 0 {
                for (value, reference) in output.iter().zip(&float[0]) {
                    let error = (dequantize(*value, frac) - f64::from(*reference)).abs();
                    worst = worst.max(error);
                    assert!(error < 0.05, "seed {seed}: {value} at {frac} bits for {reference}");
                }
            }
            let found = violations(&compiled, inference);
            assert!(found.is_empty(), "seed {seed}: {}", found[0]);
        }
    }
    println!("largest error over {NETWORKS} networks: {worst:.5}");
}
