//! Reading a log, every line of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use lemma_verifier::Digest;
use serde::Serialize;

use crate::entry::{Entry, Event, MAX_LINE};
use crate::error::{LogError, Problem};

/// What a log that verifies has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Lines.
    pub entries: u64,
    /// Digest of the last line: whoever keeps it sees when lines are cut off.
    pub head: Option<Digest>,
    /// Decisions by task.
    pub tasks: BTreeMap<String, u64>,
    /// Decisions whose proofs are promised and not there.
    pub promised: Vec<u64>,
    /// Whether a line that was cut short follows, which the next append removes.
    pub torn: bool,
}

/// Checks every line of a log, and that one of them has the digest `head`; `each` sees the entries.
///
/// # Errors
/// The first line that is no receipt, does not follow, or brings a proof that was not promised; a
/// head that no line has; the file system.
pub fn verify(
    path: &Path,
    head: Option<Digest>,
    mut each: impl FnMut(&Entry),
) -> Result<Summary, LogError> {
    let mut summary = Summary::default();
    let mut waiting = BTreeMap::new();
    let mut unfit = None;
    let mut found = head.is_none();
    summary.torn = read(path, |entry| {
        match &entry.event {
            Event::Decision { task, proof, .. } => {
                *summary.tasks.entry(task.clone()).or_default() += 1;
                if proof.is_none() {
                    waiting.insert(entry.seq, ());
                }
            }
            Event::Proof { of, .. } => {
                if waiting.remove(of).is_none() {
                    unfit = unfit.or(Some(*of));
                }
            }
        }
        summary.entries += 1;
        summary.head = Some(entry.digest());
        found |= summary.head == head;
        each(entry);
    })?;
    if let Some(of) = unfit {
        return Err(Problem::NotPromised { of }.of(path));
    }
    if let Some(head) = head.filter(|_| !found) {
        return Err(Problem::Head { head }.of(path));
    }
    summary.promised = waiting.into_keys().collect();
    Ok(summary)
}

/// Gives `each` every entry of a log, each checked to follow the one before; whether a line that
/// was cut short comes last.
pub(crate) fn read(path: &Path, mut each: impl FnMut(&Entry)) -> Result<bool, LogError> {
    let mut read = || -> Result<bool, Problem> {
        let mut lines = BufReader::new(File::open(path)?);
        let mut previous = Digest([0; 32]);
        for number in 0u64.. {
            let Some(line) = next_line(&mut lines, MAX_LINE, number)? else { return Ok(false) };
            if line.last() != Some(&b'\n') {
                return Ok(true);
            }
            let entry = Entry::of_line(&line, number + 1)?;
            if (entry.seq, entry.previous) != (number, previous) {
                return Err(Problem::Chain { line: number + 1 });
            }
            previous = entry.digest();
            each(&entry);
        }
        Ok(false)
    };
    read().map_err(|problem| problem.of(path))
}

/// The next line with its end, of at most `most` bytes.
pub(crate) fn next_line(
    lines: &mut impl BufRead,
    most: usize,
    number: u64,
) -> Result<Option<Vec<u8>>, Problem> {
    let mut line = Vec::new();
    lines.by_ref().take(most as u64 + 1).read_until(b'\n', &mut line)?;
    if line.len() > most {
        let problem = format!("it has more than {most} bytes");
        return Err(Problem::Line { line: number + 1, problem });
    }
    Ok((!line.is_empty()).then_some(line))
}
