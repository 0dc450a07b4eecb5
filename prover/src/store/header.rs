//! The header of a proving key file.

use std::io;
use std::path::Path;

use lemma_circuits::relation::Layout;
use lemma_verifier::Digest;

use super::{SECTIONS, checksum};
use crate::error::StoreError;

/// Version of the proving key file.
pub const VERSION: u32 = 2;

const MAGIC: [u8; 8] = *b"lemma.pk";
/// Magic, version and header length.
const PREFIX: usize = 16;
/// Everything before the verifying key.
const FRONT: usize = 112 + 16 * SECTIONS.len();
const CHECKSUM: usize = 8;

pub(super) struct Header {
    pub(super) layout: Layout,
    pub(super) circuit: Digest,
    pub(super) key_digest: Digest,
    /// Canonical bytes of the verifying key.
    pub(super) key: Vec<u8>,
    /// Length and checksum.
    pub(super) sections: [(u64, u64); SECTIONS.len()],
}

impl Header {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let length = FRONT + self.key.len() + CHECKSUM;
        let mut out = Vec::with_capacity(length);
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        out.extend(self.circuit.0);
        out.extend(self.key_digest.0);
        let Layout { constraints, round1, round2, public_values } = self.layout;
        for size in [constraints, round1, round2, public_values] {
            out.extend((size as u64).to_le_bytes());
        }
        for (length, checksum) in self.sections {
            out.extend(length.to_le_bytes());
            out.extend(checksum.to_le_bytes());
        }
        out.extend(&self.key);
        let sum = checksum(&out);
        out.extend(sum.to_le_bytes());
        out
    }

    /// Reads the header and returns where the sections start; the file has then exactly the length
    /// that they need.
    pub(super) fn read(
        file: &[u8],
        path: &Path,
    ) -> Result<(Header, [usize; SECTIONS.len()]), StoreError> {
        let length = |expected: u64| StoreError::Length {
            path: path.to_path_buf(),
            expected,
            found: file.len() as u64,
        };
        let damaged = || StoreError::Checksum { path: path.to_path_buf(), section: "the header" };
        let prefix = file.first_chunk::<PREFIX>().ok_or_else(|| length(PREFIX as u64))?;
        let mut fields = Fields(prefix);
        if fields.array() != Some(MAGIC) {
            return Err(StoreError::Magic { path: path.to_path_buf() });
        }
        let found = fields.array().map(u32::from_le_bytes).ok_or_else(damaged)?;
        if found != VERSION {
            return Err(StoreError::Version { path: path.to_path_buf(), expected: VERSION, found });
        }
        let size = fields.array().map(u32::from_le_bytes).ok_or_else(damaged)?;
        let bytes = file.get(..size as usize).ok_or_else(|| length(u64::from(size)))?;
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or_else(damaged)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(damaged());
        }
        let header = body.get(PREFIX..).and_then(Header::parse).ok_or_else(damaged)?;

        let mut starts = [0; SECTIONS.len()];
        let mut end = u64::from(size);
        for (start, (bytes, _)) in starts.iter_mut().zip(header.sections) {
            let from = end.div_ceil(64).saturating_mul(64);
            *start = usize::try_from(from).map_err(|_| length(from))?;
            end = from.saturating_add(bytes);
        }
        if end != file.len() as u64 {
            return Err(length(end));
        }
        Ok((header, starts))
    }

    fn parse(body: &[u8]) -> Option<Header> {
        let mut fields = Fields(body);
        let circuit = Digest(fields.array()?);
        let key_digest = Digest(fields.array()?);
        let layout = Layout {
            constraints: fields.size()?,
            round1: fields.size()?,
            round2: fields.size()?,
            public_values: fields.size()?,
        };
        let mut sections = [(0, 0); SECTIONS.len()];
        for (length, checksum) in &mut sections {
            *length = fields.array().map(u64::from_le_bytes)?;
            *checksum = fields.array().map(u64::from_le_bytes)?;
        }
        Some(Header { layout, circuit, key_digest, key: fields.0.to_vec(), sections })
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).ok()
    }
}

/// The next multiple of 64.
pub(super) fn aligned(position: usize) -> usize {
    position.next_multiple_of(64)
}

pub(super) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { action, path: path.to_path_buf(), source }
}
