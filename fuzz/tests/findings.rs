//! Whatever ends a run is found, kept, and found again.

use std::path::Path;
use std::process::{Command, Output};

fn fuzz(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lemma-fuzz"))
        .args(["faulty", "--folder"])
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn faults_are_kept_and_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut found = std::collections::BTreeSet::new();
    for seed in 1..=64 {
        if found.len() == 4 {
            break;
        }
        let output = fuzz(folder.path(), &["--runs", "100000", "--seed", &seed.to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(&format!("of seed {seed}")), "{said}");
        let path = said
            .lines()
            .find_map(|line| line.split_once("--replay "))
            .unwrap()
            .1
            .trim_end_matches('`');
        let kept = std::fs::read_to_string(path).unwrap();
        if found.insert(kept.clone()) {
            assert!(!fuzz(folder.path(), &["--replay", path]).status.success(), "{kept}");
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["memory", "panic", "stack", "time"]);
}

#[test]
fn what_is_fine_passes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fine");
    std::fs::write(&path, "fine").unwrap();
    let output = fuzz(folder.path(), &["--replay", path.to_str().unwrap()]);
    assert!(
        output.status.success()
            && String::from_utf8_lossy(&output.stdout).contains("accepted: fine")
    );
    assert!(fuzz(folder.path(), &["--runs", "1"]).status.success());
}
