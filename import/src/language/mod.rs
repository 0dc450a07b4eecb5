//! Transformers of text, whatever file they come from.
//!
//! A format gives a description ([`Decoder`], [`Encoder`]) and its [`Weights`]; [`decoder`] and
//! [`encoder`] make the float model of both. So the lowering of an architecture exists once, and a format adds no more than
//! where its numbers lie.
//!
//! A weight is read when the model needs it and straight into the form that the model keeps, so at
//! no time are there two copies of all weights.

mod attention;
mod config;
mod decoder;
mod encoder;
mod error;
mod norm;
mod rotary;
mod weights;

pub use config::{Biases, Decoder, MAX_TOKENS, Mlp, Norm, Positions};
pub use decoder::decoder;
pub use encoder::{Encoder, Head, Pooling, encoder};
pub use error::{ImportError, Problem};
pub use rotary::{Layout, Rotary, Scaling};
pub use weights::{Affine, Part, Place, Weights};

/// The number of tokens that is asked for, where it can be had.
pub(crate) fn tokens(longest: usize, wanted: Option<usize>) -> Result<usize, Problem> {
    match wanted {
        None => Err(Problem::NoTokens { longest }),
        Some(tokens) if (1..=longest).contains(&tokens) => Ok(tokens),
        Some(found) => Err(Problem::Tokens { longest, found }),
    }
}
