//! Generated text whose prompt is not shown, and decoders from ONNX, end to end.

#[path = "../support/decoder.rs"]
mod decoder;
mod forgeries;
#[path = "../support/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lemma::circuits::relation::Assignment;
use lemma::generation::{context, fill, generate};
use lemma::graph::ExecuteError;
use lemma::{Context, Folder, InferError, Openings, Package, ProofFile};
use serde_json::Value;

use decoder::compile;
use lemma_testkit::file;
use program::{fails, json, lemma};

/// Tokens of the prompt: `<s>`, a space, "th" and "e".
const PROMPT: u32 = 4;
const PROMPT_IDS: [u32; 4] = [1, 3, 24, 8];

/// Positions of the inputs, and of the tensors in the statement.
const GIVEN: usize = 0;
const TEXT: usize = 1;
const GENERATED: usize = 2;

/// A folder with a random decoder of 10 tokens that commits to its prompt, its keys, and a
/// generation after a prompt; made once.
fn decoder() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("compiled");
        let compiled = compile(&path, &["--committed", "prompt"]);
        assert_eq!(compiled["inspection"]["public_values"], 31);
        let at = |name: &str| path.join(name).to_str().unwrap().to_owned();
        json(&["setup", path.to_str().unwrap()]);
        let [proof, openings] = ["proof.json", "openings.json"].map(at);
        let folder = path.to_str().unwrap();
        json(&[
            "prove",
            folder,
            "--prompt",
            "the",
            "--generate",
            "4",
            "--openings",
            &openings,
            "-o",
            &proof,
        ]);
        (parent, path)
    });
    path
}

fn at(name: &str) -> String {
    decoder().join(name).to_str().unwrap().to_owned()
}

fn verify(proof: &str) -> Value {
    json(&["verify", "--key", &at("verifying.key"), proof])
}

fn package() -> Package {
    Folder::new(decoder()).package().unwrap()
}

/// The text of the honest generation: its tokens, and tokens of prompt and text.
fn honest() -> (Vec<u32>, u32) {
    let generation = verify(&at("proof.json"))["generation"].clone();
    let length = u32::try_from(generation["length"].as_u64().unwrap()).unwrap();
    (serde_json::from_value(generation["tokens"].clone()).unwrap(), length)
}

