//! `lemma verify-chain`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use lemma::generation::Generation;
use lemma::prover::store::read_verifying_key;
use lemma::verifier::visible::{one_line, visible};
use lemma::{Demand, Link, PreparedKey, ProofFile, Statement, VerifyingKey, chain};
use serde::Serialize;

use super::prove::parse_context;
use super::read_proof;
use super::statement::{meaning_text, statement_text};
use super::verify::accept;
use crate::output::{Exit, Output};

/// Arguments of `lemma verify-chain`.
#[derive(Args)]
pub struct VerifyChain {
    /// The verifying key of a proof, in the order of the proofs; a single one serves all.
    #[arg(long, required = true)]
    key: Vec<PathBuf>,
    /// Bytes, in hexadecimal, that every proof must be bound to; without it any context passes, and
    /// is shown.
    #[arg(long)]
    context: Option<String>,
    /// The proof files, first to last.
    #[arg(required = true)]
    proofs: Vec<PathBuf>,
}

/// What `lemma verify-chain` prints.
#[derive(Serialize)]
struct ChainResult {
    /// Whether all proofs verify and all links hold.
    verified: bool,
    /// Seconds of the verification, without reading files and preparing keys.
    verify_seconds: f64,
    /// The tensors that pass from proof to proof.
    links: Vec<Link>,
    /// What was proven; only when verified.
    statements: Vec<Statement>,
    /// The generated text of each proof, null where it is none; only when verified.
    generations: Vec<Option<Generation>>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl VerifyChain {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let (keys, proofs) = (self.key.len(), self.proofs.len());
        ensure!(
            keys == 1 || keys == proofs,
            "{keys} keys for {proofs} proofs: give each proof its --key, or one for all"
        );
        let keys = self
            .key
            .iter()
            .map(|path| Ok(read_verifying_key(path)?))
            .collect::<Result<Vec<VerifyingKey>>>()?;
        let keys: Vec<PreparedKey> = keys.into_iter().map(PreparedKey::new).collect();
        let limits = keys.iter().cycle().map(|key| ProofFile::max_bytes(key.key()));
        let files = self
            .proofs
            .iter()
            .zip(limits)
            .map(|(path, limit)| read_proof(path, limit))
            .collect::<Result<Vec<_>>>()?;
        let context = self.context.as_deref().map(parse_context).transpose()?;
        let start = Instant::now();
        let outcome =
            verify(&keys, &files, &Demand { context: context.as_deref(), generation: false });
        let verify_seconds = start.elapsed().as_secs_f64();
        let result = |verified, reason, Chain { links, statements, generations }| ChainResult {
            verified,
            verify_seconds,
            links,
            statements,
            generations,
            reason,
        };
        let (exit, result) = match outcome {
            Ok(chain) => (Exit::Success, result(true, None, chain)),
            Err((exit, reason)) => (exit, result(false, Some(reason), Chain::default())),
        };
        output.result(&result, describe)?;
        Ok(exit)
    }
}

/// What a chain proves.
#[derive(Default)]
struct Chain {
    links: Vec<Link>,
    statements: Vec<Statement>,
    generations: Vec<Option<Generation>>,
}

/// Every proof under its key, as [`accept`] takes it alone, then every link; else how to exit and
/// why.
fn verify(
    keys: &[PreparedKey],
    files: &[Vec<u8>],
    demand: &Demand,
) -> Result<Chain, (Exit, String)> {
    let (mut proofs, mut generations) =
        (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
    for (i, (json, key)) in files.iter().zip(keys.iter().cycle()).enumerate() {
        let accepted = accept(key, json, demand)
            .map_err(|error| (Exit::Rejected, format!("proof {}: {error}", i + 1)))?;
        proofs.push(accepted.verified);
        generations.push(accepted.generation);
    }
    let links = chain(&proofs).map_err(|error| (Exit::Failure, error.to_string()))?;
    Ok(Chain {
        links,
        statements: proofs.into_iter().map(|proof| proof.into_statement()).collect(),
        generations,
    })
}

fn describe(result: &ChainResult) -> String {
    if let Some(reason) = &result.reason {
        return format!("NOT verified: {}", one_line(reason));
    }
    let mut lines = vec![format!("chain verified in {:.2} ms", result.verify_seconds * 1e3)];
    for (i, (statement, generation)) in
        result.statements.iter().zip(&result.generations).enumerate()
    {
        lines.push(format!(
            "proof {}: {}{}",
            i + 1,
            statement_text(statement),
            meaning_text(None, generation.as_ref())
        ));
    }
    for Link { proof, output, input, .. } in &result.links {
        let (output, input) = (visible(output), visible(input));
        lines.push(format!(
            "output `{output}` of proof {} is input `{input}` of proof {}",
            proof + 1,
            proof + 2
        ));
    }
    lines.join("\n")
}
