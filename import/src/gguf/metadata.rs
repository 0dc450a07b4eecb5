//! Typed metadata: names with values.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Seek};

use super::bytes::Bytes;
use crate::language::Problem;

/// Most entries.
const MAX_ENTRIES: u64 = 1 << 12;

/// Most elements of an array.
const MAX_ELEMENTS: u64 = 1 << 21;

/// Longest name in bytes.
const MAX_NAME: u64 = 1 << 10;

/// Longest text in bytes.
const MAX_TEXT: u64 = 1 << 22;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number of any width, with or without sign.
    Whole(i128),
    /// A floating point number.
    Real(f64),
    /// A truth value.
    Flag(bool),
    /// A text.
    Text(String),
    /// A list.
    Array(Array),
}

/// A list of values of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Whole numbers.
    Whole(Vec<i64>),
    /// Floating point numbers.
    Real(Vec<f64>),
    /// Truth values.
    Flag(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
}

/// Values by name. Each is taken by whoever understands it.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    entries: BTreeMap<String, Value>,
    taken: BTreeSet<String>,
}

impl Metadata {
    pub(super) fn read<R: BufRead + Seek>(
        bytes: &mut Bytes<R>,
        count: usize,
    ) -> Result<Metadata, Problem> {
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let name = bytes.text("the name of a field", MAX_NAME)?;
            let kind = bytes.u32()?;
            let value = value(bytes, kind, &name)?;
            if entries.contains_key(&name) {
                return Err(Problem::field(name, "is there twice"));
            }
            entries.insert(name, value);
        }
        Ok(Metadata { entries, taken: BTreeSet::new() })
    }

    /// Checks and reads how many entries there are.
    pub(super) fn count<R: BufRead + Seek>(bytes: &mut Bytes<R>) -> Result<usize, Problem> {
        bytes.count("fields", 13, MAX_ENTRIES)
    }

    /// Whether there is a value.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// A value, which is understood from now on.
    pub fn value(&mut self, name: &str) -> Option<&Value> {
        let value = self.entries.get(name)?;
        self.taken.insert(name.to_owned());
        Some(value)
    }

    /// A size.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn size(&mut self, name: &str) -> Result<Option<usize>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Whole(whole)) => usize::try_from(*whole)
                .ok()
                .filter(|size| *size <= u32::MAX as usize)
                .map(Some)
                .ok_or_else(|| Problem::field(name, format!("{whole} is not a size"))),
            Some(other) => Err(Problem::field(name, format!("{} is not a size", other.kind()))),
        }
    }

    /// A size that must be there.
    ///
    /// # Errors
    /// A value of another kind, or none.
    pub fn needed(&mut self, name: &str) -> Result<usize, Problem> {
        self.size(name)?.ok_or_else(|| Problem::field(name, "is missing"))
    }

    /// A real number.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn real(&mut self, name: &str) -> Result<Option<f64>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Real(real)) => Ok(Some(*real)),
            Some(Value::Whole(whole)) => Ok(Some(*whole as f64)),
            Some(other) => Err(Problem::field(name, format!("{} is not a number", other.kind()))),
        }
    }

    /// A truth value.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(*flag)),
            Some(other) => {
                Err(Problem::field(name, format!("{} is not a truth value", other.kind())))
            }
        }
    }

    /// A text.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn text(&mut self, name: &str) -> Result<Option<&str>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(Problem::field(name, format!("{} is not a text", other.kind()))),
        }
    }

    /// A list.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn array(&mut self, name: &str) -> Result<Option<&Array>, Problem> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(array)),
            Some(other) => Err(Problem::field(name, format!("{} is not a list", other.kind()))),
        }
    }

    /// The first name with this beginning that nobody has taken.
    pub(super) fn stranger(&self, prefix: &str) -> Option<&str> {
        let names = self.entries.keys().filter(|name| name.starts_with(prefix));
        names.map(String::as_str).find(|name| !self.taken.contains(*name))
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Whole(_) => "a whole number",
            Value::Real(_) => "a real number",
            Value::Flag(_) => "a truth value",
            Value::Text(_) => "a text",
            Value::Array(_) => "a list",
        }
    }
}

fn value<R: BufRead + Seek>(bytes: &mut Bytes<R>, kind: u32, name: &str) -> Result<Value, Problem> {
    Ok(match kind {
        6 => Value::Real(f64::from(f32::from_le_bytes(bytes.array()?))),
        7 => Value::Flag(flag(bytes, name)?),
        8 => Value::Text(bytes.text(name, MAX_TEXT)?),
        9 => Value::Array(array(bytes, name)?),
        10 => Value::Whole(bytes.u64()?.into()),
        12 => Value::Real(f64::from_le_bytes(bytes.array()?)),
        _ => Value::Whole(whole(bytes, kind, name)?.into()),
    })
}

fn array<R: BufRead + Seek>(bytes: &mut Bytes<R>, name: &str) -> Result<Array, Problem> {
    let kind = bytes.u32()?;
    let size = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 | 10..=12 => 8,
        9 => return Err(Problem::field(name, "a list of lists is not read")),
        _ => return Err(Problem::field(name, format!("{kind} is no kind of value"))),
    };
    let count = bytes.count(&format!("elements of `{name}`"), size, MAX_ELEMENTS)?;
    let count = 0..count;
    Ok(match kind {
        6 => Array::Real(
            count
                .map(|_| bytes.array().map(|word| f64::from(f32::from_le_bytes(word))))
                .collect::<Result<_, _>>()?,
        ),
        7 => Array::Flag(count.map(|_| flag(bytes, name)).collect::<Result<_, _>>()?),
        8 => Array::Text(count.map(|_| bytes.text(name, MAX_TEXT)).collect::<Result<_, _>>()?),
        12 => Array::Real(
            count.map(|_| bytes.array().map(f64::from_le_bytes)).collect::<Result<_, _>>()?,
        ),
        _ => Array::Whole(count.map(|_| whole(bytes, kind, name)).collect::<Result<_, _>>()?),
    })
}

fn flag<R: BufRead + Seek>(bytes: &mut Bytes<R>, name: &str) -> Result<bool, Problem> {
    match bytes.array()? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(Problem::field(name, format!("{other} is no truth value"))),
    }
}

/// A whole number of a kind that fits `i64`.
fn whole<R: BufRead + Seek>(bytes: &mut Bytes<R>, kind: u32, name: &str) -> Result<i64, Problem> {
    Ok(match kind {
        0 => bytes.array::<1>().map(u8::from_le_bytes)?.into(),
        1 => bytes.array::<1>().map(i8::from_le_bytes)?.into(),
        2 => bytes.array::<2>().map(u16::from_le_bytes)?.into(),
        3 => bytes.array::<2>().map(i16::from_le_bytes)?.into(),
        4 => bytes.u32()?.into(),
        5 => bytes.array::<4>().map(i32::from_le_bytes)?.into(),
        10 => {
            let whole = bytes.u64()?;
            i64::try_from(whole)
                .map_err(|_| Problem::field(name, format!("{whole} is too large")))?
        }
        11 => bytes.array::<8>().map(i64::from_le_bytes)?,
        _ => return Err(Problem::field(name, format!("{kind} is no kind of value"))),
    })
}
