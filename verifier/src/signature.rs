//! What a key says about each public tensor. The signature is part of the key's canonical bytes and
//! so of its digest: a proof file cannot rename an output, move its decimal point or swap its
//! labels.

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, write_count, write_text};
use crate::error::{KeyError, LintError};

/// Most entries of one public tensor.
pub const MAX_ENTRIES: u64 = 1 << 30;
/// Most fractional bits, in either direction.
pub const MAX_FRACTIONAL_BITS: i32 = 256;

/// Which side of the model a tensor is on, and whether the statement has its values or a digest
/// that binds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Given to the model.
    Input,
    /// Computed by the model.
    Output,
    /// Given to the model; the statement has its digest.
    #[serde(rename = "committed input")]
    CommittedInput,
    /// Computed by the model; the statement has its digest.
    #[serde(rename = "committed output")]
    CommittedOutput,
}

impl Role {
    const ALL: [Role; 4] = [Role::Input, Role::Output, Role::CommittedInput, Role::CommittedOutput];

    /// `input`, `output`, `committed input` or `committed output`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Input => "input",
            Role::Output => "output",
            Role::CommittedInput => "committed input",
            Role::CommittedOutput => "committed output",
        }
    }

    /// Whether the tensor is given to the model.
    pub fn is_input(self) -> bool {
        matches!(self, Role::Input | Role::CommittedInput)
    }

    /// Whether the statement has a digest instead of values.
    pub fn is_committed(self) -> bool {
        matches!(self, Role::CommittedInput | Role::CommittedOutput)
    }
}

/// Names for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// None.
    #[default]
    None,
    /// One name per position along the last axis: scores of classes, named features.
    Entries(Vec<String>),
    /// One name per value: a tensor of class indices, range `0..=names - 1`, no fractional bits.
    Values(Vec<String>),
}

/// A public tensor as the key describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorSignature {
    /// Name in the model.
    pub name: String,
    /// Input or output, public or committed.
    pub role: Role,
    /// Dimensions; empty for a scalar. Entries are in row-major order.
    pub shape: Vec<usize>,
    /// An integer `v` means `v / 2^fractional_bits`.
    pub fractional_bits: i32,
    /// Least integer that the circuit admits.
    pub low: i64,
    /// Greatest integer that the circuit admits.
    pub high: i64,
    /// Names for people.
    pub labels: Labels,
}

impl TensorSignature {
    /// Number of entries; `None` when it exceeds [`MAX_ENTRIES`].
    pub fn entries(&self) -> Option<u64> {
        product(&self.shape)
    }

    /// Number of public values: the entries, or one for a digest; `None` as for
    /// [`TensorSignature::entries`].
    pub fn public_values(&self) -> Option<u64> {
        self.entries().map(|entries| if self.role.is_committed() { 1 } else { entries })
    }

    /// The real number that the integer `value` stands for, rounded to a double.
    pub fn real(&self, value: i64) -> f64 {
        real(value, self.fractional_bits)
    }

    /// Entry `index` for a reader: its label and its real number, or the label of its value.
    pub fn readable(&self, index: usize, value: i64) -> String {
        let real = self.real(value);
        match &self.labels {
            Labels::None => real.to_string(),
            Labels::Entries(names) => {
                match index.checked_rem(names.len()).and_then(|at| names.get(at)) {
                    Some(name) => format!("{name}: {real}"),
                    None => real.to_string(),
                }
            }
            Labels::Values(names) => match usize::try_from(value).ok().and_then(|at| names.get(at))
            {
                Some(name) => name.clone(),
                None => real.to_string(),
            },
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_text(out, &self.name);
        out.push(match self.role {
            Role::Input => 0,
            Role::Output => 1,
            Role::CommittedInput => 2,
            Role::CommittedOutput => 3,
        });
        write_count(out, self.shape.len());
        for dimension in &self.shape {
            out.extend_from_slice(&(*dimension as u64).to_be_bytes());
        }
        out.extend_from_slice(&self.fractional_bits.to_be_bytes());
        out.extend_from_slice(&self.low.to_be_bytes());
        out.extend_from_slice(&self.high.to_be_bytes());
        let (kind, names): (u8, &[String]) = match &self.labels {
            Labels::None => (0, &[]),
            Labels::Entries(names) => (1, names),
            Labels::Values(names) => (2, names),
        };
        out.push(kind);
        if kind != 0 {
            write_count(out, names.len());
            for name in names {
                write_text(out, name);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<TensorSignature, KeyError> {
        let name = reader.text("a tensor's name")?;
        let role = reader.choice(3, "a tensor's role")?;
        let role = Role::ALL.get(usize::from(role)).copied().unwrap_or(Role::Output);
        let mut shape = Vec::new();
        for _ in 0..reader.u32("a tensor's rank")? {
            let dimension = reader.u64("a tensor's shape")?;
            shape.push(usize::try_from(dimension).map_err(|_| LintError::TensorTooLarge {
                tensor: name.clone(),
                limit: MAX_ENTRIES,
            })?);
        }
        let fractional_bits = i32::from_be_bytes(reader.array("a tensor's fractional bits")?);
        let low = i64::from_be_bytes(reader.array("a tensor's range")?);
        let high = i64::from_be_bytes(reader.array("a tensor's range")?);
        let labels = match reader.choice(2, "a tensor's kind of labels")? {
            0 => Labels::None,
            1 => Labels::Entries(read_names(reader)?),
            _ => Labels::Values(read_names(reader)?),
        };
        Ok(TensorSignature { name, role, shape, fractional_bits, low, high, labels })
    }
}

/// The number of entries of a shape; `None` when it exceeds [`MAX_ENTRIES`].
pub(crate) fn product(shape: &[usize]) -> Option<u64> {
    let product = shape.iter().try_fold(1u64, |product, dimension| {
        product.checked_mul(u64::try_from(*dimension).ok()?)
    })?;
    (product <= MAX_ENTRIES).then_some(product)
}

/// `value / 2^fractional_bits`, rounded to a double.
pub(crate) fn real(value: i64, fractional_bits: i32) -> f64 {
    let exponent = 1023i64.saturating_sub(i64::from(fractional_bits)).clamp(1, 2046);
    value as f64 * f64::from_bits(exponent.unsigned_abs() << 52)
}

fn read_names(reader: &mut Reader) -> Result<Vec<String>, KeyError> {
    let mut names = Vec::new();
    for _ in 0..reader.u32("the number of labels")? {
        names.push(reader.text("a label")?);
    }
    Ok(names)
}
