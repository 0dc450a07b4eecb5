//! `lemma prove`

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::prover::store::write_atomically;
use lemma::{Context, Folder, ProofFile, Samples, Statement};
use serde::Serialize;

use super::bytes;
use crate::output::{Exit, Output, peak_bytes};

/// Arguments of `lemma prove`.
#[derive(Args)]
pub struct Prove {
    /// Folder of a compiled model with its keys.
    folder: PathBuf,
    /// The input, .npz or .json.
    #[arg(long)]
    input: PathBuf,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// Bytes, in hexadecimal, that the proof is bound to: a nonce, a chain id, a contract.
    #[arg(long, default_value = "")]
    context: String,
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
    /// What was proven.
    pub statement: Statement,
}

impl Prove {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let context = parse_context(&self.context)?;
        let samples = Samples::read(&self.input)?;
        let folder = Folder::new(&self.folder);
        let result = prove(&folder, &samples, self.index, &context, &self.output, output)?;
        output.result(&result, |r| {
            let memory = r.peak_bytes.map_or(String::new(), |peak| format!(", peak memory {}", bytes(peak)));
            format!(
                "{}\nproved in {:.3} s{memory}; {} proof bytes written to {path}\n\
                 on chain: cast send CONTRACT $(lemma calldata {path})",
                statement_text(&r.statement),
                r.prove_seconds,
                r.proof_bytes,
                path = self.output.display()
            )
        })?;
        Ok(Exit::Success)
    }
}

/// Proves one sample and writes the proof file.
pub fn prove(
    folder: &Folder,
    samples: &Samples,
    index: usize,
    context: &[u8],
    path: &Path,
    output: &Output,
) -> Result<ProveResult> {
    let package = folder.package()?;
    let key = folder.proving_key(&package)?;
    let bar = output.bar();
    let start = Instant::now();
    let inputs = package.inputs(samples, index)?;
    let proven = package.prove(&key, &inputs, Context::of(context), &bar)?;
    let prove_seconds = start.elapsed().as_secs_f64();
    drop(bar);
    let file = ProofFile::new(key.verifying_key(), &proven.values, context, &proven.proof)?;
    let json = file.to_json()?;
    write_atomically(path, |out| out.write_all(json.as_bytes()))?;
    Ok(ProveResult {
        prove_seconds,
        peak_bytes: peak_bytes(),
        proof_bytes: proven.proof.to_bytes().len(),
        statement: proven.verified.into_statement(),
    })
}

/// Bytes from hexadecimal digits, with or without `0x`.
pub fn parse_context(text: &str) -> Result<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let malformed = || format!("--context {text}: pairs of hexadecimal digits are expected");
    anyhow::ensure!(digits.len().is_multiple_of(2) && digits.is_ascii(), malformed());
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).with_context(malformed)).collect()
}

/// A statement for people.
pub fn statement_text(statement: &Statement) -> String {
    const SHOWN: usize = 16;
    let mut lines = vec![format!("model `{}` (circuit {})", statement.model, statement.circuit_digest)];
    if statement.development {
        lines.push("under a development key: whoever made the key must be trusted".into());
    }
    if statement.context != Context::NONE {
        lines.push(format!("in the context {}", statement.context.digest()));
    }
    for tensor in &statement.tensors {
        let entries = tensor.readable();
        let more = entries.len().saturating_sub(SHOWN);
        let shown = entries.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        lines.push(format!("{} `{}` = [{shown}{rest}]", tensor.signature.role.name(), tensor.signature.name));
    }
    lines.join("\n")
}
