//! The verifying key, its canonical bytes and its file.
//!
//! Canonical bytes; integers big-endian, points as in [`crate::proof`], text as UTF-8 behind its
//! length (u32):
//!
//! ```text
//! offset  bytes
//!      0      8  magic "lemma-vk"
//!      8      4  version (u32)
//!     12      1  1 for a development key, else 0
//!     13     32  graph digest: of the integer graph, its tables and the lowering
//!     45     64  alpha1            G1
//!    109    128  beta2             G2
//!    237    128  gamma2            G2
//!    365    128  delta1_2          G2
//!    493    128  delta2_2          G2
//!    621    192  ic0 ic1 ic2       G1
//!    813      8  number of public values (u64)
//!    821         model name (text)
//!             4  number of public tensors (u32), then for each
//!                    name (text), role (u8: 0 input, 1 output, 2 committed
//!                    input, 3 committed output), rank (u32), dimensions (u64 each),
//!                    fractional bits (i32), least and greatest value (i64 each), kind of labels
//!                    (u8: 0 none, 1 of entries, 2 of values) and unless 0 their number (u32) and
//!                    each (text)
//!             4  number of private inputs (u32), then for each
//!                    name (text), rank (u32), dimensions (u64 each), fractional bits (i32), least
//!                    and greatest value (i64 each)
//! ```
//!
//! The key's digest is keccak256 of these bytes. It enters every challenge, so a proof is bound to
//! each of them.
//!
//! The circuit digest is keccak256 of the word "lemma circuit v1", the graph digest, and the bytes
//! above from the number of public tensors on. A key does not hold it: it follows. So whoever knows
//! the circuit digest of a model, from compiling it or from someone trusted, knows that a key with
//! this digest names every input, every range and every label as the compilation did, though the
//! key came from elsewhere.
//!
//! The file `verifying.key` is
//!
//! ```text
//!      0      8  magic "lemma.vk"
//!      8      4  version (u32)
//!     12      8  length of the canonical bytes (u64)
//!     20         canonical bytes
//!            32  their keccak256
//! ```

mod parts;

pub use parts::{KeyParts, VERSION, circuit_digest};

use crate::Digest;
use crate::codec::Reader;
use crate::error::KeyError;
use crate::lint::lint;
use parts::expect_header;

const FILE_MAGIC: [u8; 8] = *b"lemma.vk";

/// A verifying key that has passed [`lint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    parts: KeyParts,
    digest: Digest,
}

impl VerifyingKey {
    /// Checks `parts`.
    ///
    /// # Errors
    /// [`KeyError::Lint`] with the first rule that they break.
    pub fn new(parts: KeyParts) -> Result<VerifyingKey, KeyError> {
        lint(&parts)?;
        let digest = parts.digest();
        Ok(VerifyingKey { parts, digest })
    }

    /// Parses and checks the canonical bytes.
    ///
    /// # Errors
    /// The first field that does not parse, or the first rule that the key breaks.
    pub fn from_bytes(bytes: &[u8]) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::new(KeyParts::read(bytes)?)
    }

    /// Parses and checks the contents of a `verifying.key` file.
    ///
    /// # Errors
    /// [`KeyError::Checksum`] when the file is damaged, else as [`VerifyingKey::from_bytes`].
    pub fn from_file(bytes: &[u8]) -> Result<VerifyingKey, KeyError> {
        let mut reader = Reader::new(bytes);
        expect_header(&mut reader, FILE_MAGIC)?;
        let length = reader.u64("the length of the key")?;
        let body = reader.take(length, "the key")?;
        let expected = Digest(reader.array("the checksum")?);
        reader.end()?;
        let found = Digest::of(body);
        if expected != found {
            return Err(KeyError::Checksum { expected, found });
        }
        VerifyingKey::from_bytes(body)
    }

    /// The contents of a `verifying.key` file.
    pub fn to_file(&self) -> Vec<u8> {
        let body = self.to_bytes();
        let mut out = Vec::with_capacity(body.len().saturating_add(52));
        out.extend_from_slice(&FILE_MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&self.digest.0);
        out
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.parts.to_bytes()
    }

    /// keccak256 of the canonical bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The contents.
    pub fn parts(&self) -> &KeyParts {
        &self.parts
    }

    /// Checks that the key is for the circuit with digest `circuit`.
    ///
    /// # Errors
    /// [`KeyError::OtherCircuit`] when it is not.
    pub fn expect_circuit(&self, circuit: Digest) -> Result<(), KeyError> {
        let found = self.parts.circuit_digest();
        if found != circuit {
            return Err(KeyError::OtherCircuit { expected: circuit, found });
        }
        Ok(())
    }
}
