//! What a `tokenizer.json` declares about filling up and cutting texts.

use lemma::model::{Model, Op};
use lemma::text::{TextInputs, TextProblem, Tokenizer, Tokens};

/// A tokenizer of single letters between `[CLS]`, of segment 0, and `[SEP]`, of segment 1.
fn tokenizer(padding: &str, truncation: &str) -> Result<Tokenizer, TextProblem> {
    let json = format!(
        r#"{{"version":"1.0","truncation":{truncation},"padding":{padding},"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{{"type":"Whitespace"}},"decoder":null,
        "post_processor":{{"type":"TemplateProcessing","single":[{{"SpecialToken":{{"id":"[CLS]","type_id":0}}}},
          {{"Sequence":{{"id":"A","type_id":0}}}},{{"SpecialToken":{{"id":"[SEP]","type_id":1}}}}],
          "pair":[{{"Sequence":{{"id":"A","type_id":0}}}},{{"Sequence":{{"id":"B","type_id":1}}}}],
          "special_tokens":{{"[CLS]":{{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}},"[SEP]":{{"id":"[SEP]","ids":[2],"tokens":["[SEP]"]}}}}}},
        "model":{{"type":"WordLevel","vocab":{{"[PAD]":0,"[CLS]":1,"[SEP]":2,"a":3,"b":4,"c":5,"d":6,"*":7}},"unk_token":"a"}}}}"#
    );
    Tokenizer::from_bytes(json.into())
}

fn padding(direction: &str, strategy: &str, multiple: &str, (id, segment): (u32, u32)) -> String {
    format!(
        r#"{{"strategy":{strategy},"direction":"{direction}","pad_to_multiple_of":{multiple},"pad_token":"[PAD]",
        "pad_id":{id},"pad_type_id":{segment}}}"#
    )
}

fn truncation(direction: &str, most: usize, strategy: &str, stride: usize) -> String {
    format!(
        r#"{{"direction":"{direction}","max_length":{most},"strategy":"{strategy}","stride":{stride}}}"#
    )
}

/// The inputs of a model of six tokens for a text.
fn inputs(tokenizer: &Tokenizer, names: &[&str], text: &str) -> Vec<Vec<f32>> {
    let mut model = Model::default();
    for name in names {
        model.push_input(*name, Op::Input, &[1, 6]).unwrap();
    }
    let encoded = TextInputs::of(&model.input_ports()).unwrap().encode(tokenizer, text).unwrap();
    names.iter().map(|name| encoded.inputs[*name].iter().copied().collect()).collect()
}

const NAMES: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

#[test]
fn a_text_is_filled_up_on_the_declared_side_with_the_declared_token_and_segment() {
    let right = tokenizer(&padding("Right", r#""BatchLongest""#, "null", (7, 3)), "null").unwrap();
    let [ids, mask, types] = inputs(&right, &NAMES, "a b").try_into().unwrap();
    assert_eq!(
        (ids, mask),
        (vec![1.0, 3.0, 4.0, 2.0, 7.0, 7.0], vec![1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    );
    assert_eq!(types, [0.0, 0.0, 0.0, 1.0, 3.0, 3.0]);
    for (strategy, multiple) in
        [(r#""BatchLongest""#, "null"), (r#"{"Fixed":6}"#, "null"), (r#"{"Fixed":4}"#, "4")]
    {
        let left = tokenizer(&padding("Left", strategy, multiple, (7, 3)), "null").unwrap();
        let [ids, mask, types] = inputs(&left, &NAMES, "a b").try_into().unwrap();
        assert_eq!(
            (ids, mask),
            (vec![7.0, 7.0, 1.0, 3.0, 4.0, 2.0], vec![0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
        );
        assert_eq!(types, [3.0, 3.0, 0.0, 0.0, 0.0, 1.0]);
    }
    let nothing = tokenizer("null", "null").unwrap();
    assert_eq!(inputs(&nothing, &["ids"], "a b"), [[1.0, 3.0, 4.0, 2.0, 0.0, 0.0]]);
}

#[test]
fn positions_beside_padding_on_the_left_are_refused() {
    let mut model = Model::default();
    for name in ["input_ids", "position_ids"] {
        model.push_input(name, Op::Input, &[1, 6]).unwrap();
    }
    let text = TextInputs::of(&model.input_ports()).unwrap();
    let left = tokenizer(&padding("Left", r#""BatchLongest""#, "null", (0, 0)), "null").unwrap();
    let error = text.encode(&left, "a").unwrap_err();
    assert!(
        error.to_string().contains("`position_ids`") && error.to_string().contains("left"),
        "{error}"
    );
    // A decoder reads every text from its first position.
    assert!(text.from_start().encode(&left, "a").is_ok());
}

#[test]
fn a_long_text_is_cut_on_the_declared_side_and_keeps_its_special_tokens() {
    let text = "a b c d a b c d";
    let cut = |truncation: &str| {
        inputs(&tokenizer("null", truncation).unwrap(), &["ids"], text).remove(0)
    };
    assert_eq!(cut("null"), [1.0, 3.0, 4.0, 5.0, 6.0, 2.0]);
    for (strategy, stride) in [("LongestFirst", 0), ("OnlyFirst", 0), ("LongestFirst", 3)] {
        assert_eq!(
            cut(&truncation("Right", 512, strategy, stride)),
            [1.0, 3.0, 4.0, 5.0, 6.0, 2.0]
        );
        assert_eq!(cut(&truncation("Left", 512, strategy, stride)), [1.0, 3.0, 4.0, 5.0, 6.0, 2.0]);
        assert_eq!(cut(&truncation("Left", 5, strategy, stride)), [1.0, 4.0, 5.0, 6.0, 2.0, 0.0]);
        assert_eq!(cut(&truncation("Right", 4, strategy, stride)), [1.0, 3.0, 4.0, 2.0, 0.0, 0.0]);
    }
    let left = tokenizer("null", &truncation("Left", 512, "LongestFirst", 0)).unwrap();
    assert_eq!(inputs(&left, &["ids"], "a a a b c d b"), [[1.0, 4.0, 5.0, 6.0, 4.0, 2.0]]);
    // A prompt is never cut.
    let short = tokenizer("null", &truncation("Left", 4, "LongestFirst", 0)).unwrap();
    let Tokens { ids, whole, .. } = short.encode(text, usize::MAX).unwrap();
    assert_eq!((ids.len(), whole), (10, 10));
    let error = tokenizer("null", &truncation("Right", 4, "OnlySecond", 0)).unwrap_err();
    assert!(error.to_string().contains("OnlySecond"), "{error}");
}
