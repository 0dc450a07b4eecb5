//! Every command in the documents is one that the program understands.

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};

use crate::Arguments;

/// README and everything in `docs`.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    assert!(documents.len() > 5);
    [root.join("README.md"), root.join("CONTRIBUTING.md")].into_iter().chain(documents).collect()
}

/// The words of a shell line without its comment; double quotes and parentheses hold a word
/// together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let (mut word, mut quoted, mut depth) = (None::<String>, false, 0u32);
    for character in line.chars() {
        depth = match character {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        match character {
            _ if depth > 0 => word.get_or_insert_default().push(character),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '#' if !quoted && word.is_none() => break,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// A line that runs the program, as the program's arguments.
fn command(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start().trim_start_matches("$ ");
    let rest =
        line.strip_prefix("lemma ").or_else(|| line.strip_prefix("cargo run --release -- "))?;
    let words = words(rest);
    let end = words
        .iter()
        .position(|word| ["|", ">", "&&", "2>"].contains(&word.as_str()))
        .unwrap_or(words.len());
    Some([vec!["lemma".to_owned()], words[..end].to_vec()].concat())
}

#[test]
fn every_command_line_is_understood() {
    let mut count = 0;
    for path in documents() {
        // A line that goes on is one command.
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", " ");
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            let block = fenced || line.starts_with("    ");
            let Some(arguments) = command(line).filter(|_| block) else { continue };
            count += 1;
            if let Err(error) = Arguments::try_parse_from(&arguments)
                && error.use_stderr()
            {
                panic!("{}:{}: {line}\n{error}", path.display(), number + 1);
            }
        }
    }
    assert!(count > 30, "{count} commands");
}

/// `lemma COMMAND --flag` inside a sentence names a command and flags that exist.
#[test]
fn every_command_in_a_sentence_exists() {
    let program = Arguments::command();
    let mut count = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for code in text.split('`').skip(1).step_by(2) {
            let Some(arguments) = command(code).filter(|_| !code.contains('\n')) else { continue };
            count += 1;
            let mut words = arguments.iter().skip(1).filter(|word| *word != "--json");
            let Some(name) = words.next().filter(|name| !name.starts_with('-')) else { continue };
            let found = program.find_subcommand(name);
            let known =
                found.unwrap_or_else(|| panic!("{}: `{code}`: no such command", path.display()));
            for flag in words.filter_map(|word| word.strip_prefix("--")) {
                let global =
                    program.get_arguments().any(|argument| argument.get_long() == Some(flag));
                let own = known.get_arguments().any(|argument| argument.get_long() == Some(flag));
                assert!(own || global, "{}: `{code}`: no such flag --{flag}", path.display());
            }
        }
    }
    assert!(count > 20, "{count} commands");
}

#[test]
fn lines_are_read_as_a_shell_reads_them() {
    let words = |line| command(line).unwrap();
    assert_eq!(
        words("  lemma prove gpt --prompt \"To be\" -o a.json   # slow"),
        ["lemma", "prove", "gpt", "--prompt", "To be", "-o", "a.json"]
    );
    assert_eq!(
        words("lemma prove g --context $(cast call \"f(int)\" 1) -o a"),
        ["lemma", "prove", "g", "--context", "$(cast call \"f(int)\" 1)", "-o", "a"]
    );
    assert_eq!(words("$ lemma inspect m | less"), ["lemma", "inspect", "m"]);
    assert_eq!(command("lemmas are proven"), None);
}
