//! File `model.lemma`: magic `lemma.mg`, version (u32, big-endian), keccak256 of the payload,
//! payload (postcard): name, classes, keccak256 of the tokenizer's file where there is one, tables,
//! graph.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use lemma_circuits::{Compiled, Plan};
use lemma_graph::Graph;
use lemma_prover::store::{open_regular, read_at_most};
use lemma_verifier::Digest;
use serde::{Deserialize, Serialize};

use super::Package;
use crate::error::{FormatError, PackageError};

const MAGIC: &[u8; 8] = b"lemma.mg";
const VERSION: u32 = 3;
const HEADER: usize = 8 + 4 + 32;

/// Largest file in bytes.
const MAX_BYTES: u64 = 1 << 31;

#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    name: Cow<'a, str>,
    classes: Cow<'a, [String]>,
    tokenizer: Option<[u8; 32]>,
    plan: Cow<'a, Plan>,
    graph: Cow<'a, Graph>,
}

impl Package {
    /// The contents of `model.lemma`.
    ///
    /// # Errors
    /// None for what [`Package::new`] accepts; the signature is that of the serialiser.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PackageError> {
        let payload = Payload {
            name: Cow::Borrowed(&self.name),
            classes: Cow::Borrowed(&self.classes),
            tokenizer: self.tokenizer_digest.map(|digest| digest.0),
            plan: Cow::Borrowed(self.compiled.plan()),
            graph: Cow::Borrowed(self.graph()),
        };
        let payload = postcard::to_stdvec(&payload)?;
        Ok([MAGIC, &VERSION.to_be_bytes()[..], &Digest::of(&payload).0, &payload].concat())
    }

    /// Reads `model.lemma`; nothing in it is trusted.
    pub(crate) fn read(path: &Path) -> Result<Package, PackageError> {
        let failed = |source| PackageError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        open_regular(path)
            .and_then(|file| file.take(HEADER as u64).read_to_end(&mut bytes))
            .map_err(failed)?;
        // Only what says that it is a model is read whole.
        if bytes.starts_with(MAGIC) {
            bytes = read_at_most(path, MAX_BYTES).map_err(failed)?;
        }
        Package::from_bytes(&bytes).map_err(|FormatError(problem)| PackageError::Damaged {
            path: path.to_owned(),
            problem,
        })
    }

    /// The package in the contents of a `model.lemma`; nothing in them is trusted.
    ///
    /// # Errors
    /// Contents that are damaged, of another version, or no sound graph.
    pub fn from_bytes(bytes: &[u8]) -> Result<Package, FormatError> {
        let refused = |problem: &dyn std::fmt::Display| FormatError(problem.to_string());
        let (header, payload) =
            bytes.split_at_checked(HEADER).ok_or_else(|| refused(&"the file is cut short"))?;
        let (magic, rest) = header.split_at(MAGIC.len());
        let (version, checksum) = rest.split_at(4);
        if magic != MAGIC {
            return Err(refused(&"not a compiled model"));
        }
        if version != VERSION.to_be_bytes() {
            return Err(FormatError(format!(
                "format version {version:?}, this program reads {VERSION}"
            )));
        }
        if checksum != Digest::of(payload).0 {
            return Err(refused(&"the checksum does not match: the file is damaged"));
        }
        let Payload { name, classes, tokenizer, plan, graph } =
            postcard::from_bytes(payload).map_err(|_| refused(&"the contents do not decode"))?;
        let compiled = Compiled::with_plan(graph.into_owned(), plan.into_owned())
            .map_err(|error| refused(&error))?;
        let package =
            Package::new(&name, classes.into_owned(), compiled).map_err(|error| refused(&error))?;
        Ok(Package { tokenizer_digest: tokenizer.map(Digest), ..package })
    }

    /// The header of the `model.lemma` at `path`, which tells one compilation from another; `None`
    /// when there is none.
    pub(crate) fn header(path: &Path) -> Option<[u8; HEADER]> {
        let mut header = [0; HEADER];
        open_regular(path).ok()?.read_exact(&mut header).ok()?;
        header.starts_with(MAGIC).then_some(header)
    }
}
