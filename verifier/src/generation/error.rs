//! Why a statement is no generation.

use thiserror::Error;

/// Why a statement is not the generation that its context claims.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GenerationError {
    /// The bytes are not those behind the statement's context.
    #[error("these are not the bytes of the proof's context")]
    OtherContext,
    /// The bytes begin as those of a generation and end early.
    #[error("the context of a generation holds two lengths, this one is cut short")]
    CutShort,
    /// The key is not that of a decoder.
    #[error(
        "the context is that of a generation, but the key is no decoder's: it needs the public \
            tensors `tokens` and `next`, or `text`, \
         `generated` and `chosen`, of one shape"
    )]
    NoDecoder,
    /// Lengths that do not fit the model.
    #[error(
        "a prompt of {prompt} and a text of {length} tokens; 1 to {tokens} fit, and the text \
            begins with the prompt"
    )]
    Lengths {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of prompt and text.
        length: usize,
        /// Tokens of the model.
        tokens: usize,
    },
    /// A token that the model did not choose.
    #[error(
        "token {position} is {found}, but the model chose {chosen}: this text was not generated"
    )]
    Token {
        /// Its position.
        position: usize,
        /// The token.
        found: i64,
        /// What the model chose there.
        chosen: i64,
    },
    /// A position that is marked as generated and is not, or the other way round.
    #[error(
        "`generated` is {found} at position {position}; by the lengths in the context it is \
            {expected}"
    )]
    Mark {
        /// The position.
        position: usize,
        /// The mark.
        found: i64,
        /// What it must be.
        expected: i64,
    },
    /// A value where there is no generated text.
    #[error(
        "`{tensor}` is {found} at position {position}, where nothing was generated; it is 0 there"
    )]
    Outside {
        /// The tensor.
        tensor: &'static str,
        /// The position.
        position: usize,
        /// The value.
        found: i64,
    },
}
