//! Openings: what the holder of a committed tensor keeps, to open the digest or to prove more about
//! the same tensor.
//!
//! The file holds the tensor's integers and its salt. It is as secret as the tensor.
//!
//! ```text
//! {
//!   "format": "lemma-openings-1",
//!   "model": "encoder",
//!   "tensors": [
//!     { "name": "embedding", "role": "committed output", "shape": [1, 64], "fractional_bits": 12,
//!       "digest": "0x...",                        32 bytes, as in the statement
//!       "salt": "0x...",                          31 bytes
//!       "values": [812, -77, ...] }
//!   ]
//! }
//! ```

use std::path::Path;

use lemma_circuits::commitment::{Salt, digest};
use lemma_prover::StoreError;
use lemma_prover::store::{expect_replaceable, read_at_most, write_secret};
use lemma_verifier::{Digest, PublicValues, Role};
use serde::{Deserialize, Serialize};

use crate::error::OpeningError;

/// The format that this build writes and reads.
const FORMAT: &str = "lemma-openings-1";

/// Largest file in bytes: some 5 million values.
const MAX_BYTES: u64 = 1 << 26;

/// Opens one committed tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Name in the model.
    pub name: String,
    /// Committed input or committed output.
    pub role: Role,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// An integer `v` means `v / 2^fractional_bits`.
    pub fractional_bits: i32,
    /// What hides the digest.
    pub salt: Salt,
    /// The integers, row-major.
    pub values: Vec<i64>,
}

impl Opening {
    /// The digest that this opens: what a statement must have for the tensor. `None` when an
    /// integer does not fit a commitment.
    pub fn digest(&self) -> Option<Digest> {
        let digest = digest(&self.values, self.fractional_bits, &self.salt)?;
        PublicValues::new(vec![digest]).to_bytes().try_into().ok().map(Digest)
    }
}

/// The openings of one proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Openings {
    /// Name of the model.
    pub model: String,
    /// The committed tensors, inputs first.
    pub tensors: Vec<Opening>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    model: String,
    tensors: Vec<FileOpening>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileOpening {
    name: String,
    role: Role,
    shape: Vec<usize>,
    fractional_bits: i32,
    digest: String,
    salt: String,
    values: Vec<i64>,
}

impl Openings {
    /// Whether [`Openings::write`] may write to `path`.
    ///
    /// # Errors
    /// A file that is something else than openings.
    pub fn expect_replaceable(path: &Path) -> Result<(), StoreError> {
        expect_replaceable(path, "file of openings", FORMAT)
    }

    /// Writes the file, readable by its owner alone.
    ///
    /// # Errors
    /// What the file system says, or a file of another kind; a file that was there stays intact.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        Openings::expect_replaceable(path)?;
        let tensors = self.tensors.iter().map(|opening| FileOpening {
            name: opening.name.clone(),
            role: opening.role,
            shape: opening.shape.clone(),
            fractional_bits: opening.fractional_bits,
            digest: opening.digest().map(|digest| digest.to_string()).unwrap_or_default(),
            salt: salt_text(&opening.salt),
            values: opening.values.clone(),
        });
        let file =
            File { format: FORMAT.into(), model: self.model.clone(), tensors: tensors.collect() };
        // Strings and integers always serialise.
        let json = serde_json::to_vec_pretty(&file).unwrap_or_default();
        write_secret(path, |out| out.write_all(&json))
    }

    /// Reads a file and checks that every opening opens its digest.
    ///
    /// # Errors
    /// A missing or malformed file, or an opening that does not open its digest.
    pub fn read(path: &Path) -> Result<Openings, OpeningError> {
        let fail = |problem: String| OpeningError::File { path: path.to_owned(), problem };
        let json = read_at_most(path, MAX_BYTES).map_err(|error| fail(error.to_string()))?;
        let file: File = serde_json::from_slice(&json).map_err(|error| fail(error.to_string()))?;
        if file.format != FORMAT {
            return Err(fail(format!("format `{}`, this program reads `{FORMAT}`", file.format)));
        }
        let mut tensors = Vec::with_capacity(file.tensors.len());
        for FileOpening { name, role, shape, fractional_bits, digest, salt, values } in file.tensors
        {
            let salt = parse_salt(&salt).ok_or_else(|| {
                fail(format!("the salt of `{name}` is not 31 bytes in hexadecimal"))
            })?;
            let opening = Opening { name, role, shape, fractional_bits, salt, values };
            let entries =
                opening.shape.iter().try_fold(1usize, |product, d| product.checked_mul(*d));
            if !role.is_committed() || entries != Some(opening.values.len()) {
                return Err(fail(format!(
                    "`{}` is no opening of a committed tensor",
                    opening.name
                )));
            }
            if opening.digest().is_none_or(|found| found.to_string() != digest) {
                return Err(fail(format!(
                    "`{}` does not open its digest: the file was altered",
                    opening.name
                )));
            }
            tensors.push(opening);
        }
        Ok(Openings { model: file.model, tensors })
    }

    /// The opening that fits an input of `entries` integers with `fractional_bits`: the only one
    /// that does, else the only output, else the one of the input's name.
    ///
    /// # Errors
    /// None fits, or it is not clear which.
    pub fn fitting(
        &self,
        input: &str,
        entries: usize,
        fractional_bits: i32,
    ) -> Result<&Opening, OpeningError> {
        let alike =
            |o: &&Opening| o.values.len() == entries && o.fractional_bits == fractional_bits;
        let fit: Vec<&Opening> = self.tensors.iter().filter(alike).collect();
        let outputs: Vec<&Opening> = fit.iter().copied().filter(|o| !o.role.is_input()).collect();
        match (&fit[..], &outputs[..]) {
            ([only], _) | (_, [only]) => Ok(only),
            _ => fit.iter().copied().find(|o| o.name == input).ok_or_else(|| {
                let given = self.tensors.iter().map(|o| {
                    format!(
                        "`{}` with {} values and {} fractional bits",
                        o.name,
                        o.values.len(),
                        o.fractional_bits
                    )
                });
                let given = given.collect::<Vec<_>>().join(", ");
                OpeningError::Unfit { input: input.to_owned(), entries, fractional_bits, given }
            }),
        }
    }
}

/// A salt as text: `0x` and 62 hexadecimal digits.
pub fn salt_text(salt: &Salt) -> String {
    salt.bytes().iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// A salt from its 62 hexadecimal digits, with or without `0x`.
pub fn parse_salt(text: &str) -> Option<Salt> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() != 2 * Salt::BYTES || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; Salt::BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(Salt::new(bytes))
}
