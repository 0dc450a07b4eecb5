//! `lemma log export`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::prover::store::{expect_replaceable, read_at_most, write_secret};
use lemma::receipts::{Exported, Rule, export};
use serde::Serialize;

use crate::output::{Exit, Output};

/// Largest file of rules in bytes.
const MAX_RULES: u64 = 1 << 20;

/// Arguments of `lemma log export`.
#[derive(Args)]
pub struct Export {
    /// The log; its inputs and outputs are in the file beside it.
    log: PathBuf,
    /// Only decisions of this task.
    #[arg(long)]
    task: Option<String>,
    /// Rules of redaction: a JSON list of `{"pattern": REGEX, "with": TEXT}`, which replaces, and
    /// `{"drop": REGEX}`, which leaves decisions out.
    #[arg(long, value_name = "RULES")]
    redact: Option<PathBuf>,
    /// The file to write, .jsonl; its owner alone may read it.
    #[arg(short, long)]
    output: PathBuf,
}

/// What `lemma log export` prints.
#[derive(Serialize)]
struct ExportResult {
    #[serde(flatten)]
    exported: Exported,
    output: PathBuf,
}

impl Export {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        expect_replaceable(&self.output, "file of exported decisions", "{\"task\":")?;
        let rules: Vec<Rule> = match &self.redact {
            None => Vec::new(),
            Some(path) => read_at_most(path, MAX_RULES)
                .map_err(anyhow::Error::from)
                .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
                .with_context(|| {
                    format!("cannot read rules of redaction from {}", path.display())
                })?,
        };
        let exported = export(&self.log, self.task.as_deref(), &rules)?;
        write_secret(&self.output, |out| {
            exported.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        })?;
        output.result(&ExportResult { exported, output: self.output }, |r| {
            let Exported { lines, replaced, dropped, forgotten, .. } = &r.exported;
            format!(
                "{} decisions exported to {}; {replaced} places replaced, {dropped} decisions left \
                    out by a rule, {forgotten} not kept",
                lines.len(),
                r.output.display()
            )
        })?;
        Ok(Exit::Success)
    }
}
