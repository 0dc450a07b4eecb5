//! Sample data: what is accepted is finite and what a second, plainer reader makes of the same
//! bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use lemma::Samples;
use lemma::quantizer::data::Format;
use rand::Rng as _;
use rand::seq::SliceRandom;
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::Target;
use crate::outcome::Outcome;
use crate::zip::{Entry, change, read, write};
use crate::{Rng, bytes, json};

/// Shape and elements, row by row.
type Array = (Vec<usize>, Vec<f32>);

/// Most elements that are compared.
const COMPARED: usize = 1 << 20;

/// Reads as the program does, and compares.
fn compared(
    input: &[u8],
    format: Format,
    reference: impl Fn(&[u8]) -> Option<BTreeMap<String, Array>>,
) -> Outcome {
    let samples = match Samples::from_reader(Cursor::new(input), format) {
        Ok(samples) => samples,
        Err(error) => return Outcome::refused(&error),
    };
    assert!(samples.arrays.values().flatten().all(|value| value.is_finite()));
    if samples.arrays.values().map(|array| array.len()).sum::<usize>() > COMPARED {
        return Outcome::Accepted("arrays too large to compare");
    }
    let found = samples
        .arrays
        .into_iter()
        .map(|(name, array)| (name, (array.shape().to_vec(), array.iter().copied().collect())));
    assert_eq!(Some(found.collect()), reference(input), "two readers differ");
    Outcome::Accepted("as a second reader has it")
}

pub struct Npz;

/// Element types: read ones first.
const TYPES: [&str; 16] = [
    "<f4", "<f8", "|u1", "<i4", "<i8", ">f4", "<f2", "<c8", "|O", "<u4", "|b1", "|i1", "<U1",
    "<M8[s]", "=f4", "",
];

const SHAPES: [&str; 20] = [
    "()",
    "(6,)",
    "(2, 3)",
    "(3, 2)",
    "(1, 6)",
    "(6, 1)",
    "(2,3)",
    "(0,)",
    "(2, 0, 3)",
    "(-1,)",
    "(6",
    "6",
    "(1,1,1,1,1,1,1,1,6)",
    "(1,1,1,1,1,1,1,6)",
    "(67108864, 64)",
    "(18446744073709551615, 2)",
    "(4294967296, 4294967296)",
    "(6L,)",
    "(+6,)",
    "(06,)",
];

/// An array with its header; the second version of the format has a longer length.
fn npy(version: u8, kind: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let length = header.len() as u32;
    let length = if version == 1 {
        (length as u16).to_le_bytes().to_vec()
    } else {
        length.to_le_bytes().to_vec()
    };
    [b"\x93NUMPY", &[version, 0][..], &length, header.as_bytes(), data].concat()
}

/// Another array with the same data, or none.
fn header(contents: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let length = u16::from_le_bytes(*contents.get(8..)?.first_chunk()?) as usize;
    let header = std::str::from_utf8(contents.get(10..10 + length)?).ok()?;
    let data = &contents[10 + length..];
    let after = |name: &str, end: &str| {
        let rest = header.split_once(name)?.1;
        Some(rest[..rest.find(end)?].trim())
    };
    let (kind, order) = (after("'descr': '", "'")?, after("'fortran_order':", ",")?);
    let shape = format!("{})", after("'shape':", ")")?);
    let (kind, order, shape) = match rng.gen_range(0..4) {
        0 => (*TYPES.choose(rng)?, order, shape),
        1 => (kind, *["True", "False", "true", "0", "None"].choose(rng)?, shape),
        2 => (kind, order, (*SHAPES.choose(rng)?).to_owned()),
        _ => (
            *TYPES.choose(rng)?,
            *["True", "False"].choose(rng)?,
            (*SHAPES.choose(rng)?).to_owned(),
        ),
    };
    Some(npy(*[1, 1, 1, 1, 1, 1, 2, 3].choose(rng)?, kind, order, &shape, data))
}

