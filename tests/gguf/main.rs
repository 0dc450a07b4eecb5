//! GGUF as the library takes it: the tokenizer that a file brings along against a few lines of
//! Python, and a model that is compiled from nothing but its file.

use std::path::{Path, PathBuf};

use lemma::import::gguf::{self, PieceKind, Vocabulary, VocabularyKind};
use lemma::text::Tokenizer;
use lemma::{CompileOptions, Sources};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gguf").join(name)
}

fn vocabulary(name: &str) -> Vocabulary {
    gguf::vocabulary(&path(name)).unwrap().unwrap()
}

fn oracle() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path("tokens.json")).unwrap()).unwrap()
}

/// Texts with Unicode, runs of spaces, digits, line breaks and special tokens.
#[track_caller]
fn agrees(vocabulary: &Vocabulary, name: &str) {
    let tokenizer = Tokenizer::of_vocabulary(vocabulary).unwrap();
    assert_eq!(tokenizer.vocabulary(), vocabulary.pieces.len());
    let oracle = oracle();
    let texts = oracle["texts"].as_array().unwrap();
    let rows = oracle[name].as_array().unwrap();
    assert_eq!(texts.len(), rows.len());
    for (text, expected) in texts.iter().zip(rows) {
        let text = text.as_str().unwrap();
        let expected: Vec<u32> =
            expected.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
        assert_eq!(tokenizer.encode(text, 4096).unwrap().ids, expected, "{name}: {text:?}");
        let composed = name == "qwen2" && text.contains('\u{301}');
        let special = ["<|", "<s>", "</s>"].iter().any(|special| text.contains(special));
        if !composed && !special && !text.contains('\u{2581}') {
            assert_eq!(tokenizer.decode(&expected), text, "{name}");
        }
    }
}

#[test]
fn tokens_of_every_rule_are_those_of_the_oracle() {
    let mut bytes = vocabulary("bytes.gguf");
    for rule in ["gpt-2", "smollm", "llama-bpe", "qwen2"] {
        if let VocabularyKind::BytePairs { splitting, .. } = &mut bytes.kind {
            *splitting = rule.into();
        }
        agrees(&bytes, rule);
    }
    let mut scores = vocabulary("scores.gguf");
    agrees(&scores, "scores");
    scores.first = None;
    scores.leading_space = false;
    agrees(&scores, "plain scores");
}

#[test]
fn a_text_begins_and_ends_as_the_file_says() {
    let mut scores = vocabulary("scores.gguf");
    let opening = |scores: &Vocabulary| Tokenizer::of_vocabulary(scores).unwrap().opening();
    assert_eq!((scores.first, opening(&scores)), (Some(1), Some(1)));
    scores.last = Some(2);
    let tokenizer = Tokenizer::of_vocabulary(&scores).unwrap();
    let ids = tokenizer.encode("the", 9).unwrap().ids;
    assert_eq!((ids[0], ids[ids.len() - 1], ids.len()), (1, 2, 3));
    scores.first = None;
    scores.last = None;
    assert_eq!(opening(&scores), None, "no token in front because one is called <s>");
}

#[test]
fn rejects_vocabularies_that_are_not_understood() {
    let said = |change: fn(&mut Vocabulary)| {
        let mut vocabulary = vocabulary("bytes.gguf");
        change(&mut vocabulary);
        Tokenizer::of_vocabulary(&vocabulary).unwrap_err().to_string()
    };
    let rule = |vocabulary: &mut Vocabulary, name: &str| {
        if let VocabularyKind::BytePairs { splitting, .. } = &mut vocabulary.kind {
            *splitting = name.into();
        }
    };
    assert!(said(|v| v.pieces[7] = v.pieces[8].clone()).contains("both called"));
    let mut unknown = vocabulary("bytes.gguf");
    rule(&mut unknown, "tekken");
    let error = Tokenizer::of_vocabulary(&unknown).unwrap_err().to_string();
    assert!(error.contains("tekken") && error.contains("tokenizer.json"), "{error}");
    for merge in ["ab", "", "a\u{120}", "nothere either"] {
        let mut vocabulary = vocabulary("bytes.gguf");
        if let VocabularyKind::BytePairs { merges, .. } = &mut vocabulary.kind {
            merges.push(merge.into());
        }
        assert!(Tokenizer::of_vocabulary(&vocabulary).is_err(), "{merge}");
    }
    let mut long = vocabulary("scores.gguf");
    long.pieces[300] = "x".repeat(300);
    assert!(Tokenizer::of_vocabulary(&long).unwrap_err().to_string().contains("characters"));
    assert_eq!(long.kinds[3], PieceKind::Byte);
}

/// Without samples it is calibrated on what it writes itself; without a tokenizer it has its own.
#[test]
fn a_file_compiles_by_itself() {
    let sources = Sources { model: path("model.gguf"), tokens: Some(5), ..Sources::default() };
    let options = CompileOptions { bits: Some(12), ..CompileOptions::default() };
    let (package, report) = sources.compile(&options, &()).unwrap();
    let tokenizer = Tokenizer::of_vocabulary(&vocabulary("model.gguf")).unwrap();
    assert_eq!(package.tokenizer_digest(), Some(tokenizer.digest()));
    assert_eq!((tokenizer.vocabulary(), report.samples), (330, 16));
}
