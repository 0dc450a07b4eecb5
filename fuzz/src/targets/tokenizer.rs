//! Tokenizers of the three formats, with texts for them.

use lemma::text::Tokenizer;

use super::Target;
use crate::{Rng, bytes, json};

pub struct Tokenizers;

const TEXTS: [&str; 4] =
    ["", "a b ab", "  \u{e4}\u{1f642}\n\u{0}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"];

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
    let fields: Vec<String> =
        parts.iter().map(|(name, default)| format!("\"{name}\":{}", if *name == field { value } else { default })).collect();
    format!("{{{}}}", fields.join(",")).into_bytes()
}

/// `tokenizer.bin`.
fn pieces() -> Vec<u8> {
    let names = ["<unk>", "<s>", "</s>"].map(String::from).into_iter();
    let names = names.chain((0..256).map(|byte| format!("<0x{byte:02X}>"))).chain([" ", "a", "b", "ab"].map(String::from));
    let mut bytes = 6u32.to_le_bytes().to_vec();
    for (score, name) in names.enumerate() {
        bytes.extend((score as f32).to_le_bytes());
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend(name.bytes());
    }
    bytes
}

impl Target for Tokenizers {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let template = r#"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[UNK]","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
            "special_tokens":{"[UNK]":{"id":"[UNK]","ids":[0],"tokens":["[UNK]"]}}}"#;
        let replace = r#"{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},
            {"type":"Replace","pattern":{"Regex":"\\s+"},"content":"_"},{"type":"Prepend","prepend":"a"}]}"#;
        let split = r#"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"a+"},"behavior":"Isolated","invert":false},
            {"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}]}"#;
        let pairs = r#"{"type":"BPE","dropout":null,"unk_token":"b","continuing_subword_prefix":null,"end_of_word_suffix":null,
            "fuse_unk":false,"byte_fallback":false,"vocab":{"a":0,"b":1,"aa":2,"aaaa":3},"merges":[["a","a"],["aa","aa"]]}"#;
        let unigram = r#"{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.0],["b",-2.0],["ab",-1.5]]}"#;
        let words = r####"{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,
            "vocab":{"[UNK]":0,"a":1,"##b":2}}"####;
        let added =
            r#"[{"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]"#;
        let decoder = r#"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"_"},"content":" "},{"type":"Fuse"},
            {"type":"Strip","content":" ","start":1,"stop":0}]}"#;
        vec![
            document("", ""),
            document("post_processor", template),
            document("normalizer", replace),
            document("pre_tokenizer", split),
            document("model", pairs),
            document("model", unigram),
            document("model", words),
            document("added_tokens", added),
            document("decoder", decoder),
            br#"{"chars": "ab -\n"}"#.to_vec(),
            br#"{"chars": ["a", "b", " "], "other": 1}"#.to_vec(),
            pieces(),
        ]
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        if input.first() == Some(&b'{') { json::mutate(input, other, rng) } else { bytes::mutate(input, other, rng) }
    }

    fn run(&self, input: &[u8]) -> bool {
        let Ok(tokenizer) = Tokenizer::from_bytes(input.to_vec()) else { return false };
        for text in TEXTS {
            if let Ok(tokens) = tokenizer.encode(text, 16) {
                assert!(tokens.ids.len() <= 16 && tokens.ids.len() <= tokens.whole && tokens.types.len() == tokens.ids.len());
                drop(tokenizer.decode(&tokens.ids));
            }
            drop(tokenizer.body(text));
        }
        if tokenizer.vocabulary() < 1 << 16 {
            assert_eq!(tokenizer.names().len(), tokenizer.vocabulary());
        }
        true
    }
}
