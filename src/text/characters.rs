//! One token a character, in the order of a list.

use std::collections::BTreeMap;

use serde_json::Value;

use super::TextProblem;

#[derive(Clone, Debug)]
pub struct Characters {
    list: Vec<char>,
    ids: BTreeMap<char, u32>,
}

impl Characters {
    /// From a JSON list of strings of one character, or one string.
    pub fn parse(list: &Value) -> Result<Characters, TextProblem> {
        let malformed = |problem: &str| TextProblem::Malformed(format!("`chars`: {problem}"));
        let list: Vec<char> = match list {
            Value::String(text) => text.chars().collect(),
            Value::Array(items) => {
                let one = |item: &Value| {
                    let mut chars = item.as_str()?.chars();
                    chars.next().filter(|_| chars.next().is_none())
                };
                let list: Option<Vec<char>> = items.iter().map(one).collect();
                list.ok_or_else(|| malformed("every entry must be one character"))?
            }
            _ => return Err(malformed("a list of characters is expected")),
        };
        let ids: BTreeMap<char, u32> = (0..).zip(&list).map(|(id, character)| (*character, id)).collect();
        if list.is_empty() || ids.len() != list.len() {
            return Err(malformed("the characters must be distinct, and there must be some"));
        }
        Ok(Characters { list, ids })
    }

    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TextProblem> {
        let characters = text.chars().enumerate();
        let id =
            |(position, character)| self.ids.get(&character).copied().ok_or(TextProblem::Unencodable { character, position });
        characters.map(id).collect()
    }

    pub fn decode(&self, ids: &[u32]) -> String {
        ids.iter().filter_map(|id| self.list.get(*id as usize)).collect()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }
}
