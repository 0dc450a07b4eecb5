//! One token a character, in the order of a list.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::TextProblem;

#[derive(Clone, Debug)]
pub struct Characters {
    list: Vec<char>,
    ids: BTreeMap<char, u32>,
}

impl Characters {
    /// From a list of distinct characters.
    pub fn new(list: Vec<char>) -> Result<Characters, TextProblem> {
        let malformed = |problem: &str| TextProblem::Malformed(format!("`chars`: {problem}"));
        let ids: BTreeMap<char, u32> =
            (0..).zip(&list).map(|(id, character)| (*character, id)).collect();
        if list.is_empty() || ids.len() != list.len() {
            return Err(malformed("the characters must be distinct, and there must be some"));
        }
        Ok(Characters { list, ids })
    }

    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextProblem> {
        let characters = text.chars().enumerate();
        let id = |(position, character)| {
            self.ids
                .get(&character)
                .copied()
                .ok_or(TextProblem::Unencodable { character, position })
        };
        characters.map(id).collect()
    }

    pub fn decode(&self, ids: &[u32]) -> String {
        ids.iter().filter_map(|id| self.list.get(*id as usize)).collect()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }
}

/// The field `chars`, where the contents of a file have one.
///
/// # Errors
/// Contents that are no JSON object, or other `chars`.
pub fn listed(bytes: &[u8]) -> Result<Option<Vec<char>>, TextProblem> {
    let file: WithLetters =
        serde_json::from_slice(bytes).map_err(|error| TextProblem::Malformed(error.to_string()))?;
    Ok(file.chars.map(|Letters(list)| list))
}

/// A list of characters in a JSON file, whatever else is in it.
#[derive(Deserialize)]
struct WithLetters {
    chars: Option<Letters>,
}

/// Characters, from one string or a list of strings of one character.
struct Letters(Vec<char>);

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
