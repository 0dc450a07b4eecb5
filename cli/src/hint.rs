//! Which argument mends an error of the library, which knows none.

use lemma::import::ImportError;
use lemma::{JobError, SourceError};

/// The arguments to give, where an error is about what was not given.
pub fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<SourceError>() {
        return match error {
            SourceError::Import(ImportError::Tokens { .. }) => Some("--tokens N"),
            SourceError::NoTokenizer { .. } => Some("--tokenizer FILE"),
            SourceError::NoCalibration => Some("--calibration FILE"),
            SourceError::CommittedTokens => Some("--committed prompt"),
            _ => None,
        };
    }
    match error.downcast_ref::<JobError>()? {
        JobError::HiddenPrompt => Some("--prompt TEXT --generate N"),
        JobError::GivenBesideText { .. } => Some("--opening goes with --input or --prompt"),
        JobError::GivenBesidePrompt { .. } | JobError::OtherPrompt => Some("--opening prompt=FILE"),
        _ => None,
    }
}
