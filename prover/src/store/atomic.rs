//! A file appears under its name complete, or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::header::io_error;
use crate::error::StoreError;

/// Writes a temporary file beside `path`, syncs it, renames it to `path`, and syncs the folder. Whatever stops it, a file
/// that was at `path` before is intact, and the temporary file is removed unless the process was killed.
///
/// # Errors
/// When the file system refuses, or `contents` fails.
pub fn write_atomically(path: &Path, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), StoreError> {
    write_with(path, 0o666, contents)
}

/// As [`write_atomically`], for a file that only its owner may read: on Unix its mode is 0600 from the start.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_secret(path: &Path, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), StoreError> {
    write_with(path, 0o600, contents)
}

fn write_with(path: &Path, mode: u32, contents: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), StoreError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = temporary(folder, mode).map_err(io_error("create a file beside", path))?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary);
    let written = contents(&mut out).and_then(|()| out.flush());
    written.map_err(io_error("write", path))?;
    let temporary = out.into_inner().map_err(|error| io_error("write", path)(error.into_error()))?;
    temporary.as_file().sync_all().map_err(io_error("sync", path))?;
    temporary.persist(path).map_err(|error| io_error("rename a finished file to", path)(error.error))?;
    sync_folder(folder).map_err(io_error("sync the folder of", path))
}

fn temporary(folder: &Path, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lemma-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder.tempfile_in(folder)
}

/// Makes the rename last; only Unix lets a folder be opened for that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
