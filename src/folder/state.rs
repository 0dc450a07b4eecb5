//! One folder is one state.
//!
//! A writer lays the new files out in `.lemma-next`, synced, and renames that folder to
//! `.lemma-switch`: from this instant on the new state holds. Then the files that
//! `.lemma-switch/removed` names are removed, the others renamed to their places, and
//! `.lemma-switch` goes. Every step may be done twice, so whoever opens the folder next completes
//! what a stopped process began; a `.lemma-next` that never became a switch is removed. Readers
//! share a lock on the folder, a writer holds it alone; locks end with their process.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use lemma_prover::StoreError;
use lemma_prover::store::{sync_folder, write_atomically};

use crate::error::PackageError;

const NEXT: &str = ".lemma-next";
const SWITCH: &str = ".lemma-switch";
const REMOVED: &str = "removed";

/// The files of a folder's state.
pub(super) const FILES: [&str; 6] =
    ["report.json", "report.txt", "tokenizer", "proving.key", "verifying.key", "model.lemma"];

/// A lock on a folder, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    /// `None` where the file system has no locks.
    _file: Option<File>,
}

/// A file to lay out, and how it is written.
pub(super) type Part<'a> = (&'static str, &'a dyn Fn(&Path) -> Result<(), StoreError>);

impl Lock {
    /// Shared with other readers; waits for a writer.
    pub(super) fn shared(folder: &Path) -> Result<Lock, PackageError> {
        loop {
            let lock = Lock::take(folder, false)?;
            if !folder.join(SWITCH).exists() {
                return Ok(lock);
            }
            drop(lock);
            Lock::alone(folder)?;
        }
    }

    /// Alone; completes what a stopped writer began.
    pub(super) fn alone(folder: &Path) -> Result<Lock, PackageError> {
        let lock = Lock::take(folder, true)?;
        lock.settle()?;
        Ok(lock)
    }

