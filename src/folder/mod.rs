//! The folder of a compiled model.
//!
//! | file | written by | what |
//! |---|---|---|
//! | `model.lemma` | compile | the integer graph and its tables; keep it private, it holds the weights |
//! | `report.json`, `report.txt` | compile | the accuracy report |
//! | `tokenizer` | compile | the tokenizer's file, for models of text |
//! | `proving.key` | setup | the proving key; depends on the weights |
//! | `verifying.key` | setup | the verifying key; give it to whoever checks |

use std::path::{Path, PathBuf};

use lemma_prover::StoreError;
use lemma_prover::store::{read_verifying_key, write_atomically, write_verifying_key};
use lemma_quantizer::report::Report;
use lemma_verifier::visible::visible;

use crate::error::PackageError;
use crate::text::{TextError, Tokenizer};
use crate::{Package, ProvingKey, VerifyingKey};

/// An accuracy report for people. The names of its layers are the model's: they are escaped.
pub fn report_text(report: &Report) -> String {
    let mut report = report.clone();
    report.layers.iter_mut().for_each(|layer| layer.layer = visible(&layer.layer));
    report.outputs.iter_mut().for_each(|output| output.output = visible(&output.output));
    report.close_to_edge.iter_mut().for_each(|range| range.layer = visible(&range.layer));
    report.to_string()
}

/// A folder with the files of one compiled model.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Folder {
        Folder { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the proving key.
    pub fn proving_key_path(&self) -> PathBuf {
        self.path.join("proving.key")
    }

    /// Path of the verifying key.
    pub fn verifying_key_path(&self) -> PathBuf {
        self.path.join("verifying.key")
    }

    /// Writes a compiled model and its report, making the folder where needed.
    ///
    /// # Errors
    /// What the file system says; files that were there stay intact.
    pub fn write_package(&self, package: &Package, report: &Report) -> Result<(), PackageError> {
        std::fs::create_dir_all(&self.path).map_err(|source| PackageError::Folder { path: self.path.clone(), source })?;
        package.write(&self.path.join("model.lemma"))?;
        let json = serde_json::to_vec_pretty(report).unwrap_or_default();
        write_atomically(&self.path.join("report.json"), |file| file.write_all(&json))?;
        write_atomically(&self.path.join("report.txt"), |file| file.write_all(report_text(report).as_bytes()))?;
        Ok(())
    }

    /// Writes the model's tokenizer, or removes the one that was there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_tokenizer(&self, tokenizer: Option<&Tokenizer>) -> Result<(), PackageError> {
        let path = self.path.join("tokenizer");
        match tokenizer {
            Some(tokenizer) => tokenizer.write(&path)?,
            None if path.exists() => std::fs::remove_file(&path).map_err(|source| PackageError::Read { path, source })?,
            None => {}
        }
        Ok(())
    }

    /// Reads the model's tokenizer.
    ///
    /// # Errors
    /// A missing file, when the model was compiled without one, or a damaged one.
    pub fn tokenizer(&self) -> Result<Tokenizer, TextError> {
        Tokenizer::read(&self.path.join("tokenizer"))
    }

    /// Reads the compiled model.
    ///
    /// # Errors
    /// A missing, damaged or inconsistent file.
    pub fn package(&self) -> Result<Package, PackageError> {
        Package::read(&self.path.join("model.lemma"))
    }

    /// Writes the keys.
    ///
    /// # Errors
    /// What the file system says; files that were there stay intact.
    pub fn write_keys(&self, proving: &ProvingKey, verifying: &VerifyingKey) -> Result<(), StoreError> {
        proving.write(&self.proving_key_path())?;
        write_verifying_key(verifying, &self.verifying_key_path())
    }

    /// Maps the proving key of a package into memory.
    ///
    /// # Errors
    /// A missing or damaged key, or one of another circuit.
    pub fn proving_key(&self, package: &Package) -> Result<ProvingKey, StoreError> {
        ProvingKey::open(&self.proving_key_path(), package.digest())
    }

    /// Reads the verifying key.
    ///
    /// # Errors
    /// A missing, damaged or bad key.
    pub fn verifying_key(&self) -> Result<VerifyingKey, StoreError> {
        read_verifying_key(&self.verifying_key_path())
    }
}
