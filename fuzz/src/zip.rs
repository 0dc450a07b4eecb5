//! Zip archives, written field by field: checksums and sizes fit, unless a field is changed on
//! purpose.

use rand::Rng as _;

use crate::{Rng, bytes};

/// A file in an archive.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub contents: Vec<u8>,
    /// Whether it is written as blocks of the deflate format, which here compress nothing.
    pub deflated: bool,
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;

/// The bytes of an archive.
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for entry in entries {
        let stored =
            if entry.deflated { deflated(&entry.contents) } else { entry.contents.clone() };
        let offset = out.len() as u32;
        // Version, flags, method, time and date.
        let mut fields =
            [20u16, 0, if entry.deflated { 8 } else { 0 }, 0, 0x21].map(u16::to_le_bytes).concat();
        let sizes = [crc32(&entry.contents), stored.len() as u32, entry.contents.len() as u32];
        fields.extend(sizes.map(u32::to_le_bytes).concat());
        fields.extend([entry.name.len() as u16, 0].map(u16::to_le_bytes).concat());
        out.extend(LOCAL.to_le_bytes());
        out.extend(&fields);
        out.extend(&entry.name);
        out.extend(stored);
        central.extend(CENTRAL.to_le_bytes());
        central.extend(20u16.to_le_bytes());
        central.extend(&fields);
        // Comment, disk and attributes.
        central.extend([0; 10]);
        central.extend(offset.to_le_bytes());
        central.extend(&entry.name);
    }
    let (start, count) = (out.len() as u32, entries.len() as u16);
    out.extend(&central);
    out.extend(END.to_le_bytes());
    out.extend([0, 0, count, count].map(u16::to_le_bytes).concat());
    out.extend([central.len() as u32, start].map(u32::to_le_bytes).concat());
    out.extend([0; 2]);
    out
}

/// The files of an archive as [`write`](write()) makes them; `None` for any other.
pub fn read(archive: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rest = archive;
    while rest.get(..4)? == LOCAL.to_le_bytes() {
        let half = |at: usize| Some(u16::from_le_bytes(*rest.get(at..)?.first_chunk()?));
        let size = u32::from_le_bytes(*rest.get(18..)?.first_chunk()?) as usize;
        let (deflated, name) = (half(8)? == 8, half(26)? as usize);
        let start = 30 + name + half(28)? as usize;
        let stored = rest.get(start..start.checked_add(size)?)?;
        let contents = if deflated { inflated(stored)? } else { stored.to_vec() };
        entries.push(Entry { name: rest.get(30..30 + name)?.to_vec(), contents, deflated });
        rest = &rest[start + size..];
    }
    Some(entries)
}

/// Changes one field of a header to an extreme or nearby number.
pub fn change(archive: &mut [u8], rng: &mut Rng) {
    let magics = [LOCAL, CENTRAL, END].map(u32::to_le_bytes);
    let headers: Vec<usize> = (0..archive.len().saturating_sub(48))
        .filter(|&at| magics.iter().any(|m| archive[at..].starts_with(m)))
        .collect();
    if headers.is_empty() {
        return;
    }
    let at = headers[rng.gen_range(0..headers.len())] + 4 + 2 * rng.gen_range(0..20);
    let width = if rng.r#gen() { 2 } else { 4 };
    if let Some(field) = archive.get_mut(at..at + width) {
        let new = if rng.r#gen() {
            bytes::extreme(rng) as u32
        } else {
            u32::from(field[0]).wrapping_add(rng.gen_range(-2i32..=2) as u32)
        };
        field.copy_from_slice(&new.to_le_bytes()[..width]);
    }
}

/// Blocks of the deflate format that hold bytes as they are.
fn deflated(contents: &[u8]) -> Vec<u8> {
    let blocks = contents.chunks(0xffff).count();
    let mut out = Vec::new();
    if blocks == 0 {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    for (at, block) in contents.chunks(0xffff).enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(at + 1 == blocks));
        out.extend([length, !length].map(u16::to_le_bytes).concat());
        out.extend(block);
    }
    out
}

/// The inverse of [`deflated`].
fn inflated(mut blocks: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let (header, rest) = blocks.split_first_chunk::<5>()?;
        if header[0] > 1 {
            return None;
        }
        let (block, rest) =
            rest.split_at_checked(u16::from_le_bytes([header[1], header[2]]) as usize)?;
        out.extend(block);
        blocks = rest;
        if header[0] == 1 {
            return Some(out);
        }
    }
}

/// The checksum of the format.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let (mut table, mut at) = ([0; 256], 0);
        while at < 256 {
            let (mut word, mut bit) = (at as u32, 0);
            while bit < 8 {
                word = if word & 1 == 1 { word >> 1 ^ 0xedb8_8320 } else { word >> 1 };
                bit += 1;
            }
            table[at] = word;
            at += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum, byte| sum >> 8 ^ TABLE[usize::from(sum as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    #[test]
    fn archives_are_what_others_read() {
        let entries: Vec<Entry> = [("a.npy", false, 5), ("b", true, 70_000), ("c", true, 0)]
            .map(|(name, deflated, length)| Entry {
                name: name.into(),
                contents: (0..length).map(|at| (at % 251) as u8).collect(),
                deflated,
            })
            .into();
        let bytes = write(&entries);
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        assert_eq!(archive.len(), 3);
        for (at, entry) in entries.iter().enumerate() {
            let mut contents = Vec::new();
            archive.by_index(at).unwrap().read_to_end(&mut contents).unwrap();
            assert_eq!(contents, entry.contents);
        }
        let again = read(&bytes).unwrap();
        assert_eq!(write(&again), bytes);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
