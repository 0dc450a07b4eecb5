//! `lemma setup`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use lemma::Folder;
use serde::Serialize;

use super::bytes;
use crate::output::{Exit, Output};

/// Arguments of `lemma setup`.
#[derive(Args)]
pub struct Setup {
    /// Folder of a compiled model.
    folder: PathBuf,
}

/// What `lemma setup` prints.
#[derive(Serialize)]
pub struct SetupResult {
    /// Seconds of the setup, without writing.
    pub setup_seconds: f64,
    /// Size of the proving key file.
    pub proving_key_bytes: u64,
    /// Size of the verifying key file.
    pub verifying_key_bytes: u64,
    /// Digest of the verifying key.
    pub verifying_key: String,
    /// Whether the key is a development key.
    pub development: bool,
    /// Digest of the verifying key that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<String>,
}

impl Setup {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let result = setup(&Folder::new(self.folder), output)?;
        output.result(&result, |r| {
            let replaced = r.replaced.as_ref().map_or(String::new(), |old| {
                format!(
                    "\nThey replace those of {old}: new proofs do not verify under that verifying \
                        key. Give the new one away."
                )
            });
            format!(
                "keys made in {:.2} s: proving key {}, verifying key {} ({}){replaced}\n\
                 This is a development key: whoever ran this setup could keep its trapdoor and \
                 forge proofs.",
                r.setup_seconds,
                bytes(r.proving_key_bytes),
                bytes(r.verifying_key_bytes),
                r.verifying_key
            )
        })?;
        Ok(Exit::Success)
    }
}

/// Makes and writes the keys of a folder.
pub fn setup(folder: &Folder, output: &Output) -> Result<SetupResult> {
    let package = folder.package()?;
    let bar = output.bar();
    let start = Instant::now();
    let (proving, verifying) = package.setup(&bar)?;
    let setup_seconds = start.elapsed().as_secs_f64();
    drop(bar);
    let replaced = folder.verifying_key().ok().map(|key| key.digest().to_string());
    folder.write_keys(&package, &proving, &verifying)?;
    Ok(SetupResult {
        setup_seconds,
        proving_key_bytes: std::fs::metadata(folder.proving_key_path())?.len(),
        verifying_key_bytes: std::fs::metadata(folder.verifying_key_path())?.len(),
        verifying_key: verifying.digest().to_string(),
        development: verifying.parts().development,
        replaced,
    })
}
