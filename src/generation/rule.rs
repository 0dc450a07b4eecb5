//! When a statement is a generation.

use lemma_verifier::{Context, Labels, PublicTensor, Role, Statement, TensorSignature};
use serde::Serialize;
use thiserror::Error;

use crate::text::join_pieces;

/// First bytes of the context of a generation.
pub const TAG: &[u8; 16] = b"lemma generation";

/// Names of the two public tensors.
const TOKENS: &str = "tokens";
const NEXT: &str = "next";

/// A text that a model wrote, by a proof: made by [`Generation::of`] only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Generation {
    /// Tokens that were given, the start token included.
    pub prompt_length: usize,
    /// Tokens of prompt and generated text.
    pub length: usize,
    /// All of them.
    pub tokens: Vec<i64>,
    /// The given text, where the key names its tokens.
    pub prompt: Option<String>,
    /// The generated text, where the key names its tokens.
    pub text: Option<String>,
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
        "the context is that of a generation, but the key is not: it needs a public input `tokens` and a public output `next` of the same shape"
    )]
    NoDecoder,
    /// Lengths that do not fit the model.
    #[error("a prompt of {prompt} and a text of {length} tokens; 1 to {tokens} fit, and the text begins with the prompt")]
    Lengths {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens of prompt and text.
        length: usize,
        /// Tokens of the model.
        tokens: usize,
    },
    /// A token that the model did not choose.
    #[error("token {position} is {found}, but the model chose {chosen}: this text was not generated")]
    Token {
        /// Its position.
        position: usize,
        /// The token.
        found: i64,
        /// What the model chose there.
        chosen: i64,
    },
}

/// The context bytes of a generation.
pub fn context(prompt: u32, length: u32, caller: &[u8]) -> Vec<u8> {
    [&TAG[..], &prompt.to_be_bytes(), &length.to_be_bytes(), caller].concat()
}

/// The context of a generation, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of prompt and text.
    pub length: u32,
    /// The caller's bytes.
    pub caller: &'a [u8],
}

/// Takes the context of a generation apart; `None` for the context of anything else.
///
/// # Errors
/// [`GenerationError::CutShort`].
pub fn split_context(bytes: &[u8]) -> Result<Option<Parts<'_>>, GenerationError> {
    let Some(rest) = bytes.strip_prefix(TAG) else { return Ok(None) };
    let lengths = rest.split_first_chunk::<4>().and_then(|(prompt, rest)| Some((prompt, rest.split_first_chunk::<4>()?)));
    let (prompt, (length, caller)) = lengths.ok_or(GenerationError::CutShort)?;
    Ok(Some(Parts { prompt: u32::from_be_bytes(*prompt), length: u32::from_be_bytes(*length), caller }))
}

/// Whether a key is that of a decoder: a public input `tokens` and a public output `next`, both `[1, T]` or `[T]` and whole numbers.
pub fn is_decoder(signature: &[TensorSignature]) -> bool {
    let find = |role: Role, name: &str| signature.iter().find(|tensor| tensor.role == role && tensor.name == name);
    match (find(Role::Input, TOKENS), find(Role::Output, NEXT)) {
        (Some(tokens), Some(next)) => {
            let row = tokens.shape.iter().product::<usize>() == tokens.shape.last().copied().unwrap_or(0);
            row && tokens.shape == next.shape && tokens.fractional_bits == 0 && next.fractional_bits == 0
        }
        _ => false,
    }
}

impl Generation {
    /// The generation that a verified statement proves. `context` are the bytes behind the statement's context. `None` when they are not those
    /// of a generation: then the proof is one of single steps, whatever its key.
    ///
    /// # Errors
    /// [`GenerationError`]: the context claims a generation that the statement is not.
    pub fn of(statement: &Statement, context: &[u8]) -> Result<Option<Generation>, GenerationError> {
        if Context::of(context) != statement.context {
            return Err(GenerationError::OtherContext);
        }
        let Some(Parts { prompt, length, .. }) = split_context(context)? else { return Ok(None) };
        let signature: Vec<TensorSignature> = statement.tensors.iter().map(|tensor| tensor.signature.clone()).collect();
        if !is_decoder(&signature) {
            return Err(GenerationError::NoDecoder);
        }
        let find = |role: Role, name: &str| {
            let mut tensors = statement.tensors.iter();
            tensors.find(|tensor| tensor.signature.role == role && tensor.signature.name == name)
        };
        let tokens = find(Role::Input, TOKENS).ok_or(GenerationError::NoDecoder)?;
        let next = find(Role::Output, NEXT).ok_or(GenerationError::NoDecoder)?;
        let (prompt, length) = (prompt as usize, length as usize);
        check(&tokens.values, &next.values, prompt, length)?;
        let (given, written) = tokens.values.split_at(prompt);
        let written = &written[..length - prompt];
        Ok(Some(Generation {
            prompt_length: prompt,
            length,
            tokens: tokens.values[..length].to_vec(),
            prompt: text(tokens, next, given).map(|text| join_pieces(text.iter().map(String::as_str))),
            text: text(tokens, next, written).map(|pieces| continued(&pieces)),
        }))
    }
}

/// The rule. After it, `1 <= prompt <= length <= tokens.len()`.
fn check(tokens: &[i64], next: &[i64], prompt: usize, length: usize) -> Result<(), GenerationError> {
    if prompt == 0 || prompt > length || length > tokens.len() {
        return Err(GenerationError::Lengths { prompt, length, tokens: tokens.len() });
    }
    let written = tokens.iter().take(length).enumerate().skip(prompt);
    // The choice at position t is token t + 1.
    let chosen = next.iter().skip(prompt - 1);
    for ((position, found), chosen) in written.zip(chosen) {
        if found != chosen {
            return Err(GenerationError::Token { position, found: *found, chosen: *chosen });
        }
    }
    Ok(())
}

