//! Sample data.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use anyhow::Result;
use lemma::Samples;
use rand::Rng as _;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Target;
use crate::{Rng, bytes, json};

/// Reads a file as the program does; what is accepted is finite.
fn accepted(path: &Path, input: &[u8]) -> bool {
    if std::fs::write(path, input).is_err() {
        return false;
    }
    let Ok(samples) = Samples::read(path) else { return false };
    assert!(samples.arrays.values().flatten().all(|value| value.is_finite()));
    true
}

pub struct Npz(tempfile::TempDir);

impl Npz {
    pub fn new() -> Result<Npz> {
        Ok(Npz(tempfile::tempdir()?))
    }
}

/// An archive of named files.
fn archive(files: &[(String, Vec<u8>)], method: CompressionMethod) -> Option<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, contents) in files {
        writer.start_file(name.as_str(), options).ok()?;
        writer.write_all(contents).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}

fn files(archive: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    const LARGEST: u64 = 1 << 14;
    let mut archive = ZipArchive::new(Cursor::new(archive)).ok()?;
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index(at).ok()?;
        let name = entry.name().ok()?.into_owned();
        let mut contents = Vec::new();
        entry.take(LARGEST).read_to_end(&mut contents).ok()?;
        files.push((name, contents));
    }
    Some(files)
}

fn npy(descriptor: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

impl Target for Npz {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let floats: Vec<u8> = (0..6u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let files = [
            ("x.npy".to_owned(), npy("<f4", "(2, 3)", &floats)),
            ("image.npy".to_owned(), npy("|u1", "(4,)", &[0, 1, 2, 255])),
            ("label.npy".to_owned(), npy("<i8", "()", &7i64.to_le_bytes())),
        ];
        [CompressionMethod::Stored, CompressionMethod::Deflated]
            .into_iter()
            .filter_map(|method| archive(&files, method))
            .collect()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let whole = rng.gen_ratio(1, 4);
        let Some(mut files) = files(input).filter(|files| !whole && !files.is_empty()) else {
            return bytes::mutate(input, other, rng);
        };
        let at = rng.gen_range(0..files.len());
        files[at].1 = bytes::mutate(&files[at].1, other, rng);
        let method = if rng.r#gen() { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        archive(&files, method).unwrap_or_default()
    }

    fn run(&self, input: &[u8]) -> bool {
        accepted(&self.0.path().join("data.npz"), input)
    }
}

pub struct Json(tempfile::TempDir);

impl Json {
    pub fn new() -> Result<Json> {
        Ok(Json(tempfile::tempdir()?))
    }
}

impl Target for Json {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let texts = [
            r#"{"x": [[1, 2.5, -3e2], [4, 5, 6]], "label": [0, 1]}"#,
            r#"[{"x": [1, 2], "m": [[1], [0]]}, {"x": [3, 4], "m": [[0], [1]]}]"#,
            r#"{"scalar": 7}"#,
        ];
        texts.map(|text| text.as_bytes().to_vec()).into()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        json::mutate(input, other, rng)
    }

    fn run(&self, input: &[u8]) -> bool {
        accepted(&self.0.path().join("data.json"), input)
    }
}
