//! Logs as their owners and their enemies leave them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lemma_receipts::{
    Decision, Event, LogError, Problem, Rule, Summary, append, export, fulfil, private_path, verify,
};
use lemma_verifier::Digest;

fn decision<'a>(task: &'a str, input: &'a str, output: &'a str) -> Decision<'a> {
    let [key, context] = [[1; 32], [2; 32]].map(Digest);
    Decision { task, model: "toy", key, context, input, output, proof: None }
}

/// A log of three decisions, of which the second has its proof from the fourth line.
fn log(folder: &Path) -> PathBuf {
    let path = folder.join("log.jsonl");
    for (task, input) in [("spam", "win a prize"), ("spam", "see you at 8"), ("tone", "thank you")]
    {
        append(&path, &decision(task, input, "ham"), true).unwrap();
    }
    fulfil(&path, 1, Digest([3; 32])).unwrap();
    path
}

fn checked(path: &Path) -> Result<Summary, LogError> {
    verify(path, None, |_| {})
}

#[test]
fn a_log_says_what_it_has_and_what_is_promised() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(folder.path());
    let summary = checked(&path).unwrap();
    assert_eq!((summary.entries, summary.torn), (4, false));
    assert_eq!(summary.tasks, [("spam".to_owned(), 2), ("tone".to_owned(), 1)].into());
    assert_eq!(summary.promised, [0, 2]);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("prize") && !text.contains("ham"), "inputs and outputs are not in it");
    let mode = fs::metadata(private_path(&path)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Two equal inputs have digests that differ.
    append(&path, &decision("spam", "win a prize", "ham"), true).unwrap();
    let mut inputs = Vec::new();
    verify(&path, None, |entry| {
        if let Event::Decision { input, .. } = &entry.event {
            inputs.push(*input);
        }
    })
    .unwrap();
    assert_ne!(inputs[0], inputs[3]);
}

#[test]
fn a_proof_is_taken_once_and_for_a_decision_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(folder.path());
    for of in [1, 3, 4, u64::MAX] {
        let refused = fulfil(&path, of, Digest([4; 32])).unwrap_err().problem;
        assert!(matches!(refused, Problem::NotPromised { of: other } if other == of), "{refused}");
    }
    let proven = Decision { proof: Some(Digest([5; 32])), ..decision("spam", "a", "b") };
    let seq = append(&path, &proven, true).unwrap().seq;
    assert!(fulfil(&path, seq, Digest([5; 32])).is_err());
    assert_eq!(checked(&path).unwrap().promised, [0, 2]);
}

#[test]
fn a_line_that_is_removed_repeated_moved_or_edited_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(folder.path());
    let lines: Vec<String> =
        fs::read_to_string(&path).unwrap().lines().map(|line| format!("{line}\n")).collect();
    let mut logs: Vec<(String, Vec<String>)> = Vec::new();
    for at in 0..lines.len() {
        let mut repeated = lines.clone();
        repeated.insert(at, lines[at].clone());
        logs.push((format!("line {at} twice"), repeated));
        if at + 1 < lines.len() {
            let mut removed = lines.clone();
            removed.remove(at);
            logs.push((format!("without line {at}"), removed));
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            logs.push((format!("lines {at} and {} swapped", at + 1), swapped));
        }
        let mut edited = lines.clone();
        edited[at] = edited[at].replacen("\"seq\":", "\"seq\":1", 1);
        logs.push((format!("line {at} edited"), edited));
    }
    // An edited line with the digest that it then has does not precede the next.
    let mut forged = lines.clone();
    let other = folder.path().join("other.jsonl");
    append(&other, &decision("spam", "no prize", "ham"), false).unwrap();
    forged[0] = fs::read_to_string(&other).unwrap();
    logs.push(("another first line".into(), forged));
    for (what, lines) in logs {
        fs::write(&path, lines.concat()).unwrap();
        assert!(checked(&path).is_err(), "{what}");
    }
}

#[test]
fn a_log_that_was_cut_off_does_not_have_the_head_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(folder.path());
    let head = checked(&path).unwrap().head;
    append(&path, &decision("spam", "later", "ham"), false).unwrap();
    assert!(verify(&path, head, |_| {}).is_ok(), "a log that has grown");
    let whole = fs::read_to_string(&path).unwrap();
    let cut: String = whole.split_inclusive('\n').take(3).collect();
    fs::write(&path, cut).unwrap();
    assert!(checked(&path).is_ok());
    let refused = verify(&path, head, |_| {}).unwrap_err().problem;
    assert!(matches!(refused, Problem::Head { .. }), "{refused}");
}

