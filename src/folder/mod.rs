//! The folder of a compiled model.
//!
//! | file | written by | what |
//! |---|---|---|
//! | `model.lemma` | compile | the integer graph and its tables; as secret as the weights, mode 0600 |
//! | `report.json`, `report.txt` | compile | the accuracy report; names the circuit |
//! | `tokenizer` | compile | the tokenizer's file, for models of text; `model.lemma` has its digest |
//! | `proving.key` | setup | the proving key; as secret as the weights, which can be computed from it, mode 0600; names circuit and verifying key |
//! | `verifying.key` | setup | the verifying key, names the circuit; give it to whoever checks |
//!
//! These files are one state: compile and setup replace it as a whole or not at all, also when they
//! are killed, and what is read is compared with what it belongs to. Other files in the folder are
//! left alone.

mod state;

use std::path::{Path, PathBuf};

use lemma_prover::StoreError;
use lemma_prover::store::{
    read_verifying_key, write_atomically, write_secret, write_verifying_key,
};
use lemma_quantizer::report::Report;
use lemma_verifier::Digest;
use lemma_verifier::visible::visible;
use serde::Serialize;

use crate::error::PackageError;
use crate::text::{TextError, TextProblem, Tokenizer};
use crate::{Package, ProvingKey, VerifyingKey};

pub use state::Lock;

const MODEL: &str = "model.lemma";
const TOKENIZER: &str = "tokenizer";
const PROVING: &str = "proving.key";
const VERIFYING: &str = "verifying.key";

/// Names that files of other origin also have: without a model beside them they are not ours.
const COMMON: [&str; 3] = ["report.json", "report.txt", TOKENIZER];
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

