//! The networks of the Bionetta report, each in a process of its own so that its peak memory is its
//! own.
//!
//! `cargo bench --bench networks` prints a table; `cargo bench --bench networks -- mlp` runs one
//! network.

mod support;

use std::process::Command;
use std::time::Instant;

use lemma::model::Model;
use lemma::{CompileOptions, Context, inspect};

/// Name, model, options.
type Case = (&'static str, fn() -> Model, fn() -> CompileOptions);

/// The MLP has so few activations that the table of 12 bits costs more than half a constraint for
/// each; it runs with 9 bits as well, and then with coarse weights, so that no rescale takes a
/// second limb.
const NETWORKS: [Case; 5] = [
    ("mlp", support::mlp, CompileOptions::default),
    ("mlp-9-bits", support::mlp, nine_bits),
    ("resnet18", support::resnet18, CompileOptions::default),
    ("resnet18-pooled-stem", support::resnet18_pooled_stem, CompileOptions::default),
    ("mobilenet-v2", support::mobilenet_v2, CompileOptions::default),
];

fn nine_bits() -> CompileOptions {
    CompileOptions { bits: Some(9), weight_bits: 5, headroom: 1.3, ..CompileOptions::default() }
}

/// Proofs of which the median is printed.
const RUNS: usize = 3;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some((name, build, options)) =
        NETWORKS.iter().find(|(name, ..)| arguments.iter().any(|argument| argument == name))
    {
        return measure(name, *build, &options());
    }
    println!(
        "network               constraints  activations  each  error %  compile s  setup s  prove \
            s  verify ms  key MB  peak MB"
    );
    let program = std::env::current_exe().unwrap();
    for (name, ..) in NETWORKS {
        let status = Command::new(&program).arg(name).status().unwrap();
        assert!(status.success(), "{name}");
    }
}

fn measure(name: &str, build: fn() -> Model, options: &CompileOptions) {
    let start = Instant::now();
    let (package, report, input) = support::compiled(name, build(), options);
    let compile = start.elapsed();
    let inspection = inspect(&package);
    let start = Instant::now();
    let (proving, verifying) = package.setup(&()).unwrap();
    let setup = start.elapsed();
    // The key as a prover has it: mapped from its file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proving.key");
    proving.write(&path).unwrap();
    drop(proving);
    let proving = lemma::ProvingKey::open(&path, package.digest()).unwrap();
    let mut times = Vec::new();
    let mut checks = Vec::new();
    let key = lemma::PreparedKey::new(verifying);
    for _ in 0..RUNS {
        let start = Instant::now();
        let proven = package.prove(&proving, &input, Context::NONE, &()).unwrap();
        times.push(start.elapsed());
        let start = Instant::now();
        key.verify(&proven.values, Context::NONE, &proven.proof).unwrap().statement();
        checks.push(start.elapsed());
    }
    times.sort();
    checks.sort();
    // Mean error of the outputs against float, in percent of the largest.
    let error = 100.0 * report.layers.last().and_then(|layer| layer.relative_mean()).unwrap_or(0.0);
    println!(
        "{name:<20}  {:>11}  {:>11}  {:>4.2}  {error:>7.2}  {:>9.1}  {:>7.1}  {:>7.2}  {:>9.2}  \
            {:>6.0}  {:>7.0}",
        inspection.constraints,
        inspection.activations,
        inspection.constraints_per_activation,
        compile.as_secs_f64(),
        setup.as_secs_f64(),
        times[RUNS / 2].as_secs_f64(),
        checks[RUNS / 2].as_secs_f64() * 1e3,
        std::fs::metadata(&path).unwrap().len() as f64 / 1e6,
        peak_bytes() as f64 / 1e6,
    );
}

/// Peak resident memory of this process; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
