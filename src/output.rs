//! Where results, errors and progress go.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lemma::generation::GenerateError;
use lemma::quantizer::graph::ExecuteError;
use lemma::{InferError, Progress};
use serde::Serialize;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success,
    /// An error.
    Failure,
    /// A proof that does not verify.
    Rejected,
    /// An input outside the calibrated range.
    OutOfRange,
    /// A constraint that is not satisfied.
    Unsatisfied,
}

impl Exit {
    /// The code for an error.
    pub fn of(error: &anyhow::Error) -> Exit {
        let inferred = matches!(error.downcast_ref(), Some(InferError::Execute(ExecuteError::OutOfRange { .. })));
        let generated = matches!(error.downcast_ref(), Some(GenerateError::Execute(ExecuteError::OutOfRange { .. })));
        if inferred || generated { Exit::OutOfRange } else { Exit::Failure }
    }

    fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Rejected => 3,
            Exit::OutOfRange => 4,
            Exit::Unsatisfied => 5,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// The program's output.
pub struct Output {
    json: bool,
}

impl Output {
    /// Text, or JSON.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// Prints a result: as JSON, or as the text that `text` makes.
    pub fn result<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        use std::io::Write;
        let line = if self.json { serde_json::to_string(value)? } else { text(value) };
        // A closed pipe is no error of ours.
        let _ = writeln!(std::io::stdout(), "{line}");
        Ok(())
    }

    /// A line for people on stderr; nothing under `--json`.
    pub fn note(&self, line: &str) {
        if !self.json {
            eprintln!("{line}");
        }
    }

    /// Prints an error with its causes on stderr, and under `--json` as an object on stdout.
    pub fn error(&self, error: &anyhow::Error, exit: Exit) {
        let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        // Transparent errors repeat their source.
        causes.dedup();
        let mut message = String::new();
        for cause in causes {
            if !message.contains(&cause) {
                message.push_str(if message.is_empty() { "" } else { ": " });
                message.push_str(&cause);
            }
        }
        eprintln!("error: {message}");
        if self.json {
            println!("{}", serde_json::json!({ "error": message, "exit_code": exit.code() }));
        }
    }

    /// A progress bar, on a terminal.
    pub fn bar(&self) -> Bar {
        if self.json || !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(1000);
        let style = ProgressStyle::with_template("{spinner} [{bar:30}] {percent:>3}% {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar(bar)
    }
}

/// A progress bar that clears itself.
pub struct Bar(ProgressBar);

impl Progress for Bar {
    fn enter(&self, stage: &'static str, done: f64) {
        self.0.set_message(stage);
        self.0.set_position((done * 1000.0) as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Peak resident memory of this process in bytes, where the system tells it.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let all = [Exit::Success, Exit::Failure, Exit::Rejected, Exit::OutOfRange, Exit::Unsatisfied];
        assert_eq!(all.map(Exit::code), [0, 1, 3, 4, 5]);
    }
}
