//! The program as the tests run it.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs a command.
pub fn lemma(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lemma")).args(arguments).output().unwrap()
}

/// The result of a command that must succeed.
pub fn json(arguments: &[&str]) -> Value {
    let output = lemma(&[&["--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a command that must fail with `code`, and returns what it says on stderr and stdout.
pub fn fails(code: i32, arguments: &[&str]) -> String {
    let output = lemma(arguments);
    let said = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}
