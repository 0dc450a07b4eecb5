//! One token a character, in the order of a list.

use std::collections::BTreeMap;

use super::TextProblem;

#[derive(Clone, Debug)]
pub struct Characters {
    list: Vec<char>,
    ids: BTreeMap<char, u32>,
}

impl Characters {
    /// From JSON: a list of strings of one character, or one string.
    pub fn parse(list: &str) -> Result<Characters, TextProblem> {
        let malformed = |problem: &str| TextProblem::Malformed(format!("`chars`: {problem}"));
        // A list of them takes 4 bytes a character, the string 1.
        let list = match serde_json::from_str::<Vec<char>>(list) {
            Ok(list) => list,
            Err(_) => serde_json::from_str::<String>(list)
                .map_err(|_| malformed("a string, or a list of strings of one character, is expected"))?
                .chars()
                .collect(),
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
