//! How much longer a step of a `tokenizer.json` can make a text, read without keeping the step.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Most parts of the description of a step that are counted.
const MAX_PARTS: u64 = 1 << 16;

/// A step, or a part of one.
pub struct Step {
    /// How many times longer it can make a text.
    pub growth: u64,
    /// How many parts its description has: names, numbers, lists and steps.
    pub parts: u64,
}

#[derive(Deserialize)]
struct Pattern {
    #[serde(rename = "String")]
    string: Option<String>,
}

impl Step {
    const NOTHING: Step = Step { growth: 1, parts: 1 };

    fn and<E: Error>(&mut self, part: Step) -> Result<(), E> {
        self.growth = self.growth.saturating_mul(part.growth);
        self.parts = self.parts.saturating_add(part.parts);
        if self.parts > MAX_PARTS {
            Err(E::custom(format!("a step of more than {MAX_PARTS} parts")))
        } else {
            Ok(())
        }
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
        deserializer.deserialize_any(StepVisitor)
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step of a tokenizer")
    }

    fn visit_unit<E: Error>(self) -> Result<Step, E> {
        Ok(Step::NOTHING)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Step, E> {
        Ok(Step::NOTHING)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Step, E> {
        Ok(Step::NOTHING)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Step, E> {
        Ok(Step::NOTHING)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Step, E> {
        Ok(Step::NOTHING)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Step, E> {
        Ok(Step::NOTHING)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Step, A::Error> {
        let mut step = Step::NOTHING;
        while let Some(part) = list.next_element::<Step>()? {
            step.and(part)?;
        }
        Ok(step)
    }

    /// Whatever the type is said to be: `content` takes the place of `pattern`, `prepend` comes in
    /// front, `precompiled_charsmap` maps characters.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
        let mut step = Step::NOTHING;
        let (mut content, mut pattern) = (0, None);
        while let Some(key) = map.next_key::<String>()? {
            let growth = match key.as_str() {
                "content" => {
                    content = map.next_value::<String>()?.len() as u64;
                    1
                }
                "pattern" => {
                    pattern = Some(
                        map.next_value::<Pattern>()?.string.map_or(0, |string| string.len() as u64),
                    );
                    1
                }
                "prepend" => (map.next_value::<String>()?.len() as u64).saturating_add(1),
                "precompiled_charsmap" => longest_entry(&map.next_value::<String>()?),
                _ => {
                    step.and(map.next_value::<Step>()?)?;
                    1
                }
            };
            step.and(Step { growth, parts: 1 })?;
        }
        let growth = match pattern {
            // A pattern that matches nothing puts its content before every byte.
            Some(0) => content.saturating_add(1),
            Some(pattern) => content.div_ceil(pattern).max(1),
            None => 1,
        };
        step.and(Step { growth, parts: 0 })?;
        Ok(step)
    }
}

/// The longest text that a map of characters in base64 has for one: behind the length of a trie
/// (u32, little-endian) and the trie, the texts, each with a zero behind it.
fn longest_entry(map: &str) -> u64 {
    let texts = base64(map).and_then(|bytes| {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        rest.get(u32::from_le_bytes(*length) as usize..)?
            .split(|byte| *byte == 0)
            .map(<[u8]>::len)
            .max()
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

#[cfg(test)]
mod tests {
    use super::*;

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
                let bits =
                    u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
                [18, 12, 6, 0].map(|shift| char::from(digits[(bits >> shift) as usize % 64]))
            })
            .collect();
        assert_eq!(longest_entry(&text), 3);
        let step =
            serde_json::json!({ "type": "Precompiled", "precompiled_charsmap": text }).to_string();
        assert_eq!(serde_json::from_str::<Step>(&step).unwrap().growth, 3);
    }
}
