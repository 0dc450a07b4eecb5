//! Greedy generation of text: making decoders of causal models, and running them.
//!
//! A decoder chooses, at each of its T positions, the token that comes next. [`CausalModel`] makes
//! one of a language model, in either of the two forms of [`Decoder`]; [`generate`] runs it,
//! [`fill`] lays a text out for one proof. When a proven statement is a generation is said, and
//! checked, in [`lemma_verifier::generation`], which this module passes on.
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
