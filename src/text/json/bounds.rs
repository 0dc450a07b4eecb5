//! What a `tokenizer.json` may cost, checked before it is loaded: a short file can ask for more
//! memory than there is.

use serde::Deserialize;

use super::super::TextProblem;
use super::growth::Step;
use super::vocabulary::{Added, Counted, Vocabulary};

/// Most bytes of a text that is tokenized at once. Expressions with look-around take time that
/// grows with its square.
const MAX_TEXT: usize = 1 << 15;

/// Most bytes that it may become: the library keeps two numbers for each.
const MAX_GROWN: u64 = 1 << 21;

/// Most times that a text may become longer on its way to tokens.
const MAX_GROWTH: u64 = 1 << 10;

/// Most times that tokens may become longer on their way to a text.
const MAX_DECODED: u64 = 1 << 6;

/// Most parts of what is done to a text, each of which may pass over all of it, and of what is done
/// to its tokens, each of which may repeat them.
const MAX_PARTS: [u64; 2] = [1 << 10, 1 << 9];

/// Most bytes of what is put before or behind a part of a word.
const MAX_AFFIX: usize = 1 << 6;

/// Most characters of a word that is looked for in parts, in a time that grows with their square.
const MAX_WORD: u64 = 1 << 9;

/// The fields that matter here.
#[derive(Deserialize)]
pub struct Outline {
    normalizer: Option<Step>,
    pre_tokenizer: Option<Step>,
    post_processor: Option<Step>,
    decoder: Option<Step>,
    #[serde(rename = "added_tokens")]
    _added: Option<Added>,
    model: Option<Model>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "vocab")]
    _vocab: Option<Vocabulary>,
    #[serde(rename = "merges")]
    _merges: Option<Counted>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    max_input_chars_per_word: Option<u64>,
}

impl Outline {
    /// The outline of the contents of a file.
    ///
    /// # Errors
    /// Contents that are no JSON object, or have too many entries.
    pub fn of(bytes: &[u8]) -> Result<Outline, TextProblem> {
        serde_json::from_slice(bytes).map_err(|error| TextProblem::Malformed(error.to_string()))
    }

    /// Whether the file may be loaded, and how many bytes a text for it may have.
    ///
    /// # Errors
    /// Steps that are too many or make a text too much longer, words that would take too long, and
    /// tokens that are chosen at random.
    pub fn check(&self) -> Result<usize, TextProblem> {
        let [passes, repeats] = MAX_PARTS;
        let steps = [
            ("normalizer", &self.normalizer, MAX_GROWTH, passes),
            ("pre_tokenizer", &self.pre_tokenizer, MAX_GROWTH, passes),
            ("post_processor", &self.post_processor, MAX_GROWTH, repeats),
            ("decoder", &self.decoder, MAX_DECODED, passes),
        ];
        for (name, step, most_growth, most_parts) in steps {
            let Some(Step { growth, parts }) = step else { continue };
            if growth > &most_growth {
                let problem = format!(
                    "`{name}` can make a text {growth} times as long; at most {most_growth} times \
                        is read"
                );
                return Err(TextProblem::Malformed(problem));
            }
            if parts > &most_parts {
                return Err(TextProblem::Malformed(format!(
                    "`{name}` has {parts} parts; at most {most_parts} are read"
                )));
            }
        }
        self.model.as_ref().map_or(Ok(()), Model::check)?;
        let before = [&self.normalizer, &self.pre_tokenizer].into_iter().flatten();
        let growth = before.fold(1u64, |growth, step| growth.saturating_mul(step.growth));
        Ok(MAX_TEXT.min(usize::try_from(MAX_GROWN / growth).unwrap_or(0)))
    }
}

impl Model {
    fn check(&self) -> Result<(), TextProblem> {
        if let Some(dropout) = self.dropout.filter(|dropout| *dropout != 0.0) {
            return Err(TextProblem::Malformed(format!(
                "a `dropout` of {dropout} gives a text other tokens every time; set it to null"
            )));
        }
        let affixes = [
            ("continuing_subword_prefix", &self.continuing_subword_prefix),
            ("end_of_word_suffix", &self.end_of_word_suffix),
        ];
        for (name, affix) in affixes {
            let bytes = affix.as_ref().map_or(0, String::len);
            if bytes > MAX_AFFIX {
                return Err(TextProblem::Malformed(format!(
                    "a `{name}` of {bytes} bytes; at most {MAX_AFFIX} are read"
                )));
            }
        }
        match self.max_input_chars_per_word {
            Some(most) if most > MAX_WORD => Err(TextProblem::Malformed(format!(
                "a `max_input_chars_per_word` of {most}; at most {MAX_WORD} are looked up in parts"
            ))),
            _ => Ok(()),
        }
    }
}

