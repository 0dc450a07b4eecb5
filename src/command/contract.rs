//! `lemma contract`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lemma::contracts::{Options, contract_name, runtime_code, solidity};
use lemma::prover::store::{read_verifying_key, write_atomically};
use lemma::verifier::visible::visible;
use serde::Serialize;

use super::bytes;
use crate::output::{Exit, Output};

/// Arguments of `lemma contract`.
#[derive(Args)]
pub struct Contract {
    /// The verifying key.
    key: PathBuf,
    /// Name of the contract; by default made from the model's name.
    #[arg(long)]
    name: Option<String>,
    /// The Solidity file to write.
    #[arg(short, long)]
    output: PathBuf,
}

/// What `lemma contract` prints.
#[derive(Serialize)]
struct ContractResult {
    contract: String,
    verifying_key: String,
    development: bool,
    runtime_bytes: usize,
}

impl Contract {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let key = read_verifying_key(&self.key)?;
        let options = Options { contract_name: self.name };
        let source = solidity(&key, &options)?;
        write_atomically(&self.output, |file| file.write_all(source.as_bytes()))?;
        let result = ContractResult {
            contract: contract_name(&key, &options)?,
            verifying_key: key.digest().to_string(),
            development: key.parts().development,
            runtime_bytes: runtime_code(&key)?.len(),
        };
        output.result(&result, |r| {
            let warning = if r.development {
                "\nIt verifies under a development key: do not deploy it where value depends on it."
            } else {
                ""
            };
            format!(
                "{} written to {} ({} deployed){warning}",
                r.contract,
                visible(&self.output.display().to_string()),
                bytes(r.runtime_bytes as u64)
            )
        })?;
        Ok(Exit::Success)
    }
}
