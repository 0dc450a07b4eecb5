//! What can go wrong in setup, in the store and in a proof.

use std::io;
use std::path::PathBuf;

use lemma_verifier::Digest;
use lemma_verifier::error::{KeyError, ProofError, StatementError, VerifyError};
use thiserror::Error;

/// Why there are no keys for a relation.
#[derive(Debug, Error)]
pub enum SetupError {
    /// More rows than the field has roots of unity for, or wires than an index holds.
    #[error(
        "{constraints} constraints over {wires} wires are too many; {limit} is the most of either: \
            use a smaller model"
    )]
    TooLarge {
        /// Rows of the relation.
        constraints: usize,
        /// Wires of the relation.
        wires: usize,
        /// The most of either.
        limit: usize,
    },
    /// The relation's columns do not have its layout.
    #[error("the relation returned columns of {found} wires where its layout has {expected}")]
    Columns {
        /// By the layout.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The verifying key would be refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The operating system gives no randomness.
    #[error(
        "no randomness from the operating system ({0}); does a sandbox forbid getrandom? allow it \
            and try again"
    )]
    Randomness(#[from] rand::Error),
}

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    /// The assignment is not one of the key's circuit.
    #[error(
        "the assignment has {found} {what}, the proving key is for {expected}: was the model \
            compiled again? run `lemma setup`"
    )]
    Shape {
        /// What was counted.
        what: &'static str,
        /// By the key.
        expected: usize,
        /// By the assignment.
        found: usize,
    },
    /// The public values do not fit the key's signature.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A constraint does not hold.
    #[error(
        "constraint {row} does not hold for this assignment; `lemma check` names its gadget and \
            layer"
    )]
    Unsatisfied {
        /// Row of the relation.
        row: usize,
    },
    /// The folded statement is not the fold of the public values.
    #[error("the assignment folds its public values to another value than the verifier")]
    Fold,
    /// The finished proof has a point at infinity or off its curve.
    #[error(
        "the finished proof was discarded, the proving key is damaged; run `lemma setup` again \
            ({0})"
    )]
    Degenerate(#[from] ProofError),
    /// The finished proof does not verify.
    #[error(
        "the finished proof does not verify, so it was discarded: the proving key is damaged or \
            belongs to another \
         circuit; run `lemma setup` again ({0})"
    )]
    SelfCheck(#[source] VerifyError),
    /// The operating system gives no randomness.
    #[error(
        "no randomness from the operating system ({0}); does a sandbox forbid getrandom? allow it \
            and try again"
    )]
    Randomness(#[from] rand::Error),
}

/// Why a file was not written or not read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What is at the place of a file to be written is something else.
    #[error(
        "{path} is there already and is no {kind}; it is left as it is: choose another name",
        path = path.display()
    )]
    Occupied {
        /// The file.
        path: PathBuf,
        /// What it would have to be.
        kind: &'static str,
    },
    /// The file does not start with the magic bytes.
    #[error("{path} is not a proving key", path = path.display())]
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// A version that this build does not read.
    #[error("{path} has format version {found}, this build reads {expected}: run `lemma setup` \
        again", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// [`crate::store::VERSION`].
        expected: u32,
        /// What came.
        found: u32,
    },
    /// The file is shorter or longer than its header says.
    #[error(
        "{path} has {found} bytes where {expected} are expected: run `lemma setup` again",
        path = path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// By the header.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A checksum does not fit.
    #[error("{path} is damaged in {section}: run `lemma setup` again", path = path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Where.
        section: &'static str,
    },
    /// Checksums fit and the contents do not make sense.
    #[error("{path} is inconsistent in {section}: run `lemma setup` again", path = path.display())]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// Where.
        section: &'static str,
    },
    /// The verifying key inside does not parse, or is refused.
    #[error("the verifying key in {path} is unusable: {source}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeyError,
    },
    /// The verifying key inside has another digest than the header.
    #[error(
        "{path} names verifying key {expected} and contains {found}: run `lemma setup` again",
        path = path.display()
    )]
    Digest {
        /// The file.
        path: PathBuf,
        /// In the header.
        expected: Digest,
        /// Of the key inside.
        found: Digest,
    },
}
