//! The `lemma` program. Results go to stdout, logs and progress to stderr.
//!
//! Exit codes: 0 success; 1 an error, described on stderr; 2 wrong usage; 3 a proof that does not
//! verify; 4 an input outside the calibrated range; 5 a constraint that fails under `lemma check`;
//! 6 a compiled model that its report speaks against.

mod command;
#[cfg(test)]
mod documents;
mod fault;
mod hint;
mod output;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use lemma::verifier::visible::{one_line, printable};

use command::Command;
use output::{Exit, Log, Output};

/// Zero-knowledge proofs of small-model inference.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 success, 1 error, 2 usage, 3 proof rejected, 4 input outside the \
        calibrated \
    range, 5 constraint not satisfied, 6 compiled model refused."
)]
struct Arguments {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let _ = write!(std::io::stderr(), "{}", usage(&error));
            return ExitCode::from(2);
        }
        // Help and version.
        Err(error) => error.exit(),
    };
    let filter = std::env::var("LEMMA_LOG")
        .ok()
        .and_then(|level| level.parse().ok())
        .unwrap_or(tracing::Level::WARN);
    tracing_subscriber::fmt().with_max_level(filter).with_ansi(false).with_writer(|| Log).init();
    keep_private();
    let output = Output::new(arguments.json);
    match fault::caught(|| arguments.command.run(&output)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = Exit::of(&error);
            output.error(&error, exit);
            exit.into()
        }
    }
}

/// What is wrong with the arguments. The words are of several lines, so the arguments in them must
/// have none of their own.
fn usage(error: &clap::Error) -> String {
    let shown = std::env::args_os().map(|argument| one_line(&argument.to_string_lossy()));
    match Arguments::try_parse_from(shown) {
        Err(error) => printable(&error.render().to_string()),
        Ok(_) => one_line(&error.render().to_string()),
    }
}

/// No core dump has the secrets of a setup or the inputs of a proof.
fn keep_private() {
    // Which kinds of memory are dumped: none. Other systems have no such file.
    let _ = std::fs::write("/proc/self/coredump_filter", "0");
}
