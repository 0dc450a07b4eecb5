//! `lemma log`: receipts.

mod append;
mod export;
mod verify;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use lemma::prover::store::read_verifying_key;
use lemma::receipts::Event;
use lemma::verifier::{Context, Digest};
use lemma::{Demand, PreparedKey, ProofFile};

use super::read_proof;
use super::verify::accept;
use crate::output::{Exit, Output};

/// Arguments of `lemma log`.
#[derive(Args)]
pub struct Log {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Append a decision, with its proof or the promise of one.
    Append(append::Append),
    /// Append the proof that a decision promised.
    Prove(append::Prove),
    /// Check every line, and the proofs where they are given; exit code 0 only when all is well.
    Verify(verify::Verify),
    /// Write inputs and outputs for training, redacted and grouped by task.
    Export(export::Export),
}

impl Log {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        match self.what {
            What::Append(command) => command.run(output),
            What::Prove(command) => command.run(output),
            What::Verify(command) => command.run(output),
            What::Export(command) => command.run(output),
        }
    }
}

fn key(path: &Path) -> Result<PreparedKey> {
    Ok(PreparedKey::new(read_verifying_key(path)?))
}

/// The digest of a proof file that verifies, and the caller's context that it is bound to.
fn proven(key: &PreparedKey, path: &Path) -> Result<(Digest, Digest)> {
    let json = read_proof(path, ProofFile::max_bytes(key.key()))?;
    let accepted = accept(key, &json, &Demand::default())
        .with_context(|| format!("{} does not verify", path.display()))?;
    Ok((Digest::of(&json), Context::of(&accepted.caller).digest()))
}

/// Key and context of decision `of`, in a log that verifies.
fn decision(log: &Path, of: u64) -> Result<(Digest, Digest)> {
    let mut found = None;
    lemma::receipts::verify(log, None, |entry| match &entry.event {
        Event::Decision { key, context, .. } if entry.seq == of => found = Some((*key, *context)),
        _ => {}
    })?;
    match found {
        Some(found) => Ok(found),
        None => bail!("{}: there is no decision {of}", log.display()),
    }
}

/// `0x` and 64 hexadecimal digits.
fn digest(text: &str) -> Result<Digest, String> {
    lemma::receipts::parse_digest(text)
        .ok_or_else(|| "0x and 64 small hexadecimal digits are expected".into())
}
