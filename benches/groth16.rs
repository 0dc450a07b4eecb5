//! Our prover against `ark-groth16` on the same number of constraints, in turns in one process.
//!
//! Ours proves a dense ReLU network. Arkworks proves a circuit with as many constraints and witnesses, as short rows and as small values: `y (y - q) =
//! 0` for a third of the rows, products of small values for the rest. `LEMMA_BENCH_WIDTHS=7000,60000` chooses the sizes of the hidden layer.

mod support;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use ark_bn254::{Bn254, Fr};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable};
use ark_relations::lc;
use lemma::{Context, inspect};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use lemma::quantizer::model::Unary;
use support::Network;

const RUNS: usize = 5;

/// A circuit of `rows` constraints over small values.
#[derive(Clone)]
struct Rows {
    rows: usize,
}

impl ConstraintSynthesizer<Fr> for Rows {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut last = cs.new_input_variable(|| Ok(Fr::from(3u64)))?;
        for row in 0..self.rows {
            let value = Fr::from(row as u64 % 4096);
            if row % 3 == 0 {
                let y = cs.new_witness_variable(|| Ok(value))?;
                let q = cs.new_witness_variable(|| Ok(value))?;
                cs.enforce_r1cs_constraint(|| lc!() + y, || lc!() + y - q, LinearCombination::<Fr>::zero)?;
                last = y;
            } else {
                let previous = cs.assigned_value(last).unwrap_or_default();
                let y = cs.new_witness_variable(|| Ok(previous + value))?;
                cs.enforce_r1cs_constraint(|| lc!() + last + (value, Variable::One), || lc!() + Variable::One, || lc!() + y)?;
            }
        }
        Ok(())
    }
}

fn main() {
    let widths = std::env::var("LEMMA_BENCH_WIDTHS").unwrap_or_else(|_| "8000,80000".into());
    println!("constraints  setup: ours s  ark s  ratio   prove: ours s  ark s  ratio");
    for width in widths.split(',').filter_map(|width| width.parse().ok()) {
        compare(width);
    }
}

fn compare(width: usize) {
    let (mut net, x) = Network::new(9, &[1, 16]);
    let hidden = net.dense(x, width);
    let hidden = net.unary(hidden, Unary::Relu);
    let output = net.dense(hidden, 4);
    let (package, _, input) = support::compiled("dense", net.finish(output), &lemma::CompileOptions::default());
    let rows = inspect(&package).constraints;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let circuit = Rows { rows };

    let (ours_setup, (proving, _)) = timed(|| package.setup(&()).unwrap());
    let (ark_setup, key) =
        timed(|| Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit.clone(), &mut rng).unwrap());
    let mut pairs = Vec::new();
    let stages = Stages::default();
    for _ in 0..RUNS {
        let (ours, proven) = timed(|| package.prove(&proving, &input, Context::NONE, &|stage, _| stages.enter(stage)).unwrap());
        drop(proven);
        stages.enter("arkworks");
        let (ark, _) = timed(|| Groth16::<Bn254>::create_random_proof_with_reduction(circuit.clone(), &key, &mut rng).unwrap());
        pairs.push((ours.as_secs_f64(), ark.as_secs_f64()));
    }
    let ours = median(pairs.iter().map(|pair| pair.0).collect());
    let ark = median(pairs.iter().map(|pair| pair.1).collect());
    let ratio = median(pairs.iter().map(|pair| pair.0 / pair.1).collect());
    println!(
        "{rows:>11}  {:>13.2}  {:>5.2}  {:>5.3}  {ours:>14.2}  {ark:>5.2}  {ratio:>5.3}",
        ours_setup.as_secs_f64(),
        ark_setup.as_secs_f64(),
        ours_setup.as_secs_f64() / ark_setup.as_secs_f64(),
    );
    stages.print();
}

/// The time between two reports of progress.
#[derive(Default)]
struct Stages(Mutex<(Option<(&'static str, Instant)>, Vec<(&'static str, Vec<f64>)>)>);

impl Stages {
    fn enter(&self, stage: &'static str) {
        let (last, times) = &mut *self.0.lock().unwrap();
        if let Some((before, start)) = last.replace((stage, Instant::now())) {
            let time = start.elapsed().as_secs_f64();
            match times.iter_mut().find(|(name, _)| *name == before) {
                Some((_, times)) => times.push(time),
                None => times.push((before, vec![time])),
            }
        }
    }

    /// The median time of each stage.
    fn print(self) {
        for (stage, times) in self.0.into_inner().unwrap().1 {
            println!("             {:8.1} ms  {stage}", median(times) * 1e3);
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = run();
    (start.elapsed(), value)
}
