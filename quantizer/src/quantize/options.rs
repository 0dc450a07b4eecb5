//! The choices of a quantization.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Choices of a quantization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Bits of an activation's magnitude.
    pub bits: u32,
    /// Declared range over calibrated range.
    pub headroom: f64,
    /// Fewest significant bits of the largest weight of a layer. Fewer let a layer do with one limb
    /// less; more cost nothing otherwise.
    pub weight_bits: u32,
    /// Names of the tensors that the statement shows; `None`: all outputs and no input.
    pub public: Option<Vec<String>>,
    /// Names of the tensors that the statement commits to; they take precedence over `public`.
    pub committed: Vec<String>,
    /// Fractional bits of inputs and outputs by name, where they must have certain ones: to agree
    /// with another model.
    pub fractional_bits: BTreeMap<String, i32>,
    /// Where tensors are rounded.
    pub placement: Placement,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            bits: 12,
            headroom: 2.0,
            weight_bits: 7,
            public: None,
            committed: Vec::new(),
            fractional_bits: BTreeMap::new(),
            placement: Placement::default(),
        }
    }
}

/// Where tensors are rounded on their way through a transformer. Where the integers would grow too
/// large, or a rounding costs less, a tensor is rounded whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Whether queries and keys stay unrounded, and the scores drop all the bits.
    pub exact_scores: bool,
    /// Whether the values of an attention stay unrounded.
    pub exact_values: bool,
    /// Whether probabilities are divided by the sum of their row before the product with the
    /// values, and not after it.
    pub divide_first: bool,
    /// Bits that a limb of a rescale has beyond those of an activation.
    pub wider_limbs: u32,
    /// Limbs that the rescale of a normalised row should take when its operand is not rounded
    /// first; with zero, it is expected to be.
    pub norm_limbs: u32,
}

/// Fewest and most bits of an activation.
pub const BITS: std::ops::RangeInclusive<u32> = 6..=18;

/// Fewest and most [`Options::weight_bits`].
pub const WEIGHT_BITS: std::ops::RangeInclusive<u32> = 2..=16;
