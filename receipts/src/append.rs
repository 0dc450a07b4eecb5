//! Appending to a log.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lemma_verifier::Digest;

use crate::entry::{self, Entry, Event, MAX_NAME};
use crate::error::{LogError, Problem};
use crate::private::{self, Kept, MAX_TEXT, private_path};
use crate::verify::read;

/// What a model was asked and answered.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// What it was asked for: a name of the owner's, by which decisions are grouped.
    pub task: &'a str,
    /// Name of the model.
    pub model: &'a str,
    /// Digest of its verifying key.
    pub key: Digest,
    /// The context that the proof is, or will be, bound to.
    pub context: Digest,
    /// The input.
    pub input: &'a str,
    /// The output.
    pub output: &'a str,
    /// Digest of the proof file; without one a proof is promised.
    pub proof: Option<Digest>,
}

/// Appends a decision, and keeps its input and output in the private file when `keep`. Without,
/// nobody can say later what the digests are of.
///
/// # Errors
/// Texts that are too long, a log whose last line is no receipt, the file system.
pub fn append(path: &Path, decision: &Decision<'_>, keep: bool) -> Result<Entry, LogError> {
    for (what, text, limit) in [
        ("task", decision.task, MAX_NAME),
        ("name of the model", decision.model, MAX_NAME),
        ("input", decision.input, MAX_TEXT),
        ("output", decision.output, MAX_TEXT),
    ] {
        if text.len() > limit {
            return Err(Problem::TooLong { what, bytes: text.len(), limit }.of(path));
        }
    }
    let mut log = Open::new(path)?;
    let kept = Kept::new(log.next, decision.input, decision.output);
    let [input, output] = kept.digests();
    if keep {
        log.keep(&kept)?;
    }
    log.push(Event::Decision {
        task: decision.task.to_owned(),
        model: decision.model.to_owned(),
        key: decision.key,
        context: decision.context,
        input,
        output,
        proof: decision.proof,
    })
}

/// Appends the proof that decision `of` promised.
///
/// # Errors
/// A decision that waits for none, a log that does not verify, the file system.
pub fn fulfil(path: &Path, of: u64, proof: Digest) -> Result<Entry, LogError> {
    let mut log = Open::new(path)?;
    let mut waits = false;
    read(path, |entry| match &entry.event {
        Event::Decision { proof, .. } if entry.seq == of => waits = proof.is_none(),
        Event::Proof { of: other, .. } if *other == of => waits = false,
        _ => {}
    })?;
    if !waits {
        return Err(Problem::NotPromised { of }.of(path));
    }
    log.push(Event::Proof { of, proof })
}

/// A log to append to, locked until it is dropped.
struct Open<'a> {
    path: &'a Path,
    file: File,
    /// Number of the next line.
    next: u64,
    previous: Digest,
}

impl<'a> Open<'a> {
    /// Waits for the lock and removes a line that was cut short.
    fn new(path: &'a Path) -> Result<Open<'a>, LogError> {
        let open = || -> Result<Open<'a>, Problem> {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            file.lock()?;
            let last = last_line(&mut file, entry::BEGIN, entry::MAX_LINE)?;
            let (next, previous) = match last {
                None => (0, Digest([0; 32])),
                Some(line) => {
                    let last = Entry::of_line(&line, 0)?;
                    (last.seq.saturating_add(1), last.digest())
                }
            };
            Ok(Open { path, file, next, previous })
        };
        open().map_err(|problem| problem.of(path))
    }

    /// Appends to the private file, from which it removes what no line of the log is about.
    fn keep(&mut self, kept: &Kept) -> Result<(), LogError> {
        let path = private_path(self.path);
        let append = || -> Result<(), Problem> {
            let mut file =
                OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
            while let Some(line) = last_line(&mut file, private::BEGIN, private::MAX_LINE)? {
                if Kept::of_line(&line, 0)?.seq < self.next {
                    break;
                }
                let length = file.metadata()?.len();
                file.set_len(length.saturating_sub(line.len() as u64))?;
            }
            file.write_all(&kept.to_line())?;
            Ok(file.sync_data()?)
        };
        append().map_err(|problem| problem.of(&path))
    }

    fn push(&mut self, event: Event) -> Result<Entry, LogError> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let entry = Entry { seq: self.next, time, event, previous: self.previous };
        let written = self.file.write_all(&entry.to_line()).and_then(|()| self.file.sync_data());
        written.map_err(|error| Problem::from(error).of(self.path))?;
        Ok(entry)
    }
}

/// The last line of a file, with its end, of at most `most` bytes; what comes after it is removed
/// when it is the beginning of a line, which begins with `begin`.
fn last_line(file: &mut File, begin: &[u8], most: usize) -> Result<Option<Vec<u8>>, Problem> {
    let length = file.metadata()?.len();
    // A line that was cut short, and the whole one before it.
    let start = length.saturating_sub(2 * most as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(2 * most as u64).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let rest = tail.split_off(end);
    if !rest.iter().zip(begin).all(|(byte, expected)| byte == expected) || (end == 0 && start > 0) {
        let problem = "its last line is none of a log's".to_owned();
        return Err(Problem::Line { line: 0, problem });
    }
    if !rest.is_empty() {
        file.set_len(start + end as u64)?;
    }
    let line = tail.iter().rev().skip(1).position(|byte| *byte == b'\n');
    let at = line.map_or(0, |from_end| tail.len() - 1 - from_end);
    Ok((!tail.is_empty()).then(|| tail.split_off(at)))
}
