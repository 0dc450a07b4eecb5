//! `lemma log`: decisions, promises and proofs, by the program alone.

#[path = "support/program.rs"]
mod program;

use std::path::Path;

use program::{fails, json, lemma};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/lenet_fashion");

fn prove(folder: &str, index: usize, context: &str, to: &str) {
    let (input, index) = (format!("{MODEL}/test_1000.npz"), index.to_string());
    json(&["prove", folder, "--input", &input, "--index", &index, "--context", context, "-o", to]);
}

#[test]
fn a_log_has_decisions_and_proofs_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(place.path().join(name), text).unwrap();
    let (folder, key) = (at("lenet"), at("lenet/verifying.key"));
    let calibration = format!("{MODEL}/calibration.npz");
    let file = format!("{MODEL}/model.onnx");
    json(&["compile", &file, "--calibration", &calibration, "-o", &folder]);
    json(&["setup", &folder]);
    std::fs::create_dir(at("proofs")).unwrap();
    let proofs = ["0a", "0b", "0c"].map(|context| at(&format!("proofs/{context}.json")));
    for (index, (context, proof)) in ["0a", "0b", "0c"].into_iter().zip(&proofs).enumerate() {
        prove(&folder, index, context, proof);
    }
    write("asked.txt", "what is on image 0 of ann@example.org?\n");
    write("answer.txt", "an ankle boot");
    let (log, asked, answer) = (at("log.jsonl"), at("asked.txt"), at("answer.txt"));
    let said = ["--key", &key, "--input", &asked, "--output", &answer];
    let append = [&["log", "append", &log][..], &said].concat();

    // One with its proof, one that promises it, one whose text is not kept.
    assert_eq!(
        json(&[&append[..], &["--task", "shoes", "--proof", &proofs[0]]].concat())["seq"],
        0
    );
    assert_eq!(json(&[&append[..], &["--task", "shoes", "--context", "0b"]].concat())["seq"], 1);
    assert_eq!(json(&[&append[..], &["--forget"]].concat())["seq"], 2);
    let promised = json(&["log", "verify", &log]);
    assert_eq!(promised["promised"], serde_json::json!([1, 2]));
    let head = promised["head"].as_str().unwrap();

    // A promise is kept by a proof in its context, once.
    let prove = ["log", "prove", &log, "--key", &key];
    let refused =
        |of: &str, proof: &str| fails(1, &[&prove[..], &["--of", of, "--proof", proof]].concat());
    assert!(refused("1", &proofs[2]).contains("another context"));
    assert!(refused("7", &proofs[1]).contains("no decision 7"));
    assert!(refused("0", &proofs[0]).contains("waits"));
    json(&[&prove[..], &["--of", "1", "--proof", &proofs[1]]].concat());
    assert!(refused("1", &proofs[1]).contains("waits"));

    let check = ["log", "verify", &log, "--key", &key, "--proofs", &at("proofs"), "--head", head];
    let whole = json(&check);
    assert_eq!((&whole["entries"], &whole["proofs"]["verified"]), (&4.into(), &2.into()));
    assert_eq!(whole["tasks"]["shoes"], 2);

    // A proof that is gone, and one that does not verify.
    std::fs::rename(&proofs[1], at("1.json")).unwrap();
    assert!(fails(3, &check).contains("NOT there: the proofs of [1]"));
    std::fs::rename(at("1.json"), &proofs[1]).unwrap();
    let bad = std::fs::read_to_string(&proofs[0]).unwrap().replace("\"0x0a\"", "\"0x0d\"");
    std::fs::write(&proofs[0], bad).unwrap();
    assert!(
        fails(1, &[&append[..], &["--proof", &proofs[0]]].concat()).contains("does not verify")
    );
    assert!(fails(3, &check).contains("NOT there: the proofs of [0]"));

    exported(place.path(), &log);

    // A line that was edited.
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("shoes", "boots", 1)).unwrap();
    assert!(fails(1, &["log", "verify", &log]).contains("line 1"));
}

/// Texts leave redacted; nothing of them is in the log.
fn exported(place: &Path, log: &str) {
    let at = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let rules = r#"[{"pattern": "[a-z]+@[a-z.]+", "with": "[mail]"}]"#;
    std::fs::write(at("rules.json"), rules).unwrap();
    let (rules, out) = (at("rules.json"), at("pairs.jsonl"));
    let result = json(&["log", "export", log, "--redact", &rules, "-o", &out]);
    assert_eq!((&result["replaced"], &result["forgotten"]), (&2.into(), &1.into()));
    let pairs = std::fs::read_to_string(&out).unwrap();
    let line = r#"{"task":"shoes","seq":0,"input":"what is on image 0 of [mail]?\n","output":"an ankle boot"}"#;
    assert_eq!(pairs.lines().next(), Some(line));
    assert!(!std::fs::read_to_string(log).unwrap().contains("ankle"));
    std::fs::write(at("other.txt"), "mine").unwrap();
    let other = at("other.txt");
    fails(1, &["log", "export", log, "-o", &other]);
    let text = lemma(&["log", "verify", log]).stdout;
    assert!(
        String::from_utf8(text).unwrap().starts_with("4 receipts, each follows the one before")
    );
}