/// The names of tokens, by the labels of either tensor.
fn text(tokens: &PublicTensor, next: &PublicTensor, ids: &[i64]) -> Option<Vec<String>> {
    let names = [tokens, next].into_iter().find_map(|tensor| match &tensor.signature.labels {
        Labels::Values(names) => Some(names),
        _ => None,
    })?;
    ids.iter().map(|id| names.get(usize::try_from(*id).ok()?).cloned()).collect()
}

/// Pieces in the middle of a text: a space in front stays.
fn continued(pieces: &[String]) -> String {
    let pieces = std::iter::once(" ").chain(pieces.iter().map(String::as_str));
    join_pieces(pieces)
}

#[cfg(test)]
mod tests {
    use lemma_verifier::Digest;

    use super::*;

    const NAMES: [&str; 7] = ["<unk>", "<s>", "</s>", " a", "b", "<0x0A>", "c"];

    fn tensor(name: &str, role: Role, values: &[i64]) -> PublicTensor {
        let labels = match role {
            Role::Output => Labels::Values(NAMES.map(str::to_owned).to_vec()),
            _ => Labels::None,
        };
        let (shape, name) = (vec![1, values.len()], name.to_owned());
        PublicTensor {
            signature: TensorSignature { name, role, shape, fractional_bits: 0, low: 0, high: 6, labels },
            values: values.to_vec(),
            digest: None,
        }
    }

    fn statement(context: &[u8]) -> Statement {
        Statement {
            model: "m".into(),
            circuit_digest: Digest([1; 32]),
            vk_digest: Digest([2; 32]),
            development: true,
            context: Context::of(context),
            tensors: vec![
                tensor("tokens", Role::Input, &[1, 3, 4, 3, 6, 0, 0, 0]),
                tensor("next", Role::Output, &[4, 5, 3, 6, 5, 2, 2, 2]),
            ],
        }
    }

    fn of(prompt: u32, length: u32) -> Result<Option<Generation>, GenerationError> {
        let bytes = context(prompt, length, b"nonce");
        Generation::of(&statement(&bytes), &bytes)
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
            let error = Generation::of(&forged, &bytes).unwrap_err();
            assert!(matches!(error, GenerationError::Token { position: p, found: 1, .. } if p == position));
        }
        // What follows the end says nothing.
        let mut padded = statement(&bytes);
        padded.tensors[0].values[5] = 6;
        assert_eq!(Generation::of(&padded, &bytes).unwrap().unwrap().tokens, [1, 3, 4, 3, 6]);
    }

    #[test]
    fn rejects_a_wrong_prompt_length() {
        assert!(matches!(of(2, 5), Err(GenerationError::Token { position: 2, found: 4, chosen: 5 })));
        assert!(matches!(of(1, 5), Err(GenerationError::Token { position: 1, .. })));
    }

    #[test]
    fn rejects_lengths_out_of_range() {
        for (prompt, length) in [(0, 5), (4, 3), (3, 9), (9, 9), (u32::MAX, u32::MAX), (0, 0), (3, u32::MAX)] {
            assert!(matches!(of(prompt, length), Err(GenerationError::Lengths { tokens: 8, .. })), "{prompt}, {length}");
        }
        // The sixth token was not chosen.
        assert!(matches!(of(3, 6), Err(GenerationError::Token { position: 5, .. })));
    }

    #[test]
    fn a_context_of_another_kind_is_no_generation() {
        for bytes in [&b""[..], b"nonce", b"lemma generatio", b"Lemma generation\0\0\0\x03\0\0\0\x05"] {
            assert_eq!(Generation::of(&statement(bytes), bytes), Ok(None));
        }
    }

    #[test]
    fn rejects_bytes_that_are_not_those_of_the_proof() {
        let honest = context(3, 5, b"nonce");
        for other in [context(3, 4, b"nonce"), context(4, 5, b"nonce"), context(3, 5, b"other"), b"nonce".to_vec(), Vec::new()] {
            assert_eq!(Generation::of(&statement(&honest), &other), Err(GenerationError::OtherContext));
        }
    }

    #[test]
    fn rejects_a_context_that_is_cut_short() {
        let whole = context(3, 5, b"");
        for length in TAG.len()..whole.len() {
            let bytes = &whole[..length];
            assert_eq!(Generation::of(&statement(bytes), bytes), Err(GenerationError::CutShort));
        }
    }

    #[test]
    fn rejects_the_key_of_something_else() {
        let bytes = context(3, 5, b"");
        let alter = |change: fn(&mut Statement)| {
            let mut statement = statement(&bytes);
            change(&mut statement);
            Generation::of(&statement, &bytes)
        };
        for change in [
            (|s| drop(s.tensors.remove(0))) as fn(&mut Statement),
            |s| drop(s.tensors.remove(1)),
            |s| s.tensors[1].signature.name = "logits".into(),
            |s| s.tensors[0].signature.role = Role::Output,
            |s| s.tensors[1].signature.shape = vec![1, 4],
            |s| s.tensors[1].signature.fractional_bits = 1,
            |s| {
                s.tensors[0].signature.shape = vec![2, 4];
                s.tensors[1].signature.shape = vec![2, 4];
            },
        ] {
            assert_eq!(alter(change), Err(GenerationError::NoDecoder));
        }
    }

    #[test]
    fn the_context_comes_apart_as_it_was_put_together() {
        let bytes = context(5, 60, b"nonce");
        assert_eq!(split_context(&bytes), Ok(Some(Parts { prompt: 5, length: 60, caller: &b"nonce"[..] })));
        assert_eq!(split_context(b"nonce"), Ok(None));
    }
}
