//! `lemma verify`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::generation::{Generation, split_context};
use lemma::prover::store::read_verifying_key;
use lemma::{PreparedKey, ProofFile, Statement};
use serde::Serialize;

use super::prove::{answer, meaning_text, parse_context, statement_text};
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
    /// Name of the largest entry of the output, where it has one row of named entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The generated text, when the proof is one of a generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
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
        let wanted = self.context.as_deref().map(parse_context).transpose()?;
        let result = verify(&key, &json, wanted.as_deref());
        output.result(&result, |r| match (&r.statement, &r.reason) {
            (Some(statement), _) => {
                let meaning = meaning_text(r.answer.as_deref(), r.generation.as_ref());
                format!("verified in {:.2} ms\n{}{meaning}", r.verify_seconds * 1e3, statement_text(statement))
            }
            (None, reason) => format!("NOT verified: {}", reason.as_deref().unwrap_or("the proof is wrong")),
        })?;
        Ok(if result.verified { Exit::Success } else { Exit::Rejected })
    }
}

/// Verifies the contents of a proof file: the proof, the caller's context bytes where some are wanted, and the rule of generation where the
/// proof's context claims one.
pub fn verify(key: &PreparedKey, json: &[u8], wanted: Option<&[u8]>) -> VerifyResult {
    let start = Instant::now();
    let outcome = verified(key, json, wanted);
    let verify_seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok((statement, generation)) => VerifyResult {
            verified: true,
            verify_seconds,
            answer: if generation.is_some() { None } else { answer(&statement, None) },
            generation,
            statement: Some(statement),
            reason: None,
        },
        Err(reason) => VerifyResult {
            verified: false,
            verify_seconds,
            answer: None,
            generation: None,
            statement: None,
            reason: Some(reason),
        },
    }
}

fn verified(key: &PreparedKey, json: &[u8], wanted: Option<&[u8]>) -> Result<(Statement, Option<Generation>), String> {
    let file = ProofFile::from_json(json).map_err(|e| e.to_string())?;
    let statement = file.verify(key).map_err(|e| e.to_string())?.into_statement();
    // The file is verified, so this is the hexadecimal text that was read before.
    let context = parse_context(&file.context).map_err(|e| e.to_string())?;
    let generation = Generation::of(&statement, &context).map_err(|e| e.to_string())?;
    let caller = match split_context(&context).map_err(|e| e.to_string())? {
        Some(parts) => parts.caller,
        None => &context,
    };
    match wanted {
        Some(wanted) if wanted != caller => Err(format!("the proof is bound to another context than {}", hex(wanted))),
        _ => Ok((statement, generation)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".into(), |text, byte| format!("{text}{byte:02x}"))
}
