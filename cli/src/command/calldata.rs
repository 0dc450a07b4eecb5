//! `lemma calldata`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lemma::ProofFile;
use lemma::contracts::calldata;
use serde::Serialize;

use super::read_proof;
use crate::output::{Exit, Output};

/// Arguments of `lemma calldata`.
#[derive(Args)]
pub struct Calldata {
    /// The proof file.
    proof: PathBuf,
}

/// What `lemma calldata` prints.
#[derive(Serialize)]
struct CalldataResult {
    calldata: String,
}

impl Calldata {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let json = read_proof(&self.proof, ProofFile::MAX_BYTES)?;
        let (values, context, proof) = ProofFile::from_json(&json)?.contents()?;
        let hex: String =
            calldata(&proof, &values, context).iter().map(|byte| format!("{byte:02x}")).collect();
        output.result(&CalldataResult { calldata: format!("0x{hex}") }, |r| r.calldata.clone())?;
        Ok(Exit::Success)
    }
}
