//! When a statement without a prompt is a generation.
//!
//! With a prompt of p tokens and a text that ends at n, for every position t:
//!
//! ```text
//! generated[t] = 1 if p <= t < n, else 0
//! text[t]      = 0 unless p <= t < n
//! chosen[t]    = text[t + 1] if p <= t + 1 < n, else 0
//! ```
//!
//! The circuit reads the prompt where `generated` is 0 and the text where it is 1, and shows a
//! choice where the next token is generated. So the first line makes the text what the model read
//! after p tokens of the prompt, and keeps every other choice out of the statement; the third says
//! that it chose the text. A position from n on reads what the prover likes and is not shown.

use super::form::{CHOSEN, GENERATED, PROMPT, TEXT};
use super::tensors::{find, fit, text, values};
use super::{Generation, GenerationError, Visibility};
use crate::{Role, Statement};

/// The generation of a statement that does not show the prompt.
pub fn rule(
    statement: &Statement,
    (prompt, length): (usize, usize),
) -> Result<Generation, GenerationError> {
    let tokens = values(statement, Role::Input, TEXT)?;
    let generated = values(statement, Role::Input, GENERATED)?;
    let chosen = values(statement, Role::Output, CHOSEN)?;
    fit(prompt, length, tokens.len())?;
    let written = prompt..length;
    for (position, found) in generated.iter().copied().enumerate() {
        let expected = i64::from(written.contains(&position));
        if found != expected {
            return Err(GenerationError::Mark { position, found, expected });
        }
    }
    for (position, found) in tokens.iter().copied().enumerate() {
        if !written.contains(&position) && found != 0 {
            return Err(GenerationError::Outside { tensor: TEXT, position, found });
        }
    }
    for (at, chosen) in chosen.iter().copied().enumerate() {
        let position = at.saturating_add(1);
        match tokens.get(position).filter(|_| written.contains(&position)) {
            Some(found) if *found != chosen => {
                return Err(GenerationError::Token { position, found: *found, chosen });
            }
            None if chosen != 0 => {
                return Err(GenerationError::Outside {
                    tensor: CHOSEN,
                    position: at,
                    found: chosen,
                });
            }
            _ => {}
        }
    }
    let digest = find(statement, Role::CommittedInput, PROMPT).and_then(|tensor| tensor.digest);
    Ok(Generation {
        prompt_length: prompt,
        length,
        tokens: tokens.iter().take(length).skip(prompt).copied().collect(),
        prompt_visibility: if digest.is_some() {
            Visibility::Committed
        } else {
            Visibility::Private
        },
        prompt: None,
        prompt_digest: digest,
        text: text(statement, tokens.iter().take(length).skip(prompt)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{context, fixture};
    use super::*;
    use crate::{Digest, Labels, PrivateInput, PublicTensor, TensorSignature};

    const DIGEST: Digest = Digest([7; 32]);

    fn tensor(name: &str, role: Role, values: &[i64]) -> PublicTensor {
        let names = ["\n", " ", "a", "b", "c"].map(str::to_owned).to_vec();
        let labels = if role == Role::Output { Labels::Values(names) } else { Labels::None };
        let (shape, committed) = (vec![1, 8], role.is_committed());
        PublicTensor {
            signature: TensorSignature {
                name: name.to_owned(),
                role,
                shape,
                fractional_bits: 0,
                low: 0,
                high: 4,
                labels,
            },
            values: values.to_vec(),
            digest: committed.then_some(DIGEST),
        }
    }

    /// Three tokens of a prompt and " ab\n".
    fn statement(context: &[u8]) -> Statement {
        let tensors = vec![
            tensor(PROMPT, Role::CommittedInput, &[]),
            tensor(TEXT, Role::Input, &[0, 0, 0, 1, 2, 3, 0, 0]),
            tensor(GENERATED, Role::Input, &[0, 0, 0, 1, 1, 1, 1, 0]),
            tensor(CHOSEN, Role::Output, &[0, 0, 1, 2, 3, 0, 0, 0]),
        ];
        fixture::statement(context, tensors)
    }

    /// The prompt without its digest.
    fn make_private(statement: &mut Statement) {
        statement.tensors.remove(0);
        statement.private_inputs.push(private(PROMPT));
    }

    fn private(name: &str) -> PrivateInput {
        PrivateInput {
            name: name.to_owned(),
            shape: vec![1, 8],
            fractional_bits: 0,
            low: 0,
            high: 4,
        }
    }

    fn altered(
        prompt: u32,
        length: u32,
        change: impl Fn(&mut Statement),
    ) -> Result<Generation, GenerationError> {
        let bytes = context(prompt, length, b"nonce");
        let mut statement = statement(&bytes);
        change(&mut statement);
        Ok(fixture::generation(&statement, &bytes)?.unwrap())
    }

    #[test]
    fn an_honest_generation_has_its_text_and_the_digest() {
        let generation = altered(3, 7, |_| ()).unwrap();
        assert_eq!((generation.prompt_length, generation.length), (3, 7));
        assert_eq!(
            (generation.prompt_visibility, generation.prompt_digest),
            (Visibility::Committed, Some(DIGEST))
        );
        assert_eq!((generation.prompt, generation.tokens), (None, vec![1, 2, 3, 0]));
        assert_eq!(generation.text.as_deref(), Some(" ab\n"));
        let private = altered(3, 7, make_private).unwrap();
        assert_eq!((private.prompt_visibility, private.prompt_digest), (Visibility::Private, None));
        let empty = |s: &mut Statement| {
            s.tensors[1..].iter_mut().for_each(|tensor| tensor.values = vec![0; 8])
        };
        assert_eq!(altered(3, 3, empty).unwrap().text.as_deref(), Some(""));
        assert!(altered(8, 8, empty).unwrap().tokens.is_empty());
    }

    #[test]
    fn rejects_a_token_swapped_after_the_prompt() {
        for position in 3..7 {
            let error = altered(3, 7, |s| s.tensors[1].values[position] = 4).unwrap_err();
            assert!(
                matches!(error, GenerationError::Token { position: p, found: 4, .. } if p == position),
                "{error}"
            );
            let error = altered(3, 7, |s| s.tensors[3].values[position - 1] = 4).unwrap_err();
            assert!(
                matches!(error, GenerationError::Token { position: p, chosen: 4, .. } if p == position),
                "{error}"
            );
        }
    }

    #[test]
    fn rejects_a_wrong_prompt_length() {
        assert_eq!(
            altered(4, 7, |_| ()),
            Err(GenerationError::Mark { position: 3, found: 1, expected: 0 })
        );
        assert_eq!(
            altered(2, 7, |_| ()),
            Err(GenerationError::Mark { position: 2, found: 0, expected: 1 })
        );
        assert_eq!(
            altered(3, 6, |_| ()),
            Err(GenerationError::Mark { position: 6, found: 1, expected: 0 })
        );
        assert_eq!(
            altered(3, 8, |_| ()),
            Err(GenerationError::Mark { position: 7, found: 0, expected: 1 })
        );
        for (prompt, length) in [(0, 7), (7, 3), (3, 9), (9, 9), (u32::MAX, u32::MAX)] {
            let error = altered(prompt, length, |_| ()).unwrap_err();
            assert!(
                matches!(error, GenerationError::Lengths { tokens: 8, .. }),
                "{prompt}, {length}"
            );
        }
    }

    #[test]
    fn rejects_a_mask_with_a_hole_and_one_that_starts_late_or_early() {
        for position in 0..8 {
            let error = altered(3, 7, |s| s.tensors[2].values[position] ^= 1).unwrap_err();
            assert!(
                matches!(error, GenerationError::Mark { position: p, .. } if p == position),
                "{error}"
            );
        }
        let error = altered(3, 7, |s| s.tensors[2].values[4] = 2).unwrap_err();
        assert_eq!(error, GenerationError::Mark { position: 4, found: 2, expected: 1 });
    }

    #[test]
    fn rejects_a_text_inside_the_prompt_or_after_the_end() {
        for position in [0, 1, 2, 7] {
            let error = altered(3, 7, |s| s.tensors[1].values[position] = 3).unwrap_err();
            assert_eq!(error, GenerationError::Outside { tensor: TEXT, position, found: 3 });
        }
    }

    #[test]
    fn rejects_choices_inside_the_prompt_or_after_the_end() {
        for position in [0, 1, 6, 7] {
            let error = altered(3, 7, |s| s.tensors[3].values[position] = 3).unwrap_err();
            assert_eq!(error, GenerationError::Outside { tensor: CHOSEN, position, found: 3 });
        }
    }

    #[test]
    fn rejects_the_key_of_something_else() {
        for change in [
            (|s| drop(s.tensors.remove(1))) as fn(&mut Statement),
            |s| drop(s.tensors.remove(2)),
            |s| drop(s.tensors.remove(3)),
            |s| s.tensors[2].signature.fractional_bits = 1,
            |s| s.tensors[0].signature.shape = vec![1, 9],
            |s| s.tensors[1].signature.role = Role::CommittedInput,
            |s| s.tensors[0].signature.role = Role::Input,
            |s| s.tensors.push(tensor("next", Role::Output, &[0; 8])),
            |s| s.tensors.push(tensor("logits", Role::CommittedOutput, &[])),
            |s| s.tensors.iter_mut().for_each(|tensor| tensor.signature.shape = vec![2, 4]),
            |s| s.tensors[2].values.truncate(7),
            |s| drop(s.tensors.remove(0)),
            |s| s.private_inputs.push(private("mask")),
            |s| s.private_inputs.push(private(PROMPT)),
            |s| {
                make_private(s);
                s.private_inputs.push(private("mask"));
            },
            |s| {
                make_private(s);
                s.private_inputs[0].shape = vec![1, 9];
            },
        ] {
            assert_eq!(altered(3, 7, change), Err(GenerationError::NoDecoder));
        }
    }
}
