//! Greedy generation of text, and the rule that makes one proof speak for all of it.
//!
//! A decoder with a fixed number of tokens T is compiled once: public input `tokens` `[1, T]`, public output `next` `[1, T]`, where `next[t]` is
//! the index of the largest logit at position t (the lowest on ties) and depends on `tokens[0..=t]` only, because the model is causal. The
//! proof says so for all positions at once. A text of `length` tokens, the first `prompt` of which were given, is greedy decoding exactly if
//!
//! ```text
//! tokens[t + 1] = next[t]    for prompt - 1 <= t < length - 1
//! ```
//!
//! which needs public values only, so whoever verifies the proof checks it: [`Generation::of`]. Tokens from `length` on are padding and say
//! nothing. Both lengths are in the bytes of the proof's context, so a proof cannot be passed off with other ones:
//!
//! ```text
//! "lemma generation" || prompt (u32, big-endian) || length (u32, big-endian) || the caller's bytes
//! ```
//!
//! That the model is causal is a property of the compiled circuit, which the key's digest stands for; like the weights, it is what the maker of
//! the key vouches for.

mod decode;
mod rule;

pub use decode::{GenerateError, generate};
pub use rule::{Generation, GenerationError, Parts, TAG, context, is_decoder, split_context};
