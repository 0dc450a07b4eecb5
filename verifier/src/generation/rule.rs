//! When a statement is a generation.

use serde::Serialize;
use thiserror::Error;

use super::form::{NEXT, TOKENS};
use super::{Decoder, hidden, join_pieces, split_context};
use crate::{Context, Digest, Labels, PublicTensor, Role, Statement, TensorSignature, Verified};

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

impl Generation {
    /// The generation that was proven. `context` are the bytes behind the statement's context.
    /// `None` when they are not those of a generation: then the proof is one of single steps,
    /// whatever its key.
    ///
    /// # Errors
    /// [`GenerationError`]: the context claims a generation that the statement is not.
    pub fn of(verified: &Verified, context: &[u8]) -> Result<Option<Generation>, GenerationError> {
        let statement = verified.statement();
        if Context::of(context) != statement.context {
            return Err(GenerationError::OtherContext);
        }
        let Some(parts) = split_context(context)? else { return Ok(None) };
        let lengths = (parts.prompt as usize, parts.length as usize);
        let signature: Vec<TensorSignature> =
            statement.tensors.iter().map(|tensor| tensor.signature.clone()).collect();
        match Decoder::of(&signature, &statement.private_inputs) {
            None => Err(GenerationError::NoDecoder),
            Some(Decoder::Shown) => shown(statement, lengths).map(Some),
            Some(Decoder::Hidden) => hidden::rule(statement, lengths).map(Some),
        }
    }
}

/// The rule for a decoder that shows the prompt.
fn shown(
    statement: &Statement,
    (prompt, length): (usize, usize),
) -> Result<Generation, GenerationError> {
    let tokens = values(statement, Role::Input, TOKENS)?;
    let next = values(statement, Role::Output, NEXT)?;
    fit(prompt, length, tokens.len())?;
    let written = tokens.iter().take(length).enumerate().skip(prompt);
    // The choice at position t is token t + 1.
    for ((position, found), chosen) in written.zip(next.iter().skip(prompt.saturating_sub(1))) {
        if found != chosen {
            return Err(GenerationError::Token { position, found: *found, chosen: *chosen });
        }
    }
    Ok(Generation {
        prompt_length: prompt,
        length,
        tokens: tokens.iter().take(length).copied().collect(),
        prompt_visibility: Visibility::Public,
        prompt: text(statement, tokens.iter().take(prompt)),
        prompt_digest: None,
        text: text(statement, tokens.iter().take(length).skip(prompt)),
    })
}

/// `1 <= prompt <= length <= tokens`.
pub(super) fn fit(prompt: usize, length: usize, tokens: usize) -> Result<(), GenerationError> {
    if prompt == 0 || prompt > length || length > tokens {
        return Err(GenerationError::Lengths { prompt, length, tokens });
    }
    Ok(())
}

pub(super) fn find<'a>(
    statement: &'a Statement,
    role: Role,
    name: &str,
) -> Option<&'a PublicTensor> {
    statement
        .tensors
        .iter()
        .find(|tensor| tensor.signature.role == role && tensor.signature.name == name)
}

/// The values of a tensor, as many as its shape says.
pub(super) fn values<'a>(
    statement: &'a Statement,
    role: Role,
    name: &str,
) -> Result<&'a [i64], GenerationError> {
    let tensor = find(statement, role, name).ok_or(GenerationError::NoDecoder)?;
    let entries = tensor.signature.entries().and_then(|entries| usize::try_from(entries).ok());
    if entries == Some(tensor.values.len()) {
        Ok(&tensor.values)
    } else {
        Err(GenerationError::NoDecoder)
    }
}

/// The text of some tokens, where a tensor of the statement names them.
pub(super) fn text<'a>(
    statement: &Statement,
    ids: impl Iterator<Item = &'a i64>,
) -> Option<String> {
    let names = statement.tensors.iter().find_map(|tensor| match &tensor.signature.labels {
        Labels::Values(names) => Some(names),
        _ => None,
    })?;
    let pieces: Option<Vec<&str>> =
        ids.map(|id| names.get(usize::try_from(*id).ok()?).map(String::as_str)).collect();
    Some(join_pieces(pieces?))
}

#[cfg(test)]
mod tests {
    use super::super::{TAG, context, fixture};
    use super::*;
    use crate::PrivateInput;

    const NAMES: [&str; 7] = ["<unk>", "<s>", "</s>", " a", "b", "<0x0A>", "c"];

    fn tensor(name: &str, role: Role, values: &[i64]) -> PublicTensor {
        let labels = match role {
            Role::Output => Labels::Values(NAMES.map(str::to_owned).to_vec()),
            _ => Labels::None,
        };
        let (shape, name) = (vec![1, values.len()], name.to_owned());
        PublicTensor {
            signature: TensorSignature {
                name,
                role,
                shape,
                fractional_bits: 0,
                low: 0,
                high: 6,
                labels,
            },
            values: values.to_vec(),
            digest: None,
        }
    }

