//! The vocabulary that a file brings along.

use super::metadata::{Array, Metadata};
use crate::language::Problem;

/// Pieces of text by token id, and how a text becomes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// How a text becomes pieces.
    pub kind: VocabularyKind,
    /// The piece of each token.
    pub pieces: Vec<String>,
    /// What each is.
    pub kinds: Vec<PieceKind>,
    /// The token that begins a text, if one does.
    pub first: Option<u32>,
    /// The token that ends every text, if one does.
    pub last: Option<u32>,
    /// The token of what has none.
    pub unknown: Option<u32>,
    /// The token that fills up.
    pub padding: Option<u32>,
    /// Whether a space goes before a text.
    pub leading_space: bool,
}

/// How a text becomes pieces.
#[derive(Clone, Debug, PartialEq)]
pub enum VocabularyKind {
    /// Words of bytes, in which pairs are merged in order.
    BytePairs {
        /// Name of the rule that splits a text into words.
        splitting: String,
        /// The pairs, each as two pieces with a space between.
        merges: Vec<String>,
    },
    /// Neighbours become the piece of the highest score, again and again.
    Scores(Vec<f64>),
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// A piece of text.
    Normal,
    /// Of what has no piece.
    Unknown,
    /// A special token.
    Control,
    /// A token that is found in a text before all others.
    UserDefined,
    /// Never met.
    Unused,
    /// A byte, named `<0x00>` to `<0xFF>`.
    Byte,
}

impl Vocabulary {
    /// The vocabulary in the metadata of a file, if there is one.
    ///
    /// # Errors
    /// Lists of different lengths, ids that are no tokens, a kind that is not read.
    pub fn take(metadata: &mut Metadata) -> Result<Option<Vocabulary>, Problem> {
        let field = |name: &str| format!("tokenizer.ggml.{name}");
        let Some(model) = metadata.text(&field("model"))?.map(str::to_owned) else {
            return Ok(None);
        };
        let pieces = texts(metadata, &field("tokens"))?;
        let pieces = pieces.ok_or_else(|| Problem::field(field("tokens"), "is missing"))?;
        let same_length = |name: &str, found: usize| {
            if found == pieces.len() {
                Ok(())
            } else {
                let problem = format!("{found} entries for {} tokens", pieces.len());
                Err(Problem::field(field(name), problem))
            }
        };
        let kinds = match metadata.array(&field("token_type"))? {
            None => vec![PieceKind::Normal; pieces.len()],
            Some(Array::Whole(kinds)) => {
                let kind = |kind: &i64| {
                    PieceKind::of(*kind).ok_or_else(|| {
                        Problem::field(field("token_type"), format!("{kind} is no kind of token"))
                    })
                };
                kinds.iter().map(kind).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(Problem::field(field("token_type"), "is no list of numbers")),
        };
        same_length("token_type", kinds.len())?;
        let mut id = |name: &str| -> Result<Option<u32>, Problem> {
            let id = metadata.size(&field(name))?;
            // What is no id is written as the largest number.
            let Some(id) = id.filter(|id| *id != u32::MAX as usize) else { return Ok(None) };
            if id < pieces.len() {
                return Ok(Some(id as u32));
            }
            Err(Problem::field(field(name), format!("{id} is none of {} tokens", pieces.len())))
        };
        let (begin, end) = (id("bos_token_id")?, id("eos_token_id")?);
        let (unknown, padding) = (id("unknown_token_id")?, id("padding_token_id")?);
        let by_scores = model == "llama";
        let mut adds = |name: &str, default: bool, token: Option<u32>| {
            let adds = metadata.flag(&field(name))?.unwrap_or(default);
            if adds && token.is_none() {
                return Err(Problem::field(field(name), "there is no such token"));
            }
            Ok(token.filter(|_| adds))
        };
        let first = adds("add_bos_token", by_scores && begin.is_some(), begin)?;
        let last = adds("add_eos_token", false, end)?;
        let leading_space = metadata.flag(&field("add_space_prefix"))?.unwrap_or(by_scores);
        let kind = match model.as_str() {
            "gpt2" => {
                let splitting = metadata.text(&field("pre"))?.unwrap_or("default").to_owned();
                let merges = texts(metadata, &field("merges"))?
                    .ok_or_else(|| Problem::field(field("merges"), "is missing"))?;
                VocabularyKind::BytePairs { splitting, merges }
            }
            "llama" => match metadata.array(&field("scores"))? {
                Some(Array::Real(scores)) => {
                    same_length("scores", scores.len())?;
                    if scores.iter().any(|score| !score.is_finite()) {
                        return Err(Problem::field(field("scores"), "a score is not finite"));
                    }
                    VocabularyKind::Scores(scores.clone())
                }
                _ => return Err(Problem::field(field("scores"), "a list of scores is needed")),
            },
            _ => {
                let problem = format!("{model:?}; gpt2 and llama are read");
                return Err(Problem::field(field("model"), problem));
            }
        };
        Ok(Some(Vocabulary { kind, pieces, kinds, first, last, unknown, padding, leading_space }))
    }
}

impl PieceKind {
    fn of(number: i64) -> Option<PieceKind> {
        Some(match number {
            1 => PieceKind::Normal,
            2 => PieceKind::Unknown,
            3 => PieceKind::Control,
            4 => PieceKind::UserDefined,
            5 => PieceKind::Unused,
            6 => PieceKind::Byte,
            _ => return None,
        })
    }
}

fn texts(metadata: &mut Metadata, field: &str) -> Result<Option<Vec<String>>, Problem> {
    match metadata.array(field)? {
        None => Ok(None),
        Some(Array::Text(texts)) => Ok(Some(texts.clone())),
        Some(_) => Err(Problem::field(field, "is no list of texts")),
    }
}