/// The text in parts of at most `limit` bytes, at least 4, each ending before a space or a line
/// break where there is one.
pub fn parts(mut text: &str, limit: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    while text.len() > limit {
        let most = text.floor_char_boundary(limit);
        let end = text[..most].rfind(char::is_whitespace).filter(|end| *end > 0).unwrap_or(most);
        let (part, rest) = text.split_at(end);
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts
}

#[cfg(test)]
mod tests {
    use super::super::super::Tokenizer;
    use super::*;

    fn file(field: &str, value: &str) -> Vec<u8> {
        let mut fields = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
            "post_processor": null, "decoder": null,
            "model": { "type": "BPE", "vocab": { "a": 0, "b": 1, "aa": 2 }, "merges": [["a", "a"]], "dropout": null },
        });
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        match field {
            "dropout" => fields["model"]["dropout"] = value,
            _ => fields[field] = value,
        }
        fields.to_string().into_bytes()
    }

    fn replace(pattern: &str, content: usize) -> String {
        format!(r#"{{"type":"Replace","pattern":{pattern},"content":"{}"}}"#, "a".repeat(content))
    }

    #[test]
    fn steps_that_blow_a_text_up_are_refused_and_usual_ones_are_not() {
        let string = r#"{"String":"a"}"#;
        let sequence = |steps: &[String]| {
            format!(r#"{{"type":"Sequence","normalizers":[{}]}}"#, steps.join(","))
        };
        let bomb = sequence(&[replace(string, 100), replace(string, 100)]);
        let nested = sequence(&[replace(string, 40), sequence(&[replace(string, 40)])]);
        for step in [
            &bomb,
            &nested,
            &replace(r#"{"Regex":"x*"}"#, 2000),
            &replace(r#"{"String":""}"#, 2000),
        ] {
            for field in ["normalizer", "decoder"] {
                let error = Tokenizer::from_bytes(file(field, step)).unwrap_err().to_string();
                assert!(error.contains(field) && error.contains("times as long"), "{error}");
            }
        }
        let prepend = format!(r#"{{"type":"Prepend","prepend":"{}"}}"#, "a".repeat(5000));
        assert!(Tokenizer::from_bytes(file("normalizer", &prepend)).is_err());
        let usual = sequence(&[
            replace(string, 3),
            r#"{"type":"NFKC"}"#.into(),
            r#"{"type":"Prepend","prepend":"b"}"#.into(),
        ]);
        let tokenizer = Tokenizer::from_bytes(file("normalizer", &usual)).unwrap();
        assert_eq!(tokenizer.encode("a", 9).unwrap().ids, [1, 2, 0]);
    }

    #[test]
    fn random_tokens_are_refused() {
        assert!(Tokenizer::from_bytes(file("dropout", "0.0")).is_ok());
        let error = Tokenizer::from_bytes(file("dropout", "0.5")).unwrap_err().to_string();
        assert!(error.contains("dropout"), "{error}");
    }

    #[test]
    fn passes_repeats_and_affixes_are_bounded() {
        let lowercase = vec![r#"{"type":"Lowercase"}"#; 400].join(",");
        let passes = format!(r#"{{"type":"Sequence","normalizers":[{lowercase}]}}"#);
        let twice = vec![r#"{"Sequence":{"id":"A","type_id":0}}"#; 100].join(",");
        let repeats = format!(
            r#"{{"type":"TemplateProcessing","single":[{twice}],"pair":[],"special_tokens":{{}}}}"#
        );
        let prefix = format!(
            r#"{{"type":"BPE","vocab":{{}},"merges":[],"continuing_subword_prefix":"{}"}}"#,
            "a".repeat(65)
        );
        let words = r#"{"type":"WordPiece","unk_token":"a","max_input_chars_per_word":513,"vocab":{"a":0}}"#;
        let cases = [
            ("normalizer", passes.as_str()),
            ("post_processor", &repeats),
            ("model", &prefix),
            ("model", words),
        ];
        for (field, value) in cases {
            let error = Tokenizer::from_bytes(file(field, value)).unwrap_err().to_string();
            assert!(error.contains("at most"), "{error}");
        }
    }

    #[test]
    fn a_text_that_may_become_longer_must_be_shorter() {
        let tokenizer =
            Tokenizer::from_bytes(file("normalizer", &replace(r#"{"String":"a"}"#, 512))).unwrap();
        let error = tokenizer.encode(&"a".repeat(4097), 9).unwrap_err();
        assert!(matches!(error, TextProblem::TooLong { bytes: 4097, limit: 4096 }), "{error}");
        assert_eq!(tokenizer.body(&"a".repeat(4097)).unwrap().len(), 4097 * 256);
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        let text = "word ".repeat(MAX_TEXT / 4);
        let found = parts(&text, MAX_TEXT);
        assert!(found.len() == 2 && found.concat() == text && found[0].ends_with("word"));
        let unbroken = "ä".repeat(MAX_TEXT);
        let found = parts(&unbroken, MAX_TEXT);
        assert!(found.iter().all(|part| part.len() <= MAX_TEXT) && found.concat() == unbroken);
        assert_eq!(parts("", MAX_TEXT), [""]);
    }
}
