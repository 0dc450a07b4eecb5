//! The commands, one a file: parse, one library call, print.

mod calldata;
mod check;
mod commitments;
mod compile;
mod contract;
mod demo;
mod input;
mod inspect;
mod log;
mod prove;
mod run;
mod setup;
mod statement;
mod verify;
mod verify_chain;

use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;
use lemma::prover::store::read_at_most;

use crate::output::{Exit, Output};

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Turn a model (ONNX, GGUF, llama2.c, Hugging Face) into an integer graph and a circuit.
    Compile(compile::Compile),
    /// Make the proving and the verifying key of a compiled model.
    Setup(setup::Setup),
    /// Run a compiled model, without a proof.
    Run(run::Run),
    /// Run a compiled model on private data and prove the result.
    Prove(prove::Prove),
    /// Check a proof; exit code 0 only when it verifies.
    Verify(verify::Verify),
    /// Check proofs whose committed outputs are the committed inputs of the next.
    VerifyChain(verify_chain::VerifyChain),
    /// Show what a compiled model costs.
    Inspect(inspect::Inspect),
    /// Run the constraint checker and name the first constraint that fails.
    Check(check::Check),
    /// Write the Solidity contract that verifies a model's proofs.
    Contract(contract::Contract),
    /// Print the calldata that submits a proof to its contract.
    Calldata(calldata::Calldata),
    /// Keep receipts of decisions: an append-only log that anybody can check.
    Log(log::Log),
    /// Compile, set up, prove and verify a model that comes with the program.
    Demo(demo::Demo),
}

impl Command {
    /// Runs the command.
    pub fn run(self, output: &Output) -> anyhow::Result<Exit> {
        match self {
            Command::Compile(command) => command.run(output),
            Command::Setup(command) => command.run(output),
            Command::Run(command) => command.run(output),
            Command::Prove(command) => command.run(output),
            Command::Verify(command) => command.run(output),
            Command::VerifyChain(command) => command.run(output),
            Command::Inspect(command) => command.run(output),
            Command::Check(command) => command.run(output),
            Command::Contract(command) => command.run(output),
            Command::Calldata(command) => command.run(output),
            Command::Log(command) => command.run(output),
            Command::Demo(command) => command.run(output),
        }
    }
}

/// What a proof file begins with, so that `-o` replaces no other file.
const PROOF: (&str, &str) = ("proof file", lemma::verifier::file::FORMAT);

/// The contents of a proof file of at most `limit` bytes.
fn read_proof(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    read_at_most(path, limit).with_context(|| format!("cannot read {}", path.display()))
}

/// `NAME=VALUE`.
fn named(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `NAME=1,3,48,192`.
fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    // Names may have colons and equals signs.
    let (name, sizes) = text.rsplit_once('=').ok_or("NAME=SIZES is expected")?;
    let size = |size: &str| {
        let size = size.trim();
        size.parse().map_err(|_| format!("the size `{size}` is no whole number"))
    };
    Ok((name.to_owned(), sizes.split(',').map(size).collect::<Result<_, _>>()?))
}

/// A number with thousands separated.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the unit that suits them.
fn bytes(n: u64) -> String {
    match n {
        0..10_000 => format!("{n} bytes"),
        10_000..10_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// Columns aligned by their widest entry; the first is aligned left, the others right. No cell may
/// be longer than a format is wide, 65,535 characters.
fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).enumerate().map(|(i, (cell, width))| {
            if i == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(&mut header.iter().copied());
    let body = rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
    std::iter::once(head).chain(body).collect::<Vec<_>>().join("\n")
}
