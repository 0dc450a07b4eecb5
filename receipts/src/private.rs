//! What a log's digests are of: salts, inputs and outputs, for their owner alone.

use std::path::{Path, PathBuf};

use lemma_verifier::Digest;
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use crate::entry::hexadecimal;
use crate::error::Problem;

/// Most bytes of an input or an output.
pub(crate) const MAX_TEXT: usize = 1 << 20;

/// How every line begins.
pub(crate) const BEGIN: &[u8] = b"{\"seq\":";

/// Most bytes of a line: a byte of text may take six.
pub(crate) const MAX_LINE: usize = 12 * MAX_TEXT + 1024;

/// What was kept of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The decision's number.
    pub seq: u64,
    /// What hides input and output behind their digests.
    #[serde(with = "hexadecimal")]
    pub salt: Digest,
    /// The input.
    pub input: String,
    /// The output.
    pub output: String,
}

impl Kept {
    /// With a salt of its own.
    pub(crate) fn new(seq: u64, input: &str, output: &str) -> Kept {
        let mut salt = [0; 32];
        rand::rngs::OsRng.fill_bytes(&mut salt);
        Kept { seq, salt: Digest(salt), input: input.to_owned(), output: output.to_owned() }
    }

    /// Salted digests of input and output.
    pub(crate) fn digests(&self) -> [Digest; 2] {
        let of = |name: &[u8], text: &str| {
            Digest::of(&[name, &self.salt.0[..], text.as_bytes()].concat())
        };
        [of(b"lemma receipt input", &self.input), of(b"lemma receipt output", &self.output)]
    }

    pub(crate) fn to_line(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub(crate) fn of_line(bytes: &[u8], line: u64) -> Result<Kept, Problem> {
        serde_json::from_slice(bytes)
            .map_err(|error| Problem::Line { line, problem: error.to_string() })
    }
}

/// The file beside `log` that has its inputs and outputs: `a.private.jsonl` for `a.jsonl`.
pub fn private_path(log: &Path) -> PathBuf {
    log.with_extension("private.jsonl")
}
