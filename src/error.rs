//! What can go wrong in the library.

use std::path::PathBuf;

use lemma_circuits::CompileError as CircuitError;
use lemma_circuits::builder::Site;
use lemma_graph::ExecuteError;
use lemma_prover::{ProveError, StoreError};
use lemma_quantizer::calibrate::CalibrationError;
use lemma_quantizer::data::DataError;
use lemma_quantizer::quantize::QuantizeError;
use thiserror::Error;

use crate::generation::DecoderError;

/// Why a model is not compiled.
#[derive(Debug, Error)]
pub enum CompileError {
    /// Calibration.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// Quantization.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// Lowering.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The float model on a sample.
    #[error("sample {sample}: {source}")]
    Sample {
        /// Index of the sample.
        sample: usize,
        /// Why.
        source: lemma_model::ExecuteError,
    },
    /// More operations than a model may have.
    #[error(
        "the model has {found} operations after simplification, of which `{first}` is one too \
            many; {most} are supported: split the model"
    )]
    Operations {
        /// The first operation that is one too many.
        first: String,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A statement of too many values: the verifying key has a point for each.
    #[error(
        "the statement would show {found} values; {most} are supported: keep outputs private, \
            commit to them, or let the model end in fewer"
    )]
    Shown {
        /// Elements of all tensors that are shown.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A decoder that is none.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// A tensor name that the model does not have.
    #[error("no input or output is called `{name}`; the model has {known:?}")]
    UnknownTensor {
        /// The name.
        name: String,
        /// The names it has.
        known: Vec<String>,
    },
    /// A tensor that is to be shown, hidden and committed to, or two of these.
    #[error(
        "`{name}` is named to be shown, to be kept private and to be committed to, or two of \
            these; one is possible"
    )]
    Contradiction {
        /// The tensor.
        name: String,
    },
    /// Tokens in the statement beside a private input that decides what is read of them.
    #[error(
        "the statement has the tokens `{tokens}`, and the private input{} what the model reads of \
            them, so one text would have many proven results: \
         show {} too, or leave `{tokens}` private",
        match open.len() {
            1 => format!(" `{}` decides", open.join("")),
            _ => format!("s {} decide", ticked(open)),
        },
        ticked(open)
    )]
    Unbound {
        /// The tokens.
        tokens: String,
        /// The private inputs.
        open: Vec<String>,
    },
    /// Class names that fit no output.
    #[error("{found} class names, but output `{output}` has {expected} entries in its last axis")]
    Classes {
        /// The output.
        output: String,
        /// Entries of its last axis.
        expected: usize,
        /// Names given.
        found: usize,
    },
}

fn ticked(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Why openings are not usable.
#[derive(Debug, Error)]
pub enum OpeningError {
    /// The file.
    #[error("{}: {problem}; openings are written where a proof commits to tensors", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No opening, or more than one, for an input.
    #[error(
        "input `{input}` takes {entries} values with {fractional_bits} fractional bits; the \
            openings have {given}; \
         compile one of the models with other fractional bits so that they agree"
    )]
    Unfit {
        /// The input.
        input: String,
        /// Its number of values.
        entries: usize,
        /// Its fractional bits.
        fractional_bits: i32,
        /// What there is.
        given: String,
    },
}

/// What is wrong with the contents of a `model.lemma`.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct FormatError(pub String);

/// Why a compiled model is not read or written.
#[derive(Debug, Error)]
pub enum PackageError {
    /// The file system.
    #[error("cannot read {}: {source}; was the folder made by `lemma compile`?", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a compiled model, or a damaged one.
    #[error("{}: {problem}; run `lemma compile` again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// No keys yet.
    #[error("{} holds a compiled model and no keys; run `lemma setup {}` first", path.display(), path.display())]
    NoKeys {
        /// The folder.
        path: PathBuf,
    },
    /// Keys that do not belong to the model, or to each other.
    #[error("{}: {problem}; run `lemma setup` again", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: &'static str,
    },
    /// Another model than the keys were made for.
    #[error(
        "{} was compiled again, or removed, while the keys were made; run `lemma setup` again",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A package that was read from another folder, without its tokenizer.
    #[error(
        "{} would be missing: give the package its tokenizer before it is written",
        path.display()
    )]
    Tokenizer {
        /// The file.
        path: PathBuf,
    },
    /// The lock of the folder.
    #[error("cannot lock the folder {}: {source}", path.display())]
    Lock {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The serialiser.
    #[error("cannot serialise the model: {0}")]
    Serialize(#[from] postcard::Error),
    /// Making the folder.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Writing a file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an inference is not proven.
#[derive(Debug, Error)]
pub enum InferError {
    /// The input data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An input of the model that the data does not have.
    #[error("the data has no array for input `{0}`")]
    MissingInput(String),
    /// A salt for a tensor that the model does not commit to.
    #[error("`{name}` takes no salt: the model commits to {committed:?}")]
    Salt {
        /// The tensor.
        name: String,
        /// Those that take one.
        committed: Vec<String>,
    },
    /// An opening for an input.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// The integer graph: a wrong input, or a value outside its calibrated range.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// A constraint that does not hold: a fault of the circuit, since the model ran inside its
    /// ranges.
    #[error("{site}, row {row}, does not hold; run `lemma check` and report this")]
    Unsatisfied {
        /// The constraint.
        site: Site,
        /// Its row.
        row: usize,
    },
    /// The prover.
    #[error(transparent)]
    Prove(ProveError),
}
