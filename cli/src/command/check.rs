//! `lemma check`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lemma::circuits::check::violations;
use lemma::circuits::relation::Relation;
use lemma::verifier::visible::one_line;
use lemma::{Folder, Integers};
use serde::Serialize;

use super::grouped;
use super::input::{Input, explained};
use crate::output::{Exit, Output};

/// Arguments of `lemma check`.
#[derive(Args)]
pub struct Check {
    /// Folder of a compiled model.
    folder: PathBuf,
    #[command(flatten)]
    input: Input,
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
        let _lock = folder.hold()?;
        let package = folder.package()?;
        let job = self.input.job(&folder, &package, &Integers::new(), &[], output)?;
        let inference = package.infer(&job.inputs).map_err(|error| explained(&job, error))?;
        let found = violations(package.compiled(), inference);
        let checked = Checked {
            satisfied: found.is_empty(),
            constraints: package.compiled().circuit().layout().constraints,
            violations: found.len(),
            first: found.first().map(ToString::to_string),
        };
        output.result(&checked, |c| match &c.first {
            None => format!("all {} constraints hold", grouped(c.constraints as u64)),
            Some(first) => format!(
                "{} of {} constraints fail; the first: {}",
                c.violations,
                c.constraints,
                one_line(first)
            ),
        })?;
        Ok(if checked.satisfied { Exit::Success } else { Exit::Unsatisfied })
    }
}