#[test]
fn the_statement_has_digest_text_and_lengths_and_no_prompt() {
    let verified = verify(&at("proof.json"));
    let generation = &verified["generation"];
    let (text, length) = honest();
    assert!(!text.is_empty() && length == PROMPT + text.len() as u32);
    assert_eq!(generation["prompt_length"], PROMPT);
    assert_eq!(
        (&generation["prompt"], &generation["prompt_visibility"]),
        (&Value::Null, &"committed".into())
    );
    let tensors = verified["statement"]["tensors"].as_array().unwrap();
    assert_eq!(
        tensors.iter().map(|t| t["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["prompt", "text", "generated", "chosen"]
    );
    assert_eq!(tensors[0]["digest"], generation["prompt_digest"]);
    assert!(tensors[0]["values"].as_array().unwrap().is_empty());
    let said = String::from_utf8(
        lemma(&["verify", "--key", &at("verifying.key"), &at("proof.json")]).stdout,
    )
    .unwrap();
    assert!(said.contains("prompt (4 tokens): not shown, digest 0x"), "{said}");
    let opening = Openings::read(Path::new(&at("openings.json"))).unwrap().tensors.remove(0);
    assert_eq!(
        opening.digest().unwrap().to_string(),
        generation["prompt_digest"].as_str().unwrap()
    );
    // Filled up with the start token.
    assert_eq!(opening.values, [1, 3, 24, 8, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_hidden_prompt_is_continued_as_one_that_is_shown() {
    let parent = tempfile::tempdir().unwrap();
    compile(parent.path(), &[]);
    let shown = Folder::new(parent.path()).package().unwrap();
    let (text, _) = honest();
    let continued = generate(&shown, &PROMPT_IDS, 4, 1, &[1, 2]).unwrap();
    assert_eq!(continued[PROMPT as usize..], text);
    let run = |folder: &Path| {
        json(&["run", folder.to_str().unwrap(), "--prompt", "the", "--generate", "4"])
    };
    let [run, other] = [run(decoder()), run(parent.path())];
    assert_eq!((&run["text"], &run["tokens"]), (&other["text"], &other["tokens"]));
}

/// Prompts with their first generated tokens.
fn continuations(package: &Package) -> BTreeMap<Vec<u32>, Vec<[u32; 4]>> {
    let mut found: BTreeMap<Vec<u32>, Vec<[u32; 4]>> = BTreeMap::new();
    for number in 0..300u32 {
        let prompt = [1, 3, 3 + number % 37, 3 + number / 37 * 4];
        // A random model leaves its ranges for some.
        if let Ok(ids) = generate(package, &prompt, 2, 1, &[]) {
            found.entry(ids[4..].to_vec()).or_default().push(prompt);
        }
    }
    found
}

#[test]
fn prompts_with_the_same_text_differ_in_the_digest_alone() {
    let package = package();
    let public = |prompt: &[u32], text: &[u32], rest: i64| {
        let ids = [prompt, text].concat();
        let (mut inputs, _) = fill(&package, &ids, prompt.len(), 1, b"").unwrap();
        // What stands after the prompt is not read before the end, and not shown after it.
        inputs[GIVEN][prompt.len()..].fill(rest);
        package.infer(&inputs).unwrap().public_values().to_vec()
    };
    let mut compared = 0;
    for (text, prompts) in continuations(&package) {
        for length in 0..=text.len() {
            let reference = public(&prompts[0], &text[..length], 1);
            for prompt in prompts.iter().skip(1).take(3) {
                let other = public(prompt, &text[..length], 1);
                assert_ne!(reference[0], other[0]);
                assert_eq!(reference[1..], other[1..], "{prompt:?}, {text:?}");
                assert_eq!(public(prompt, &text[..length], 7)[1..], other[1..]);
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn proofs_without_a_text_differ_in_digest_and_proof_alone() {
    let folder = decoder().to_str().unwrap();
    let [mut one, mut other] = ["the", "tre"].map(|prompt| {
        let path = at(&format!("none-{prompt}.json"));
        let proved = json(&["prove", folder, "--prompt", prompt, "--generate", "0", "-o", &path]);
        assert_eq!(
            (&proved["generation"]["text"], &proved["generation"]["prompt_length"]),
            (&"".into(), &4.into())
        );
        let verified = verify(&path);
        assert_eq!(verified["generation"]["length"], 4);
        serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap()
    });
    assert_ne!(one["tensors"][0]["digest"], other["tensors"][0]["digest"]);
    for file in [&mut one, &mut other] {
        file["proof"] = Value::Null;
        file["tensors"][0]["digest"] = Value::Null;
    }
    assert_eq!(one, other);
}

#[test]
fn one_prompt_and_salt_have_one_digest_whatever_is_generated() {
    let (folder, openings) =
        (decoder().to_str().unwrap(), format!("prompt={}", at("openings.json")));
    let path = at("again.json");
    let proved = json(&[
        "prove",
        folder,
        "--prompt",
        "the",
        "--generate",
        "1",
        "--opening",
        &openings,
        "-o",
        &path,
    ]);
    assert_eq!(proved["generation"]["length"], PROMPT + 1);
    assert_eq!(
        proved["generation"]["prompt_digest"],
        verify(&at("proof.json"))["generation"]["prompt_digest"]
    );
    let said = fails(
        1,
        &[
            "prove",
            folder,
            "--prompt",
            "tre",
            "--generate",
            "1",
            "--opening",
            &openings,
            "-o",
            &at("none.json"),
        ],
    );
    assert!(said.contains("another prompt"), "{said}");
    let said = fails(
        1,
        &["prove", folder, "--text", "the", "--opening", &openings, "-o", &at("none.json")],
    );
    assert!(said.contains("--prompt"), "{said}");
    let said = fails(1, &["prove", folder, "--text", "the", "-o", &at("none.json")]);
    assert!(said.contains("hides its prompt"), "{said}");
}

#[test]
fn a_private_prompt_leaves_nothing_but_its_length() {
    let parent = tempfile::tempdir().unwrap();
    let compiled = compile(parent.path(), &["--private", "prompt"]);
    assert_eq!(compiled["inspection"]["public_values"], 30);
    let folder = parent.path().to_str().unwrap();
    json(&["setup", folder]);
    let at = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    json(&["prove", folder, "--prompt", "the", "--generate", "4", "-o", &at("proof.json")]);
    let verified = json(&["verify", "--key", &at("verifying.key"), &at("proof.json")]);
    let generation = &verified["generation"];
    assert_eq!(
        (&generation["prompt_visibility"], &generation["prompt_length"]),
        (&"private".into(), &PROMPT.into())
    );
    assert!(generation["prompt"].is_null() && generation.get("prompt_digest").is_none());
    assert_eq!(
        serde_json::from_value::<Vec<u32>>(generation["tokens"].clone()).unwrap(),
        honest().0
    );
    assert_eq!(verified["statement"]["tensors"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_no_decoder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().to_str().unwrap();
    let [spam, image] = ["models/sms_spam_tx", "models/lenet_fashion"]
        .map(|model| file(&format!("{model}/model.onnx")));
    let said = fails(1, &["compile", &spam, "--decoder", "-o", out]);
    assert!(said.contains("a logit for each of its 1024 tokens"), "{said}");
    let said = fails(1, &["compile", &image, "--decoder", "-o", out]);
    assert!(said.contains("token ids of shape [1, T]"), "{said}");
    let stories = file("import/tests/llama2c/shared.bin");
    let said =
        fails(1, &["compile", &stories, "--tokens", "10", "--committed", "tokens", "-o", out]);
    assert!(said.contains("--committed prompt"), "{said}");
    let said = fails(1, &["compile", &stories, "--tokens", "1", "--private", "prompt", "-o", out]);
    assert!(said.contains("at least 2 tokens"), "{said}");
    let said = fails(
        1,
        &[
            "compile",
            &stories,
            "--tokens",
            "10",
            "--private",
            "prompt",
            "--committed",
            "prompt",
            "-o",
            out,
        ],
    );
    assert!(said.contains("two of these; one is possible"), "{said}");
}

/// The character model from ONNX: shown and hidden prompts, and one proof.
#[test]
fn the_character_model_continues_a_prompt() {
    let parent = tempfile::tempdir().unwrap();
    let part = |name: &str| file(&format!("models/nanogpt_shakespeare/{name}"));
    let [model, config] = ["model.onnx", "config.json"].map(part);
    let plays = std::fs::read_to_string(part("calibration.txt")).unwrap();
    let calibration = parent.path().join("calibration.txt");
    std::fs::write(&calibration, &plays[..64 * 24]).unwrap();
    let compiled = |name: &str, arguments: &[&str]| {
        let path = parent.path().join(name).to_str().unwrap().to_owned();
        let calibration = calibration.to_str().unwrap();
        let all = [
            "compile",
            &model,
            "--tokenizer",
            &config,
            "--calibration",
            calibration,
            "--bits",
            "14",
            "--decoder",
            "-o",
            &path,
        ];
        let compiled = json(&[&all[..], arguments].concat());
        assert!(
            compiled["report"]["agreement"].as_f64().unwrap() > 0.97,
            "{}",
            compiled["report"]["agreement"]
        );
        path
    };
    let [shown, hidden] = [("shown", &[][..]), ("hidden", &["--committed", "prompt"][..])]
        .map(|(name, all)| compiled(name, all));
    let prompt = ["--prompt", " ROMEO:", "--generate", "20"];
    let told = json(&[&["run", &shown], &prompt[..]].concat());
    let text = told["text"].as_str().unwrap().strip_prefix(" ROMEO:").unwrap().to_owned();
    assert_eq!((text.len(), &told["tokens"]), (20, &27.into()));
    let proof = format!("{hidden}/proof.json");
    json(&["setup", &hidden]);
    let proved = json(&[&["prove", &hidden, "-o", &proof], &prompt[..]].concat());
    let verified = json(&["verify", "--key", &format!("{hidden}/verifying.key"), &proof]);
    for generation in [&proved["generation"], &verified["generation"]] {
        assert_eq!(
            (&generation["text"], &generation["prompt"]),
            (&text.as_str().into(), &Value::Null)
        );
        assert_eq!((&generation["prompt_length"], &generation["length"]), (&7.into(), &27.into()));
    }
}
