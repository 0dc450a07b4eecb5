//! The input that is being read, in a file that outlives the process: whatever ends a run, its
//! input is there.

#![allow(
    unsafe_code,
    reason = "the file is mapped, so that to keep an input costs a copy in memory"
)]

use std::fs::OpenOptions;
use std::path::Path;

use anyhow::{Context as _, Result};
use memmap2::MmapMut;

/// Number of the run and length of the input before it.
const HEADER: usize = 16;

/// The file.
pub struct Current(MmapMut);

impl Current {
    /// The file at `path`, made anew, for inputs of at most `longest` bytes.
    pub fn create(path: &Path, longest: usize) -> Result<Current> {
        let at = || path.display().to_string();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .with_context(at)?;
        file.set_len((HEADER + longest) as u64).with_context(at)?;
        // SAFETY: one process writes to the file, and another reads it once this one has ended.
        Ok(Current(unsafe { MmapMut::map_mut(&file) }.with_context(at)?))
    }

    /// Keeps an input.
    pub fn keep(&mut self, run: u64, input: &[u8]) {
        self.0[..8].copy_from_slice(&run.to_le_bytes());
        self.0[8..HEADER].copy_from_slice(&input.len().to_le_bytes());
        self.0[HEADER..HEADER + input.len()].copy_from_slice(input);
    }
}

/// The number of the last run and its input.
pub fn last(path: &Path) -> Result<(u64, Vec<u8>)> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let word = |at: usize| {
        bytes
            .get(at..at + 8)
            .and_then(|word| word.first_chunk())
            .map(|word| u64::from_le_bytes(*word))
    };
    let (run, length) = word(0).zip(word(8)).context("no input was kept")?;
    let input = bytes[HEADER..].get(..usize::try_from(length)?).context("no input was kept")?;
    Ok((run, input.to_vec()))
}
