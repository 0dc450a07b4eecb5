//! Inputs and outputs of a log, for training, without what must not be in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::entry::Event;
use crate::error::{LogError, Problem};
use crate::private::{Kept, MAX_LINE, private_path};
use crate::verify::{next_line, verify};

/// What is done to every input and output before it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Rule {
    /// What matches is replaced.
    Replace {
        /// A regular expression of the crate `regex`, which takes linear time.
        pattern: String,
        /// What stands in its place; taken as it is.
        with: String,
    },
    /// A decision of which something matches is left out.
    Drop {
        /// A regular expression.
        drop: String,
    },
}

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The lines, by task and then in the order of the log: `{"task", "seq", "input", "output"}`.
    #[serde(skip)]
    pub lines: Vec<String>,
    /// Decisions that were exported, by task.
    pub tasks: BTreeMap<String, u64>,
    /// Places that were replaced.
    pub replaced: u64,
    /// Decisions that a rule left out.
    pub dropped: u64,
    /// Decisions whose input and output were not kept.
    pub forgotten: u64,
}

#[derive(Serialize)]
struct Pair<'a> {
    task: &'a str,
    seq: u64,
    input: &'a str,
    output: &'a str,
}

/// The inputs and outputs of a log's decisions, of one task where one is named, each checked
/// against its digests in the log. Takes memory for all that is exported.
///
/// # Errors
/// A log that does not verify, a private file that has another text for a decision, a rule that is
/// none, the file system.
pub fn export(path: &Path, task: Option<&str>, rules: &[Rule]) -> Result<Exported, LogError> {
    let rules = compiled(rules).map_err(|problem| problem.of(path))?;
    let mut decisions = BTreeMap::new();
    verify(path, None, |entry| {
        if let Event::Decision { task: of, input, output, .. } = &entry.event {
            decisions.insert(entry.seq, (of.clone(), [*input, *output]));
        }
    })?;
    let private = private_path(path);
    let mut exported = Exported::default();
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut read = || -> Result<(), Problem> {
        let mut file = match File::open(&private) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            file => BufReader::new(file?),
        };
        for number in 0u64.. {
            // A line that was cut short is of no decision.
            let Some(line) =
                next_line(&mut file, MAX_LINE, number)?.filter(|line| line.ends_with(b"\n"))
            else {
                break;
            };
            let mut kept = Kept::of_line(&line, number + 1)?;
            let Some((of, digests)) = decisions.remove(&kept.seq) else { continue };
            if kept.digests() != digests {
                return Err(Problem::OtherText { line: number + 1, seq: kept.seq });
            }
            if task.is_some_and(|task| task != of) {
                continue;
            }
            let Some(replaced) = redacted(&rules, &mut kept) else {
                exported.dropped += 1;
                continue;
            };
            exported.replaced += replaced;
            let pair = Pair { task: &of, seq: kept.seq, input: &kept.input, output: &kept.output };
            let line = serde_json::to_string(&pair).unwrap_or_default();
            *exported.tasks.entry(of.clone()).or_default() += 1;
            lines.entry(of).or_default().push(line);
        }
        Ok(())
    };
    read().map_err(|problem| problem.of(&private))?;
    let wanted = |of: &String| task.is_none_or(|task| task == of);
    exported.forgotten = decisions.values().filter(|(of, _)| wanted(of)).count() as u64;
    exported.lines = lines.into_values().flatten().collect();
    Ok(exported)
}

enum Compiled<'a> {
    Replace(Regex, &'a str),
    Drop(Regex),
}

fn compiled(rules: &[Rule]) -> Result<Vec<Compiled<'_>>, Problem> {
    let regex = |at: usize, pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(1 << 20)
            .build()
            .map_err(|error| Problem::Rule { rule: at + 1, problem: error.to_string() })
    };
    let mut compiled = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        compiled.push(match rule {
            Rule::Replace { pattern, with } => Compiled::Replace(regex(at, pattern)?, with),
            Rule::Drop { drop } => Compiled::Drop(regex(at, drop)?),
        });
    }
    Ok(compiled)
}

/// How many places were replaced; `None` when the decision is left out.
fn redacted(rules: &[Compiled<'_>], kept: &mut Kept) -> Option<u64> {
    let mut replaced = 0;
    for rule in rules {
        for text in [&mut kept.input, &mut kept.output] {
            match rule {
                Compiled::Drop(regex) if regex.is_match(text) => return None,
                Compiled::Drop(_) => {}
                Compiled::Replace(regex, with) => {
                    replaced += regex.find_iter(text).count() as u64;
                    *text = regex.replace_all(text, regex::NoExpand(with)).into_owned();
                }
            }
        }
    }
    Some(replaced)
}
