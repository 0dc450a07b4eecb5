//! Greedy generation of text: making decoders of causal models, and running them.
//!
//! A decoder chooses, at each of its T positions, the token that comes next. [`CausalModel`] makes
//! one of a language model, in either of the two forms of [`Decoder`]; [`generate`] runs it,
//! [`fill`] lays a text out for one proof. When a proven statement is a generation is said, and
//! checked, in [`lemma_verifier::generation`], which this module passes on.
//!
//! A model of six tokens that continues the prompt `1 7` by `4 9`, in both forms; a dot is whatever
//! the model chooses:
//!
//! ```text
//! position    0 1 2 3 4 5
//! tokens      1 7 4 9 0 0    shown; the padding says nothing
//! next        . 4 9 . . .    shown; next[t] = tokens[t + 1] for t = 1, 2
//!
//! prompt      1 7 0 0 0 0    committed to, or private
//! generated   0 0 1 1 0 0    shown
//! text        0 0 4 9 0 0    shown
//! chosen      0 4 9 0 0 0    shown; chosen[t] = text[t + 1]
//! ```
//!
//! That the model is causal is a property of the compiled circuit, which the key's digest stands
//! for; like the weights, it is what the maker of the key vouches for. [`check_causal`] decides it
//! for the circuits that [`compile`](crate::compile) makes.

mod assemble;
mod causal;
mod decode;

pub use causal::{CausalModel, DecoderError, check_causal};
pub use decode::{GenerateError, fill, generate};
pub use lemma_verifier::generation::{
    CHOSEN, Decoder, GENERATED, Generation, GenerationError, NEXT, PROMPT, Parts, TAG, TEXT,
    TOKENS, Visibility, context, split_context,
};
