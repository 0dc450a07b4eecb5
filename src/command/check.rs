//! `lemma check`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use lemma::circuits::check::violations;
use lemma::circuits::relation::Relation;
use lemma::{Folder, Samples};
use serde::Serialize;

use super::grouped;
use super::prove::text_job;
use crate::output::{Exit, Output};

/// Arguments of `lemma check`.
#[derive(Args)]
pub struct Check {
    /// Folder of a compiled model.
    folder: PathBuf,
    /// The input, .npz or .json.
    #[arg(long, required_unless_present = "text")]
    input: Option<PathBuf>,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// The input as text, for a model with a tokenizer.
    #[arg(long, conflicts_with = "input")]
    text: Option<String>,
}

/// What `lemma check` prints.
#[derive(Serialize)]
struct Checked {
    satisfied: bool,
    constraints: usize,
    violations: usize,
    first: Option<String>,
}

impl Check {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let folder = Folder::new(self.folder);
        let package = folder.package()?;
        let inputs = match (&self.text, &self.input) {
            (Some(text), _) => text_job(&folder, &package, text, Vec::new(), output)?.inputs,
            (None, Some(input)) => package.inputs(&Samples::read(input)?, self.index)?,
            (None, None) => bail!("--input or --text is needed"),
        };
        let found = violations(package.compiled(), package.infer(&inputs)?);
        let checked = Checked {
            satisfied: found.is_empty(),
            constraints: package.compiled().circuit().layout().constraints,
            violations: found.len(),
            first: found.first().map(ToString::to_string),
        };
        output.result(&checked, |c| match &c.first {
            None => format!("all {} constraints hold", grouped(c.constraints as u64)),
            Some(first) => format!("{} of {} constraints fail; the first: {first}", c.violations, c.constraints),
        })?;
        Ok(if checked.satisfied { Exit::Success } else { Exit::Unsatisfied })
    }
}
