//! Which argument mends an error of the library, which knows none.

use lemma::circuits::CompileError as CircuitError;
use lemma::generation::{DecoderError, GenerateError};
use lemma::import::onnx::Problem;
use lemma::import::{ImportError, language, llama2c};
use lemma::quantizer::data::{DataError, DataProblem};
use lemma::text::{TextError, TextProblem};
use lemma::{CompileError, InferError, JobError, OpeningError, SourceError};

/// The arguments to give, where an error is about what was given or not.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(error) = error.downcast_ref::<SourceError>() {
        of_source(error)
    } else if let Some(error) = error.downcast_ref::<JobError>() {
        of_job(error)
    } else if let Some(error) = error.downcast_ref::<InferError>() {
        of_inference(error)
    } else if let Some(error) = error.downcast_ref::<OpeningError>() {
        of_opening(error)
    } else {
        error.downcast_ref::<DataError>().and_then(of_data)
    }
}

fn of_source(error: &SourceError) -> Option<String> {
    match error {
        SourceError::Import(error) => of_import(error),
        SourceError::Data(error) => of_data(error),
        SourceError::Compile(error) => of_compile(error),
        SourceError::Decoder(DecoderError::Short { .. }) => said("--tokens N"),
        SourceError::NoTokenizer { .. } => said("--tokenizer FILE"),
        SourceError::NoCalibration => said("--calibration FILE"),
        SourceError::CommittedTokens => said("--committed prompt"),
        _ => None,
    }
}

fn of_import(error: &ImportError) -> Option<String> {
    if let ImportError::Onnx(error) = error {
        return of_file(&error.problem);
    }
    let tokens = match error {
        ImportError::Tokens { .. } => true,
        ImportError::Llama2c(error) => matches!(error.problem, llama2c::Problem::Tokens { .. }),
        ImportError::Language(error) => matches!(
            error.problem,
            language::Problem::NoTokens { .. } | language::Problem::Tokens { .. }
        ),
        _ => false,
    };
    tokens.then(|| "--tokens N".into())
}

fn of_file(problem: &Problem) -> Option<String> {
    let Problem::DynamicAxis { input, extents, .. } = problem else { return None };
    let sizes = extents.iter().map(|extent| extent.map_or("?".into(), |size| size.to_string()));
    let sizes = sizes.collect::<Vec<String>>().join(",");
    Some(format!("--shape {input}={sizes} with a size for each ?, or --tokens N for all of them"))
}

fn of_data(error: &DataError) -> Option<String> {
    match error.problem {
        DataProblem::Bytes { .. } => said("--scale 1 or --scale 1/255"),
        DataProblem::Columns { .. } => said("lemma compile --labels NAME leaves out the classes"),
        _ => None,
    }
}

fn of_compile(error: &CompileError) -> Option<String> {
    match error {
        CompileError::Decoder(DecoderError::Short { .. }) => said("--tokens N"),
        CompileError::Contradiction { .. } => said("--public, --private or --committed"),
        CompileError::Unbound { open, .. } => {
            let shown: Vec<String> = open.iter().map(|name| format!("--public {name}")).collect();
            Some(shown.join(" "))
        }
        CompileError::Circuit(CircuitError::Commitment { name, .. }) => {
            Some(format!("--fractional-bits {name}=N"))
        }
        _ => None,
    }
}

fn of_job(error: &JobError) -> Option<String> {
    match error {
        JobError::Infer(error) => of_inference(error),
        JobError::Text(TextError { problem: TextProblem::None, .. }) => {
            said("lemma compile --tokenizer FILE")
        }
        JobError::Generate(GenerateError::NoDecoder) => said("lemma compile --decoder"),
        JobError::Generate(GenerateError::TooLong { .. }) => said("lemma compile --tokens N"),
        JobError::HiddenPrompt => said("--prompt TEXT --generate N"),
        JobError::GivenBesideText { .. } => said("--opening goes with --input or --prompt"),
        JobError::GivenBesidePrompt { .. } | JobError::OtherPrompt => said("--opening prompt=FILE"),
        _ => None,
    }
}

fn of_inference(error: &InferError) -> Option<String> {
    match error {
        InferError::Data(error) => of_data(error),
        InferError::Opening(error) => of_opening(error),
        _ => None,
    }
}

fn of_opening(error: &OpeningError) -> Option<String> {
    match error {
        OpeningError::File { .. } => said("lemma prove --openings FILE"),
        OpeningError::Unfit { .. } => said("lemma compile --fractional-bits NAME=N"),
    }
}

fn said(hint: &str) -> Option<String> {
    Some(hint.into())
}
