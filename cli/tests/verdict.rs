//! What `compile` says of its own result, and what it refuses.

#[path = "support/program.rs"]
mod program;

use std::path::Path;

use program::{fails, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/lenet_fashion");

fn compile<'a>(folder: &'a str, more: &[&'a str]) -> Vec<String> {
    let (model, calibration) = (format!("{MODEL}/model.onnx"), format!("{MODEL}/calibration.npz"));
    let fixed = ["compile", &model, "--calibration", &calibration, "--bits", "12", "-o", folder];
    fixed.iter().chain(more).map(|argument| (*argument).to_owned()).collect()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn samples_outside_the_range_are_refused_without_a_folder_until_accepted() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("m");
    let folder = path.to_str().unwrap();
    let narrow = compile(folder, &["--percentile", "99", "--headroom", "1"]);
    let said = fails(6, &borrowed(&narrow));
    assert!(said.contains("leave the calibrated range") && said.contains("--accept"), "{said}");
    assert!(!path.exists());
    let accepted = json(&borrowed(&[narrow, vec!["--accept".into()]].concat()));
    assert!(path.join("model.lemma").exists());
    assert!(
        accepted["warnings"][0].as_str().unwrap().contains("leave the calibrated range"),
        "{accepted}"
    );
    assert!(accepted["report"]["out_of_range"].as_u64().unwrap() > 0);
}

#[test]
fn a_label_that_is_no_class_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, data) = (parent.path().join("m"), parent.path().join("data.json"));
    let image = serde_json::json!({"image": vec![vec![0.5; 28]; 28], "label": 10});
    std::fs::write(&data, serde_json::json!([image]).to_string()).unwrap();
    let arguments =
        compile(folder.to_str().unwrap(), &["--test", data.to_str().unwrap(), "--labels", "label"]);
    let said = fails(6, &borrowed(&arguments));
    assert!(said.contains("the label 10") && said.contains("classes 0 to 9"), "{said}");
    assert!(!Path::new(&folder).exists());
}

#[test]
fn a_good_result_has_no_warning() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("m");
    let result = json(&borrowed(&compile(path.to_str().unwrap(), &[])));
    assert_eq!(result["warnings"].as_array().unwrap().len(), 0, "{}", result["warnings"]);
    let logits = &result["report"]["outputs"][0];
    assert!(logits["r_squared"].as_f64().unwrap() > 0.999, "{logits}");
    assert_eq!(logits["agreement"], result["report"]["agreement"]);
}

#[test]
fn data_of_another_shape_are_refused_with_what_to_write() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, data) = (parent.path().join("m"), parent.path().join("data.json"));
    let image = serde_json::json!({"image": vec![vec![0.5; 14]; 56]});
    std::fs::write(&data, serde_json::json!([image]).to_string()).unwrap();
    let arguments = compile(folder.to_str().unwrap(), &["--test", data.to_str().unwrap()]);
    let said = fails(1, &borrowed(&arguments));
    assert!(
        said.contains("[1, 56, 14]")
            && said.contains("[1, 1, 28, 28]")
            && said.contains("reshape(-1, 1, 1, 28, 28)"),
        "{said}"
    );
}
