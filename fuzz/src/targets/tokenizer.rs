//! Tokenizers of the three formats, with texts for them.

use lemma::text::Tokenizer;
use serde_json::Value;

use super::Target;
use crate::bytes::hash;
use crate::outcome::Outcome;
use crate::{Rng, bytes, json};

pub struct Tokenizers;

const TEXTS: [&str; 4] = [
    "",
    "a b ab",
    "  \u{e4}\u{1f642}\n\u{0}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Bytes of the long text that one of [`SELDOM`] tokenizers gets.
const LONG: usize = 1 << 13;
const SELDOM: u64 = 64;

/// `tokenizer.json` with one part changed.
fn document(field: &str, value: &str) -> Vec<u8> {
    let parts = [
        ("version", "\"1.0\""),
        ("truncation", "null"),
        ("padding", "null"),
        ("added_tokens", "[]"),
        ("normalizer", "null"),
        ("pre_tokenizer", "null"),
        ("post_processor", "null"),
        ("decoder", "null"),
        ("model", r#"{"type":"WordLevel","vocab":{"[UNK]":0,"a":1,"b":2},"unk_token":"[UNK]"}"#),
    ];
    let fields: Vec<String> = parts
        .iter()
        .map(|(name, default)| {
            format!("\"{name}\":{}", if *name == field { value } else { default })
        })
        .collect();
    format!("{{{}}}", fields.join(",")).into_bytes()
}

/// `tokenizer.bin`.
fn pieces() -> Vec<u8> {
    let names = ["<unk>", "<s>", "</s>"].map(String::from).into_iter();
    let names = names
        .chain((0..256).map(|byte| format!("<0x{byte:02X}>")))
        .chain([" ", "a", "b", "ab"].map(String::from));
    let mut bytes = 6u32.to_le_bytes().to_vec();
    for (score, name) in names.enumerate() {
        bytes.extend((score as f32).to_le_bytes());
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend(name.bytes());
    }
    bytes
}

/// Values of fields of a `tokenizer.json`: every kind of step, model and setting.
const PARTS: [(&str, &str); 22] = [
    ("version", "\"1.0\""),
    (
        "post_processor",
        r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[UNK]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
        "special_tokens":{"[UNK]":{"id":"[UNK]","ids":[0],"tokens":["[UNK]"]}}}"#,
    ),
    ("post_processor", r#"{"type":"BertProcessing","sep":["a",1],"cls":["[UNK]",0]}"#),
    (
        "post_processor",
        r#"{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},
        {"type":"RobertaProcessing","sep":["a",1],"cls":["[UNK]",0],"trim_offsets":true,"add_prefix_space":true}]}"#,
    ),
    (
        "normalizer",
        r#"{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},{"type":"Prepend","prepend":"a"},
        {"type":"Replace","pattern":{"Regex":"\\s+"},"content":"_"},{"type":"Strip","strip_left":true,"strip_right":true}]}"#,
    ),
    (
        "normalizer",
        r#"{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}"#,
    ),
    (
        "normalizer",
        r#"{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"StripAccents"},{"type":"Nmt"},{"type":"NFC"},{"type":"NFKD"},
        {"type":"Replace","pattern":{"String":"a"},"content":"bb"},{"type":"ByteLevel"}]}"#,
    ),
    (
        "pre_tokenizer",
        r#"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"a+"},"behavior":"Isolated","invert":false},
        {"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]}"#,
    ),
    (
        "pre_tokenizer",
        r#"{"type":"Sequence","pretokenizers":[{"type":"Metaspace","replacement":"_","prepend_scheme":"always","split":true},
        {"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"MergedWithNext"},{"type":"UnicodeScripts"}]}"#,
    ),
    (
        "pre_tokenizer",
        r#"{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"CharDelimiterSplit","delimiter":"x"},
        {"type":"Split","pattern":{"Regex":"(?=(a+)b)a|\\s+(?!\\S)"},"behavior":"Removed","invert":true},{"type":"FixedLength","length":3}]}"#,
    ),
    (
        "pre_tokenizer",
        r#"{"type":"Sequence","pretokenizers":[{"type":"BertPreTokenizer"},{"type":"Whitespace"}]}"#,
    ),
    (
        "model",
        r#"{"type":"BPE","dropout":null,"unk_token":"b","continuing_subword_prefix":null,"end_of_word_suffix":null,
        "fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{"a":0,"b":1,"aa":2,"aaaa":3},"merges":[["a","a"],["aa","aa"]]}"#,
    ),
    (
        "model",
        r###"{"type":"BPE","unk_token":"b</w>","continuing_subword_prefix":"##","end_of_word_suffix":"</w>","fuse_unk":true,
        "vocab":{"a":0,"##a":1,"##a</w>":2,"aa":3,"b</w>":4},"merges":["a ##a"]}"###,
    ),
    (
        "model",
        r#"{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["<unk>",0.0],["a",-1.0],["b",-2.0],["ab",-1.5],["<0x20>",-9.0]]}"#,
    ),
    (
        "model",
        r###"{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
        "vocab":{"[UNK]":0,"a":1,"##b":2}}"###,
    ),
    (
        "added_tokens",
        r#"[{"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
        {"id":3,"content":"ab","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":false}]"#,
    ),
    (
        "decoder",
        r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},"content":" "},{"type":"Fuse"},
        {"type":"Strip","content":" ","start":1,"stop":0},{"type":"ByteFallback"}]}"#,
    ),
    ("decoder", r###"{"type":"WordPiece","prefix":"##","cleanup":true}"###),
    ("decoder", r#"{"type":"CTC","pad_token":"a","word_delimiter_token":"b","cleanup":true}"#),
    (
        "decoder",
        r#"{"type":"Sequence","decoders":[{"type":"BPEDecoder","suffix":"</w>"},{"type":"Metaspace","replacement":"_","prepend_scheme":"first",
        "split":false},{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]}"#,
    ),
    (
        "padding",
        r#"{"strategy":{"Fixed":4},"direction":"Left","pad_to_multiple_of":null,"pad_id":1,"pad_type_id":0,"pad_token":"a"}"#,
    ),
    ("truncation", r#"{"direction":"Left","max_length":8,"strategy":"LongestFirst","stride":0}"#),
];

