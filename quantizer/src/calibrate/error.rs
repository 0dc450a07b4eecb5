//! Why calibration stops.

use thiserror::Error;

use lemma_model::ExecuteError;

/// Why calibration stops.
#[derive(Debug, Error)]
pub enum CalibrationError {
    /// No samples.
    #[error("no calibration samples; give at least one, better a hundred")]
    Empty,
    /// A sample does not run.
    #[error("calibration sample {sample}: {source}")]
    Execute {
        /// Index of the sample.
        sample: usize,
        /// Why.
        source: ExecuteError,
    },
    /// The model is not finite on a sample.
    #[error(
        "calibration sample {sample}: layer `{layer}` gives {value}{operand}: no such sample can \
            be proven; leave it out or mend the model"
    )]
    NotFinite {
        /// Index of the sample.
        sample: usize,
        /// The layer.
        layer: String,
        /// What it gives.
        value: f32,
        /// What it gives that of, in words.
        operand: String,
    },
}
