//! Hostile files, made by mutation, against everything that reads a file: no panic, no endless run,
//! no memory without bound, and what is accepted is what it seems.
//!
//! ```text
//! cargo run --release -p lemma-fuzz -- [TARGET ..] [--seconds S] [--runs N] [--seed N] [--folder DIR]
//! cargo run --release -p lemma-fuzz -- TARGET --replay FILE
//! ```
//!
//! Mutators know the formats: they mend lengths, checksums and digests, so that what lies behind
//! them is reached. Inputs that a reader accepts, or refuses in new words, become seeds. A run is
//! determined by its seed and by the keys in the folder.
//!
//! Each target runs in a process of its own. When one ends in any other way than it should, its
//! last input is kept as a finding.

mod bytes;
mod campaign;
mod current;
mod dictionary;
mod json;
mod memory;
mod onnx;
mod outcome;
mod seeds;
mod targets;
mod watch;
mod wire;
mod words;
mod zip;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use rand_chacha::ChaCha8Rng;

use campaign::{Campaign, Until};

/// The source of all choices.
pub type Rng = ChaCha8Rng;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Fuzzes the readers of files.
#[derive(Parser)]
struct Arguments {
    /// Which: proof, verifying-key, proving-key, model, onnx, npz, json, tokenizer, calldata; all
    /// when none is named.
    targets: Vec<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Runs of each target; when given, the time does not end it.
    #[arg(long)]
    runs: Option<u64>,
    /// Seed of the choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Feeds one file to the target instead.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Where keys and findings are kept.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("lemma-fuzz"))]
    folder: PathBuf,
    /// Set for the process of one target.
    #[arg(long, hide = true)]
    worker: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let all = targets::ALL.map(|(name, _)| name);
    let names = if arguments.targets.is_empty() {
        all.map(str::to_owned).to_vec()
    } else {
        arguments.targets.clone()
    };
    if arguments.worker {
        return names.iter().try_for_each(|name| work(name, arguments));
    }
    if let Some(unknown) = names.iter().find(|name| targets::find(name).is_none()) {
        bail!("no target is called {unknown}; there are {}", all.join(", "));
    }
    ensure!(arguments.replay.is_none() || names.len() == 1, "name the target that the file is for");
    std::fs::create_dir_all(&arguments.folder)
        .with_context(|| arguments.folder.display().to_string())?;
    let mut failed = Vec::new();
    for name in &names {
        if let Err(error) = supervise(name, arguments) {
            eprintln!("{name}: {error:#}");
            failed.push(name.as_str());
        }
    }
    ensure!(failed.is_empty(), "findings: {}", failed.join(", "));
    Ok(())
}

/// Where the input of the run that is under way is kept.
fn current(name: &str, arguments: &Arguments) -> PathBuf {
    arguments.folder.join(format!("{name}-{}.current", arguments.seed))
}

/// The process of one target.
fn work(name: &str, arguments: &Arguments) -> Result<()> {
    let make = targets::find(name).with_context(|| format!("no target is called {name}"))?;
    let mut target = make(&arguments.folder)?;
    let path = current(name, arguments);
    match &arguments.replay {
        Some(file) => {
            let input = std::fs::read(file).with_context(|| file.display().to_string())?;
            Campaign::new(target.as_mut(), &path, input.len())?.replay(name, &input)
        }
        None => {
            let until = Until { seconds: arguments.seconds, runs: arguments.runs };
            Campaign::new(target.as_mut(), &path, 0)?.fuzz(name, &until, arguments.seed)
        }
    }
}

/// Runs the process of one target to its end, and keeps the input that ended it before.
fn supervise(name: &str, arguments: &Arguments) -> Result<()> {
    let path = current(name, arguments);
    // One of an earlier process.
    let _ = std::fs::remove_file(&path);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--worker").arg(name).arg("--folder").arg(&arguments.folder);
    command
        .arg("--seed")
        .arg(arguments.seed.to_string())
        .arg("--seconds")
        .arg(arguments.seconds.to_string());
    // Inputs are small: a second thread costs more than it saves.
    command.env("RAYON_NUM_THREADS", "1");
    if let Some(runs) = arguments.runs {
        command.arg("--runs").arg(runs.to_string());
    }
    if let Some(file) = &arguments.replay {
        command.arg("--replay").arg(file);
    }
    let status = command.status()?;
    if status.success() {
        let _ = std::fs::remove_file(&path);
        return Ok(());
    }
    ensure!(arguments.replay.is_none(), "{status}");
    let (run, input) =
        current::last(&path).with_context(|| format!("{status} before the first run"))?;
    let finding = arguments.folder.join(format!("{name}-{}-{run}", arguments.seed));
    std::fs::write(&finding, &input).with_context(|| finding.display().to_string())?;
    bail!(
        "{status} in run {run} of seed {}; again with `{name} --replay {}`",
        arguments.seed,
        finding.display()
    )
}
