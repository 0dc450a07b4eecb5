//! NumPy arrays: magic bytes, a version, a header length and a Python dictionary with the element
//! type, the order and the shape (NumPy enhancement proposal 1), then the elements.

use std::io::Read;

use ndarray::ArrayD;

use super::DataProblem;
use lemma_model::volume;

/// Longest header of an array.
const MAX_HEADER: usize = 1 << 16;

/// Bytes converted at a time; a multiple of every element's width.
const CHUNK: usize = 1 << 16;

/// Element types that are read, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    F16,
    F32,
    F64,
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    I64,
}

impl Kind {
    fn parse(descriptor: &str) -> Option<Kind> {
        match descriptor {
            "<f2" => Some(Kind::F16),
            "<f4" => Some(Kind::F32),
            "<f8" => Some(Kind::F64),
            "|b1" => Some(Kind::Bool),
            "|u1" => Some(Kind::U8),
            "|i1" => Some(Kind::I8),
            "<u2" => Some(Kind::U16),
            "<i2" => Some(Kind::I16),
            "<u4" => Some(Kind::U32),
            "<i4" => Some(Kind::I32),
            "<i8" => Some(Kind::I64),
            _ => None,
        }
    }

    fn width(self) -> usize {
        match self {
            Kind::Bool | Kind::U8 | Kind::I8 => 1,
            Kind::F16 | Kind::U16 | Kind::I16 => 2,
            Kind::F32 | Kind::U32 | Kind::I32 => 4,
            Kind::F64 | Kind::I64 => 8,
        }
    }

    /// The element in `bytes`, which has the element's width.
    fn value(self, bytes: &[u8]) -> f64 {
        let word = bytes.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        match self {
            Kind::F16 => half(word as u16),
            Kind::F32 => f64::from(f32::from_bits(word as u32)),
            Kind::F64 => f64::from_bits(word),
            Kind::Bool => f64::from(u8::from(word != 0)),
            Kind::U8 | Kind::U16 | Kind::U32 => word as f64,
            Kind::I8 => f64::from(word as u8 as i8),
            Kind::I16 => f64::from(word as u16 as i16),
            Kind::I32 => f64::from(word as u32 as i32),
            Kind::I64 => word as i64 as f64,
        }
    }

    /// Whether rounding the value to `f32` is what one expects: always for floats, for integers
    /// only when exact.
    fn may_round(self) -> bool {
        matches!(self, Kind::F16 | Kind::F32 | Kind::F64)
    }
}

/// The number that the bits of a float of 16 bits stand for (IEEE 754, binary16).
fn half(bits: u16) -> f64 {
    let (sign, exponent) = (1.0 - 2.0 * f64::from(bits >> 15), i32::from(bits >> 10 & 31));
    let fraction = f64::from(bits & 1023) / 1024.0;
    sign * match exponent {
        0 => fraction * (-14f64).exp2(),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * f64::from(exponent - 15).exp2(),
    }
}

#[derive(Debug, PartialEq)]
struct Header {
    kind: Kind,
    columns_first: bool,
    shape: Vec<usize>,
}

/// The array in `entry`, which must end with it, of at most `limit` elements, and the type that
/// they had.
pub(super) fn array(
    mut entry: impl Read,
    name: &str,
    limit: usize,
) -> Result<(ArrayD<f32>, Kind), DataProblem> {
    let bad = |problem: String| DataProblem::BadArray { array: name.to_string(), problem };
    let header = header(&mut entry).map_err(bad)?;
    let (count, width) = (volume(&header.shape).map_err(bad)?, header.kind.width());
    if count > limit {
        return Err(bad(format!(
            "shape {:?} has more elements than the {limit} that are read",
            header.shape
        )));
    }
    let mut places = header.columns_first.then(|| Places::new(&header.shape));
    let mut values: Vec<f32> =
        if places.is_some() { vec![0.0; count] } else { Vec::with_capacity(count.min(CHUNK)) };
    let mut buffer = vec![0u8; CHUNK.min(count * width)];
    let mut found = 0;
    while found < count {
        let bytes = (count - found).saturating_mul(width).min(CHUNK);
        let chunk = &mut buffer[..bytes];
        entry.read_exact(chunk).map_err(|error| {
            bad(format!("data for shape {:?} is missing: {error}", header.shape))
        })?;
        for bytes in chunk.chunks_exact(width) {
            let value = header.kind.value(bytes);
            let float = value as f32;
            if !float.is_finite() || (!header.kind.may_round() && f64::from(float) != value) {
                return Err(DataProblem::BadValue {
                    array: name.to_string(),
                    position: found,
                    value,
                });
            }
            match &mut places {
                None => values.push(float),
                Some(places) => values[places.next()] = float,
            }
            found += 1;
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
    let array =
        ArrayD::from_shape_vec(header.shape, values).map_err(|error| bad(error.to_string()))?;
    Ok((array, header.kind))
}

/// Where the elements of an array that is stored column by column stand in it row by row. They are
/// put there one by one: a second copy of a large array would be too much.
struct Places {
    /// Size, distance between neighbours and index of each axis.
    axes: Vec<(usize, usize, usize)>,
    at: usize,
}

impl Places {
    fn new(shape: &[usize]) -> Places {
        let mut stride = shape.iter().product::<usize>();
        let axis = |&size: &usize| {
            stride /= size;
            (size, stride, 0)
        };
        Places { axes: shape.iter().map(axis).collect(), at: 0 }
    }

    /// The place of the next element: the first index runs fastest.
    fn next(&mut self) -> usize {
        let at = self.at;
        for (size, stride, index) in &mut self.axes {
            *index += 1;
            self.at += *stride;
            if *index < *size {
                break;
            }
            self.at -= *stride * *size;
            *index = 0;
        }
        at
    }
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
    Fields { rest: text.trim() }
        .header()
        .ok_or_else(|| format!("the header `{}` is not understood", text.trim()))?
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
            None => Err(format!(
                "elements of type `{descriptor}`; read are f16, f32, f64, bool and integers of 8 to 32 bits and \
                    i64, little-endian"
            )),
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
        if self.at("True") {
            self.take("True").map(|()| true)
        } else {
            self.take("False").map(|()| false)
        }
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
