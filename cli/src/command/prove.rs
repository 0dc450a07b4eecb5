//! `lemma prove`

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::generation::Generation;
use lemma::prover::store::{expect_replaceable, write_atomically};
use lemma::verifier::visible::visible;
use lemma::{Folder, Job, Package, ProvenJob, Statement};
use serde::Serialize;

use super::commitments::{Commitments, Given};
use super::input::{Input, explained};
use super::statement::{meaning_text, statement_text};
use super::{PROOF, bytes};
use crate::output::{Exit, Output, peak_bytes};

/// Arguments of `lemma prove`.
#[derive(Args)]
pub struct Prove {
    /// Folder of a compiled model with its keys.
    folder: PathBuf,
    #[command(flatten)]
    input: Input,
    /// Bytes, in hexadecimal, that the proof is bound to: a nonce, a chain id, a contract.
    #[arg(long, default_value = "")]
    context: String,
    #[command(flatten)]
    commitments: Commitments,
    /// The proof file to write.
    #[arg(short, long)]
    output: PathBuf,
}

/// What `lemma prove` prints.
#[derive(Serialize)]
pub struct ProveResult {
    /// Seconds from the input to the checked proof.
    pub prove_seconds: f64,
    /// Peak memory of the process.
    pub peak_bytes: Option<u64>,
    /// Size of the proof.
    pub proof_bytes: usize,
    /// Name of the largest entry of the output's only row, or of the row of the text's last token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The generated text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// What was proven.
    pub statement: Statement,
}

impl Prove {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let folder = Folder::new(&self.folder);
        // Until the proof is written the folder's verifying key is the one that it is for.
        let _lock = folder.hold()?;
        let package = folder.package()?;
        let Given { values, salts } = self.commitments.given(&package)?;
        let mut job =
            self.input.job(&folder, &package, &values, &parse_context(&self.context)?, output)?;
        job.salts = salts;
        let result = prove(&folder, &package, &job, &self.commitments, &self.output, output)?;
        output.result(&result, |r| {
            let memory =
                r.peak_bytes.map_or(String::new(), |peak| format!(", peak memory {}", bytes(peak)));
            format!(
                "{}{}\nproved in {:.3} s{memory}; {} proof bytes written to {path}\n\
                 on chain: cast send CONTRACT $(lemma calldata {path})",
                statement_text(&r.statement),
                meaning_text(r.answer.as_deref(), r.generation.as_ref()),
                r.prove_seconds,
                r.proof_bytes,
                path = visible(&self.output.display().to_string())
            )
        })?;
        Ok(Exit::Success)
    }
}

/// Proves a job and writes the proof file, after the openings of committed tensors.
pub fn prove(
    folder: &Folder,
    package: &Package,
    job: &Job,
    commitments: &Commitments,
    path: &Path,
    output: &Output,
) -> Result<ProveResult> {
    // Before the work: what may not be replaced, and the openings are no proof.
    expect_replaceable(path, PROOF.0, PROOF.1)?;
    commitments.expect_place(path)?;
    let key = folder.proving_key(package)?;
    let bar = output.bar();
    let start = Instant::now();
    // What a verifier will see; a generation that does not follow its rule is not written.
    let ProvenJob { file, proof_bytes, statement, generation, answer, openings } =
        package.prove_job(&key, job, &bar).map_err(|error| explained(job, error))?;
    let prove_seconds = start.elapsed().as_secs_f64();
    drop(bar);
    commitments.keep(package, openings, output)?;
    let json = file.to_json()?;
    write_atomically(path, |out| out.write_all(json.as_bytes()))?;
    Ok(ProveResult {
        prove_seconds,
        peak_bytes: peak_bytes(),
        proof_bytes,
        answer,
        generation,
        statement,
    })
}

/// Bytes from hexadecimal digits, with or without `0x`.
pub fn parse_context(text: &str) -> Result<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let malformed = || format!("--context {text}: pairs of hexadecimal digits are expected");
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    anyhow::ensure!(digits.len().is_multiple_of(2) && all, malformed());
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).with_context(malformed))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parse_context;

    #[test]
    fn a_context_has_digits_and_nothing_else() {
        assert_eq!(parse_context("0x2a0F").unwrap(), [0x2a, 0x0f]);
        for text in ["0x+f", "+f", "-f", "0x0", "0x 1", "zz"] {
            assert!(parse_context(text).is_err(), "{text}");
        }
    }
}