impl Target for Npz {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let floats: Vec<u8> = (0..6u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let doubles: Vec<u8> = (0..6u8).flat_map(|value| f64::from(value).to_le_bytes()).collect();
        let archive = |arrays: &[(&str, Vec<u8>)], deflated: bool| {
            let entry = |(name, contents): &(&str, Vec<u8>)| Entry {
                name: name.as_bytes().to_vec(),
                contents: contents.clone(),
                deflated,
            };
            write(&arrays.iter().map(entry).collect::<Vec<_>>())
        };
        let mixed = [
            ("x.npy", npy(1, "<f4", "False", "(2, 3)", &floats)),
            ("image.npy", npy(1, "|u1", "False", "(4,)", &[0, 1, 2, 255])),
            ("label.npy", npy(1, "<i8", "False", "()", &7i64.to_le_bytes())),
        ];
        let columns = [
            ("x.npy", npy(1, "<f8", "True", "(1, 3, 2)", &doubles)),
            (
                "ids.npy",
                npy(
                    1,
                    "<i4",
                    "True",
                    "(2, 3)",
                    &[
                        1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0,
                        0, 0,
                    ],
                ),
            ),
        ];
        let archives = [
            archive(&mixed, false),
            archive(&mixed, true),
            archive(&columns, false),
            archive(&columns, true),
        ];
        archives.into_iter().chain(compressed()).collect()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        let choice = rng.gen_range(0..12);
        let Some(mut entries) = read(input).filter(|entries| choice > 1 && !entries.is_empty())
        else {
            return bytes::mutate(input, other, rng);
        };
        let at = rng.gen_range(0..entries.len());
        match choice {
            2 => drop(entries.remove(at)),
            3 => {
                let names = [
                    "x.npy",
                    "image.npy",
                    "y.npy",
                    ".npy",
                    "../x.npy",
                    "x.npy/",
                    "X.NPY",
                    "x\0.npy",
                    "",
                ];
                entries[at].name = names.choose(rng).unwrap_or(&"").bytes().collect();
            }
            4 => entries.push(entries[at].clone()),
            5 => entries[at].deflated ^= true,
            6 | 7 => entries[at].contents = bytes::mutate(&entries[at].contents, other, rng),
            8 => {}
            _ => entries[at].contents = header(&entries[at].contents, rng).unwrap_or_default(),
        }
        let mut archive = write(&entries);
        if choice == 8 {
            change(&mut archive, rng);
        }
        archive
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        compared(input, Format::Npz, arrays)
    }
}

/// An array of zeros that is compressed.
fn compressed() -> Result<Vec<u8>, zip::result::ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(
        "zeros.npy",
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated),
    )?;
    writer.write_all(&npy(1, "<f4", "False", "(5, 20)", &[0; 400]))?;
    Ok(writer.finish()?.into_inner())
}

/// The arrays of an archive, read without care for what is refused.
fn arrays(input: &[u8]) -> Option<BTreeMap<String, Array>> {
    let mut archive = ZipArchive::new(Cursor::new(input)).ok()?;
    let mut arrays = BTreeMap::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).ok()?;
        let name = entry.name().ok()?.strip_suffix(".npy")?.to_owned();
        let mut contents = Vec::new();
        entry.read_to_end(&mut contents).ok()?;
        arrays.insert(name, array(&contents)?);
    }
    Some(arrays)
}

