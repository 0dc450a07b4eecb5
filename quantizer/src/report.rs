//! The accuracy report: how far the integer graph is from the float model, layer by layer and
//! output by output, and the [`Verdict`] on it.

mod measure;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use serde::{Deserialize, Serialize};

pub use measure::{Reporter, quantize_inputs};
pub use table::shortened;
pub use verdict::{ACCURACY_LOSS, DISAGREEMENT, Finding, UNEXPLAINED, Verdict};

/// How one layer of the integer model differs from the float model, over all samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerError {
    /// The layer.
    pub layer: String,
    /// The graph operation that carries its value.
    pub operation: String,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Fractional bits of the result.
    pub fractional_bits: i32,
    /// Largest absolute float value.
    pub magnitude: f64,
    /// The difference.
    #[serde(flatten)]
    pub difference: Difference,
}

/// A difference of numbers, in the units of the layer, or of indices, which are equal or not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Difference {
    /// Of numbers.
    Numbers {
        /// Largest absolute error.
        largest_error: f64,
        /// Mean absolute error.
        mean_error: f64,
        /// Largest absolute error over the largest absolute float value.
        relative_error: f64,
    },
    /// Of ids, flags and indices of the largest.
    Indices {
        /// Share of equal ones.
        equal: f64,
    },
}

/// How one output of the integer model differs from the float model's, over all samples within the
/// calibrated range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputError {
    /// The output.
    pub output: String,
    /// Smallest float value.
    pub lowest: f64,
    /// Largest float value.
    pub highest: f64,
    /// Largest absolute error.
    pub largest_error: f64,
    /// Root of the mean squared error.
    pub rms_error: f64,
    /// Coefficient of determination: one less the sum of squared errors over that of the squared
    /// deviations from the mean of each column of the last axis; `None` where nothing deviates, and
    /// for indices.
    pub r_squared: Option<f64>,
    /// Rows of the last axis; for indices and single numbers, elements.
    pub rows: usize,
    /// Share of rows on which both models choose alike, [`Report::agreement`] for the first output;
    /// `None` when a row is a number that chooses nothing.
    pub agreement: Option<f64>,
    /// Share of rows whose choice differs and is no near tie: the float model has the integer
    /// model's choice by more than a twentieth of the row's spread below its own. Of indices the
    /// scores count that they were chosen by; without any, every difference.
    pub reversed: Option<f64>,
}

/// How much of a declared range was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeUse {
    /// The layer.
    pub layer: String,
    /// The operation with the range.
    pub operation: String,
    /// Largest distance from zero over the edge on that side; above 1 the value is outside and
    /// proving fails.
    pub used: f64,
}

/// Accuracy on labelled data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Labelled samples.
    pub samples: usize,
    /// Share that the float model gets right.
    pub float: f64,
    /// Share that the integer model gets right; a sample outside the calibrated range counts as
    /// wrong.
    pub integer: f64,
    /// Share on which the two choose the same class.
    pub agreement: f64,
}

/// A label that is no class of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoClass {
    /// The sample.
    pub sample: usize,
    /// Its label.
    pub label: usize,
    /// Classes that the first output has; zero when it chooses no class.
    pub classes: usize,
}

/// What a quantization costs in accuracy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Bits of an activation's magnitude.
    pub activation_bits: u32,
    /// Declared range over calibrated range.
    pub headroom: f64,
    /// Samples that the errors are taken over.
    pub samples: usize,
    /// Samples with a value outside a declared range.
    pub out_of_range: usize,
    /// Why the first of them is outside.
    pub first_out_of_range: Option<String>,
    /// Per layer.
    pub layers: Vec<LayerError>,
    /// Per output.
    pub outputs: Vec<OutputError>,
    /// Ranges used to nine tenths and more.
    pub close_to_edge: Vec<RangeUse>,
    /// On labelled data.
    pub accuracy: Option<Accuracy>,
    /// The first label that is no class.
    pub no_class: Option<NoClass>,
    /// Share of the choices of the first output that both models make alike, over all samples: the
    /// index of the largest entry of each row of the last axis, an index itself, or with a single
    /// number the side of its threshold. A sample outside the calibrated range counts as different.
    /// `None` when the first output is a single number that chooses nothing.
    pub agreement: Option<f64>,
}

impl LayerError {
    /// Mean absolute error over the largest absolute value; `None` for indices.
    pub fn relative_mean(&self) -> Option<f64> {
        match self.difference {
            Difference::Numbers { mean_error, .. } => Some(ratio(mean_error, self.magnitude)),
            Difference::Indices { .. } => None,
        }
    }
}

/// `error / magnitude`; an error beside nothing but zeros is as large as it gets.
fn ratio(error: f64, magnitude: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / magnitude.max(f64::MIN_POSITIVE) }
}
