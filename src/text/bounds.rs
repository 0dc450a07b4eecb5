//! What a `tokenizer.json` may cost, checked before it is loaded: a short file can ask for more memory than there is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::TextProblem;

/// Most bytes of a text that is tokenized at once. Expressions with look-around take time that grows with its square.
pub const MAX_TEXT: usize = 1 << 15;

/// Most tokens, and most merges.
const MAX_ENTRIES: usize = 1 << 21;

/// Most bytes of the description of a step.
const MAX_STEP: usize = 1 << 22;

/// Most times that the steps may make a text longer.
const MAX_GROWTH: u64 = 1 << 10;

/// The fields that matter here.
#[derive(Deserialize)]
pub struct Outline<'a> {
    /// The list of a tokenizer of characters.
    #[serde(borrow)]
    pub chars: Option<&'a RawValue>,
    #[serde(borrow)]
    normalizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pre_tokenizer: Option<&'a RawValue>,
    #[serde(borrow)]
    post_processor: Option<&'a RawValue>,
    #[serde(borrow)]
    decoder: Option<&'a RawValue>,
    added_tokens: Option<Counted>,
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

/// A list or an object of at most [`MAX_ENTRIES`] entries, which are not kept.
struct Counted;

impl<'a> Outline<'a> {
    /// The outline of the contents of a file.
    ///
    /// # Errors
    /// Contents that are no JSON object, or have too many entries.
    pub fn of(bytes: &'a [u8]) -> Result<Outline<'a>, TextProblem> {
        serde_json::from_slice(bytes).map_err(|error| TextProblem::Malformed(error.to_string()))
    }

    /// Whether the file may be loaded.
    ///
    /// # Errors
    /// Steps that are too large or make a text too much longer, and tokens that are chosen at random.
    pub fn check(&self) -> Result<(), TextProblem> {
        let _ = self.added_tokens;
        let steps = [
            ("normalizer", self.normalizer),
            ("pre_tokenizer", self.pre_tokenizer),
            ("post_processor", self.post_processor),
            ("decoder", self.decoder),
        ];
        for (name, step) in steps {
            let Some(step) = step else { continue };
            let refuse = |problem: String| TextProblem::Malformed(format!("`{name}`: {problem}"));
            if step.get().len() > MAX_STEP {
                return Err(refuse(format!("{} bytes, of which at most {MAX_STEP} are read", step.get().len())));
            }
            let value: Value = serde_json::from_str(step.get()).map_err(|error| refuse(error.to_string()))?;
            let growth = growth(&value);
            if growth > MAX_GROWTH {
                return Err(refuse(format!("it can make a text {growth} times as long, at most {MAX_GROWTH} times is read")));
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

/// How many times longer a step can make a text, or part of it.
fn growth(step: &Value) -> u64 {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.len() as u64);
    match step {
        Value::Array(steps) => steps.iter().map(growth).fold(1, u64::saturating_mul),
        Value::Object(fields) => match fields.get("type").and_then(Value::as_str) {
            Some("Replace") => {
                let content = fields.get("content").map_or(0, length);
                // A pattern that matches nothing puts its content before every byte.
                match fields.get("pattern").and_then(|pattern| pattern.get("String")).map_or(0, length) {
                    0 => content.saturating_add(1),
                    pattern => content.div_ceil(pattern).max(1),
                }
            }
            Some("Precompiled") => fields.get("precompiled_charsmap").and_then(Value::as_str).map_or(1, longest_entry),
            Some("Prepend") => fields.get("prepend").map_or(0, length).saturating_add(1),
            Some("Sequence") => fields.values().map(growth).fold(1, u64::saturating_mul),
            _ => 1,
        },
        _ => 1,
    }
}

/// The longest text that a map of characters in base64 has for one: behind the length of a trie (u32, little-endian) and the trie, the texts, each
/// with a zero behind it.
fn longest_entry(map: &str) -> u64 {
    let texts = base64(map).and_then(|bytes| {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        rest.get(u32::from_le_bytes(*length) as usize..)?.split(|byte| *byte == 0).map(<[u8]>::len).max()
    });
    // A map that is not one of these is for the library to refuse.
    texts.map_or(1, |longest| longest.max(1) as u64)
}

/// The bytes of base64, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
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
        let value: Value = serde_json::from_str(value).unwrap();
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
        assert_eq!(tokenizer.encode("a", 9).unwrap(), (vec![1, 2, 0], 3));
    }

    #[test]
    fn a_map_of_characters_is_as_long_as_its_longest_text() {
        assert_eq!(base64("TWFu").unwrap(), b"Man");
        assert_eq!(base64("TWE=").unwrap(), b"Ma");
        assert_eq!(base64("T-=="), None);
        // Four bytes of trie, then `ab` and `abc`.
        let map = [4, 0, 0, 0, 9, 9, 9, 9, b'a', b'b', 0, b'a', b'b', b'c', 0];
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let text: String = map
            .chunks(3)
            .flat_map(|three| {
                let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
                [18, 12, 6, 0].map(|shift| char::from(digits[(bits >> shift) as usize % 64]))
            })
            .collect();
        assert_eq!(longest_entry(&text), 3);
        assert_eq!(growth(&serde_json::json!({ "type": "Precompiled", "precompiled_charsmap": text })), 3);
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
