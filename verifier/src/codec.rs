//! Reading and writing of the key's canonical bytes. Integers are big-endian, strings are UTF-8
//! behind a 4-byte length. Nothing is allocated before the bytes for it are known to be there.

use crate::error::KeyError;

/// Takes fields off the front of a slice.
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { left: bytes }
    }

    pub(crate) fn take(&mut self, count: u64, field: &'static str) -> Result<&'a [u8], KeyError> {
        let split = usize::try_from(count).ok().and_then(|count| self.left.split_at_checked(count));
        let (head, tail) =
            split.ok_or(KeyError::Truncated { field, needed: count, left: self.left.len() })?;
        self.left = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], KeyError> {
        let (head, tail) = self.left.split_first_chunk::<N>().ok_or(KeyError::Truncated {
            field,
            needed: N as u64,
            left: self.left.len(),
        })?;
        self.left = tail;
        Ok(*head)
    }

    /// A byte in `0..=limit`.
    pub(crate) fn choice(&mut self, limit: u8, field: &'static str) -> Result<u8, KeyError> {
        let [found] = self.array(field)?;
        if found <= limit { Ok(found) } else { Err(KeyError::Choice { field, limit, found }) }
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, KeyError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, KeyError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, KeyError> {
        let length = self.u32(field)?;
        let bytes = self.take(u64::from(length), field)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| KeyError::Text { field })
    }

    pub(crate) fn end(self) -> Result<(), KeyError> {
        if self.left.is_empty() {
            Ok(())
        } else {
            Err(KeyError::Trailing { bytes: self.left.len() })
        }
    }
}

/// Appends a string behind its length. A string of 4 GiB or more saturates the length, so that the
/// bytes never read back as another key.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    write_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a count as 4 bytes.
pub(crate) fn write_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}
