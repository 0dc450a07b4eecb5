//! The small random decoder of the tests.

use std::path::Path;

use lemma_testkit::file;
use serde_json::Value;

use crate::program::json;

/// Compiles the decoder for ten tokens into a folder. Its choices must mostly be those of the float
/// model.
pub fn compile(folder: &Path, arguments: &[&str]) -> Value {
    let (model, tokenizer) =
        (file("import/tests/llama2c/shared.bin"), file("import/tests/llama2c/tokenizer.bin"));
    let folder = folder.to_str().unwrap();
    let all = [
        "compile",
        &model,
        "--tokenizer",
        &tokenizer,
        "--tokens",
        "10",
        "--headroom",
        "4",
        "-o",
        folder,
    ];
    let compiled = json(&[&all[..], arguments].concat());
    assert!(
        compiled["report"]["agreement"].as_f64().unwrap() > 0.9,
        "{}",
        compiled["report"]["agreement"]
    );
    compiled
}
