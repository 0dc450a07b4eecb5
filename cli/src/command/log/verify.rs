//! `lemma log verify`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::ProofFile;
use lemma::receipts::{Event, Summary, verify};
use lemma::verifier::Digest;
use serde::Serialize;

use super::{digest, key, proven};
use crate::command::read_proof;
use crate::output::{Exit, Output};

/// Arguments of `lemma log verify`.
#[derive(Args)]
pub struct Verify {
    /// The log.
    log: PathBuf,
    /// Digest of a line that must be in it, as an earlier check printed.
    #[arg(long, value_parser = digest)]
    head: Option<Digest>,
    /// A verifying key: the proofs of its decisions are checked.
    #[arg(long, requires = "proofs")]
    key: Option<PathBuf>,
    /// The folder that has the proof files.
    #[arg(long, requires = "key")]
    proofs: Option<PathBuf>,
}

/// What `lemma log verify` prints.
#[derive(Serialize)]
struct VerifyResult {
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    proofs: Option<Proofs>,
}

/// The proofs of one key.
#[derive(Default, Serialize)]
struct Proofs {
    /// Decisions whose proof verifies.
    verified: u64,
    /// Decisions whose proof is not in the folder.
    missing: Vec<u64>,
    /// Decisions whose proof is wrong, or bound to something else.
    wrong: Vec<u64>,
}

impl Verify {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let mut contexts = BTreeMap::new();
        let mut claimed = BTreeMap::new();
        let summary = verify(&self.log, self.head, |entry| match &entry.event {
            Event::Decision { key, context, proof, .. } => {
                contexts.insert(entry.seq, (*key, *context));
                claimed.extend(proof.map(|proof| (entry.seq, proof)));
            }
            Event::Proof { of, proof } => {
                claimed.insert(*of, *proof);
            }
        })?;
        let proofs = match (&self.key, &self.proofs) {
            (Some(key), Some(folder)) => Some(check(key, folder, &contexts, &claimed)?),
            _ => None,
        };
        let whole = proofs.as_ref().is_none_or(|p| p.missing.is_empty() && p.wrong.is_empty());
        output.result(&VerifyResult { summary, proofs }, text)?;
        Ok(if whole { Exit::Success } else { Exit::Rejected })
    }
}

/// Checks the proofs of the decisions that were made with a key.
fn check(
    path: &Path,
    folder: &Path,
    contexts: &BTreeMap<u64, (Digest, Digest)>,
    claimed: &BTreeMap<u64, Digest>,
) -> Result<Proofs> {
    let key = key(path)?;
    let mut files = BTreeMap::new();
    let unread = || format!("cannot read {}", folder.display());
    for file in std::fs::read_dir(folder).with_context(unread)? {
        let file = file.with_context(unread)?.path();
        if file.extension().is_some_and(|ending| ending == "json")
            && let Ok(json) = read_proof(&file, ProofFile::max_bytes(key.key()))
        {
            files.insert(Digest::of(&json), file);
        }
    }
    let mut proofs = Proofs::default();
    for (seq, proof) in claimed {
        let Some((_, context)) = contexts.get(seq).filter(|(of, _)| *of == key.key().digest())
        else {
            continue;
        };
        match files.get(proof).map(|file| proven(&key, file)) {
            None => proofs.missing.push(*seq),
            Some(Ok(found)) if found == (*proof, *context) => proofs.verified += 1,
            Some(_) => proofs.wrong.push(*seq),
        }
    }
    Ok(proofs)
}

fn text(result: &VerifyResult) -> String {
    let Summary { entries, head, tasks, promised, torn } = &result.summary;
    let mut lines = vec![format!("{entries} receipts, each follows the one before")];
    lines.extend(tasks.iter().map(|(task, count)| format!("  {count} of task {task:?}")));
    if !promised.is_empty() {
        lines.push(format!("proofs are promised and not there for {promised:?}"));
    }
    if *torn {
        lines.push("a line that was cut short follows; the next append removes it".into());
    }
    if let Some(Proofs { verified, missing, wrong }) = &result.proofs {
        lines.push(format!("{verified} proofs verify"));
        if !missing.is_empty() {
            lines.push(format!("NOT there: the proofs of {missing:?}"));
        }
        if !wrong.is_empty() {
            lines.push(format!("NOT verified: the proofs of {wrong:?}"));
        }
    }
    lines.extend(head.map(|head| format!("head {head}")));
    lines.join("\n")
}
