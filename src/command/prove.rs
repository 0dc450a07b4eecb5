//! `lemma prove`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::prover::store::write_atomically;
use lemma::{Context, Folder, InferError, Openings, Package, ProofFile, Salt, Samples, Statement, parse_salt};
use serde::Serialize;

use super::{bytes, named};
use crate::output::{Exit, Output, peak_bytes};

/// Arguments of `lemma prove`.
#[derive(Args)]
pub struct Prove {
    /// Folder of a compiled model with its keys.
    folder: PathBuf,
    /// The input, .npz or .json; not needed when --opening gives all inputs.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// Bytes, in hexadecimal, that the proof is bound to: a nonce, a chain id, a contract.
    #[arg(long, default_value = "")]
    context: String,
    #[command(flatten)]
    commitments: Commitments,
    /// The proof file to write.
    #[arg(short, long)]
    output: PathBuf,
}

/// Arguments about committed tensors.
#[derive(Args, Default)]
pub struct Commitments {
    /// INPUT=FILE: take a committed input, integers and salt, from the openings of another proof; may be repeated.
    #[arg(long, value_name = "INPUT=FILE", value_parser = named)]
    opening: Vec<(String, String)>,
    /// NAME=HEX: the salt of a committed tensor, 31 bytes; by default a new one. Other users of the machine can see arguments.
    #[arg(long, value_name = "NAME=HEX", value_parser = named)]
    salt: Vec<(String, String)>,
    /// Write salts and integers of the committed tensors to this file, as secret as they are: it opens the digests.
    #[arg(long, value_name = "FILE")]
    openings: Option<PathBuf>,
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
        let samples = self.input.as_deref().map(Samples::read).transpose()?;
        let samples = samples.as_ref().map(|samples| (samples, self.index));
        let folder = Folder::new(&self.folder);
        let result = prove_with(&folder, samples, &self.commitments, &context, &self.output, output)?;
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
    prove_with(folder, Some((samples, index)), &Commitments::default(), context, path, output)
}

/// As [`prove`], with what the arguments say about committed tensors. The openings are written before the proof.
fn prove_with(
    folder: &Folder,
    samples: Option<(&Samples, usize)>,
    commitments: &Commitments,
    context: &[u8],
    path: &Path,
    output: &Output,
) -> Result<ProveResult> {
    let package = folder.package()?;
    let key = folder.proving_key(&package)?;
    let bar = output.bar();
    let start = Instant::now();
    let given = commitments.given(&package)?;
    let inputs = package.inputs_beside(&given.values, samples)?;
    let salts = package.salts(&given.salts)?;
    let (proven, tensors) = package.prove_salted(&key, &inputs, &salts, Context::of(context), &bar)?;
    let prove_seconds = start.elapsed().as_secs_f64();
    drop(bar);
    match &commitments.openings {
        Some(path) => Openings { model: package.name().to_owned(), tensors }.write(path)?,
        None if !tensors.is_empty() => {
            output.note("the salts of the committed tensors are not kept: without --openings nobody can open the digests");
        }
        None => {}
    }
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

/// Integers of inputs and salts of committed tensors, by name.
#[derive(Default)]
struct Given {
    values: BTreeMap<String, Vec<i64>>,
    salts: BTreeMap<String, Salt>,
}

impl Commitments {
    /// The integers and the salts that are given, by the tensor's name.
    fn given(&self, package: &Package) -> Result<Given> {
        let Given { mut values, mut salts } = Given::default();
        for (name, file) in &self.opening {
            let port = package.graph().inputs.iter().find(|port| port.name == *name);
            let port = port.with_context(|| format!("--opening {name}: the model has no such input"))?;
            let node = package.graph().node(port.node);
            let openings = Openings::read(Path::new(file)).map_err(InferError::from)?;
            let opening = openings.fitting(name, node.len(), node.fractional_bits).map_err(InferError::from)?;
            values.insert(name.clone(), opening.values.clone());
            salts.insert(name.clone(), opening.salt.clone());
        }
        for (name, text) in &self.salt {
            let salt = parse_salt(text).with_context(|| format!("--salt {name}=..: 62 hexadecimal digits are expected"))?;
            anyhow::ensure!(salts.insert(name.clone(), salt).is_none(), "`{name}` has a salt already");
        }
        Ok(Given { values, salts })
    }
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
        if let Some(digest) = tensor.digest {
            let signature = &tensor.signature;
            let (role, bits) = (signature.role.name(), signature.fractional_bits);
            lines.push(format!(
                "{role} `{}` of shape {:?} and {bits} fractional bits: digest {digest}",
                signature.name, signature.shape
            ));
            continue;
        }
        let entries = tensor.readable();
        let more = entries.len().saturating_sub(SHOWN);
        let shown = entries.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        lines.push(format!("{} `{}` = [{shown}{rest}]", tensor.signature.role.name(), tensor.signature.name));
    }
    lines.join("\n")
}
