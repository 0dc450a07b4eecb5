//! What a `tokenizer.json` may cost, checked before it is loaded: a short file can ask for more memory than there is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::TextProblem;
use super::growth::Step;

/// Most bytes of a text that is tokenized at once. Expressions with look-around take time that grows with its square.
pub const MAX_TEXT: usize = 1 << 15;

/// Most tokens, and most merges.
const MAX_ENTRIES: usize = 1 << 21;

/// Most times that a step may make a text longer.
const MAX_GROWTH: u64 = 1 << 10;

/// A list of characters in a JSON file, whatever else is in it.
#[derive(Deserialize)]
struct WithLetters {
    chars: Option<Letters>,
}

/// The fields that matter here.
#[derive(Deserialize)]
pub struct Outline {
    normalizer: Option<Step>,
    pre_tokenizer: Option<Step>,
    post_processor: Option<Step>,
    decoder: Option<Step>,
    #[serde(rename = "added_tokens")]
    _added: Option<Counted>,
    model: Option<Model>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "vocab")]
    _vocab: Option<Counted>,
    #[serde(rename = "merges")]
    _merges: Option<Counted>,
    dropout: Option<f64>,
}

/// Characters, from one string or a list of strings of one character.
struct Letters(Vec<char>);

/// A list or an object of at most [`MAX_ENTRIES`] entries, which are not kept.
struct Counted;

/// The field `chars`, where the contents of a file have one.
///
/// # Errors
/// Contents that are no JSON object, or other `chars`.
pub fn characters(bytes: &[u8]) -> Result<Option<Vec<char>>, TextProblem> {
    let file: WithLetters = serde_json::from_slice(bytes).map_err(|error| TextProblem::Malformed(error.to_string()))?;
    Ok(file.chars.map(|Letters(list)| list))
}

impl Outline {
    /// The outline of the contents of a file.
    ///
    /// # Errors
    /// Contents that are no JSON object, or have too many entries.
    pub fn of(bytes: &[u8]) -> Result<Outline, TextProblem> {
        serde_json::from_slice(bytes).map_err(|error| TextProblem::Malformed(error.to_string()))
    }

    /// Whether the file may be loaded.
    ///
    /// # Errors
    /// Steps that make a text too much longer, and tokens that are chosen at random.
    pub fn check(&self) -> Result<(), TextProblem> {
        let steps = [
            ("normalizer", &self.normalizer),
            ("pre_tokenizer", &self.pre_tokenizer),
            ("post_processor", &self.post_processor),
            ("decoder", &self.decoder),
        ];
        for (name, step) in steps {
            let growth = step.as_ref().map_or(1, |step| step.growth);
            if growth > MAX_GROWTH {
                let problem = format!("`{name}` can make a text {growth} times as long; at most {MAX_GROWTH} times is read");
                return Err(TextProblem::Malformed(problem));
            }
        }
        match self.model.as_ref().and_then(|model| model.dropout) {
            Some(dropout) if dropout != 0.0 => Err(TextProblem::Malformed(format!(
                "a `dropout` of {dropout} gives a text other tokens every time; set it to null"
            ))),
            _ => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Letters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Letters, D::Error> {
        deserializer.deserialize_any(LettersVisitor)
    }
}

struct LettersVisitor;

impl<'de> Visitor<'de> for LettersVisitor {
    type Value = Letters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or a list of strings of one character")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Letters, E> {
        Ok(Letters(text.chars().collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Letters, A::Error> {
        let mut letters = Vec::new();
        while let Some(letter) = list.next_element::<char>()? {
            letters.push(letter);
        }
        Ok(Letters(letters))
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Counted, D::Error> {
        deserializer.deserialize_any(Counted)
    }
}

impl<'de> Visitor<'de> for Counted {
    type Value = Counted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counted, A::Error> {
        let mut count = 0usize;
        while list.next_element::<IgnoredAny>()?.is_some() {
            bounded(&mut count)?;
        }
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counted, A::Error> {
        let mut count = 0usize;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            bounded(&mut count)?;
        }
        Ok(self)
    }
}

fn bounded<E: Error>(count: &mut usize) -> Result<(), E> {
    *count += 1;
    if *count > MAX_ENTRIES { Err(E::custom(format!("more than {MAX_ENTRIES} entries"))) } else { Ok(()) }
}

/// The text in parts of at most [`MAX_TEXT`] bytes, each ending with a space or a line break where there is one.
pub fn parts(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while text.len() > MAX_TEXT {
        let most = text.floor_char_boundary(MAX_TEXT);
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
    use super::super::Tokenizer;
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
        let sequence = |steps: &[String]| format!(r#"{{"type":"Sequence","normalizers":[{}]}}"#, steps.join(","));
        let bomb = sequence(&[replace(string, 100), replace(string, 100)]);
        let nested = sequence(&[replace(string, 40), sequence(&[replace(string, 40)])]);
        for step in [&bomb, &nested, &replace(r#"{"Regex":"x*"}"#, 2000), &replace(r#"{"String":""}"#, 2000)] {
            for field in ["normalizer", "decoder"] {
                let error = Tokenizer::from_bytes(file(field, step)).unwrap_err().to_string();
                assert!(error.contains(field) && error.contains("times as long"), "{error}");
            }
        }
        let prepend = format!(r#"{{"type":"Prepend","prepend":"{}"}}"#, "a".repeat(5000));
        assert!(Tokenizer::from_bytes(file("normalizer", &prepend)).is_err());
        let usual = sequence(&[replace(string, 3), r#"{"type":"NFKC"}"#.into(), r#"{"type":"Prepend","prepend":"b"}"#.into()]);
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
    fn too_many_entries_are_refused_before_they_are_kept() {
        let list = format!("[{}null]", "null,".repeat(MAX_ENTRIES));
        let bytes = format!(r#"{{"model":{{"vocab":{list}}}}}"#);
        let error = Tokenizer::from_bytes(bytes.into_bytes()).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        let text = "word ".repeat(MAX_TEXT / 4);
        let found = parts(&text);
        assert!(found.len() == 2 && found.concat() == text && found[0].ends_with("word"));
        let unbroken = "ä".repeat(MAX_TEXT);
        assert!(parts(&unbroken).iter().all(|part| part.len() <= MAX_TEXT) && parts(&unbroken).concat() == unbroken);
        assert_eq!(parts(""), [""]);
    }
}
