//! Where results, errors, logs and progress go. Nothing reaches a terminal with a character that
//! moves its cursor or cannot be seen.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use lemma::graph::ExecuteError;
use lemma::verifier::visible::{one_line, printable};
use lemma::{BatchError, InferError, JobError, Progress};
use serde::Serialize;

use crate::hint::hint;

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
    /// A compiled model that its report speaks against.
    Refused,
}

impl Exit {
    /// The code for an error.
    pub fn of(error: &anyhow::Error) -> Exit {
        let inferred = matches!(
            error.downcast_ref(),
            Some(InferError::Execute(ExecuteError::OutOfRange { .. }))
        );
        let asked = error.downcast_ref().is_some_and(JobError::is_out_of_range)
            || error.downcast_ref().is_some_and(BatchError::is_out_of_range);
        match () {
            () if inferred || asked => Exit::OutOfRange,
            () if error.is::<Refused>() => Exit::Refused,
            () => Exit::Failure,
        }
    }

    fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Rejected => 3,
            Exit::OutOfRange => 4,
            Exit::Unsatisfied => 5,
            Exit::Refused => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a compiled model is not written.
#[derive(Debug, thiserror::Error)]
#[error("the integer model is not as good as the float model and was not written; --accept keeps \
    it: {}", reasons.join("; "))]
pub struct Refused {
    /// What its report says against it.
    pub reasons: Vec<String>,
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
    ///
    /// # Errors
    /// A result that cannot be written. A reader that has closed its pipe has read enough.
    pub fn result<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        let line = if self.json { json(value)? } else { printable(&text(value)) };
        let mut out = io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).context("cannot write the result to stdout")
            }
            _ => Ok(()),
        }
    }

    /// A line for people on stderr; nothing under `--json`.
    pub fn note(&self, line: &str) {
        if !self.json {
            said(io::stderr(), &one_line(line));
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
        if let Some(hint) = hint(error) {
            message.push_str(&format!(": {hint}"));
        }
        said(io::stderr(), &format!("error: {}", one_line(&message)));
        if self.json {
            let object = serde_json::json!({ "error": message, "exit_code": exit.code() });
            said(io::stdout(), &json(&object).unwrap_or_default());
        }
    }

    /// A progress bar, on a terminal.
    pub fn bar(&self) -> Bar {
        if self.json || !std::io::stderr().is_terminal() {
            return Bar::of(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(1000);
        let style =
            ProgressStyle::with_template("{spinner} [{bar:30}] {percent:>3}% {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar::of(bar)
    }
}

/// JSON on one line, in which what a terminal would obey stands as `\u....`: the value is the same.
fn json<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)?;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if one_line(character.encode_utf8(&mut [0; 4])).starts_with('\\') && character != '\\' {
            let mut units = [0; 2];
            out.extend(
                character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")),
            );
        } else {
            out.push(character);
        }
    }
    Ok(out)
}

/// Where log lines go: stderr, one line each.
pub struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // An event is written at once.
        let text = String::from_utf8_lossy(line);
        writeln!(io::stderr(), "{}", one_line(text.trim_end_matches('\n')))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A line about what happened; where it cannot be written there is nobody left to tell, and the
/// exit code says it.
fn said(mut stream: impl Write, line: &str) {
    let _ = writeln!(stream, "{line}");
}

/// A progress bar that clears itself. The log has a line for each stage.
pub struct Bar {
    bar: ProgressBar,
    /// The last stage that was logged.
    stage: Mutex<&'static str>,
}

impl Bar {
    fn of(bar: ProgressBar) -> Bar {
        Bar { bar, stage: Mutex::new("") }
    }
}

impl Progress for Bar {
    fn enter(&self, stage: &'static str, done: f64) {
        self.bar.set_message(stage);
        self.bar.set_position((done * 1000.0) as u64);
        if let Ok(mut last) = self.stage.lock()
            && std::mem::replace(&mut *last, stage) != stage
        {
            tracing::info!("{stage} ({:.0}%)", 100.0 * done);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
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
    fn json_has_its_value_and_nothing_that_a_terminal_obeys() {
        let value = "a\n\u{1b}[2K\u{9b}\u{7f}\u{202e}\u{e0041}\\ \"é 日本";
        let text = json(&value).unwrap();
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        assert_eq!(one_line(&text), text);
        assert!(text.contains("é 日本") && text.contains("\\u202e\\udb40\\udc41"), "{text}");
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let all = [
            Exit::Success,
            Exit::Failure,
            Exit::Rejected,
            Exit::OutOfRange,
            Exit::Unsatisfied,
            Exit::Refused,
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 3, 4, 5, 6]);
    }
}
