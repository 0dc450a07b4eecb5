//! Receipts: an append-only log of what a model was asked and answered, and of the proofs for it.
//!
//! Two files of one JSON object a line:
//!
//! | file | what it has | who may see it |
//! |---|---|---|
//! | `NAME.jsonl` | time, task, model, key, context, salted digests of input and output, the digest of a proof or the promise of one; each line has the digest of the line before | anybody |
//! | `NAME.private.jsonl` | salts, inputs and outputs | its owner (mode 0600) |
//!
//! ```text
//! {"entry":{"seq":0,"time":1764417600,"kind":"decision","task":"spam","model":"sms","key":"0x..",
//!   "context":"0x..","input":"0x..","output":"0x..","proof":null,"previous":"0x00.."},"digest":"0x.."}
//! ```
//!
//! - `digest` is keccak256 of `lemma receipt v1` and the bytes of the entry; `previous` is that of
//!   the line before, zeros in the first. A line has one spelling. So a line that is edited,
//!   removed, repeated or moved breaks the chain at its place.
//! - Lines that are cut off at the end leave a shorter log that is whole. Whoever keeps the digest
//!   of a line, the head, sees that: [`verify`] looks for it.
//! - `input` is keccak256 of `lemma receipt input`, a salt of 32 random bytes and the input; the
//!   output has a name of its own. Without the salt nobody can try inputs against it.
//! - A proof is named by keccak256 of its file. It ties the answer to the model; that the salted
//!   digests are of what was proven is the word of the log's owner, who can open them.
//!
//! An append that is killed between any two bytes leaves a log whose lines are whole but for the
//! last, which the next append removes. Appends take turns by a lock on the log.

#![forbid(unsafe_code)]

mod append;
mod entry;
mod error;
mod export;
mod private;
mod verify;

pub use append::{Decision, append, fulfil};
pub use entry::hexadecimal::parse as parse_digest;
pub use entry::{Entry, Event};
pub use error::{LogError, Problem};
pub use export::{Exported, Rule, export};
pub use private::private_path;
pub use verify::{Summary, verify};
