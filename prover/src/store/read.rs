//! Files are read whole, up to a size that is known before.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Most bytes of a `verifying.key` file. Its labels are as many as the vocabulary of a model.
pub const MAX_VERIFYING_KEY: u64 = 1 << 24;

/// Opens a regular file. Anything else is refused unopened: a pipe would wait for its writer, a
/// device has no end.
///
/// # Errors
/// What the file system says, or that `path` is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    File::open(path)
}

/// The contents of a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open_regular`], or that it is larger.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let too_large = |bytes: u64| {
        io::Error::new(
            ErrorKind::FileTooLarge,
            format!("{bytes} bytes, of which at most {limit} are read"),
        )
    };
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // It may have grown meanwhile.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}