/// One array: each element is looked up by its indices.
fn array(contents: &[u8]) -> Option<Array> {
    let start = if contents[6] == 1 { 10 } else { 12 };
    let length =
        contents[8..start].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let header = std::str::from_utf8(&contents[start..start + length]).ok()?;
    let data = &contents[start + length..];
    let word: String = header.chars().filter(|letter| !letter.is_whitespace()).collect();
    let columns_first = word.contains("'fortran_order':True");
    let shape = word.split_once("'shape':(")?.1.split_once(')')?.0;
    let shape: Vec<usize> = shape
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let kind = word.split_once("'descr':'")?.1.split_once('\'')?.0.to_owned();
    let width = kind[2..].parse::<usize>().ok()?;
    let count = shape.iter().product::<usize>();
    let element = |index: usize| {
        // The index in the file's order of the element at `index` in row-major order.
        let (mut rest, mut place, mut step) = (index, 0, count);
        let mut stride = 1;
        for extent in &shape {
            step /= extent;
            let at = rest / step;
            rest %= step;
            place += at * if columns_first { stride } else { step };
            stride *= extent;
        }
        let bytes = data.get(place * width..(place + 1) * width)?;
        Some(match kind.as_str() {
            "<f2" => narrow(u16::from_le_bytes(*bytes.first_chunk()?)),
            "|b1" => f32::from(u8::from(bytes[0] > 0)),
            "|i1" => f32::from(i8::from_le_bytes([bytes[0]])),
            "<u2" => f32::from(u16::from_le_bytes(*bytes.first_chunk()?)),
            "<i2" => f32::from(i16::from_le_bytes(*bytes.first_chunk()?)),
            "<u4" => u32::from_le_bytes(*bytes.first_chunk()?) as f32,
            "<f4" => f32::from_le_bytes(*bytes.first_chunk()?),
            "<f8" => f64::from_le_bytes(*bytes.first_chunk()?) as f32,
            "|u1" => f32::from(bytes[0]),
            "<i4" => i32::from_le_bytes(*bytes.first_chunk()?) as f32,
            "<i8" => i64::from_le_bytes(*bytes.first_chunk()?) as f32,
            _ => return None,
        })
    };
    let elements = (0..count).map(element).collect::<Option<_>>()?;
    Some((shape, elements))
}

/// A float of 16 bits: its exponent is 112 less than that of one of 32, its fraction 13 bits shorter.
fn narrow(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits >> 15) << 31, u32::from(bits & 0x7fff));
    let scaled = f32::from_bits(rest << 13) * 112f32.exp2();
    f32::from_bits(scaled.to_bits() | sign)
}

pub struct Json;

impl Target for Json {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let texts = [
            r#"{"x": [[1, 2.5, -3e2], [4, 5, 6]], "label": [0, 1]}"#,
            r#"[{"x": [1, 2], "m": [[1], [0]]}, {"x": [3, 4], "m": [[0], [1]]}]"#,
            r#"[{"x": 0.125, "y": 3}, {"x": -7, "y": 2}, {"x": 16777217, "y": 1e-3}]"#,
            r#"{"scalar": 7}"#,
            "[[1, 2.5], [-3e2, 4]]",
        ];
        texts.map(|text| text.as_bytes().to_vec()).into()
    }

    fn mutate(&self, input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
        json::mutate(input, other, rng)
    }

    fn run(&mut self, input: &[u8]) -> Outcome {
        compared(input, Format::Json, |input| {
            let nested = |(name, value): (&String, &Value)| {
                let mut elements = Vec::new();
                let shape = nested(value, &mut elements)?;
                Some((name.clone(), (shape, elements)))
            };
            match serde_json::from_slice(input).ok()? {
                Value::Object(fields) => fields.iter().map(nested).collect(),
                // One array without a name.
                Value::Array(items) if !items.first()?.is_object() => {
                    std::iter::once(nested((&"array".to_owned(), &Value::Array(items)))).collect()
                }
                // A list for each name, with one item a sample.
                Value::Array(samples) => {
                    let first = samples.first()?.as_object()?;
                    let stacked = |name: &String| {
                        let list = Value::Array(
                            samples.iter().map(|sample| sample[name].clone()).collect(),
                        );
                        nested((name, &list))
                    };
                    first.keys().map(stacked).collect()
                }
                _ => None,
            }
        })
    }
}

/// The shape of nested lists, with their numbers in `elements`.
fn nested(value: &Value, elements: &mut Vec<f32>) -> Option<Vec<usize>> {
    match value {
        Value::Number(number) => {
            elements.push(number.as_f64()? as f32);
            Some(Vec::new())
        }
        Value::Array(items) => {
            let shapes: Vec<Vec<usize>> =
                items.iter().map(|item| nested(item, elements)).collect::<Option<_>>()?;
            let first = shapes.first()?.clone();
            shapes.iter().all(|shape| *shape == first).then(|| [vec![items.len()], first].concat())
        }
        _ => None,
    }
}
