//! Files of texts: `.txt` and `.tsv`.

use std::path::Path;

use lemma_prover::store::read_at_most;

use super::{TextError, TextInputs, TextProblem, Tokenizer};
use crate::Inputs;

/// Largest file of texts in bytes.
const MAX_BYTES: u64 = 1 << 24;

/// Most texts of a file of one a line.
const MAX_TEXTS: usize = 1 << 14;

/// Most bytes of a long text that is cut into windows.
const MAX_LONG: usize = 1 << 21;

/// Most windows of a long text.
const MAX_WINDOWS: usize = 1 << 12;

/// Whether a file's ending says that it holds texts.
pub fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "txt" || ending == "tsv")
}

/// The samples of a file of texts, with the index of their label among `classes` where they have
/// one.
///
/// - `.tsv`: a label, a tab and a text on each line;
/// - `.txt` for a model with a mask: a text on each line; empty lines are left out;
/// - `.txt` for a model without: one long text of at most 2 MiB, cut into windows; of more than
///   4,096 windows so many are taken, evenly spaced.
///
/// # Errors
/// A file that cannot be read, is larger than 16 MiB, holds more than 16,384 texts or is not UTF-8,
/// a long text that is too long, a character without a token, a label that is no class, no text at
/// all.
pub fn read_texts(
    path: &Path,
    tokenizer: &Tokenizer,
    inputs: &TextInputs,
    classes: &[String],
) -> Result<Vec<(Inputs, Option<usize>)>, TextError> {
    let read = || {
        let bytes = read_at_most(path, MAX_BYTES).map_err(TextProblem::Read)?;
        let text = String::from_utf8(bytes)
            .map_err(|error| TextProblem::Read(std::io::Error::other(error.utf8_error())))?;
        let table = path.extension().is_some_and(|ending| ending == "tsv");
        let samples = if table {
            labelled(&text, tokenizer, inputs, classes)?
        } else if inputs.masked() {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            few(lines.clone().count())?;
            lines
                .map(|line| Ok((inputs.encode(tokenizer, line)?.inputs, None)))
                .collect::<Result<_, _>>()?
        } else if text.is_empty() {
            Vec::new()
        } else {
            if text.len() > MAX_LONG {
                return Err(TextProblem::TooLong { bytes: text.len(), limit: MAX_LONG });
            }
            let windows = inputs.windows(tokenizer, &text, MAX_WINDOWS)?;
            windows.into_iter().map(|window| (window, None)).collect()
        };
        if samples.is_empty() { Err(TextProblem::Empty) } else { Ok(samples) }
    };
    read().map_err(|problem| problem.of(path))
}

/// An error where a file holds more texts than are read.
fn few(texts: usize) -> Result<(), TextProblem> {
    if texts > MAX_TEXTS {
        return Err(TextProblem::TooMany { texts, limit: MAX_TEXTS });
    }
    Ok(())
}

fn labelled(
    table: &str,
    tokenizer: &Tokenizer,
    inputs: &TextInputs,
    classes: &[String],
) -> Result<Vec<(Inputs, Option<usize>)>, TextProblem> {
    let sample = |(index, line): (usize, &str)| {
        let fail = |problem: String| TextProblem::Line { line: index.saturating_add(1), problem };
        let (label, text) = line
            .split_once('\t')
            .ok_or_else(|| fail("a label, a tab and a text are expected".into()))?;
        let class = classes.iter().position(|class| class == label);
        let class =
            class.ok_or_else(|| fail(format!("{label:?} is none of the classes {classes:?}")))?;
        Ok((inputs.encode(tokenizer, text)?.inputs, Some(class)))
    };
    few(table.lines().count())?;
    table.lines().enumerate().map(sample).collect()
}

#[cfg(test)]
mod tests {
    use lemma_model::{Model, Op};

    use super::*;

    fn read(
        name: &str,
        contents: &str,
        names: &[&str],
    ) -> Result<Vec<(Inputs, Option<usize>)>, TextProblem> {
        let mut model = Model::default();
        for name in names {
            model.push_input(*name, Op::Input, &[1, 4]).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        let tokenizer = Tokenizer::from_bytes(br#"{"chars": "-abc\n"}"#.to_vec()).unwrap();
        let inputs = TextInputs::of(&model.input_ports()).unwrap();
        read_texts(&path, &tokenizer, &inputs, &["x".into(), "y".into()])
            .map_err(|error| error.problem)
    }

    #[test]
    fn lines_windows_and_tables() {
        assert_eq!(read("a.txt", "ab\n\nc\n", &["ids", "mask"]).unwrap().len(), 2);
        assert_eq!(read("a.txt", "abc\nabc\nab", &["ids"]).unwrap().len(), 2);
        let table = read("a.tsv", "y\tab\nx\tb\n", &["ids", "mask"]).unwrap();
        assert_eq!(table.iter().map(|(_, class)| class.unwrap()).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn the_number_of_texts_is_bounded_and_long_texts_are_sampled() {
        let lines = "ab\n".repeat(MAX_TEXTS);
        assert_eq!(read("a.txt", &lines, &["ids", "mask"]).unwrap().len(), MAX_TEXTS);
        for (name, contents) in [("a.txt", lines + "c"), ("a.tsv", "x\ta\n".repeat(MAX_TEXTS + 1))]
        {
            assert!(
                matches!(read(name, &contents, &["ids", "mask"]), Err(TextProblem::TooMany { .. })),
                "{name}"
            );
        }
        // One window in two, the first of each pair.
        let windows = read("a.txt", &"aaaabbbb".repeat(MAX_WINDOWS), &["ids"]).unwrap();
        assert_eq!(windows.len(), MAX_WINDOWS);
        assert!(windows.iter().all(|(window, _)| window["ids"].iter().all(|id| *id == 1.0)));
        let long = "a".repeat(MAX_LONG + 1);
        assert!(matches!(read("a.txt", &long, &["ids"]), Err(TextProblem::TooLong { .. })));
    }

    #[test]
    fn rejects_what_is_not_a_table_and_empty_files() {
        assert!(matches!(
            read("a.tsv", "x\tab\nab\n", &["ids"]),
            Err(TextProblem::Line { line: 2, .. })
        ));
        assert!(matches!(
            read("a.tsv", "z\tab\n", &["ids"]),
            Err(TextProblem::Line { line: 1, .. })
        ));
        for name in ["a.txt", "a.tsv"] {
            assert!(matches!(read(name, "", &["ids", "mask"]), Err(TextProblem::Empty)));
        }
        assert!(matches!(read("a.txt", "ab?", &["ids"]), Err(TextProblem::Unencodable { .. })));
    }
}
