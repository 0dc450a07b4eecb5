//! Random small networks, and transformers under every placement of their rescales: float, integer,
//! trace, constraint check.

use lemma::circuits::Compiled;
use lemma::circuits::check::violations;
use lemma::graph::Visibility;
use lemma::prover::{KeyInfo, prove, setup};
use lemma::quantizer::calibrate::{Method, Ranges};
use lemma::quantizer::quantize::{Options, Placement, dequantize, quantize};
use lemma::quantizer::report::quantize_inputs;
use lemma::verifier::{Digest, Labels, Role, TensorSignature};
use lemma::{Context, PublicValues};
use rand::SeedableRng;
use rand::rngs::StdRng;

use lemma_testkit::networks::{random_inputs, random_model};
use lemma_testkit::transformers::transformer;

const NETWORKS: u64 = 200;

#[test]
fn float_integer_trace_and_check_agree_on_random_networks() {
    let mut worst: f64 = 0.0;
    for seed in 0..NETWORKS {
        let model = random_model(seed).relu_after_max_pool();
        let mut rng = StdRng::seed_from_u64(seed + 1000);
        let samples: Vec<_> = (0..8).map(|_| random_inputs(&model, &mut rng)).collect();
        let ranges = Ranges::observe(&model, samples.clone(), Method::Max).unwrap();
        let quantized = quantize(&model, &ranges, &Options::default())
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
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

/// Small tables keep a setup in the tens of milliseconds.
const PROVEN: u64 = 100;

#[test]
fn random_networks_are_proven_and_verified() {
    for seed in 0..PROVEN {
        let model = random_model(seed).relu_after_max_pool();
        let mut rng = StdRng::seed_from_u64(seed + 5000);
        let samples: Vec<_> = (0..4).map(|_| random_inputs(&model, &mut rng)).collect();
        let ranges = Ranges::observe(&model, samples.clone(), Method::Max).unwrap();
        // Every third network shows its input as well.
        let public = (seed % 3 == 0).then(|| vec!["x".to_owned(), "output".to_owned()]);
        let options = Options { bits: 8, public, ..Options::default() };
        let quantized =
            quantize(&model, &ranges, &options).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let compiled = Compiled::new(quantized.graph).unwrap();
        let graph = compiled.graph();
        let shown = graph
            .inputs
            .iter()
            .map(|p| (p, Role::Input))
            .chain(graph.outputs.iter().map(|p| (p, Role::Output)));
        let signature =
            shown.filter(|(port, _)| port.visibility == Visibility::Public).map(|(port, role)| {
                let node = graph.node(port.node);
                TensorSignature {
                    name: port.name.clone(),
                    role,
                    shape: node.shape.clone(),
                    fractional_bits: node.fractional_bits,
                    low: node.bounds.low,
                    high: node.bounds.high,
                    labels: Labels::None,
                }
            });
        let info = KeyInfo {
            model: format!("network {seed}"),
            graph_digest: Digest(compiled.digest()),
            signature: signature.collect(),
            private_inputs: Vec::new(),
        };
        let (proving, verifying) =
            setup(compiled.circuit(), info, &()).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        let inputs = quantize_inputs(graph, &samples[0]).unwrap();
        let context = Context::of(&seed.to_be_bytes());
        let run = || {
            prove(&proving, &mut compiled.infer(&inputs).unwrap(), context, &())
                .unwrap_or_else(|e| panic!("seed {seed}: {e}"))
        };
        let (first, second) = (run(), run());
        assert_eq!(first.values, second.values);
        assert_ne!(first.proof.to_bytes(), second.proof.to_bytes(), "seed {seed}");
        let verified = verifying.verify(&first.values, context, &first.proof).unwrap();
        let shown = verified.statement().tensors.last().unwrap().values.clone();
        assert_eq!(shown, compiled.infer(&inputs).unwrap().outputs()[0], "seed {seed}");
        let mut altered = first.values.as_slice().to_vec();
        altered[0] += lemma::circuits::field::from_integer(1);
        assert!(
            verifying.verify(&PublicValues::new(altered), context, &first.proof).is_err(),
            "seed {seed}"
        );
        assert!(
            verifying.verify(&first.values, Context::NONE, &first.proof).is_err(),
            "seed {seed}"
        );
    }
}

fn placements() -> Vec<Placement> {
    let flags = [false, true];
    let mut all = Vec::new();
    for (wider_limbs, norm_limbs) in
        [0, 2].into_iter().flat_map(|wider| [0, 2, 3].map(|limbs| (wider, limbs)))
    {
        for exact_scores in flags {
            for exact_values in flags {
                all.extend(flags.map(|divide_first| Placement {
                    exact_scores,
                    exact_values,
                    divide_first,
                    wider_limbs,
                    norm_limbs,
                }));
            }
        }
    }
    all
}

const TRANSFORMERS: u64 = 12;

#[test]
fn every_placement_of_random_transformers_is_exact_and_near_the_floats() {
    let placements = placements();
    let (mut worst, mut prices) = (0f64, Vec::new());
    for seed in 0..TRANSFORMERS {
        let model = transformer(seed).fold_norm_gains();
        let mut rng = StdRng::seed_from_u64(seed + 1000);
        let samples: Vec<_> = (0..8).map(|_| random_inputs(&model, &mut rng)).collect();
        let ranges = Ranges::observe(&model, samples.clone(), Method::Max).unwrap();
        let float = model.run(&samples[0]).unwrap();
        let mut costs = Vec::new();
        // A quarter of the placements for each transformer, another one each time.
        for placement in placements.iter().skip(seed as usize % 4).step_by(4) {
            let told = format!("seed {seed}, {placement:?}");
            let options = Options { placement: *placement, ..Options::default() };
            let quantized =
                quantize(&model, &ranges, &options).unwrap_or_else(|e| panic!("{told}: {e}"));
            let compiled = Compiled::new(quantized.graph).unwrap();
            costs.push(compiled.count().total().constraints);
            let inputs = quantize_inputs(compiled.graph(), &samples[0]).unwrap();
            let inference = compiled.infer(&inputs).unwrap_or_else(|e| panic!("{told}: {e}"));
            let frac = compiled.graph().node(compiled.graph().outputs[0].node).fractional_bits;
            for (value, reference) in inference.outputs()[0].iter().zip(&float[0]) {
                let error = (dequantize(*value, frac) - f64::from(*reference)).abs();
                worst = worst.max(error);
                assert!(error < 0.05, "{told}: {value} at {frac} bits for {reference}");
            }
            let found = violations(&compiled, inference);
            assert!(found.is_empty(), "{told}: {}", found[0]);
        }
        prices.push((costs.iter().min().copied(), costs.iter().max().copied()));
    }
    println!("largest error: {worst:.4}; fewest and most constraints of each: {prices:?}");
}
