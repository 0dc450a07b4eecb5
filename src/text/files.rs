//! Files of texts: `.txt` and `.tsv`.

use std::path::Path;

use lemma_prover::store::read_at_most;

use super::{TextError, TextInputs, TextProblem, Tokenizer};
use crate::Inputs;

/// Largest file of texts in bytes.
const MAX_BYTES: u64 = 1 << 26;

/// Whether a file's ending says that it holds texts.
pub fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "txt" || ending == "tsv")
}

/// The samples of a file of texts, with the index of their label among `classes` where they have
/// one.
///
/// - `.tsv`: a label, a tab and a text on each line;
/// - `.txt` for a model with a mask: a text on each line; empty lines are left out;
/// - `.txt` for a model without: one long text, cut into windows.
///
/// # Errors
/// A file that cannot be read, is larger than 64 MiB or not UTF-8, a character without a token, a
/// label that is no class, no text at all.
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
            lines
                .map(|line| Ok((inputs.encode(tokenizer, line)?.inputs, None)))
                .collect::<Result<_, _>>()?
        } else if text.is_empty() {
            Vec::new()
        } else {
            inputs.windows(tokenizer, &text)?.into_iter().map(|window| (window, None)).collect()
        };
        if samples.is_empty() { Err(TextProblem::Empty) } else { Ok(samples) }
    };
    read().map_err(|problem| problem.of(path))
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
        let class = class.ok_or_else(|| {
            fail(format!("{label:?} is none of the classes {classes:?} (`--classes`)"))
        })?;
        Ok((inputs.encode(tokenizer, text)?.inputs, Some(class)))
    };
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
        let inputs = TextInputs::of(&model).unwrap();
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
