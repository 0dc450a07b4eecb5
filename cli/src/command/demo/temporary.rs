//! The folder of a demo that is not kept. A killed one leaves it behind, and the next removes it: a
//! lock tells which are in use.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

const PREFIX: &str = "lemma-demo-";

/// A temporary folder, in use until it is dropped.
pub struct Temporary {
    folder: TempDir,
    /// `None` where folders cannot be locked; there nothing is removed either.
    _lock: Option<File>,
}

impl Temporary {
    /// A new one.
    pub fn new() -> Result<Temporary> {
        sweep();
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
            let lock = File::open(folder.path()).ok().filter(|file| file.try_lock().is_ok());
            // Another demo may have swept it before the lock.
            if folder.path().exists() {
                return Ok(Temporary { folder, _lock: lock });
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_ours
            && is_folder
            && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok())
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_nobody_uses_is_removed_and_one_in_use_stays() {
        let mine = Temporary::new().unwrap();
        let left = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap();
        let other = Temporary::new().unwrap();
        assert_eq!(
            [mine.path().exists(), left.path().exists(), other.path().exists()],
            [true, false, true]
        );
    }
}
