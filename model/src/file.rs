//! Files from outside.

use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a regular file. Anything else is refused unopened: a pipe would wait for its writer, a
/// device has no end.
///
/// # Errors
/// What the file system says, or that `path` is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}
