//! NumPy archives: zip files of `.npy` arrays.
//!
//! The `.npy` format is six magic bytes, a version, a header length and a Python dictionary with the element type, the
//! order and the shape (NumPy enhancement proposal 1), then the elements. The declared shape is bounded before
//! anything is allocated, memory grows with the bytes that are really there, and the zip checksum is verified.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use zip::ZipArchive;

use super::DataProblem;
use crate::model::{MAX_ELEMENTS, volume};

/// Most arrays in one file.
const MAX_ARRAYS: usize = 256;

/// Longest header of an array.
const MAX_HEADER: usize = 1 << 16;

/// Bytes converted at a time; a multiple of every element's width.
const CHUNK: usize = 1 << 16;

type Arrays = BTreeMap<String, ArrayD<f32>>;

/// The arrays of a file, and the names of those that were unsigned bytes.
pub(super) fn read(path: &Path) -> Result<(Arrays, BTreeSet<String>), DataProblem> {
    let file = File::open(path).map_err(DataProblem::Read)?;
    let malformed = |error: zip::result::ZipError| DataProblem::Malformed(error.to_string());
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(malformed)?;
    if archive.len() > MAX_ARRAYS {
        return Err(DataProblem::Malformed(format!("{} arrays; at most {MAX_ARRAYS} are read", archive.len())));
    }
    let (mut arrays, mut from_bytes, mut total) = (Arrays::new(), BTreeSet::new(), 0usize);
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(malformed)?;
        let entry_name = entry.name().map_err(malformed)?.into_owned();
        let name = match entry_name.strip_suffix(".npy") {
            Some(name) if !name.is_empty() => name.to_string(),
            _ => {
                return Err(DataProblem::Malformed(format!("`{entry_name}` is not an .npy array")));
            }
        };
        let (array, kind) = array(entry, &name)?;
        total = total.saturating_add(array.len());
        if total > MAX_ELEMENTS {
            return Err(DataProblem::Malformed(format!("more than {MAX_ELEMENTS} elements in all")));
        }
        if kind == Kind::U8 {
            from_bytes.insert(name.clone());
        }
        if arrays.insert(name.clone(), array).is_some() {
            return Err(DataProblem::Malformed(format!("array `{name}` occurs twice")));
        }
    }
    Ok((arrays, from_bytes))
}

/// Element types that are read, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F64,
    U8,
    I32,
    I64,
}

impl Kind {
    fn parse(descriptor: &str) -> Option<Kind> {
        match descriptor {
            "<f4" => Some(Kind::F32),
            "<f8" => Some(Kind::F64),
            "|u1" => Some(Kind::U8),
            "<i4" => Some(Kind::I32),
            "<i8" => Some(Kind::I64),
            _ => None,
        }
    }

    fn width(self) -> usize {
        match self {
            Kind::U8 => 1,
            Kind::F32 | Kind::I32 => 4,
            Kind::F64 | Kind::I64 => 8,
        }
    }

    /// The element in `bytes`, which has the element's width.
    fn value(self, bytes: &[u8]) -> f64 {
        let word = bytes.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        match self {
            Kind::F32 => f64::from(f32::from_bits(word as u32)),
            Kind::F64 => f64::from_bits(word),
            Kind::U8 => word as f64,
            Kind::I32 => f64::from(word as u32 as i32),
            Kind::I64 => word as i64 as f64,
        }
    }

    /// Whether rounding the value to `f32` is what one expects: always for floats, for integers only when exact.
    fn may_round(self) -> bool {
        matches!(self, Kind::F32 | Kind::F64)
    }
}

#[derive(Debug, PartialEq)]
struct Header {
    kind: Kind,
    columns_first: bool,
    shape: Vec<usize>,
}