    fn take(folder: &Path, alone: bool) -> Result<Lock, PackageError> {
        let failed = |source| PackageError::Lock { path: folder.to_owned(), source };
        let file = handle(folder).map_err(failed)?;
        let at_once = if alone { file.try_lock() } else { file.try_lock_shared() };
        let locked = match at_once {
            Err(std::fs::TryLockError::WouldBlock) => {
                tracing::warn!("waiting for another process that uses {}", folder.display());
                if alone { file.lock() } else { file.lock_shared() }
            }
            Err(std::fs::TryLockError::Error(error)) => Err(error),
            Ok(()) => Ok(()),
        };
        match locked {
            Ok(()) => Ok(Lock { folder: folder.to_owned(), _file: Some(file) }),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                Ok(Lock { folder: folder.to_owned(), _file: None })
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Replaces the state by one with `parts`, the other files as they are, and without `removed`;
    /// all of it or nothing.
    pub(super) fn switch(&self, parts: &[Part<'_>], removed: &[&str]) -> Result<(), PackageError> {
        let next = self.folder.join(NEXT);
        let laid_out = self.lay_out(&next, parts, removed).and_then(|()| {
            let rename = || step().and_then(|()| std::fs::rename(&next, self.folder.join(SWITCH)));
            rename()
                .and_then(|()| sync_folder(&self.folder))
                .map_err(self.io("switch to the new files of"))
        });
        if laid_out.is_err() {
            // The error is what counts; the next writer removes what is left.
            let _ = self.remove(NEXT);
        }
        laid_out?;
        self.settle()
    }

    fn lay_out(
        &self,
        next: &Path,
        parts: &[Part<'_>],
        removed: &[&str],
    ) -> Result<(), PackageError> {
        step()
            .and_then(|()| std::fs::create_dir(next))
            .map_err(self.io("make room for new files in"))?;
        for (name, write) in parts {
            step().map_err(self.io("write"))?;
            write(&next.join(name))?;
        }
        let lines: String = removed.iter().map(|name| format!("{name}\n")).collect();
        write_atomically(&next.join(REMOVED), |file| file.write_all(lines.as_bytes()))?;
        Ok(())
    }

    /// Completes a switch that has begun, and forgets one that has not.
    fn settle(&self) -> Result<(), PackageError> {
        self.complete()
            .and_then(|()| self.remove(NEXT))
            .map_err(self.io("complete an interrupted change of"))
    }

    fn complete(&self) -> io::Result<()> {
        let switch = self.folder.join(SWITCH);
        if !switch.exists() {
            return Ok(());
        }
        // Once this list is gone all files are in their places.
        if let Some(removed) = present(std::fs::read_to_string(switch.join(REMOVED)))? {
            for name in FILES.iter().filter(|name| removed.lines().any(|line| line == **name)) {
                step()?;
                present(std::fs::remove_file(self.folder.join(name)))?;
            }
            for name in FILES {
                step()?;
                present(std::fs::rename(switch.join(name), self.folder.join(name)))?;
            }
            sync_folder(&self.folder)?;
            step()?;
            std::fs::remove_file(switch.join(REMOVED))?;
        }
        self.remove(SWITCH)?;
        sync_folder(&self.folder)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        step()?;
        present(std::fs::remove_dir_all(self.folder.join(name))).map(|_| ())
    }

    fn io(&self, action: &'static str) -> impl Fn(io::Error) -> PackageError {
        let path = self.folder.clone();
        move |source| StoreError::Io { action, path: path.clone(), source }.into()
    }
}

/// What is locked: on Unix the folder itself, elsewhere a file in it.
fn handle(folder: &Path) -> io::Result<File> {
    if cfg!(unix) {
        return File::open(folder);
    }
    File::options().create(true).append(true).open(folder.join(".lemma-lock"))
}

/// `None` where there is nothing of that name.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A place where a process can be stopped: in tests, it is.
fn step() -> io::Result<()> {
    #[cfg(test)]
    tests::step()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write;

    use super::*;

    thread_local! {
        /// Steps until this thread is as if killed; what it does after that fails, and so changes
        /// nothing.
        static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    pub(super) fn step() -> io::Result<()> {
        let left = LEFT.get();
        LEFT.set(left.saturating_sub(1));
        if left == 0 { Err(io::Error::other("killed here on purpose")) } else { Ok(()) }
    }

    fn write(
        folder: &Path,
        state: &str,
        names: &[&'static str],
        removed: &[&str],
    ) -> Result<(), PackageError> {
        let write = |path: &Path| {
            write_atomically(path, |out: &mut dyn Write| out.write_all(state.as_bytes()))
        };
        let parts: Vec<Part> = names.iter().map(|name| (*name, &write as _)).collect();
        Lock::alone(folder)?.switch(&parts, removed)
    }

    /// Names and contents of all that is in the folder, once it has been opened.
    fn state(folder: &Path) -> Vec<(String, String)> {
        drop(Lock::shared(folder).unwrap());
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let read = |entry: std::fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read_to_string(entry.path()).unwrap_or_else(|_| "a folder".into()))
        };
        let mut all: Vec<_> = entries.map(read).collect();
        all.sort();
        all
    }

    fn expected(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut all: Vec<_> =
            entries.iter().map(|(name, state)| (name.to_string(), state.to_string())).collect();
        all.sort();
        all
    }

    #[test]
    fn a_writer_stopped_anywhere_leaves_the_old_state_or_the_new_one() {
        let old = [
            ("model.lemma", "old"),
            ("tokenizer", "old"),
            ("verifying.key", "old"),
            ("proof.json", "mine"),
        ];
        let new = [("model.lemma", "new"), ("report.txt", "new"), ("proof.json", "mine")];
        let (mut olds, mut news) = (0, 0);
        for steps in 0.. {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("proof.json"), "mine").unwrap();
            write(folder.path(), "old", &["model.lemma", "tokenizer", "verifying.key"], &[])
                .unwrap();
            LEFT.set(steps);
            let written = write(
                folder.path(),
                "new",
                &["model.lemma", "report.txt"],
                &["tokenizer", "verifying.key"],
            );
            LEFT.set(usize::MAX);
            // The next one begins where this one was stopped, and is stopped itself.
            LEFT.set(steps / 2);
            let _ = Lock::alone(folder.path());
            LEFT.set(usize::MAX);
            let found = state(folder.path());
            let is_new = found == expected(&new);
            assert!(
                is_new || found == expected(&old) || found.iter().any(|(name, _)| name == NEXT),
                "{steps}: {found:?}"
            );
            drop(Lock::alone(folder.path()).unwrap());
            let found = state(folder.path());
            assert!(is_new || found == expected(&old), "{steps}: {found:?}");
            *(if is_new { &mut news } else { &mut olds }) += 1;
            if written.is_ok() {
                assert!(is_new);
                break;
            }
        }
        assert!(olds > 3 && news > 5, "{olds} {news}");
    }

    #[test]
    fn a_failed_write_leaves_the_old_state_at_once() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "old", &["model.lemma"], &[]).unwrap();
        let full = |_: &Path| Err(StoreError::Occupied { path: "x".into(), kind: "file" });
        let write =
            |path: &Path| write_atomically(path, |out: &mut dyn Write| out.write_all(b"new"));
        let parts: [Part; 2] = [("model.lemma", &write), ("verifying.key", &full)];
        let result = Lock::alone(folder.path()).unwrap().switch(&parts, &["model.lemma"]);
        assert!(matches!(result, Err(PackageError::Store(StoreError::Occupied { .. }))));
        assert_eq!(state(folder.path()), expected(&[("model.lemma", "old")]));
    }

    #[test]
    fn a_list_of_removed_files_reaches_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        std::fs::write(&mine, "mine").unwrap();
        std::fs::create_dir(folder.path().join(SWITCH)).unwrap();
        std::fs::write(folder.path().join(SWITCH).join(REMOVED), "mine\n../mine\n").unwrap();
        assert_eq!(state(folder.path()), expected(&[("mine", "mine")]));
    }

    #[test]
    fn a_writer_waits_for_readers_and_readers_do_not_wait_for_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::shared(folder.path()).unwrap();
        let second = Lock::shared(folder.path()).unwrap();
        let file = handle(folder.path()).unwrap();
        assert!(file.try_lock().is_err());
        drop((first, second));
        assert!(file.try_lock().is_ok());
    }
}
