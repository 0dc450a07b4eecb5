//! Names, labels and texts that try to forge the program's output, in every command.

#[expect(dead_code, reason = "it compiles a model of its own")]
#[path = "support/decoder.rs"]
mod decoder;
#[expect(dead_code, reason = "it looks at all that is said")]
#[path = "support/program.rs"]
mod program;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lemma::circuits::Compiled;
use lemma::graph::{Graph, Interval, Op, Port, Visibility};
use lemma::{Folder, Package};

use lemma_testkit::file;
use program::lemma;

/// A line of its own, an erased line, text in another order, control characters of one byte and of
/// two.
const EVIL: &str = "x`\nFORGED verified\r\u{1b}[2K\u{9b}1A\u{202e}\u{2028}y\u{7}";

/// No output has a line of the forger's, nor what a terminal obeys.
fn harmless(arguments: &[&str]) -> (Option<i32>, String) {
    let mut whole = String::new();
    let mut code = None;
    for json in [&[][..], &["--json"]] {
        let output = lemma(&[json, arguments].concat());
        for said in [output.stdout, output.stderr] {
            let said = String::from_utf8(said).unwrap();
            assert!(
                !said.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}', '\r', '\u{7}']),
                "{arguments:?}: {said:?}"
            );
            assert!(!said.lines().any(|line| line.starts_with("FORGED")), "{arguments:?}: {said}");
            whole += &said;
        }
        code = output.status.code();
    }
    (code, whole)
}

/// A model whose name, tensors, layer and classes are all hostile: twice an input, the larger of
/// two chosen.
fn hostile() -> Package {
    let mut graph = Graph::default();
    let x = graph
        .push(EVIL, Op::Input { range: Interval { low: -8, high: 8 } }, &[], &[1, 2], 0)
        .unwrap();
    let y = graph.push(&format!("{EVIL}2"), Op::Sum([2].into()), &[x], &[1, 2], 0).unwrap();
    let z = graph.push(&format!("{EVIL}3"), Op::ArgMax { group: 2 }, &[y], &[1, 1], 0).unwrap();
    graph.inputs.push(Port { name: EVIL.into(), node: x, visibility: Visibility::Public });
    graph.outputs.push(Port { name: format!("{EVIL}3"), node: z, visibility: Visibility::Public });
    graph.outputs.push(Port {
        name: format!("{EVIL}2"),
        node: y,
        visibility: Visibility::Committed,
    });
    Package::new(EVIL, vec![EVIL.into(), format!("{EVIL}b")], Compiled::new(graph).unwrap())
        .unwrap()
}

/// A folder of that model with keys; made once.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join(EVIL);
        let (package, folder) = (hostile(), Folder::new(&path));
        let report: lemma::Report = serde_json::from_value(serde_json::json!({
            "activation_bits": 12, "headroom": 2.0, "samples": 1, "out_of_range": 0, "first_out_of_range": EVIL, "accuracy": null, "agreement": 1.0,
            "layers": [{ "layer": EVIL, "operation": "Sum", "shape": [1, 2], "fractional_bits": 0, "magnitude": 1.0,
                "largest_error": 0.0, "mean_error": 0.0, "relative_error": 0.0 }],
            "outputs": [{ "output": EVIL, "lowest": 0.0, "highest": 1.0, "largest_error": 0.0, "rms_error": 0.0, "r_squared": null, "rows": 1,
                "agreement": 1.0, "reversed": null }], "no_class": null,
            "close_to_edge": [{ "layer": EVIL, "operation": "Sum", "used": 0.95 }]
        }))
        .unwrap();
        folder.write_package(&package, &report).unwrap();
        let (proving, verifying) = package.setup(&()).unwrap();
        folder.write_keys(&package, &proving, &verifying).unwrap();
        std::fs::write(path.join("input.json"), serde_json::json!({ EVIL: [[3, -4]] }).to_string()).unwrap();
        (parent, path)
    });
    path
}

fn at(name: &str) -> String {
    folder().join(name).to_str().unwrap().to_owned()
}

fn expect(code: i32, arguments: &[&str]) -> String {
    let (found, said) = harmless(arguments);
    assert_eq!(found, Some(code), "{arguments:?}: {said}");
    said
}

