//! What can be wrong with a log.

use std::io;
use std::path::{Path, PathBuf};

use lemma_verifier::Digest;
use thiserror::Error;

/// A file of a log that cannot be used, and why.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// Why a log cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file system.
    #[error("cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// A line that no log has: it was edited, or the file is something else.
    #[error("{}: {problem}", place(*line))]
    Line {
        /// From 1; 0 for the last.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A line that does not follow the one before it.
    #[error("line {line} does not follow the line before: one was removed, repeated or moved")]
    Chain {
        /// From 1.
        line: u64,
    },
    /// A proof for a decision that is not there, or that has a proof.
    #[error("there is no decision {of} that waits for a proof")]
    NotPromised {
        /// The decision's number.
        of: u64,
    },
    /// A head that no line has.
    #[error("no line has the digest {head}: the log was cut off or is another")]
    Head {
        /// The digest.
        head: Digest,
    },
    /// A text of the log that is too long.
    #[error("the {what} has {bytes} bytes; at most {limit} are logged")]
    TooLong {
        /// Which.
        what: &'static str,
        /// How many bytes.
        bytes: usize,
        /// Most.
        limit: usize,
    },
    /// What was kept of a decision is not what the log has digests of.
    #[error("line {line} is not what decision {seq} of the log was made of")]
    OtherText {
        /// From 1.
        line: u64,
        /// The decision's number.
        seq: u64,
    },
    /// A rule of redaction that is none.
    #[error("rule {rule} of the redaction: {problem}")]
    Rule {
        /// From 1.
        rule: usize,
        /// What is wrong.
        problem: String,
    },
}

fn place(line: u64) -> String {
    if line == 0 { "no log of receipts".into() } else { format!("line {line} is no receipt") }
}

impl Problem {
    pub(crate) fn of(self, path: &Path) -> LogError {
        LogError { path: path.to_owned(), problem: self }
    }
}
