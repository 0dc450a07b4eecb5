//! Our prover against `ark-groth16` on the same number of constraints, in turns in one process.
//!
//! Ours proves a dense ReLU network, with and without the vector path. Arkworks proves a circuit
//! with as many constraints, short rows, and as many wires of full width as ours has: rows
//! `inverse * (challenge - small) = 1`, as in a lookup. For comparison it also proves one whose
//! values are all small, `y (y - q) = 0` and products, which no argument by a random challenge has.
//! `LEMMA_BENCH_WIDTHS=7000,60000` chooses the sizes of the hidden layer, `LEMMA_BENCH_RUNS` the
//! number of turns, whose medians are printed.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use ark_bn254::{Bn254, Fr};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_relations::lc;
use lemma::Context;
use lemma_circuits::relation::Relation;
use lemma_prover::kernel::{Path, batch_inverse, set_path};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use lemma::model::Unary;
use support::Network;

/// A circuit of `rows` constraints, the first of which have inverses as wires and the others only
/// small values.
#[derive(Clone)]
struct Rows {
    rows: usize,
    challenge: Fr,
    /// `1 / (challenge - k)` for each row k that has one.
    inverses: Arc<Vec<Fr>>,
}

impl Rows {
    fn new(rows: usize, inverses: usize) -> Rows {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let challenge = Fr::from(rng.r#gen::<u128>()) * Fr::from(rng.r#gen::<u128>());
        let mut values: Vec<Fr> =
            (0..inverses.min(rows)).map(|k| challenge - Fr::from(k as u64)).collect();
        batch_inverse(&mut values);
        Rows { rows, challenge, inverses: Arc::new(values) }
    }
}

impl ConstraintSynthesizer<Fr> for Rows {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let mut last = cs.new_input_variable(|| Ok(Fr::from(3u64)))?;
        let challenge = cs.new_input_variable(|| Ok(self.challenge))?;
        for (row, inverse) in self.inverses.iter().enumerate() {
            let small = cs.new_witness_variable(|| Ok(Fr::from(row as u64)))?;
            let inverse = cs.new_witness_variable(|| Ok(*inverse))?;
            cs.enforce_r1cs_constraint(
                || lc!() + inverse,
                || lc!() + challenge - small,
                || lc!() + Variable::One,
            )?;
        }
        for row in self.inverses.len()..self.rows {
            let value = Fr::from(row as u64 % 4096);
            if row % 3 == 0 {
                let y = cs.new_witness_variable(|| Ok(value))?;
                let q = cs.new_witness_variable(|| Ok(value))?;
                cs.enforce_r1cs_constraint(
                    || lc!() + y,
                    || lc!() + y - q,
                    LinearCombination::<Fr>::zero,
                )?;
                last = y;
            } else {
                let previous = cs.assigned_value(last).unwrap_or_default();
                let y = cs.new_witness_variable(|| Ok(previous + value))?;
                cs.enforce_r1cs_constraint(
                    || lc!() + last + (value, Variable::One),
                    || lc!() + Variable::One,
                    || lc!() + y,
                )?;
            }
        }
        Ok(())
    }
}

fn main() {
    let widths = std::env::var("LEMMA_BENCH_WIDTHS").unwrap_or_else(|_| "8000,80000".into());
    for width in widths.split(',').filter_map(|width| width.parse().ok()) {
        compare(width);
    }
}

fn compare(width: usize) {
    let (mut net, x) = Network::new(9, &[1, 16]);
    let hidden = net.dense(x, width);
    let hidden = net.unary(hidden, Unary::Relu);
    let output = net.dense(hidden, 4);
    let (package, _, input) =
        support::compiled("dense", net.finish(output), &lemma::CompileOptions::default());
    let layout = package.compiled().circuit().layout();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let circuits = [layout.round2, 0].map(|inverses| Rows::new(layout.constraints, inverses));

    let (ours, (proving, _)) = timed(|| package.setup(&()).unwrap());
    let [first, second] = circuits.clone().map(|circuit| {
        timed(|| {
            Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit, &mut rng).unwrap()
        })
    });
    println!("{} constraints, {} wires of full width", layout.constraints, layout.round2);
    println!("                      s  arkworks: s  ratio  all small: s  ratio");
    let print = |name: &str, times: &[[f64; 3]]| {
        let column = |of: fn(&[f64; 3]) -> f64| median(times.iter().map(of).collect());
        let [ours, full, small] =
            [0, 1, 2].map(|k| median(times.iter().map(|times| times[k]).collect()));
        let ratios = [column(|t| t[0] / t[1]), column(|t| t[0] / t[2])];
        println!(
            "{name:16} {ours:8.3} {full:9.3} {:9.3} {small:10.3} {:9.3}",
            ratios[0], ratios[1]
        );
    };
    print("setup", &[[ours, first.0, second.0]]);
    let keys = [first.1, second.1];
    let paths = [("prove", None), ("prove, portable", Some(Path::Portable))];
    let mut stages = paths.map(|_| Stages::default());
    let mut times = paths.map(|_| Vec::new());
    for _ in 0..number("LEMMA_BENCH_RUNS", 5) {
        let ark = [0, 1].map(|k| {
            let circuit = circuits[k].clone();
            timed(|| {
                Groth16::<Bn254>::create_random_proof_with_reduction(circuit, &keys[k], &mut rng)
                    .unwrap()
            })
            .0
        });
        for ((path, stages), times) in paths.iter().zip(&mut stages).zip(&mut times) {
            set_path(path.1);
            let report = |stage, _| stages.enter(stage);
            let (ours, _) =
                timed(|| package.prove(&proving, &input, Context::NONE, &report).unwrap());
            stages.enter("");
            times.push([ours, ark[0], ark[1]]);
        }
        set_path(None);
    }
    for ((path, stages), times) in paths.iter().zip(stages).zip(times) {
        print(path.0, &times);
        stages.print();
    }
}

/// The time between two reports of progress.
#[derive(Default)]
struct Stages(Mutex<Reports>);

#[derive(Default)]
struct Reports {
    last: Option<(&'static str, Instant)>,
    times: Vec<(&'static str, Vec<f64>)>,
}

impl Stages {
    fn enter(&self, stage: &'static str) {
        let Reports { last, times } = &mut *self.0.lock().unwrap();
        if last.is_some_and(|(before, _)| before == stage) {
            return;
        }
        let Some((before, start)) = last.replace((stage, Instant::now())) else { return };
        let time = start.elapsed().as_secs_f64();
        match times.iter_mut().find(|(name, _)| *name == before) {
            Some((_, times)) => times.push(time),
            None => times.push((before, vec![time])),
        }
    }

    /// The median time of each stage.
    fn print(self) {
        let stages = self.0.into_inner().unwrap().times;
        for (stage, times) in stages.into_iter().filter(|(stage, _)| !stage.is_empty()) {
            println!("  {:8.1} ms  {stage}", median(times) * 1e3);
        }
    }
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn timed<T>(run: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let value = run();
    (start.elapsed().as_secs_f64(), value)
}
