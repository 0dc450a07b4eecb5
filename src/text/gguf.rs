//! The vocabulary of a GGUF file as a `tokenizer.json`.
//!
//! | kind | steps |
//! |---|---|
//! | `gpt2` | the text is split into words by the rule that the file names; pairs of bytes are merged in the file's order |
//! | `llama` | spaces become U+2581, one goes in front of each stretch of text; pairs that are a piece are merged, the highest score first; what has no piece becomes bytes |
//!
//! Special tokens are found in the text before all else. A piece that can be merged of several
//! pairs is merged of the longest left part first, as in the files that `transformers` makes of
//! such vocabularies.

use std::collections::BTreeMap;

use lemma_import::gguf::{PieceKind, Vocabulary, VocabularyKind};
use serde_json::{Value, json};

use super::TextProblem;

/// Most pairs that pieces are looked up as.
const MAX_PAIRS: usize = 1 << 25;

/// Longest piece in characters that is looked up as pairs.
const MAX_PIECE: usize = 1 << 8;

/// What stands for a space.
const SPACE: &str = "\u{2581}";

/// Words as GPT-4 splits them, with digits in groups of up to `{1,3}` or one by one.
const WORDS: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
);

/// The contents of a `tokenizer.json` with this vocabulary.
///
/// # Errors
/// A rule that is not known, two tokens of one name, merges that are none.
pub fn tokenizer_json(vocabulary: &Vocabulary) -> Result<Vec<u8>, TextProblem> {
    let ids = ids(&vocabulary.pieces)?;
    let (normalizer, pre_tokenizer, decoder, merges) = match &vocabulary.kind {
        VocabularyKind::BytePairs { splitting, merges } => {
            let (normalizer, pre_tokenizer) = words(splitting, vocabulary.leading_space)?;
            (normalizer, pre_tokenizer, bytes(false, true), listed(merges)?)
        }
        VocabularyKind::Scores(scores) => {
            let merges = implied(&vocabulary.pieces, scores, &ids)?;
            let (normalizer, decoder) = spaces(vocabulary.leading_space);
            (normalizer, Value::Null, decoder, merges)
        }
    };
    let by_scores = matches!(vocabulary.kind, VocabularyKind::Scores(_));
    let piece = |id: u32| vocabulary.pieces.get(id as usize);
    let unknown = vocabulary.unknown.filter(|_| by_scores).and_then(piece);
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added(vocabulary),
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": template(vocabulary),
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": unknown,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": by_scores,
            "byte_fallback": by_scores,
            // Words that are a piece are that piece, whatever the merges make of them.
            "ignore_merges": matches!(&vocabulary.kind,
                VocabularyKind::BytePairs { splitting, .. } if digits(splitting) == Some("{1,3}")),
            "vocab": ids,
            "merges": merges,
        },
    });
    serde_json::to_vec(&file).map_err(|error| TextProblem::Malformed(error.to_string()))
}

fn ids(pieces: &[String]) -> Result<BTreeMap<&str, u32>, TextProblem> {
    let mut ids = BTreeMap::new();
    for (id, piece) in (0..).zip(pieces) {
        if let Some(other) = ids.insert(piece.as_str(), id) {
            let problem = format!("tokens {other} and {id} are both called {piece:?}");
            return Err(TextProblem::Malformed(problem));
        }
    }
    Ok(ids)
}

/// The tokens that are found before all others.
fn added(vocabulary: &Vocabulary) -> Vec<Value> {
    let pieces = (0u32..).zip(vocabulary.pieces.iter().zip(&vocabulary.kinds));
    let added = pieces.filter_map(|(id, (piece, kind))| {
        let special = match kind {
            PieceKind::Control | PieceKind::Unknown => true,
            PieceKind::UserDefined => false,
            PieceKind::Normal | PieceKind::Unused | PieceKind::Byte => return None,
        };
        Some(json!({
            "id": id, "content": piece, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": special,
        }))
    });
    added.collect()
}

/// The tokens around a text.
fn template(vocabulary: &Vocabulary) -> Value {
    let token = |id: u32| vocabulary.pieces.get(id as usize).map(|piece| (piece, id));
    let (first, last) = (vocabulary.first.and_then(token), vocabulary.last.and_then(token));
    let special =
        |(piece, _): (&String, u32)| json!({ "SpecialToken": { "id": piece, "type_id": 0 } });
    let text = |name: &str, segment: u32| json!({ "Sequence": { "id": name, "type_id": segment } });
    let around = |middle: Vec<Value>| -> Vec<Value> {
        first.map(special).into_iter().chain(middle).chain(last.map(special)).collect()
    };
    let used = first
        .into_iter()
        .chain(last)
        .map(|(piece, id)| (piece.clone(), json!({ "id": piece, "ids": [id], "tokens": [piece] })));
    json!({
        "type": "TemplateProcessing",
        "single": around(vec![text("A", 0)]),
        "pair": around(vec![text("A", 0), text("B", 1)]),
        "special_tokens": used.collect::<serde_json::Map<String, Value>>(),
    })
}

