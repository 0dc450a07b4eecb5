//! When a statement is a generation.

use super::form::{NEXT, TOKENS};
use super::tensors::{fit, text, values};
use super::{Decoder, Generation, GenerationError, Visibility, hidden, split_context};
use crate::{Context, Role, Statement, TensorSignature, Verified};

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

#[cfg(test)]
mod tests {
    use super::super::{TAG, context, fixture};
    use super::*;
    use crate::{Labels, PrivateInput, PublicTensor};

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
