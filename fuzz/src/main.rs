//! Hostile files, made by mutation, against everything that reads a file: no panic, no endless run, and what is accepted is what it seems.
//!
//! ```text
//! cargo run --release -p lemma-fuzz -- [TARGET ..] [--seconds S] [--runs N] [--seed N]
//! ```
//!
//! Mutators know the formats: they mend checksums and digests, so that what lies behind them is reached. Inputs that a reader accepts become
//! seeds. A run is determined by its seed; the input of a failed one is written to a file.

mod bytes;
mod json;
mod seeds;
mod targets;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use targets::Target;

/// The source of all choices.
pub type Rng = ChaCha8Rng;

/// Most inputs that are kept as seeds beside those of the target.
const CORPUS: usize = 256;

/// Longest input in bytes; longer ones come from growing the same place again and again.
const MAX_INPUT: usize = 1 << 16;

/// A run that takes longer is a fault.
const LONGEST: Duration = Duration::from_secs(10);

/// Fuzzes the readers of files.
#[derive(Parser)]
struct Arguments {
    /// Which: proof, verifying-key, proving-key, model, onnx, npz, json, tokenizer, calldata; all when none is named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Runs of each target; when given, the time does not end it.
    #[arg(long)]
    runs: Option<u64>,
    /// Seed of the first run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The run that is under way.
#[derive(Default)]
struct Current {
    since: Option<Instant>,
    input: Vec<u8>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let all = targets::all();
    let mut failed = false;
    let wanted = |name: &str| arguments.targets.is_empty() || arguments.targets.iter().any(|target| target == name);
    if let Some(unknown) = arguments.targets.iter().find(|target| all.iter().all(|(name, _)| name != target)) {
        eprintln!("no target is called {unknown}");
        return ExitCode::FAILURE;
    }
    for (name, make) in all.into_iter().filter(|(name, _)| wanted(name)) {
        let outcome = make().and_then(|target| fuzz(name, target.as_ref(), &arguments));
        if let Err(error) = outcome {
            eprintln!("{name}: {error:#}");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn fuzz(name: &'static str, target: &dyn Target, arguments: &Arguments) -> Result<()> {
    let mut corpus = target.seeds();
    let own = corpus.len();
    for (at, seed) in corpus.iter().enumerate() {
        if !target.run(seed) {
            bail!("seed {at} is refused");
        }
    }
    let mut rng = Rng::seed_from_u64(arguments.seed);
    let current = Arc::new(Mutex::new(Current::default()));
    watch(name, Arc::downgrade(&current));
    let begun = Instant::now();
    let (mut runs, mut accepted, mut slowest) = (0u64, 0u64, Duration::ZERO);
    let more = |runs: u64| match arguments.runs {
        Some(most) => runs < most,
        None => begun.elapsed() < Duration::from_secs(arguments.seconds),
    };
    while more(runs) {
        let other = rng.gen_range(0..corpus.len());
        let chosen = rng.gen_range(0..corpus.len());
        let mut input = target.mutate(&corpus[chosen], &corpus[other], &mut rng);
        input.truncate(MAX_INPUT.max(corpus[chosen].len()));
        let start = Instant::now();
        {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            current.since = Some(start);
            current.input.clone_from(&input);
        }
        let Ok(is_accepted) = catch_unwind(AssertUnwindSafe(|| target.run(&input))) else {
            bail!("run {runs} of seed {} panicked on {}", arguments.seed, keep(name, &input)?.display());
        };
        slowest = slowest.max(start.elapsed());
        runs += 1;
        if is_accepted {
            accepted += 1;
            if corpus.len() < own + CORPUS {
                corpus.push(input);
            } else {
                // The target's own seeds stay.
                corpus[own + rng.gen_range(0..CORPUS)] = input;
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let peak = peak_megabytes().map_or(String::new(), |peak| format!(", peak memory so far {peak} MB"));
    println!("{name}: {runs} runs in {seconds:.0} s, {accepted} accepted, slowest {:.0} ms{peak}", slowest.as_secs_f64() * 1e3);
    Ok(())
}

/// Ends the program when a run takes too long.
fn watch(name: &'static str, current: std::sync::Weak<Mutex<Current>>) {
    std::thread::spawn(move || {
        while let Some(current) = current.upgrade() {
            {
                let current = current.lock().unwrap_or_else(PoisonError::into_inner);
                if current.since.is_some_and(|since| since.elapsed() > LONGEST) {
                    let kept =
                        keep(name, &current.input).map_or_else(|error| error.to_string(), |path| path.display().to_string());
                    eprintln!("{name}: a run takes more than {} s on {kept}", LONGEST.as_secs());
                    std::process::exit(1);
                }
            }
            drop(current);
            std::thread::sleep(Duration::from_millis(500));
        }
    });
}

/// Writes an input where it can be looked at.
fn keep(name: &str, input: &[u8]) -> Result<PathBuf> {
    let path = std::env::temp_dir().join(format!("lemma-fuzz-{name}"));
    std::fs::write(&path, input).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}
