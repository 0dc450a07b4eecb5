//! Models of text, end to end: a small decoder that generates, and the models that come with the
//! program.

#[path = "support/decoder.rs"]
mod decoder;
#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lemma::generation;
use lemma::{Context, Folder, ProofFile};
use serde_json::Value;

use decoder::compile;
use lemma_testkit::{file, model_file};
use program::{fails, json, lemma};

/// A model or its data that are perhaps not shipped.
fn outside(path: &str) -> Option<String> {
    model_file(path).map(|path| path.to_str().unwrap().to_owned())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Tokens of the prompt that [`decoder`] continues.
const PROMPT: u32 = 4;

/// A folder with a random decoder of 10 tokens, its keys, and a generation of 4 tokens after a
/// prompt; made once.
fn decoder() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("compiled");
        let folder = path.to_str().unwrap();
        assert_eq!(compile(&path, &[])["inspection"]["public_values"], 20);
        json(&["setup", folder]);
        let proof = path.join("proof.json");
        let proved = json(&[
            "prove",
            folder,
            "--prompt",
            "the",
            "--generate",
            "4",
            "--context",
            "0x2a",
            "-o",
            proof.to_str().unwrap(),
        ]);
        assert_eq!(proved["proof_bytes"], 320);
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

#[test]
fn a_generated_text_verifies_with_its_prompt_and_lengths() {
    let verified = verify(&at("proof.json"));
    let generation = &verified["generation"];
    let tokens: Vec<usize> = serde_json::from_value(generation["tokens"].clone()).unwrap();
    // <s>, a space, "th", "e"; at most four more, fewer when the model ends the text.
    assert_eq!(tokens[..4], [1, 3, 24, 8]);
    assert_eq!(generation["prompt_length"], PROMPT);
    assert_eq!(generation["length"], tokens.len());
    assert!(tokens.len() > 4 && tokens.len() <= 8, "{tokens:?}");
    assert_eq!(generation["prompt"], "the");
    assert!(!text(&generation["text"]).is_empty());
    let said = String::from_utf8(
        lemma(&["verify", "--key", &at("verifying.key"), &at("proof.json")]).stdout,
    )
    .unwrap();
    assert!(said.contains("prompt (4 tokens): \"the\"\nprompt tokens: [1, 3, 24, 8]\n"), "{said}");
}

#[test]
fn a_generation_is_bound_to_the_callers_context() {
    let (key, proof) = (at("verifying.key"), at("proof.json"));
    assert_eq!(json(&["verify", "--key", &key, "--context", "0x2a", &proof])["verified"], true);
    for other in ["0x2b", "", "0x2a2a"] {
        fails(3, &["verify", "--key", &key, "--context", other, &proof]);
    }
}

/// Proves the tokens of the honest generation under any context and verifies the file.
fn forged(name: &str, context: &[u8], alter: impl Fn(&mut Vec<i64>)) -> (i32, String) {
    let folder = Folder::new(decoder());
    let package = folder.package().unwrap();
    let honest = verify(&at("proof.json"));
    let mut tokens: Vec<i64> =
        serde_json::from_value(honest["statement"]["tensors"][0]["values"].clone()).unwrap();
    alter(&mut tokens);
    let key = folder.proving_key(&package).unwrap();
    let proven = package.prove(&key, &[tokens], Context::of(context), &()).unwrap();
    let file = ProofFile::new(key.verifying_key(), &proven.values, context, &proven.proof).unwrap();
    let path = at(name);
    std::fs::write(&path, file.to_json().unwrap()).unwrap();
    let output = lemma(&["--json", "verify", "--key", &at("verifying.key"), &path]);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Tokens of prompt and generated text.
fn length() -> u32 {
    u32::try_from(verify(&at("proof.json"))["generation"]["length"].as_u64().unwrap()).unwrap()
}

#[test]
fn rejects_a_proof_with_a_token_swapped_after_the_prompt() {
    let context = generation::context(PROMPT, length(), b"");
    let (code, said) = forged("swapped.json", &context, |tokens| tokens[4] = (tokens[4] + 1) % 40);
    assert!(code == 3 && said.contains("the model chose"), "{said}");
    let (code, said) = forged("honest.json", &context, |_| ());
    assert!(code == 0 && said.contains("generation"), "{said}");
}

#[test]
fn rejects_a_proof_with_lengths_that_do_not_hold() {
    for (prompt, length) in [(0, 4), (5, 4), (4, 11), (1, length())] {
        let (code, said) = forged(
            &format!("lengths{prompt}-{length}.json"),
            &generation::context(prompt, length, b""),
            |_| (),
        );
        assert!(code == 3 && said.contains("\"verified\":false"), "{prompt}, {length}: {said}");
    }
}

#[test]
fn rejects_other_lengths_in_the_file() {
    let mut proof: Value =
        serde_json::from_slice(&std::fs::read(at("proof.json")).unwrap()).unwrap();
    let context: String = generation::context(PROMPT, length() - 1, &[0x2a])
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    proof["context"] = format!("0x{context}").into();
    std::fs::write(at("shorter.json"), proof.to_string()).unwrap();
    let said = fails(3, &["verify", "--key", &at("verifying.key"), &at("shorter.json")]);
    assert!(said.contains("NOT verified"), "{said}");
}

#[test]
fn a_proof_without_the_context_of_a_generation_is_not_shown_as_one() {
    let (code, said) = forged("plain.json", b"nonce", |_| ());
    assert!(code == 0 && !said.contains("generation"), "{said}");
    let path = at("text.json");
    let proved = json(&["prove", decoder().to_str().unwrap(), "--text", "the tree", "-o", &path]);
    assert!(proved["generation"].is_null() && proved["answer"].is_string());
    assert!(verify(&path)["generation"].is_null());
}

#[test]
fn the_prover_does_not_write_a_generation_that_does_not_follow_the_rule() {
    let context: String =
        generation::context(1, 9, b"").iter().map(|byte| format!("{byte:02x}")).collect();
    let path = at("refused.json");
    let said = fails(
        1,
        &[
            "prove",
            decoder().to_str().unwrap(),
            "--text",
            "the tree",
            "--context",
            &context,
            "-o",
            &path,
        ],
    );
    assert!(said.contains("the model chose"), "{said}");
    assert!(!Path::new(&path).exists());
}

#[test]
fn text_errors_say_what_to_do() {
    let folder = decoder().to_str().unwrap();
    let out = at("none.json");
    let said = fails(1, &["prove", folder, "--prompt", "the", "--generate", "9", "-o", &out]);
    assert!(said.contains("--tokens"), "{said}");
    let said = fails(1, &["prove", folder, "--text", "the Ω", "-o", &out]);
    assert!(said.contains("'Ω', character 4"), "{said}");
    fails(2, &["prove", folder, "--prompt", "the", "-o", &out]);
    fails(2, &["prove", folder, "--prompt", "the", "--generate", "3", "--text", "the", "-o", &out]);
    let model = file("models/sms_spam_tx/model.onnx");
    let calibration = file("models/sms_spam_tx/calibration.txt");
    let other = at("none");
    let said = fails(1, &["compile", &model, "--calibration", &calibration, "-o", &other]);
    assert!(said.contains("--tokenizer"), "{said}");
    let said = fails(1, &["compile", &model, "--tokens", "64", "-o", &other]);
    assert!(said.contains("--calibration"), "{said}");
    let said = fails(
        1,
        &[
            "compile",
            &file("import/tests/llama2c/shared.bin"),
            "--calibration",
            &calibration,
            "-o",
            &other,
        ],
    );
    assert!(said.contains("--tokens"), "{said}");
}

/// The spam classifier from its ONNX file: cost, and accuracy where the messages are at hand.
#[test]
fn the_spam_classifier_keeps_its_accuracy() {
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("compiled");
    let compiled = compiled.to_str().unwrap();
    let part = |name: &str| file(&format!("models/sms_spam_tx/{name}"));
    let [model, tokenizer, calibration, config] =
        ["model.onnx", "tokenizer.json", "calibration.txt", "config.json"].map(part);
    let mut arguments = vec![
        "compile",
        &model,
        "--tokenizer",
        &tokenizer,
        "--calibration",
        &calibration,
        "--classes",
        &config,
        "-o",
        compiled,
    ];
    let test = outside("sms_spam_tx/test.tsv");
    if let Some(test) = &test {
        arguments.extend(["--test", test]);
    }
    let result = json(&arguments);
    assert!(result["inspection"]["constraints"].as_u64().unwrap() <= 550_000);
    let accuracy = &result["report"]["accuracy"];
    if test.is_some() {
        let [float, integer] = ["float", "integer"].map(|kind| accuracy[kind].as_f64().unwrap());
        assert!(float > 0.98 && (float - integer).abs() <= 0.005, "{accuracy}");
    }
    let checked = json(&["check", compiled, "--text", "You have won a prize! Call 0900 123 now"]);
    assert_eq!(checked["satisfied"], true);
}

#[test]
fn the_demo_proves_that_a_message_is_spam() {
    let result = json(&[
        "demo",
        "--text",
        "Congratulations! You won a free phone, call 0900 123 now to claim it",
    ]);
    assert_eq!(result["verified"], true);
    assert_eq!(result["answer"], "spam");
    assert_eq!(result["statement"]["tensors"].as_array().unwrap().len(), 1);
}

/// The character model: most likely next characters of held-out text.
#[test]
fn the_character_model_agrees_with_its_original() {
    let Some(corpus) = outside("data/tinyshakespeare.txt") else { return };
    let corpus = std::fs::read_to_string(corpus).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let held_out = folder.path().join("held_out.txt");
    // The last tenth was not trained on.
    let start = corpus.len() * 9 / 10 + 20_000;
    std::fs::write(&held_out, &corpus[start..start + 64 * 40]).unwrap();
    let part = |name: &str| file(&format!("models/nanogpt_shakespeare/{name}"));
    let [model, config, calibration] = ["model.onnx", "config.json", "calibration.txt"].map(part);
    let compiled = folder.path().join("compiled");
    let test = held_out.to_str().unwrap();
    let out = compiled.to_str().unwrap();
    let result = json(&[
        "compile",
        &model,
        "--tokenizer",
        &config,
        "--calibration",
        &calibration,
        "--test",
        test,
        "-o",
        out,
    ]);
    assert!(result["inspection"]["constraints"].as_u64().unwrap() <= 900_000);
    assert_eq!(result["report"]["out_of_range"], 0);
    assert!(
        result["report"]["agreement"].as_f64().unwrap() >= 0.97,
        "{}",
        result["report"]["agreement"]
    );
}

/// The integer model continues the story as the original does, token for token.
#[test]
fn the_story_model_tells_the_golden_opening() {
    let Some(model) = outside("stories260K/stories260K.bin") else { return };
    let tokenizer = outside("stories260K/tok512.bin").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let compiled = folder.path().join("compiled");
    let compiled = compiled.to_str().unwrap();
    let result =
        json(&["compile", &model, "--tokenizer", &tokenizer, "--tokens", "64", "-o", compiled]);
    assert!(result["inspection"]["constraints"].as_u64().unwrap() <= 1_500_000);
    assert!(
        result["report"]["agreement"].as_f64().unwrap() > 0.95,
        "{}",
        result["report"]["agreement"]
    );
    let told = json(&["run", compiled, "--prompt", "Once upon a time", "--generate", "45"]);
    let golden = "Once upon a time, there was a little girl named Lily. She loved to play outside \
        in the park. One day, she saw a \
                  big, red ball.";
    assert!(text(&told["text"]).starts_with(golden), "{told}");
    assert_eq!(told["tokens"], 50);
}
