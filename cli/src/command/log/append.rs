//! `lemma log append` and `lemma log prove`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use lemma::prover::store::read_at_most;
use lemma::receipts::{Decision, append, fulfil};
use lemma::verifier::{Context, Digest};
use serde::Serialize;

use super::{decision, key, proven};
use crate::command::prove::parse_context;
use crate::output::{Exit, Output};

/// Largest input or output in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// Arguments of `lemma log append`.
#[derive(Args)]
pub struct Append {
    /// The log, a file that ends in .jsonl; made when it is not there.
    log: PathBuf,
    /// The model's verifying key.
    #[arg(long)]
    key: PathBuf,
    /// What the model was asked, a file of text.
    #[arg(long)]
    input: PathBuf,
    /// What it answered, a file of text.
    #[arg(long)]
    output: PathBuf,
    /// What it was asked for: decisions are grouped by this name.
    #[arg(long, default_value = "")]
    task: String,
    /// Bytes, in hexadecimal, that the promised proof will be bound to.
    #[arg(long, conflicts_with = "proof")]
    context: Option<String>,
    /// The proof file; without it a proof is promised.
    #[arg(long)]
    proof: Option<PathBuf>,
    /// Do not keep input, output and salt beside the log: then nobody can show later what the
    /// digests are of.
    #[arg(long)]
    forget: bool,
}

/// Arguments of `lemma log prove`.
#[derive(Args)]
pub struct Prove {
    /// The log.
    log: PathBuf,
    /// Number of the decision.
    #[arg(long)]
    of: u64,
    /// The model's verifying key.
    #[arg(long)]
    key: PathBuf,
    /// The proof file.
    #[arg(long)]
    proof: PathBuf,
}

/// What both print.
#[derive(Serialize)]
struct Appended {
    seq: u64,
    digest: Digest,
}

impl Append {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let key = key(&self.key)?;
        let (proof, context) = match &self.proof {
            Some(path) => {
                let (proof, context) = proven(&key, path)?;
                (Some(proof), context)
            }
            None => {
                let bytes = self.context.as_deref().map(parse_context).transpose()?;
                (None, Context::of(&bytes.unwrap_or_default()).digest())
            }
        };
        let (asked, answered) = (text(&self.input)?, text(&self.output)?);
        let decision = Decision {
            task: &self.task,
            model: &key.key().parts().model,
            key: key.key().digest(),
            context,
            input: &asked,
            output: &answered,
            proof,
        };
        let entry = append(&self.log, &decision, !self.forget)?;
        said(output, entry.seq, entry.digest())
    }
}

impl Prove {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let key = key(&self.key)?;
        let (proof, context) = proven(&key, &self.proof)?;
        let (of, of_context) = decision(&self.log, self.of)?;
        ensure!(key.key().digest() == of, "decision {} was made with another key", self.of);
        ensure!(context == of_context, "decision {} promised a proof in another context", self.of);
        let entry = fulfil(&self.log, self.of, proof)?;
        said(output, entry.seq, entry.digest())
    }
}

fn said(output: &Output, seq: u64, digest: Digest) -> Result<Exit> {
    output.result(&Appended { seq, digest }, |r| format!("receipt {}: {}", r.seq, r.digest))?;
    Ok(Exit::Success)
}

fn text(path: &Path) -> Result<String> {
    let read = || Ok::<_, anyhow::Error>(String::from_utf8(read_at_most(path, MAX_TEXT)?)?);
    read().with_context(|| format!("cannot read {} as a text of at most 1 MiB", path.display()))
}