/// A report with the circuit that it is about.
#[derive(Serialize)]
struct Sealed<'a> {
    circuit_digest: Digest,
    #[serde(flatten)]
    report: &'a Report,
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
        self.path.join(PROVING)
    }

    /// Path of the verifying key.
    pub fn verifying_key_path(&self) -> PathBuf {
        self.path.join(VERIFYING)
    }

    /// Whether there are keys.
    pub fn has_keys(&self) -> bool {
        self.proving_key_path().exists() || self.verifying_key_path().exists()
    }

    /// Keeps the state as it is: until the lock is dropped, compile and setup wait.
    ///
    /// # Errors
    /// A folder that is not there, or a change that was interrupted and cannot be completed.
    pub fn hold(&self) -> Result<Lock, PackageError> {
        let path = self.path.join(MODEL);
        Lock::shared(&self.path).map_err(|error| match error {
            PackageError::Lock { source, .. } if !self.path.is_dir() => {
                PackageError::Read { path, source }
            }
            error => error,
        })
    }

    /// Writes a compiled model, its report and its tokenizer, making the folder where needed. Keys
    /// of another model, and a tokenizer where this one has none, are removed.
    ///
    /// # Errors
    /// What the file system says, or a file of someone else's in the way; the folder is then as it
    /// was.
    pub fn write_package(&self, package: &Package, report: &Report) -> Result<(), PackageError> {
        let is_new = !self.path.exists();
        let failed = |source| PackageError::Folder { path: self.path.clone(), source };
        std::fs::create_dir_all(&self.path).map_err(failed)?;
        let written = self.replace_package(package, report);
        if written.is_err() && is_new {
            // Only when it is empty.
            let _ = std::fs::remove_dir(&self.path);
        }
        written
    }

    fn replace_package(&self, package: &Package, report: &Report) -> Result<(), PackageError> {
        let lock = Lock::alone(&self.path)?;
        let model = self.path.join(MODEL);
        let foreign = COMMON
            .iter()
            .map(|name| self.path.join(name))
            .find(|path| path.exists() && !model.exists());
        if let Some(path) = foreign {
            return Err(StoreError::Occupied { path, kind: "file of a compiled model" }.into());
        }
        let earlier = Package::header(&model);
        let sealed = Sealed { circuit_digest: package.digest(), report };
        let json = serde_json::to_vec_pretty(&sealed).map_err(|error| PackageError::Damaged {
            path: self.path.join("report.json"),
            problem: error.to_string(),
        })?;
        let text = format!("circuit {}\n\n{}", package.digest(), report_text(report));
        let contents = package.to_bytes()?;
        let tokenizer = package.tokenizer();
        if tokenizer.is_none() && package.tokenizer_digest().is_some() {
            return Err(PackageError::Tokenizer { path: self.path.join(TOKENIZER) });
        }
        let write_model = |path: &Path| write_secret(path, |file| file.write_all(&contents));
        let write_json = |path: &Path| write_atomically(path, |file| file.write_all(&json));
        let write_text =
            |path: &Path| write_atomically(path, |file| file.write_all(text.as_bytes()));
        let write_tokenizer =
            |path: &Path| tokenizer.map_or(Ok(()), |tokenizer| tokenizer.write(path));
        let mut parts: Vec<state::Part> =
            vec![(MODEL, &write_model), ("report.json", &write_json), ("report.txt", &write_text)];
        let mut removed = Vec::new();
        match tokenizer {
            Some(_) => parts.push((TOKENIZER, &write_tokenizer)),
            None => removed.push(TOKENIZER),
        }
        if earlier.is_none_or(|earlier| !contents.starts_with(&earlier)) {
            removed.extend([PROVING, VERIFYING]);
        }
        lock.switch(&parts, &removed)
    }

    /// The model's tokenizer.
    ///
    /// # Errors
    /// A model that was compiled without one, or a file that is missing, damaged or another than it
    /// was compiled with.
    pub fn tokenizer(&self, package: &Package) -> Result<Tokenizer, TextError> {
        if let Some(tokenizer) = package.tokenizer() {
            return Ok(tokenizer.clone());
        }
        let path = self.path.join(TOKENIZER);
        let Some(expected) = package.tokenizer_digest() else {
            return Err(TextProblem::None.of(&path));
        };
        let tokenizer = Tokenizer::read(&path)?;
        if tokenizer.digest() != expected {
            return Err(TextProblem::Other.of(&path));
        }
        Ok(tokenizer)
    }

    /// Reads the compiled model.
    ///
    /// # Errors
    /// A missing, damaged or inconsistent file.
    pub fn package(&self) -> Result<Package, PackageError> {
        let _lock = self.hold()?;
        Package::read(&self.path.join(MODEL))
    }

    /// Writes the keys of a package, in the place of those that are there.
    ///
    /// # Errors
    /// What the file system says, or a model in the folder that is another by now; the folder is
    /// then as it was.
    pub fn write_keys(
        &self,
        package: &Package,
        proving: &ProvingKey,
        verifying: &VerifyingKey,
    ) -> Result<(), PackageError> {
        let lock = Lock::alone(&self.path)?;
        let model = self.path.join(MODEL);
        let contents = package.to_bytes()?;
        if !Package::header(&model).is_some_and(|header| contents.starts_with(&header)) {
            return Err(PackageError::Changed { path: model });
        }
        self.expect_own(package, proving.verifying_key())?;
        self.expect_pair(proving.verifying_key(), verifying)?;
        let write_proving = |path: &Path| proving.write(path);
        let write_verifying = |path: &Path| write_verifying_key(verifying, path);
        lock.switch(&[(PROVING, &write_proving), (VERIFYING, &write_verifying)], &[])
    }

    /// Maps the proving key of a package into memory.
    ///
    /// # Errors
    /// A missing or damaged key, one of another model, or one that the verifying key beside it does
    /// not belong to.
    pub fn proving_key(&self, package: &Package) -> Result<ProvingKey, PackageError> {
        let _lock = self.hold()?;
        if !self.proving_key_path().exists() {
            return Err(PackageError::NoKeys { path: self.path().to_owned() });
        }
        let key = ProvingKey::open(&self.proving_key_path(), package.digest())?;
        self.expect_own(package, key.verifying_key())?;
        // A folder may do without: the proving key holds all of it.
        if self.verifying_key_path().exists() {
            self.expect_pair(
                key.verifying_key(),
                &read_verifying_key(&self.verifying_key_path())?,
            )?;
        }
        Ok(key)
    }

    /// Reads the verifying key.
    ///
    /// # Errors
    /// A missing, damaged or bad key.
    pub fn verifying_key(&self) -> Result<VerifyingKey, PackageError> {
        let _lock = self.hold()?;
        Ok(read_verifying_key(&self.verifying_key_path())?)
    }

    fn expect_own(&self, package: &Package, key: &VerifyingKey) -> Result<(), PackageError> {
        let parts = key.parts();
        let is_own = parts.model == package.name()
            && parts.circuit_digest() == package.digest()
            && parts.signature == package.signature();
        let problem = "its names are not those of the compiled model";
        if is_own {
            Ok(())
        } else {
            Err(PackageError::Keys { path: self.proving_key_path(), problem })
        }
    }

    fn expect_pair(
        &self,
        proving: &VerifyingKey,
        verifying: &VerifyingKey,
    ) -> Result<(), PackageError> {
        let problem = "it is of another setup than proving.key";
        let is_pair = proving.digest() == verifying.digest();
        if is_pair {
            Ok(())
        } else {
            Err(PackageError::Keys { path: self.verifying_key_path(), problem })
        }
    }
}
