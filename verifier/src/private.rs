//! Inputs that a statement does not show.
//!
//! Whoever proves chooses them freely in their ranges, so a reader must know that they are there: a
//! mask beside a text decides what of the text counts. They are part of the key's canonical bytes
//! and of its circuit digest, and every statement lists them.

use serde::{Deserialize, Serialize};

use crate::codec::{Reader, write_count, write_text};
use crate::error::{KeyError, LintError};
use crate::signature::{MAX_ENTRIES, product, real};

/// A private input as the key describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateInput {
    /// Name in the model.
    pub name: String,
    /// Dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// An integer `v` means `v / 2^fractional_bits`.
    pub fractional_bits: i32,
    /// Least integer that the circuit admits.
    pub low: i64,
    /// Greatest integer that the circuit admits.
    pub high: i64,
}

impl PrivateInput {
    /// Number of entries; `None` when it exceeds [`MAX_ENTRIES`].
    pub fn entries(&self) -> Option<u64> {
        product(&self.shape)
    }

    /// The real numbers between which every entry lies.
    pub fn range(&self) -> (f64, f64) {
        (real(self.low, self.fractional_bits), real(self.high, self.fractional_bits))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_text(out, &self.name);
        write_count(out, self.shape.len());
        for dimension in &self.shape {
            out.extend_from_slice(&(*dimension as u64).to_be_bytes());
        }
        out.extend_from_slice(&self.fractional_bits.to_be_bytes());
        out.extend_from_slice(&self.low.to_be_bytes());
        out.extend_from_slice(&self.high.to_be_bytes());
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<PrivateInput, KeyError> {
        let name = reader.text("a private input's name")?;
        let mut shape = Vec::new();
        for _ in 0..reader.u32("a private input's rank")? {
            let dimension = reader.u64("a private input's shape")?;
            let too_large =
                || LintError::TensorTooLarge { tensor: name.clone(), limit: MAX_ENTRIES };
            shape.push(usize::try_from(dimension).map_err(|_| too_large())?);
        }
        let fractional_bits =
            i32::from_be_bytes(reader.array("a private input's fractional bits")?);
        let low = i64::from_be_bytes(reader.array("a private input's range")?);
        let high = i64::from_be_bytes(reader.array("a private input's range")?);
        Ok(PrivateInput { name, shape, fractional_bits, low, high })
    }
}
