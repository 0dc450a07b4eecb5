//! The two kinds of decoder, told apart by the names of their tensors.
//!
//! | | inputs | outputs |
//! |---|---|---|
//! | [`Decoder::Shown`] | `tokens`, public | `next`, public |
//! | [`Decoder::Hidden`] | `prompt`, committed or private; `text` and `generated`, public | `chosen`, public |
//!
//! All are `[1, T]` or `[T]` and whole numbers.

use crate::{PrivateInput, Role, TensorSignature};

/// The tokens that a decoder reads.
pub const TOKENS: &str = "tokens";
/// The choice after each position.
pub const NEXT: &str = "next";
/// The tokens that were given, where they are not shown.
pub const PROMPT: &str = "prompt";
/// The tokens that were generated; 0 elsewhere.
pub const TEXT: &str = "text";
/// 1 where a token was generated, 0 elsewhere.
pub const GENERATED: &str = "generated";
/// The choices of the generated tokens, each one position before its token; 0 elsewhere.
pub const CHOSEN: &str = "chosen";

/// What the statement of a decoder says of the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoder {
    /// Its tokens.
    Shown,
    /// Its length, and its digest where it is committed to.
    Hidden,
}

impl Decoder {
    /// The kind of decoder that a key is of, if it is one.
    pub fn of(signature: &[TensorSignature], private: &[PrivateInput]) -> Option<Decoder> {
        [Decoder::Shown, Decoder::Hidden]
            .into_iter()
            .find(|decoder| decoder.fits(signature, private))
    }

    /// Names of the inputs that the statement shows.
    pub fn public_inputs(self) -> &'static [&'static str] {
        match self {
            Decoder::Shown => &[TOKENS],
            Decoder::Hidden => &[TEXT, GENERATED],
        }
    }

    /// Name of the output.
    pub fn output(self) -> &'static str {
        match self {
            Decoder::Shown => NEXT,
            Decoder::Hidden => CHOSEN,
        }
    }

    fn fits(self, signature: &[TensorSignature], private: &[PrivateInput]) -> bool {
        let find = |role: Role, name: &str| {
            signature.iter().find(|tensor| tensor.role == role && tensor.name == name)
        };
        let Some(output) = find(Role::Output, self.output()) else { return false };
        let row = output
            .entries()
            .is_some_and(|entries| output.shape.last().is_some_and(|last| entries == *last as u64));
        let alike =
            |tensor: &TensorSignature| tensor.shape == output.shape && tensor.fractional_bits == 0;
        let inputs =
            self.public_inputs().iter().all(|name| find(Role::Input, name).is_some_and(alike));
        // A hidden prompt has at most a digest in the statement, and nothing else depends on it.
        let digest = find(Role::CommittedInput, PROMPT).filter(|_| self == Decoder::Hidden);
        let own = self.public_inputs().len().saturating_add(usize::from(digest.is_some()));
        let other_inputs = signature.iter().filter(|tensor| tensor.role.is_input()).count() != own;
        let other_outputs = self == Decoder::Hidden && signature.len() != own.saturating_add(1);
        // Of private inputs a decoder has its prompt alone: another one would choose what is
        // generated.
        let private = match (self, private) {
            (_, []) => self == Decoder::Shown || digest.is_some(),
            (Decoder::Hidden, [prompt]) => {
                digest.is_none()
                    && prompt.name == PROMPT
                    && prompt.shape == output.shape
                    && prompt.fractional_bits == 0
            }
            _ => false,
        };
        private
            && row
            && alike(output)
            && inputs
            && digest.is_none_or(alike)
            && !other_inputs
            && !other_outputs
    }
}
