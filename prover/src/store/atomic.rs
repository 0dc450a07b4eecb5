//! A file appears under its name complete, or not at all.
//!
//! It is written as `.lemma-*.part` beside its place and renamed. The writer holds a lock on the
//! part, which ends with the process: a part that nobody holds is one that a killed process left,
//! and the next write into the folder removes it.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::header::io_error;
use crate::error::StoreError;

const PREFIX: &str = ".lemma-";
const SUFFIX: &str = ".part";

/// Writes a temporary file beside `path`, syncs it, renames it to `path`, and syncs the folder.
/// Whatever stops it, a file that was at `path` before is intact; one that is replaced passes its
/// permissions on.
///
/// # Errors
/// When the file system refuses, `contents` fails, or there is something at `path` that is no
/// regular file.
pub fn write_atomically(
    path: &Path,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StoreError> {
    write_with(path, Access::Ordinary, contents)
}

/// As [`write_atomically`], for a file that only its owner may read: on Unix its mode is 0600 from
/// the start.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_secret(
    path: &Path,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StoreError> {
    write_with(path, Access::Secret, contents)
}

/// Whether `path` may be written to as a file of `kind`: nothing is there, an empty file, or one
/// whose first bytes contain `mark`.
///
/// # Errors
/// [`StoreError::Occupied`] for anything else, or when it cannot be read.
pub fn expect_replaceable(path: &Path, kind: &'static str, mark: &str) -> Result<(), StoreError> {
    const FRONT: u64 = 512;
    if existing(path)?.is_none() {
        return Ok(());
    }
    let mut front = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FRONT).read_to_end(&mut front))
        .map_err(io_error("read", path))?;
    let marked = front.windows(mark.len()).any(|window| window == mark.as_bytes());
    if front.is_empty() || marked {
        Ok(())
    } else {
        Err(StoreError::Occupied { path: path.to_path_buf(), kind })
    }
}

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Ordinary,
    Secret,
}

fn write_with(
    path: &Path,
    access: Access,
    contents: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), StoreError> {
    let earlier = existing(path)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    sweep(folder);
    let temporary = temporary(folder, access).map_err(io_error("create a file beside", path))?;
    if let (Some(earlier), Access::Ordinary) = (earlier, access) {
        temporary
            .as_file()
            .set_permissions(earlier.permissions())
            .map_err(io_error("create a file beside", path))?;
    }
    let mut out = BufWriter::with_capacity(1 << 20, temporary);
    let written = contents(&mut out).and_then(|()| out.flush());
    written.map_err(io_error("write", path))?;
    let temporary =
        out.into_inner().map_err(|error| io_error("write", path)(error.into_error()))?;
    temporary.as_file().sync_all().map_err(io_error("sync", path))?;
    temporary
        .persist(path)
        .map_err(|error| io_error("rename a finished file to", path)(error.error))?;
    sync_folder(folder).map_err(io_error("sync the folder of", path))
}

/// What is at `path`, which is nothing or a regular file.
fn existing(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(found)),
        Ok(_) => Err(StoreError::Occupied { path: path.to_path_buf(), kind: "regular file" }),
        // A link to nothing, a name in a folder that is not there: writing tells.
        Err(_) => Ok(None),
    }
}

/// A new part, locked.
fn temporary(folder: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if access == Access::Secret { 0o600 } else { 0o666 };
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = access;
    loop {
        let part = builder.tempfile_in(folder)?;
        // Where there are no locks nothing is swept either.
        let locked = part.as_file().try_lock().is_ok();
        // Another writer may have swept it before the lock.
        if !locked || part.path().exists() {
            return Ok(part);
        }
    }
}

/// Removes the parts that killed processes left in `folder`. What cannot be removed stays.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_part =
            name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_part && is_file && File::open(entry.path()).is_ok_and(|part| part.try_lock().is_ok())
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Makes the rename last; only Unix lets a folder be opened for that.
///
/// # Errors
/// What the file system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
