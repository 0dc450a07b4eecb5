//! `lemma verify`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::prover::store::read_verifying_key;
use lemma::{Context, PreparedKey, ProofFile, Statement};
use serde::Serialize;

use super::prove::{parse_context, statement_text};
use crate::output::{Exit, Output};

/// Arguments of `lemma verify`.
#[derive(Args)]
pub struct Verify {
    /// The verifying key.
    #[arg(long)]
    key: PathBuf,
    /// Bytes, in hexadecimal, that the proof must be bound to; without it any context passes, and is shown.
    #[arg(long)]
    context: Option<String>,
    /// The proof file.
    proof: PathBuf,
}

/// What `lemma verify` prints.
#[derive(Serialize)]
pub struct VerifyResult {
    /// Whether the proof verifies.
    pub verified: bool,
    /// Seconds of the verification, without reading files and preparing the key.
    pub verify_seconds: f64,
    /// What was proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement>,
    /// Why it does not verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Verify {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let key = PreparedKey::new(read_verifying_key(&self.key)?);
        let json = std::fs::read(&self.proof).with_context(|| format!("cannot read {}", self.proof.display()))?;
        let mut result = verify(&key, &json);
        if let (Some(context), Some(statement)) = (&self.context, &result.statement)
            && Context::of(&parse_context(context)?) != statement.context
        {
            let reason = Some(format!("the proof is bound to another context than {context}"));
            result = VerifyResult { verified: false, statement: None, reason, ..result };
        }
        output.result(&result, |r| match (&r.statement, &r.reason) {
            (Some(statement), _) => {
                format!("verified in {:.2} ms\n{}", r.verify_seconds * 1e3, statement_text(statement))
            }
            (None, reason) => format!("NOT verified: {}", reason.as_deref().unwrap_or("the proof is wrong")),
        })?;
        Ok(if result.verified { Exit::Success } else { Exit::Rejected })
    }
}

/// Verifies the contents of a proof file.
pub fn verify(key: &PreparedKey, json: &[u8]) -> VerifyResult {
    let start = Instant::now();
    let outcome =
        ProofFile::from_json(json).map_err(|e| e.to_string()).and_then(|file| file.verify(key).map_err(|e| e.to_string()));
    let verify_seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(verified) => VerifyResult { verified: true, verify_seconds, statement: Some(verified.into_statement()), reason: None },
        Err(reason) => VerifyResult { verified: false, verify_seconds, statement: None, reason: Some(reason) },
    }
}