fn array(mut entry: impl Read, name: &str) -> Result<(ArrayD<f32>, Kind), DataProblem> {
    let bad = |problem: String| DataProblem::BadArray { array: name.to_string(), problem };
    let header = header(&mut entry).map_err(bad)?;
    let (count, width) = (volume(&header.shape).map_err(bad)?, header.kind.width());
    let mut values: Vec<f32> = Vec::with_capacity(count.min(CHUNK));
    let mut buffer = vec![0u8; CHUNK.min(count * width)];
    while values.len() < count {
        let bytes = (count - values.len()).saturating_mul(width).min(CHUNK);
        let chunk = &mut buffer[..bytes];
        entry.read_exact(chunk).map_err(|error| bad(format!("data for shape {:?} is missing: {error}", header.shape)))?;
        for bytes in chunk.chunks_exact(width) {
            let value = header.kind.value(bytes);
            let float = value as f32;
            if !float.is_finite() || (!header.kind.may_round() && f64::from(float) != value) {
                return Err(DataProblem::BadValue { array: name.to_string(), position: values.len(), value });
            }
            values.push(float);
        }
    }
    // Reading past the end also makes the zip reader compare the checksum.
    match entry.read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => {
            return Err(bad(format!("more data than shape {:?} needs", header.shape)));
        }
        Err(error) => return Err(bad(error.to_string())),
    }
    let shape = IxDyn(&header.shape).set_f(header.columns_first);
    let array = ArrayD::from_shape_vec(shape, values).map_err(|error| bad(error.to_string()))?;
    Ok((array.as_standard_layout().into_owned(), header.kind))
}

fn header(entry: &mut impl Read) -> Result<Header, String> {
    let mut start = [0u8; 10];
    entry.read_exact(&mut start).map_err(|error| format!("no header: {error}"))?;
    let [magic @ .., major, _, low, high] = start;
    if magic != *b"\x93NUMPY" {
        return Err("it does not begin like an .npy array".into());
    }
    let length = match major {
        1 => usize::from(u16::from_le_bytes([low, high])),
        2 | 3 => {
            let mut rest = [0u8; 2];
            entry.read_exact(&mut rest).map_err(|error| format!("no header: {error}"))?;
            u32::from_le_bytes([low, high, rest[0], rest[1]]) as usize
        }
        other => return Err(format!(".npy version {other} is not known")),
    };
    if length > MAX_HEADER {
        return Err(format!("a header of {length} bytes"));
    }
    let mut text = vec![0u8; length];
    entry.read_exact(&mut text).map_err(|error| format!("the header is cut off: {error}"))?;
    let text = String::from_utf8(text).map_err(|_| "the header is not text".to_string())?;
    Fields { rest: text.trim() }.header().ok_or_else(|| format!("the header `{}` is not understood", text.trim()))?
}

/// A cursor over the header's dictionary.
struct Fields<'t> {
    rest: &'t str,
}