fn bytes(leading_space: bool, splits: bool) -> Value {
    json!({
        "type": "ByteLevel", "add_prefix_space": leading_space, "trim_offsets": false,
        "use_regex": splits,
    })
}

/// How many digits are one word, of rules that split like GPT-4's.
fn digits(splitting: &str) -> Option<&'static str> {
    match splitting {
        "llama3" | "llama-v3" | "llama-bpe" => Some("{1,3}"),
        "qwen2" | "deepseek-r1-qwen" => Some(""),
        _ => None,
    }
}

/// Normalizer and splitting of a rule.
fn words(splitting: &str, leading_space: bool) -> Result<(Value, Value), TextProblem> {
    let sequence =
        |first: Value, then: Value| json!({ "type": "Sequence", "pretokenizers": [first, then] });
    Ok(match (splitting, digits(splitting)) {
        ("gpt-2" | "gpt2", _) => (Value::Null, bytes(leading_space, true)),
        ("smollm" | "starcoder" | "refact", _) => {
            let digits = json!({ "type": "Digits", "individual_digits": true });
            (Value::Null, sequence(digits, bytes(leading_space, true)))
        }
        (_, Some(digits)) => {
            let pattern = json!({ "Regex": WORDS.replace("DIGITS", digits) });
            let split = json!({
                "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false,
            });
            let composed = json!({ "type": "NFC" });
            let normalizer = if digits.is_empty() { composed } else { Value::Null };
            (normalizer, sequence(split, bytes(leading_space, false)))
        }
        _ => {
            let problem = format!(
                "the rule {splitting:?} (`tokenizer.ggml.pre`) by which it splits words is not \
                    known; give the model's tokenizer.json"
            );
            return Err(TextProblem::Malformed(problem));
        }
    })
}

/// Pairs as the file lists them.
fn listed(merges: &[String]) -> Result<Vec<[&str; 2]>, TextProblem> {
    let no_pair = |merge: &String| TextProblem::Malformed(format!("{merge:?} is no pair to merge"));
    merges
        .iter()
        .map(|merge| {
            let (left, right) = merge.split_once(' ').ok_or_else(|| no_pair(merge))?;
            Ok([left, right])
        })
        .collect()
}

/// The pairs that scores imply: all that make a piece, by falling score.
fn implied<'a>(
    pieces: &'a [String],
    scores: &[f64],
    ids: &BTreeMap<&str, u32>,
) -> Result<Vec<[&'a str; 2]>, TextProblem> {
    let mut pairs = Vec::new();
    let mut looked_up = 0usize;
    for (piece, score) in pieces.iter().zip(scores) {
        let length = piece.chars().count();
        looked_up = looked_up.saturating_add(length);
        if length > MAX_PIECE || looked_up > MAX_PAIRS {
            let problem = format!(
                "a piece of {length} characters, with {looked_up} so far; pieces of {MAX_PIECE} \
                    and {MAX_PAIRS} characters in all are read"
            );
            return Err(TextProblem::Malformed(problem));
        }
        let mut own: Vec<(u32, u32, usize, [&str; 2])> = Vec::new();
        for (left, (at, _)) in piece.char_indices().enumerate().skip(1) {
            let (one, other) = piece.split_at(at);
            if let (Some(a), Some(b)) = (ids.get(one), ids.get(other)) {
                own.push((*a, *b, left, [one, other]));
            }
        }
        own.sort_by_key(|(a, b, ..)| (*a, *b));
        pairs.extend(own.into_iter().map(|(.., left, pair)| (*score, left, length, pair)));
    }
    // Scores are finite.
    pairs.sort_by(|(score, left, length, _), (score2, left2, length2, _)| {
        score2.total_cmp(score).then(left2.cmp(left)).then((length2 - left2).cmp(&(length - left)))
    });
    Ok(pairs.into_iter().map(|(.., pair)| pair).collect())
}

/// Normalizer and decoder of texts whose spaces are a character of their own.
fn spaces(leading: bool) -> (Value, Value) {
    let replace = |from: &str, to: &str| json!({ "type": "Replace", "pattern": { "String": from }, "content": to });
    let mut normalizers = vec![replace(" ", SPACE)];
    let mut decoders =
        vec![replace(SPACE, " "), json!({ "type": "ByteFallback" }), json!({ "type": "Fuse" })];
    if leading {
        normalizers.insert(0, json!({ "type": "Prepend", "prepend": SPACE }));
        decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
    }
    (
        json!({ "type": "Sequence", "normalizers": normalizers }),
        json!({ "type": "Sequence", "decoders": decoders }),
    )
}
