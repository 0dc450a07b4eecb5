//! GGUF: a file that is accepted is a model whose values are in order, and its vocabulary gives a
//! text one list of tokens.

use std::io::Cursor;

use lemma::import::gguf::{self, Options, Vocabulary};
use lemma::text::Tokenizer;
use rand::Rng as _;

use super::Target;
use crate::outcome::Outcome;
use crate::{Rng, bytes};

/// Tokens of a run.
const TOKENS: usize = 3;

/// Bytes in front of most files' data: metadata and the table of tensors.
const HEAD: usize = 2500;

const TEXT: &str = "<|im_start|>It's 12 \u{e4}\u{1f642}\n the  theory";

pub struct Gguf;

impl Target for Gguf {
    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![
            include_bytes!("../../../import/tests/gguf/qwen2.gguf").to_vec(),
            include_bytes!("../../../import/tests/gguf/qwen3.gguf").to_vec(),
            include_bytes!("../../../tests/gguf/bytes.gguf").to_vec(),
            include_bytes!("../../../tests/gguf/scores.gguf").to_vec(),
        ]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if rng.gen_ratio(1, 8) {
            return bytes::mutate(input, other, rng);
        }
        let (head, data) = input.split_at(input.len().min(HEAD));
        [bytes::mutate(head, other, rng), data.to_vec()].concat()
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let open = || gguf::Gguf::new(Cursor::new(input));
        let model = open().and_then(|file| gguf::read(file, &Options { tokens: Some(TOKENS) }));
        if let Ok(model) = &model {
            assert_eq!(model.check(), Ok(()));
        }
        let vocabulary = open().and_then(|mut file| Vocabulary::take(file.metadata()));
        match (model, vocabulary) {
            (Ok(_), Ok(None)) => Outcome::Accepted("a model"),
            (model, Ok(Some(vocabulary))) => match Tokenizer::of_vocabulary(&vocabulary) {
                Ok(tokenizer) => {
                    let ids = tokenizer.encode(TEXT, usize::MAX).map(|tokens| tokens.ids);
                    let again = tokenizer.encode(TEXT, usize::MAX).map(|tokens| tokens.ids);
                    assert_eq!(ids.ok(), again.ok(), "a text has one list of tokens");
                    Outcome::Accepted(if model.is_ok() { "both" } else { "a vocabulary" })
                }
                Err(error) => Outcome::refused(&error),
            },
            (Err(error), _) | (_, Err(error)) => Outcome::refused(&error),
        }
    }
}
