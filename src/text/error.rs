//! What can be wrong with tokenizers and texts.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file of text or a tokenizer that cannot be used, and why.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct TextError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: TextProblem,
}

/// Why a text or a tokenizer cannot be used.
#[derive(Debug, Error)]
pub enum TextProblem {
    /// The file system.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// A file that is larger than is read.
    #[error("{bytes} bytes are more than the {limit} that are read")]
    TooLarge {
        /// Bytes of the file.
        bytes: u64,
        /// Most bytes.
        limit: u64,
    },
    /// Not a tokenizer, or a damaged one.
    #[error("not a tokenizer: {0}; tokenizer.json, tokenizer.bin of llama2.c and a JSON object with `chars` are read")]
    Malformed(String),
    /// What the tokenizer says of a text.
    #[error("the tokenizer refuses the text: {0}")]
    Tokenizer(String),
    /// A character without a token.
    #[error("the tokenizer has no token for {character:?}, character {position} of the text")]
    Unencodable {
        /// The character.
        character: char,
        /// Its position in characters.
        position: usize,
    },
    /// A model whose inputs are not those of a text model.
    #[error("input `{input}` is not one that a text fills: {problem}")]
    Input {
        /// The input.
        input: String,
        /// What is wrong.
        problem: String,
    },
    /// A line of a table that is not a label and a text.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Nothing in the file.
    #[error("there is no text in it")]
    Empty,
}

impl TextProblem {
    /// The error of this problem in a file.
    pub fn of(self, path: &Path) -> TextError {
        TextError { path: path.to_owned(), problem: self }
    }
}