impl Target for Tokenizers {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let others = [
            br#"{"chars": "ab -\n"}"#.to_vec(),
            br#"{"chars": ["a", "b", " "], "other": 1}"#.to_vec(),
            pieces(),
        ];
        PARTS.iter().map(|(field, value)| document(field, value)).chain(others).collect()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if is_json(input) {
            json::mutate(input, other, rng)
        } else {
            bytes::mutate(input, other, rng)
        }
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        let tokenizer = match Tokenizer::from_bytes(input.to_vec()) {
            Ok(tokenizer) => tokenizer,
            Err(error) => return Outcome::refused(&error),
        };
        let has_list =
            || serde_json::from_slice::<Value>(input).is_ok_and(|file| !file["chars"].is_null());
        let is_plain = !is_json(input) || has_list();
        for text in TEXTS {
            let Ok(body) = tokenizer.body(text) else { continue };
            assert_eq!(
                tokenizer.body(text).ok().as_ref(),
                Some(&body),
                "a text has one list of tokens"
            );
            let decoded = tokenizer.decode(&body);
            if is_plain && tokenizer.first().is_none() {
                assert_eq!(decoded, text, "characters come back");
            }
            if let Ok(tokens) = tokenizer.encode(text, 16) {
                assert!(
                    tokens.ids.len() <= 16
                        && tokens.ids.len() <= tokens.whole
                        && tokens.types.len() == tokens.ids.len()
                );
            }
        }
        if hash(input).is_multiple_of(SELDOM) {
            drop(tokenizer.body(&"a".repeat(LONG)).map(|ids| tokenizer.decode(&ids)));
        }
        if tokenizer.vocabulary() < 1 << 16 {
            assert_eq!(tokenizer.names().len(), tokenizer.vocabulary());
        }
        Outcome::Accepted(match (is_json(input), is_plain) {
            (true, false) => "tokenizer.json",
            (true, true) => "a list of characters",
            _ => "tokenizer.bin",
        })
    }
}

fn is_json(input: &[u8]) -> bool {
    input.trim_ascii_start().first() == Some(&b'{')
}
