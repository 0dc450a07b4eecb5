//! Generated text: the rule that makes one proof speak for all of it.
//!
//! A decoder with a fixed number of tokens T reads T tokens and chooses, at each position t, the
//! index of the largest logit (the lowest on ties), which depends on the tokens up to t only,
//! because the model is causal. The proof says so for all positions at once. A text of `length`
//! tokens, the first `prompt` of which were given, is greedy decoding exactly if
//!
//! ```text
//! tokens[t + 1] = next[t]    for prompt - 1 <= t < length - 1
//! ```
//!
//! There are two kinds of decoder ([`Decoder`]). One shows `tokens` and `next`, so whoever verifies
//! the proof checks this. The other hides the prompt. It shows the generated part of `tokens` as
//! `text`, and of `next` what was chosen for it as `chosen`; both are zero elsewhere. The same
//! check is then `chosen[t] = text[t + 1]` for all t, once `generated` is known to mark
//! `prompt <= t < length` and nothing else. In both, what stands from `length` on is padding and
//! says nothing. [`Generation::of`] checks either, and
//! [`ProofFile::verify`](crate::ProofFile::verify) asks it for every proof.
//!
//! Both lengths are in the bytes of the proof's context, so a proof cannot be passed off with other
//! ones:
//!
//! ```text
//! "lemma generation" || prompt (u32, big-endian) || length (u32, big-endian) || the caller's bytes
//! ```
//!
//! That the model is causal is a property of the compiled circuit, which the key's digest stands
//! for; like the weights, it is what the maker of the key vouches for.

mod context;
mod error;
#[cfg(test)]
mod fixture;
mod form;
mod hidden;
mod pieces;
mod rule;
mod tensors;

pub use context::{Parts, TAG, context, split_context};
pub use error::GenerationError;
pub use form::{CHOSEN, Decoder, GENERATED, NEXT, PROMPT, TEXT, TOKENS};
pub use pieces::{FIRST, byte_of, join_pieces};

use serde::Serialize;

use crate::Digest;

/// A text that a model wrote, by a proof: made by [`Generation::of`] only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Generation {
    /// Tokens that were given, the start token included.
    pub prompt_length: usize,
    /// Tokens of prompt and generated text.
    pub length: usize,
    /// All of them; those of the generated text alone when the prompt is not shown.
    pub tokens: Vec<i64>,
    /// What the statement has of the prompt.
    pub prompt_visibility: Visibility,
    /// The given text, where it is shown and the key names its tokens.
    pub prompt: Option<String>,
    /// Binds the prompt, where it is committed to: its first `prompt_length` tokens, and the
    /// padding after them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_digest: Option<Digest>,
    /// The generated text, where the key names its tokens.
    pub text: Option<String>,
}

/// What a statement has of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Its tokens.
    Public,
    /// Its digest and its length.
    Committed,
    /// Its length.
    Private,
}