impl<'t> Fields<'t> {
    /// `None` for text of another form, an inner error for an element type that is not read.
    fn header(mut self) -> Option<Result<Header, String>> {
        let (mut descriptor, mut columns_first, mut shape) = (None, None, None);
        self.take("{")?;
        while !self.at("}") {
            let key = self.string()?;
            self.take(":")?;
            match key {
                "descr" => descriptor = Some(self.string()?),
                "fortran_order" => columns_first = Some(self.truth()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return None,
            }
            if !self.at("}") {
                self.take(",")?;
            }
        }
        self.take("}")?;
        let (descriptor, columns_first, shape) = (descriptor?, columns_first?, shape?);
        if !self.rest.is_empty() {
            return None;
        }
        Some(match Kind::parse(descriptor) {
            Some(kind) => Ok(Header { kind, columns_first, shape }),
            None => Err(format!("elements of type `{descriptor}`; read are f32, f64, u8, i32 and i64, little-endian")),
        })
    }

    fn at(&self, token: &str) -> bool {
        self.rest.starts_with(token)
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(token)?.trim_start();
        Some(())
    }

    fn string(&mut self) -> Option<&'t str> {
        let quote = self.rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest.trim_start();
        Some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        if self.at("True") { self.take("True").map(|()| true) } else { self.take("False").map(|()| false) }
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        self.take("(")?;
        let mut extents = vec![];
        while !self.at(")") {
            let end = self.rest.find(|c: char| !c.is_ascii_digit())?;
            let (digits, rest) = self.rest.split_at(end);
            extents.push(digits.parse().ok()?);
            self.rest = rest.trim_start();
            if !self.at(")") {
                self.take(",")?;
            }
        }
        self.take(")")?;
        Some(extents)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::super::{DataError, Samples};
    use super::*;

    fn npy(descriptor: &str, columns_first: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let truth = if columns_first { "True" } else { "False" };
        let header = format!("{{'descr': '{descriptor}', 'fortran_order': {truth}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn npz(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(std::io::Cursor::new(vec![]));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, bytes) in entries {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn parse(bytes: &[u8]) -> Result<Samples, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.npz");
        std::fs::write(&path, bytes).unwrap();
        Samples::read(&path)
    }

    fn problem(entries: &[(&str, Vec<u8>)]) -> DataProblem {
        parse(&npz(entries)).unwrap_err().problem
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn reads_every_element_type_and_both_orders() {
        let samples = parse(&npz(&[
            ("a.npy", npy("<f4", false, "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0]))),
            ("b.npy", npy("<f8", true, "(2, 2)", &[1.0f64, 2.0, 3.0, 4.0].map(f64::to_le_bytes).concat())),
            ("c.npy", npy("|u1", false, "(3,)", &[0, 128, 255])),
            ("d.npy", npy("<i4", false, "(2,)", &[-1i32, 7].map(i32::to_le_bytes).concat())),
            ("e.npy", npy("<i8", false, "()", &(-5i64).to_le_bytes())),
        ]))
        .unwrap();
        assert_eq!(samples.arrays["a"], ndarray::array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
        assert_eq!(samples.arrays["b"], ndarray::array![[1.0, 3.0], [2.0, 4.0]].into_dyn());
        assert_eq!(samples.arrays["c"], ndarray::array![0.0, 128.0, 255.0].into_dyn());
        assert_eq!(samples.arrays["d"], ndarray::array![-1.0, 7.0].into_dyn());
        assert_eq!(samples.arrays["e"].sum(), -5.0);
        assert_eq!(samples.from_bytes.iter().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn rejects_values_that_are_not_finite_or_not_exact() {
        for bytes in [floats(&[f32::NAN]), floats(&[f32::INFINITY])] {
            let found = problem(&[("a.npy", npy("<f4", false, "(1,)", &bytes))]);
            assert!(matches!(found, DataProblem::BadValue { position: 0, .. }));
        }
        let large = npy("<i8", false, "(1,)", &((1i64 << 24) + 1).to_le_bytes());
        assert!(matches!(problem(&[("a.npy", large)]), DataProblem::BadValue { .. }));
    }

    #[test]
    fn rejects_a_shape_that_is_absurd_without_allocating_it() {
        for shape in ["(18446744073709551615, 2)", "(4611686018427387904, 4)", "(1000000, 1000000)", "(0,)"] {
            let found = problem(&[("a.npy", npy("<f4", false, shape, &[0; 64]))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{shape}: {found}");
        }
    }

    #[test]
    fn rejects_too_little_and_too_much_data() {
        for count in [3, 5] {
            let found = problem(&[("a.npy", npy("<f4", false, "(4,)", &floats(&vec![1.0; count])))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{count}");
        }
    }

    #[test]
    fn rejects_other_element_types_and_headers() {
        for descriptor in [">f4", "<c8", "|O", "<f2"] {
            let found = problem(&[("a.npy", npy(descriptor, false, "(1,)", &[0; 8]))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{descriptor}");
        }
        for shape in ["(1", "1", "(-1,)", "(a,)", "(1,), 'x': 'y'"] {
            let found = problem(&[("a.npy", npy("<f4", false, shape, &[0; 4]))]);
            assert!(matches!(found, DataProblem::BadArray { .. }), "{shape}");
        }
    }

    #[test]
    fn rejects_an_archive_of_something_else() {
        let found = problem(&[("readme.txt", vec![1, 2, 3])]);
        assert!(matches!(found, DataProblem::Malformed(_)));
        assert!(matches!(problem(&[]), DataProblem::Malformed(_)));
    }

    fn example() -> Vec<u8> {
        npz(&[
            ("image.npy", npy("|u1", false, "(2, 3)", &[1, 2, 3, 4, 5, 6])),
            ("label.npy", npy("<i8", false, "(2,)", &[0i64, 1].map(i64::to_le_bytes).concat())),
        ])
    }

    #[test]
    fn rejects_every_truncation() {
        let bytes = example();
        for length in 0..bytes.len() {
            assert!(parse(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_never_panics_and_never_changes_a_value_unnoticed() {
        let bytes = example();
        let expected = parse(&bytes).unwrap().arrays;
        let seed = 11;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..2000 {
            let mut damaged = bytes.clone();
            let bit = rng.gen_range(0..bytes.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(samples) = parse(&damaged) {
                let known = |array| expected.values().any(|expected| expected == array);
                assert!(samples.arrays.values().all(known), "seed {seed}, bit {bit}");
            }
        }
    }
}
