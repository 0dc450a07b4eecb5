//! Text in and out: tokenizers, texts as model inputs, files of texts.
//!
//! Three formats are read, told apart by their contents:
//!
//! | format | recognised by | text to tokens |
//! |---|---|---|
//! | `tokenizer.json` of Hugging Face | a JSON object with `model` | by the crate `tokenizers` |
//! | a list of characters | a JSON object with `chars` | one token a character |
//! | `tokenizer.bin` of llama2.c | anything else | the start token, a space, then merges by score; bytes where nothing fits |
//!
//! The vocabulary in a GGUF file is made a `tokenizer.json` of.
//!
//! A `tokenizer.json` without a post-processor that has a special token `<cls>`, `[CLS]` or `<s>`
//! gets it in front: there is no other reason to have one.

mod characters;
mod companions;
mod declared;
mod error;
mod files;
mod gguf;
mod input;
#[cfg(feature = "text")]
mod json;
mod own;
mod pieces;

use std::path::Path;

use lemma_import::gguf::Vocabulary;
use lemma_prover::StoreError;
use lemma_prover::store::{read_at_most, write_atomically};
use lemma_verifier::Digest;
use lemma_verifier::generation::join_pieces;

use characters::Characters;
#[cfg(feature = "text")]
use json::Json;
use pieces::Pieces;

pub(crate) use companions::unbound;
pub use declared::{Declared, Side};
pub use error::{TextError, TextProblem};
pub use files::{is_text, read_texts};
pub use input::{Encoded, TextInputs};
pub use own::own_texts;
pub use pieces::START;

/// Largest tokenizer file in bytes.
const MAX_BYTES: u64 = 1 << 26;

/// Text to tokens and back.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    kind: Kind,
    first: Option<u32>,
    padding: u32,
    declared: Declared,
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

/// The tokens of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Their ids.
    pub ids: Vec<u32>,
    /// The segment that each belongs to.
    pub types: Vec<u32>,
    /// How many tokens the whole text has; more than `ids` when it was cut.
    pub whole: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    #[cfg(feature = "text")]
    Json(Json),
    Characters(Characters),
    Pieces(Pieces),
}

impl Tokenizer {
    /// Reads a tokenizer file of at most 64 MiB.
    ///
    /// # Errors
    /// A file that cannot be read or is no tokenizer.
    pub fn read(path: &Path) -> Result<Tokenizer, TextError> {
        let read =
            || Tokenizer::from_bytes(read_at_most(path, MAX_BYTES).map_err(TextProblem::Read)?);
        read().map_err(|problem| problem.of(path))
    }

