//! `lemma verify`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use lemma::generation::Generation;
use lemma::prover::store::read_verifying_key;
use lemma::verifier::error::VerifyError;
use lemma::verifier::visible::one_line;
use lemma::{Accepted, Demand, PreparedKey, ProofFile, Statement, answer};
use serde::Serialize;

use super::prove::parse_context;
use super::read_proof;
use super::statement::{meaning_text, statement_text};
use crate::output::{Exit, Output};

/// Arguments of `lemma verify`.
#[derive(Args)]
pub struct Verify {
    /// The verifying key.
    #[arg(long)]
    key: PathBuf,
    /// Bytes, in hexadecimal, that the proof must be bound to; without it any context passes, and
    /// is shown.
    #[arg(long)]
    context: Option<String>,
    /// Ask for a generated text: any other proof, of one step of a decoder or of another model, is
    /// rejected.
    #[arg(long)]
    generation: bool,
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
        let json = read_proof(&self.proof, ProofFile::max_bytes(key.key()))?;
        let wanted = self.context.as_deref().map(parse_context).transpose()?;
        let result = verify(
            &key,
            &json,
            &Demand { context: wanted.as_deref(), generation: self.generation },
        );
        output.result(&result, |r| match (&r.statement, &r.reason) {
            (Some(statement), _) => {
                let meaning = meaning_text(r.answer.as_deref(), r.generation.as_ref());
                format!(
                    "verified in {:.2} ms\n{}{meaning}",
                    r.verify_seconds * 1e3,
                    statement_text(statement)
                )
            }
            (None, reason) => format!(
                "NOT verified: {}",
                one_line(reason.as_deref().unwrap_or("the proof is wrong"))
            ),
        })?;
        Ok(if result.verified { Exit::Success } else { Exit::Rejected })
    }
}

/// Verifies the contents of a proof file for what is demanded of it.
pub fn verify(key: &PreparedKey, json: &[u8], demand: &Demand) -> VerifyResult {
    let start = Instant::now();
    let outcome = accept(key, json, demand);
    let verify_seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(Accepted { verified, generation, .. }) => {
            let statement = verified.into_statement();
            let answer = if generation.is_some() { None } else { answer(&statement, None) };
            VerifyResult {
                verified: true,
                verify_seconds,
                answer,
                generation,
                statement: Some(statement),
                reason: None,
            }
        }
        Err(error) => VerifyResult {
            verified: false,
            verify_seconds,
            answer: None,
            generation: None,
            statement: None,
            reason: Some(error.to_string()),
        },
    }
}

/// Parses a proof file and verifies it.
pub fn accept(key: &PreparedKey, json: &[u8], demand: &Demand) -> Result<Accepted, VerifyError> {
    ProofFile::from_json(json)?.verify(key, demand)
}
