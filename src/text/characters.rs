//! One token a character, in the order of a list.

use std::collections::BTreeMap;

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