    fn statement(context: &[u8]) -> Statement {
        let tensors = vec![
            tensor("tokens", Role::Input, &[1, 3, 4, 3, 6, 0, 0, 0]),
            tensor("next", Role::Output, &[4, 5, 3, 6, 5, 2, 2, 2]),
        ];
        fixture::statement(context, tensors)
    }

    fn of(prompt: u32, length: u32) -> Result<Option<Generation>, GenerationError> {
        let bytes = context(prompt, length, b"nonce");
        fixture::generation(&statement(&bytes), &bytes)
    }

    #[test]
    fn an_honest_generation_has_its_text_and_lengths() {
        let generation = of(3, 5).unwrap().unwrap();
        assert_eq!((generation.prompt_length, generation.length), (3, 5));
        assert_eq!(generation.tokens, [1, 3, 4, 3, 6]);
        assert_eq!(generation.prompt.as_deref(), Some("ab"));
        assert_eq!(generation.text.as_deref(), Some(" ac"));
        assert_eq!(of(3, 3).unwrap().unwrap().text.as_deref(), Some(""));
        assert_eq!(of(8, 8).unwrap().unwrap().length, 8);
    }

    #[test]
    fn rejects_a_token_swapped_after_the_prompt() {
        let bytes = context(3, 5, b"");
        for position in 3..5 {
            let mut forged = statement(&bytes);
            forged.tensors[0].values[position] = 1;
            let error = fixture::generation(&forged, &bytes).unwrap_err();
            assert!(
                matches!(error, GenerationError::Token { position: p, found: 1, .. } if p == position)
            );
        }
        // What follows the end says nothing.
        let mut padded = statement(&bytes);
        padded.tensors[0].values[5] = 6;
        assert_eq!(fixture::generation(&padded, &bytes).unwrap().unwrap().tokens, [1, 3, 4, 3, 6]);
    }

    #[test]
    fn rejects_a_wrong_prompt_length() {
        assert!(matches!(
            of(2, 5),
            Err(GenerationError::Token { position: 2, found: 4, chosen: 5 })
        ));
        assert!(matches!(of(1, 5), Err(GenerationError::Token { position: 1, .. })));
    }

    #[test]
    fn rejects_lengths_out_of_range() {
        for (prompt, length) in
            [(0, 5), (4, 3), (3, 9), (9, 9), (u32::MAX, u32::MAX), (0, 0), (3, u32::MAX)]
        {
            assert!(
                matches!(of(prompt, length), Err(GenerationError::Lengths { tokens: 8, .. })),
                "{prompt}, {length}"
            );
        }
        // The sixth token was not chosen.
        assert!(matches!(of(3, 6), Err(GenerationError::Token { position: 5, .. })));
    }

    #[test]
    fn a_context_of_another_kind_is_no_generation() {
        for bytes in
            [&b""[..], b"nonce", b"lemma generatio", b"Lemma generation\0\0\0\x03\0\0\0\x05"]
        {
            assert_eq!(fixture::generation(&statement(bytes), bytes), Ok(None));
        }
    }

    #[test]
    fn rejects_bytes_that_are_not_those_of_the_proof() {
        let honest = context(3, 5, b"nonce");
        for other in [
            context(3, 4, b"nonce"),
            context(4, 5, b"nonce"),
            context(3, 5, b"other"),
            b"nonce".to_vec(),
            Vec::new(),
        ] {
            assert_eq!(
                fixture::generation(&statement(&honest), &other),
                Err(GenerationError::OtherContext)
            );
        }
    }

    #[test]
    fn rejects_a_context_that_is_cut_short() {
        let whole = context(3, 5, b"");
        for length in TAG.len()..whole.len() {
            let bytes = &whole[..length];
            assert_eq!(
                fixture::generation(&statement(bytes), bytes),
                Err(GenerationError::CutShort)
            );
        }
    }

    #[test]
    fn rejects_the_key_of_something_else() {
        let bytes = context(3, 5, b"");
        let alter = |change: fn(&mut Statement)| {
            let mut statement = statement(&bytes);
            change(&mut statement);
            fixture::generation(&statement, &bytes)
        };
        for change in [
            (|s| drop(s.tensors.remove(0))) as fn(&mut Statement),
            |s| drop(s.tensors.remove(1)),
            |s| s.tensors[1].signature.name = "logits".into(),
            |s| s.tensors[0].signature.role = Role::Output,
            |s| s.tensors[1].signature.shape = vec![1, 4],
            |s| s.tensors[1].signature.fractional_bits = 1,
            |s| {
                s.private_inputs.push(PrivateInput {
                    name: "mask".into(),
                    shape: vec![1, 8],
                    fractional_bits: 0,
                    low: 0,
                    high: 1,
                })
            },
            |s| s.tensors.push(tensor("mask", Role::Input, &[1; 8])),
            |s| {
                s.tensors[0].signature.shape = vec![2, 4];
                s.tensors[1].signature.shape = vec![2, 4];
            },
        ] {
            assert_eq!(alter(change), Err(GenerationError::NoDecoder));
        }
    }
}
