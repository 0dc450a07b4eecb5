//! Little-endian values from a file, each length checked before anything is allocated.

use std::io::{BufRead, Seek};

use crate::language::Problem;

/// Most bytes before the tensors' data.
const MAX_HEADER: u64 = 1 << 26;

/// The beginning of a file.
pub struct Bytes<R> {
    reader: R,
    /// How many bytes were read.
    pub position: u64,
    /// How many may be.
    end: u64,
}

impl<R: BufRead + Seek> Bytes<R> {
    /// Of a file with `length` bytes.
    pub fn new(reader: R, length: u64) -> Bytes<R> {
        Bytes { reader, position: 0, end: length.min(MAX_HEADER) }
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.advance(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Problem> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number of things that take at least `size` bytes each in the file, of which `limit` are
    /// read.
    pub fn count(&mut self, what: &str, size: u64, limit: u64) -> Result<usize, Problem> {
        let count = self.u64()?;
        if count > limit {
            return Err(Problem::Malformed(format!("{count} {what}; at most {limit} are read")));
        }
        if count.saturating_mul(size) > self.end.saturating_sub(self.position) {
            return Err(Problem::Malformed(format!("{count} {what} do not fit into the file")));
        }
        Ok(count as usize)
    }

    /// A string of at most `limit` bytes.
    pub fn text(&mut self, what: &str, limit: u64) -> Result<String, Problem> {
        let length = self.count(&format!("bytes of {what}"), 1, limit)?;
        self.advance(length as u64)?;
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes)?;
        String::from_utf8(bytes)
            .map_err(|error| Problem::Malformed(format!("{what} is not UTF-8: {error}")))
    }

    /// What was read from.
    pub fn into_reader(self) -> R {
        self.reader
    }

    fn advance(&mut self, count: u64) -> Result<(), Problem> {
        let after = self.position.saturating_add(count);
        if after > self.end {
            let end = self.end;
            let problem = if end == MAX_HEADER {
                format!("more than {end} bytes before the tensors' data")
            } else {
                format!("it ends at byte {end}, before the tensors' data")
            };
            return Err(Problem::Malformed(problem));
        }
        self.position = after;
        Ok(())
    }
}