    /// The tokenizer in the contents of a file.
    ///
    /// # Errors
    /// Contents that are no tokenizer.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Tokenizer, TextProblem> {
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            let pieces = Pieces::parse(&bytes)?;
            let (first, ends) = (pieces::START, pieces::ENDS.to_vec());
            let (kind, declared) = (Kind::Pieces(pieces), Declared::NOTHING);
            return Ok(Tokenizer {
                kind,
                first: Some(first),
                padding: first,
                declared,
                ends,
                bytes,
            });
        }
        if let Some(list) = characters::listed(&bytes)? {
            let kind = Kind::Characters(Characters::new(list)?);
            return Ok(Tokenizer {
                kind,
                first: None,
                padding: 0,
                declared: Declared::NOTHING,
                ends: Vec::new(),
                bytes,
            });
        }
        Tokenizer::of_json(bytes)
    }

    /// The tokenizer that a GGUF file brings along, as a `tokenizer.json`.
    ///
    /// # Errors
    /// A vocabulary that is not understood.
    pub fn of_vocabulary(vocabulary: &Vocabulary) -> Result<Tokenizer, TextProblem> {
        Tokenizer::of_json(gguf::tokenizer_json(vocabulary)?)
    }

    #[cfg(feature = "text")]
    fn of_json(bytes: Vec<u8>) -> Result<Tokenizer, TextProblem> {
        let json::Loaded { json, first, padding, declared, ends } = json::load(&bytes)?;
        Ok(Tokenizer { kind: Kind::Json(json), first, padding, declared, ends, bytes })
    }

    #[cfg(not(feature = "text"))]
    fn of_json(_: Vec<u8>) -> Result<Tokenizer, TextProblem> {
        Err(TextProblem::Malformed(
            "this build has no feature `text`, which reads `tokenizer.json`".into(),
        ))
    }

    /// The tokens of a text with the special ones around it, and at most `limit` of them, cut where
    /// the tokenizer declares.
    ///
    /// # Errors
    /// A character that the tokenizer has no token for, or for `tokenizer.json` a text of more than
    /// 32 KiB; of less, where the file can make a text more than 64 times as long.
    pub fn encode(&self, text: &str, limit: usize) -> Result<Tokens, TextProblem> {
        let first = usize::from(self.first.is_some());
        let (mut ids, mut types, whole) = match &self.kind {
            #[cfg(feature = "text")]
            Kind::Json(json) => {
                json.encode(text, limit.saturating_sub(first), self.declared.cuts)?
            }
            _ => self.body(text).map(|ids| (ids.clone(), vec![0; ids.len()], ids.len()))?,
        };
        ids.splice(0..0, self.first);
        types.splice(0..0, self.first.map(|_| 0));
        ids.truncate(limit);
        types.truncate(limit);
        Ok(Tokens { ids, types, whole: whole.saturating_add(first) })
    }

    /// The tokens of a text without special ones. For `tokenizer.json` a text that
    /// [`Tokenizer::encode`] would find too long is taken in parts, cut between words.
    ///
    /// # Errors
    /// A character that the tokenizer has no token for.
    pub fn body(&self, text: &str) -> Result<Vec<u32>, TextProblem> {
        match &self.kind {
            #[cfg(feature = "text")]
            Kind::Json(json) => json.body(text),
            Kind::Characters(characters) => characters.encode(text),
            Kind::Pieces(pieces) => pieces.encode(text),
        }
    }

    /// The text of tokens, special ones left out; unknown ids are left out too.
    pub fn decode(&self, ids: &[u32]) -> String {
        match &self.kind {
            #[cfg(feature = "text")]
            Kind::Json(json) => json.decode(ids),
            Kind::Characters(characters) => characters.decode(ids),
            Kind::Pieces(pieces) => join_pieces(ids.iter().filter_map(|id| pieces.piece(*id))),
        }
    }

    /// Number of token ids.
    pub fn vocabulary(&self) -> usize {
        match &self.kind {
            #[cfg(feature = "text")]
            Kind::Json(json) => json.vocabulary(),
            Kind::Characters(characters) => characters.len(),
            Kind::Pieces(pieces) => pieces.len(),
        }
    }

    /// The name of each token, a piece that [`join_pieces`] makes text of. Of `tokenizer.json`, a
    /// token that is a part of a character only has its name in the file.
    pub fn names(&self) -> Vec<String> {
        let name = |id: u32| match &self.kind {
            #[cfg(feature = "text")]
            Kind::Json(json) => json.piece(id),
            Kind::Characters(characters) => characters.decode(&[id]),
            Kind::Pieces(pieces) => pieces.piece(id).unwrap_or_default().to_owned(),
        };
        (0..self.vocabulary() as u32).map(name).collect()
    }

    /// The token that begins every text, if any.
    pub fn first(&self) -> Option<u32> {
        self.first
    }

    /// The first token of every text, whether it stands in front or the file's template puts it
    /// there; a token that only ends texts where there is none.
    pub fn opening(&self) -> Option<u32> {
        let empty = self.encode("", usize::MAX).ok()?;
        empty.ids.first().copied()
    }

    /// The token that fills up a text that is shorter than the model's input.
    pub fn padding(&self) -> u32 {
        self.padding
    }

    /// What the file declares about filling up and cutting a text.
    pub fn declared(&self) -> Declared {
        self.declared
    }

    /// The tokens at which a generated text ends: 1 and 2 of llama2.c, none of characters, those of
    /// `tokenizer.json` with a usual name.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// keccak256 of the file that this was read from.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Writes the file that this was read from.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        write_atomically(path, |file| file.write_all(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Tokenizer {
        Tokenizer::read(&Path::new(lemma_testkit::MODELS).join("sms_spam_tx/tokenizer.json"))
            .unwrap()
    }

    #[test]
    fn byte_pairs_come_back_and_begin_with_the_class_token() {
        let tokenizer = words();
        let Tokens { ids, whole, .. } = tokenizer.encode("Call me later", 64).unwrap();
        assert_eq!((ids[0], ids.len()), (1, whole));
        assert!(
            ids.len() < 10 && tokenizer.decode(&ids).contains("call"),
            "{}",
            tokenizer.decode(&ids)
        );
        assert_eq!(tokenizer.names().len(), 1024);
        assert_eq!(tokenizer.padding(), 0);
    }

    #[test]
    fn a_long_text_is_cut_and_its_length_is_known() {
        let Tokens { ids, whole, .. } = words().encode(&"late again ".repeat(100), 64).unwrap();
        assert_eq!(ids.len(), 64);
        assert!(whole > 200);
        assert_eq!(
            words().encode("", 64).unwrap(),
            Tokens { ids: vec![1], types: vec![0], whole: 1 }
        );
    }

    #[test]
    fn characters_come_back_and_strangers_are_named() {
        let tokenizer = Tokenizer::read(
            &Path::new(lemma_testkit::MODELS).join("nanogpt_shakespeare/config.json"),
        )
        .unwrap();
        assert_eq!(tokenizer.vocabulary(), 65);
        let ids = tokenizer.encode("To be,\nor not", 64).unwrap().ids;
        assert_eq!(tokenizer.decode(&ids), "To be,\nor not");
        let error = tokenizer.encode("naïve", 64).unwrap_err();
        assert!(
            matches!(error, TextProblem::Unencodable { character: 'ï', position: 2 }),
            "{error}"
        );
    }

    /// A tokenizer of whole words with a decoder of some kind.
    fn named(decoder: &str, vocabulary: &str) -> Tokenizer {
        let json = format!(
            r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,
            "post_processor":null,"decoder":{decoder},"model":{{"type":"WordLevel","vocab":{vocabulary},"unk_token":"a"}}}}"#
        );
        Tokenizer::from_bytes(json.into()).unwrap()
    }

    #[test]
    fn a_text_ends_where_its_tokenizer_says() {
        assert_eq!(
            named("null", r#"{"a": 0, "<|endoftext|>": 1, "b": 2, "</s>": 3}"#).ends(),
            [3, 1]
        );
        assert!(named("null", r#"{"a": 0}"#).ends().is_empty());
        let characters = Tokenizer::from_bytes(br#"{"chars": "ab"}"#.to_vec()).unwrap();
        assert!(characters.ends().is_empty());
    }

    #[test]
    fn names_are_pieces_of_text() {
        let bytes = r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}"#;
        // A space, a line break, and half of a character.
        let names = named(bytes, r#"{"a": 0, "\u0120the": 1, "\u010a": 2, "\u00c3": 3}"#).names();
        assert_eq!(names, ["a", " the", "\n", "\u{c3}"]);
        assert_eq!(
            named("null", r#"{"a": 0, "\u2581the": 1, "<0x0A>": 2}"#).names(),
            ["a", " the", "<0x0A>"]
        );
    }

    #[test]
    fn rejects_what_is_no_tokenizer() {
        for bytes in [
            &b""[..],
            b"{",
            b"{}",
            b"{\"chars\": 3}",
            b"{\"chars\": [\"ab\"]}",
            b"{\"model\": {}}",
            b"hello",
        ] {
            assert!(
                Tokenizer::from_bytes(bytes.to_vec()).is_err(),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
        let error = Tokenizer::read(Path::new("/nonexistent")).unwrap_err();
        assert!(matches!(error.problem, TextProblem::Read(_)));
    }
}