#[test]
fn a_hostile_model_forges_no_line_in_any_command() {
    let model = folder().to_str().unwrap();
    let [input, proof, key, contract, open] =
        ["input.json", "proof.json", "verifying.key", "V.sol", "p.open"].map(at);
    expect(0, &["setup", model]);
    expect(0, &["inspect", model]);
    expect(0, &["run", model, "--input", &input]);
    expect(0, &["check", model, "--input", &input]);
    let said = expect(0, &["prove", model, "--input", &input, "--openings", &open, "-o", &proof]);
    assert!(
        said.contains(r"model `x\u{60}\nFORGED verified\r\u{1b}[2K\u{9b}1A\u{202e}\u{2028}y\u{7}`"),
        "{said}"
    );
    let said = expect(0, &["verify", "--key", &key, &proof]);
    assert!(said.contains(r#" = [0 "x`\nFORGED verified\r"#), "{said}");
    expect(0, &["contract", &key, "-o", &contract]);
    expect(0, &["calldata", &proof]);
    expect(1, &["verify-chain", "--key", &key, &proof, &proof]);
    // What is refused names what it read.
    let text = std::fs::read_to_string(&proof).unwrap();
    for (from, to) in [
        ("\"model\": \"x", "\"model\": \"\\nFORGED \\u001b[2K\\u202e"),
        ("lemma-proof-2", "\\nFORGED \\u001b[2K\\u202e"),
        ("\"proof\":", "\"\\nFORGED \\u001b[2K\\u202e\": 1, \"proof\":"),
        ("\"verifying_key\": \"0x", "\"verifying_key\": \"0x00\\nFORGED \\u001b[2K"),
        ("\"decoded\": [\n", "\"decoded\": [ \"\\nFORGED \\u001b[2K\\u202e\", \n"),
    ] {
        let altered = text.replacen(from, to, 1);
        assert_ne!(altered, text, "{from}");
        std::fs::write(at("altered.json"), altered).unwrap();
        let said = expect(3, &["verify", "--key", &key, &at("altered.json")]);
        assert!(said.contains("NOT verified"), "{said}");
        expect(3, &["verify-chain", "--key", &key, &at("altered.json"), &proof]);
    }
    let report = std::fs::read_to_string(at("report.txt")).unwrap();
    assert!(
        !report.contains(['\u{1b}', '\u{202e}'])
            && !report.lines().any(|line| line.starts_with("FORGED")),
        "{report}"
    );
    let source = std::fs::read_to_string(&contract).unwrap();
    assert!(
        source.is_ascii()
            && !source.contains(['\u{1b}', '\r'])
            && !source.lines().any(|line| line.starts_with("FORGED"))
    );
}

#[test]
fn errors_usage_and_logs_name_hostile_things_without_obeying_them() {
    let model = folder().to_str().unwrap();
    let input = at("input.json");
    std::fs::write(
        at("other.json"),
        serde_json::json!({ format!("{EVIL}?"): [[3, -4]] }).to_string(),
    )
    .unwrap();
    std::fs::write(at("far.json"), serde_json::json!({ EVIL: [[3, -4000]] }).to_string()).unwrap();
    // The only array is taken for the only input, with a note that names it.
    harmless(&["prove", model, "--input", &at("other.json"), "-o", &at("none.json")]);
    expect(4, &["prove", model, "--input", &at("far.json"), "-o", &at("none.json")]);
    expect(1, &["run", model, "--text", EVIL]);
    expect(
        1,
        &[
            "prove",
            model,
            "--input",
            &input,
            "--salt",
            &format!("{EVIL}={}", "00".repeat(31)),
            "-o",
            &at("none.json"),
        ],
    );
    expect(
        1,
        &[
            "prove",
            model,
            "--input",
            &input,
            "--opening",
            &format!("{EVIL}={EVIL}"),
            "-o",
            &at("none.json"),
        ],
    );
    expect(1, &["prove", model, "--input", &input, "--context", EVIL, "-o", &at("none.json")]);
    for missing in [["inspect", EVIL], ["setup", EVIL], ["calldata", EVIL], ["compile", EVIL]] {
        let (code, said) = harmless(&missing);
        assert!(matches!(code, Some(1 | 2)), "{missing:?}: {said}");
    }
    expect(1, &["verify", "--key", EVIL, EVIL]);
    expect(1, &["contract", &at("verifying.key"), "--name", EVIL, "-o", &at("W.sol")]);
    expect(2, &[EVIL]);
    expect(2, &["run", model, "--index", EVIL]);
    let logged = std::process::Command::new(env!("CARGO_BIN_EXE_lemma"))
        .args(["inspect", model])
        .env("LEMMA_LOG", "trace")
        .output()
        .unwrap();
    assert!(!String::from_utf8(logged.stderr).unwrap().contains(['\u{1b}', '\u{202e}']));
}

/// A tokenizer of 40 characters, of which some are hostile, and a model file and folder with
/// hostile names.
#[test]
fn a_hostile_prompt_forges_no_line() {
    let parent = tempfile::tempdir().unwrap();
    let at = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    let model = at(&format!("{EVIL}.bin"));
    std::fs::copy(file("import/tests/llama2c/shared.bin"), &model).unwrap();
    let characters: String =
        EVIL.chars().chain(('a'..='z').filter(|c| !EVIL.contains(*c))).collect();
    let mut list: Vec<char> = Vec::new();
    for character in characters.chars().chain('A'..='Z') {
        if !list.contains(&character) && list.len() < 40 {
            list.push(character);
        }
    }
    let tokenizer = at("tokenizer.json");
    std::fs::write(
        &tokenizer,
        serde_json::json!({ "chars": list.iter().collect::<String>() }).to_string(),
    )
    .unwrap();
    let [folder, proof, key] = [EVIL, "proof.json", &format!("{EVIL}/verifying.key")].map(at);
    expect(
        0,
        &[
            "compile",
            &model,
            "--tokenizer",
            &tokenizer,
            "--tokens",
            "10",
            "--headroom",
            "6",
            "-o",
            &folder,
        ],
    );
    expect(0, &["setup", &folder]);
    let prompt = "\nF\u{1b}\u{202e}";
    let said = expect(0, &["run", &folder, "--prompt", prompt, "--generate", "3"]);
    assert!(said.contains(r#""\nF\u{1b}\u{202e}"#), "{said}");
    expect(0, &["prove", &folder, "--prompt", prompt, "--generate", "3", "-o", &proof]);
    let said = expect(0, &["verify", "--generation", "--key", &key, &proof]);
    assert!(said.contains(r#"prompt (4 tokens): "\nF\u{1b}\u{202e}""#), "{said}");
    let ids: Vec<usize> =
        prompt.chars().map(|c| list.iter().position(|other| *other == c).unwrap()).collect();
    assert!(said.contains(&format!("prompt tokens: {ids:?}")), "{said}");
    expect(1, &["run", &folder, "--prompt", "\u{202e}\u{1b}Ω", "--generate", "3"]);
}