/// Both files as a writer leaves them that is killed after any byte of an append.
#[test]
fn an_append_that_is_killed_between_any_two_bytes_is_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(folder.path());
    let private = private_path(&path);
    let read = || [&private, &path].map(|path| fs::read(path).unwrap());
    let before = read();
    append(&path, &decision("spam", "the last", "ham"), true).unwrap();
    let after = read();
    let mut states = Vec::new();
    for length in before[0].len()..=after[0].len() {
        states.push([after[0][..length].to_vec(), before[1].clone()]);
    }
    for length in before[1].len()..after[1].len() {
        states.push([after[0].clone(), after[1][..length].to_vec()]);
    }
    for [kept, lines] in states {
        fs::write(&private, &kept).unwrap();
        fs::write(&path, &lines).unwrap();
        let summary = checked(&path).unwrap();
        assert_eq!((summary.entries, summary.torn), (4, lines.len() > before[1].len()));
        let exported = export(&path, None, &[]).unwrap();
        assert_eq!((exported.lines.len(), exported.forgotten), (3, 0));
        let entry = append(&path, &decision("spam", "again", "ham"), true).unwrap();
        assert_eq!(entry.seq, 4);
        assert!(!checked(&path).unwrap().torn);
        let exported = export(&path, None, &[]).unwrap();
        assert_eq!((exported.lines.len(), exported.forgotten), (4, 0));
        assert!(exported.lines[2].contains("again"), "{:?}", exported.lines);
    }
}

#[test]
fn writers_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    append(&path, &decision("spam", "a", "b"), true).unwrap();
                }
            });
        }
    });
    let summary = checked(&path).unwrap();
    assert_eq!((summary.entries, summary.promised.len()), (40, 40));
    assert_eq!(export(&path, None, &[]).unwrap().lines.len(), 40);
}

#[test]
fn what_is_exported_is_redacted_and_grouped_by_task() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    for (task, input, output, keep) in [
        ("b", "mail ann@example.org or bob@example.org", "ok $0", true),
        ("a", "my diagnosis", "yes", true),
        ("b", "call 0790 123", "ham", true),
        ("b", "forgotten", "ham", false),
    ] {
        append(&path, &decision(task, input, output), keep).unwrap();
    }
    let rules = [
        Rule::Replace { pattern: r"\S+@\S+".into(), with: "$0".into() },
        Rule::Drop { drop: "(?i)diagnosis".into() },
        Rule::Replace { pattern: r"\d{4} \d+".into(), with: "[number]".into() },
    ];
    let exported = export(&path, None, &rules).unwrap();
    assert_eq!(
        exported.lines,
        [
            r#"{"task":"b","seq":0,"input":"mail $0 or $0","output":"ok $0"}"#,
            r#"{"task":"b","seq":2,"input":"call [number]","output":"ham"}"#
        ]
    );
    assert_eq!((exported.replaced, exported.dropped, exported.forgotten), (3, 1, 1));
    let one = export(&path, Some("a"), &[]).unwrap();
    assert_eq!(one.lines, [r#"{"task":"a","seq":1,"input":"my diagnosis","output":"yes"}"#]);
    assert_eq!(one.forgotten, 0);
    let all = export(&path, None, &[]).unwrap();
    assert!(all.lines[0].starts_with(r#"{"task":"a""#) && all.lines.len() == 3);
    let broken = [Rule::Drop { drop: "(".into() }];
    let refused = export(&path, None, &broken).unwrap_err().problem;
    assert!(matches!(refused, Problem::Rule { rule: 1, .. }), "{refused}");
}

#[test]
fn a_private_text_that_was_changed_is_not_exported() {
    let folder = tempfile::tempdir().unwrap();
    let path = log(folder.path());
    let private = private_path(&path);
    let honest = fs::read_to_string(&private).unwrap();
    for (from, to) in [("see you", "see me"), ("\"ham\"", "\"spam\""), ("0x", "0x0")] {
        fs::write(&private, honest.replacen(from, to, 1)).unwrap();
        let refused = export(&path, None, &[]).unwrap_err().problem;
        assert!(matches!(refused, Problem::OtherText { .. } | Problem::Line { .. }), "{refused}");
    }
}

#[test]
fn texts_and_lines_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let long = "\u{1}".repeat(1 << 20);
    append(&path, &decision("spam", &long, &long), true).unwrap();
    append(&path, &decision(&"\u{1}".repeat(256), "a", "b"), true).unwrap();
    assert_eq!(export(&path, None, &[]).unwrap().lines.len(), 2);
    let more = format!("{long}x");
    for wrong in [decision("t", &more, ""), decision("t", "", &more), decision(&more, "", "")] {
        let refused = append(&path, &wrong, true).unwrap_err().problem;
        assert!(matches!(refused, Problem::TooLong { .. }), "{refused}");
    }
    assert_eq!(checked(&path).unwrap().entries, 2);
    // A file that is no log is not touched.
    for other in ["a list\nof things\n", "a list\nof things", "a word", "{\"entry\":[", "\n"] {
        fs::write(&path, other).unwrap();
        assert!(append(&path, &decision("t", "a", "b"), true).is_err(), "{other:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
    fs::write(&path, vec![b'x'; 1 << 16]).unwrap();
    assert!(append(&path, &decision("t", "a", "b"), true).is_err() && checked(&path).is_err());
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 16);
}
