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
    /// Not a tokenizer, or a damaged one.
    #[error(
        "not a tokenizer: {0}; tokenizer.json, tokenizer.bin of llama2.c and a JSON object with \
            `chars` are read"
    )]
    Malformed(String),
    /// A model without a tokenizer.
    #[error("the model was compiled without a tokenizer; compile it with one")]
    None,
    /// A tokenizer of another model.
    #[error("it is not the tokenizer that the model was compiled with; run `lemma compile` again")]
    Other,
    /// Something that the file declares and that is not done to a single text.
    #[error("the tokenizer declares a {0}; remove it from the file")]
    Declared(&'static str),
    /// What the tokenizer says of a text.
    #[error("the tokenizer refuses the text: {0}")]
    Tokenizer(String),
    /// A text that is longer than is read.
    #[error("a text of {bytes} bytes; at most {limit} are read: shorten it")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// Most bytes.
        limit: usize,
    },
    /// A file of more texts than are read.
    #[error("{texts} texts; at most {limit} are read: some hundreds are enough to calibrate on")]
    TooMany {
        /// Texts in the file.
        texts: usize,
        /// Most texts.
        limit: usize,
    },
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
