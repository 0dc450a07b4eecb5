//! `lemma check`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lemma::circuits::check::violations;
use lemma::circuits::relation::Relation;
use lemma::{Folder, Samples};
use serde::Serialize;

use super::grouped;
use crate::output::{Exit, Output};

/// Arguments of `lemma check`.
#[derive(Args)]
pub struct Check {
    /// Folder of a compiled model.
    folder: PathBuf,
    /// The input, .npz or .json.
    #[arg(long)]
    input: PathBuf,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
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
        let package = Folder::new(self.folder).package()?;
        let inputs = package.inputs(&Samples::read(&self.input)?, self.index)?;
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
