//! A compilation from files: a model with the data and names beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lemma_import::{Format, ImportError, gguf, huggingface};
use lemma_model::{ExecuteError, Model, Op, ShapeError};
use lemma_prover::Progress;
use lemma_prover::store::read_at_most;
use lemma_quantizer::data::{ByteScale, DataError, Samples};
use lemma_quantizer::report::Report;
use thiserror::Error;

use super::{CompileOptions, compile};
use crate::error::CompileError;
use crate::generation::{CausalModel, Decoder, DecoderError, PROMPT, TOKENS};
use crate::text::{START, TextError, TextInputs, Tokenizer, is_text, own_texts, read_texts};
use crate::{Inputs, Package, read_samples};

/// The files of a compilation, and how to read them.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The model: an ONNX file, a GGUF file, a llama2.c checkpoint or a folder of Hugging Face; the
    /// content decides.
    pub model: PathBuf,
    /// Sample inputs that the ranges are taken from: arrays in .npz, .npy or .json, a table in .csv,
    /// or with a tokenizer texts in .txt or .tsv. A decoder without any writes its own.
    pub calibration: Option<PathBuf>,
    /// Held-out samples to measure on.
    pub test: Option<PathBuf>,
    /// Name of the array or column with the class of each sample: in `test`, or without it in
    /// `calibration`.
    pub labels: Option<String>,
    /// What an unsigned byte of the data stands for.
    pub scale: Option<ByteScale>,
    /// The tokenizer of a model of text. A GGUF file and a folder bring their own.
    pub tokenizer: Option<PathBuf>,
    /// Class names: a JSON list, or an object with such a list as `labels`. They take the place of
    /// [`CompileOptions::classes`]; without either they are those of the model's file.
    pub classes: Option<PathBuf>,
    /// Number of tokens of a language model, or size of the dynamic axes other than the batch.
    pub tokens: Option<usize>,
    /// Shapes of inputs with dynamic axes, by name. An axis whose size nothing gives has that of
    /// the calibration arrays.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Outputs of an ONNX file to keep, in this order; all when empty.
    pub outputs: Vec<String>,
    /// Name of the model; that of its file when absent.
    pub name: Option<String>,
    /// Whether the model is a causal language model whose choices of the next token are to be
    /// compiled. GGUF files, llama2.c checkpoints and folders of a decoder always are.
    pub decoder: bool,
}

/// Why files are not compiled.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The model.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A tokenizer or a file of texts.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A file of arrays.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file of class names.
    #[error("{}: {problem}", path.display())]
    Classes {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Texts without a tokenizer.
    #[error("{}: texts need a tokenizer", path.display())]
    NoTokenizer {
        /// The file of texts.
        path: PathBuf,
    },
    /// Nothing to take ranges from.
    #[error("sample inputs to take the ranges from are needed")]
    NoCalibration,
    /// Committed tokens of a decoder.
    #[error(
        "the tokens of a decoder are its prompt and its text; to hide the prompt, commit to \
            `{PROMPT}`"
    )]
    CommittedTokens,
    /// A decoder that is none.
    #[error(transparent)]
    Decoder(#[from] DecoderError),
    /// A decoder that does not fit together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A decoder that cannot run.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The compilation.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// A sample with its class, where it has one.
type Labelled = (Inputs, Option<usize>);

/// Texts that a decoder writes to calibrate itself.
const OWN_TEXTS: usize = 16;

/// Largest file of class names in bytes.
const MAX_CLASSES: u64 = 1 << 24;

impl Sources {
    /// Reads and compiles the files. The package has the tokenizer.
    ///
    /// # Errors
    /// [`SourceError`]: a file that cannot be read, or what [`compile`] says.
    pub fn compile(
        &self,
        options: &CompileOptions,
        progress: &dyn Progress,
    ) -> Result<(Package, Report), SourceError> {
        let format = Format::of(&self.model)?;
        let always = match format {
            Format::Onnx => false,
            Format::Llama2c | Format::Gguf => true,
            Format::HuggingFace => {
                huggingface::is_decoder(&self.model).map_err(ImportError::from)?
            }
        };
        let decoder = if self.decoder || always { Some(kind(options)?) } else { None };
        let tokenizer = self.tokenizer(format)?;
        let arrays_of = |path: &Path| -> Result<Samples, DataError> {
            let samples = read_samples(path)?.with_byte_scale(self.scale);
            Ok(samples.with_labels(self.labels.as_deref()))
        };
        let own = self.calibration.as_deref().filter(|path| !is_text(path));
        let own = own.map(arrays_of).transpose()?;
        let open = lemma_import::Options {
            tokens: self.tokens,
            shapes: self.shapes.clone(),
            samples: own.as_ref().map(Samples::shapes).unwrap_or_default(),
            outputs: self.outputs.clone(),
            whole_text: self.decoder,
        };
        let source = lemma_import::load(&self.model, &open)?;
        let inputs = inputs(&source)?;
        let (causal, model) = match decoder {
            None => (None, source),
            Some(kind) => {
                let causal = CausalModel::new(source)?;
                let model = causal.decoder(kind)?;
                (Some((causal, kind)), model)
            }
        };
        let entries =
            causal.as_ref().map_or_else(|| class_count(&model), |(causal, _)| causal.vocabulary());
        let mut options = self.complete(options, entries, decoder, tokenizer.as_ref())?;
        if options.classes.is_empty() && model.classes.len() == entries {
            options.classes = model.classes.clone();
        }
        // Data are those of the model in the file.
        let converted = |inputs: Inputs| match &causal {
            Some((causal, kind)) => causal.convert(*kind, &inputs),
            None => inputs,
        };
        let data = |path: &Path, labels| -> Result<Vec<Labelled>, SourceError> {
            let samples = if is_text(path) {
                texts(path, &inputs, tokenizer.as_ref(), &options.classes, causal.is_some())?
            } else if let Some(own) =
                own.as_ref().filter(|_| self.calibration.as_deref() == Some(path))
            {
                labelled(own, &inputs, labels, &options.classes)?
            } else {
                labelled(&arrays_of(path)?, &inputs, labels, &options.classes)?
            };
            Ok(samples.into_iter().map(|(inputs, label)| (converted(inputs), label)).collect())
        };
        let calibration: Vec<Inputs> = match (&self.calibration, &causal) {
            // Only the test data may have labels of their own; without them the calibration data
            // are measured.
            (Some(path), _) => data(path, None)?.into_iter().map(|(inputs, _)| inputs).collect(),
            (None, Some((causal, _))) => {
                let (first, padding) = match &tokenizer {
                    Some(tokenizer) => (tokenizer.opening(), tokenizer.padding()),
                    None if format == Format::Llama2c => (Some(START), START),
                    None => (None, 0),
                };
                own_texts(causal, first, padding, OWN_TEXTS)?.into_iter().map(converted).collect()
            }
            (None, None) => return Err(SourceError::NoCalibration),
        };
        let test = match (&self.test, &self.calibration, &self.labels) {
            (Some(path), _, labels) => data(path, labels.as_deref())?,
            (None, Some(path), Some(labels)) => data(path, Some(labels))?,
            _ => Vec::new(),
        };
        let of_file = || self.model.file_stem().and_then(|stem| stem.to_str());
        let name = self.name.as_deref().or_else(of_file).unwrap_or("model");
        let (package, report) = compile(name, model, &calibration, &test, &options, progress)?;
        Ok((package.with_tokenizer(tokenizer), report))
    }

    /// The tokenizer that is given, or the model's own.
    fn tokenizer(&self, format: Format) -> Result<Option<Tokenizer>, SourceError> {
        if let Some(path) = &self.tokenizer {
            return Ok(Some(Tokenizer::read(path)?));
        }
        if format == Format::HuggingFace {
            let path = self.model.join(huggingface::TOKENIZER);
            return Ok(path.is_file().then(|| Tokenizer::read(&path)).transpose()?);
        }
        if format != Format::Gguf {
            return Ok(None);
        }
        let vocabulary = gguf::vocabulary(&self.model).map_err(ImportError::from)?;
        let tokenizer = vocabulary.map(|vocabulary| Tokenizer::of_vocabulary(&vocabulary));
        Ok(tokenizer.transpose().map_err(|problem| problem.of(&self.model))?)
    }

    /// The options with what follows from the files; `entries`: how many classes the first output
    /// has.
    fn complete(
        &self,
        options: &CompileOptions,
        entries: usize,
        decoder: Option<Decoder>,
        tokenizer: Option<&Tokenizer>,
    ) -> Result<CompileOptions, SourceError> {
        let mut options = options.clone();
        if let Some(path) = &self.classes {
            options.classes = read_classes(path)
                .map_err(|problem| SourceError::Classes { path: path.clone(), problem })?;
        }
        if let Some(tokenizer) = tokenizer
            .filter(|tokenizer| options.classes.is_empty() && entries == tokenizer.vocabulary())
        {
            options.classes = tokenizer.names();
        }
        // A generated text is checked against these, so they are shown.
        for name in decoder.map_or(&[][..], Decoder::public_inputs) {
            if !options.private.iter().chain(&options.public).any(|other| other == name) {
                options.public.push((*name).into());
            }
        }
        Ok(options)
    }
}

/// The kind of decoder that the options ask for.
fn kind(options: &CompileOptions) -> Result<Decoder, SourceError> {
    if options.committed.iter().any(|name| name == TOKENS) {
        return Err(SourceError::CommittedTokens);
    }
    let hidden = options.committed.iter().chain(&options.private).any(|name| name == PROMPT);
    Ok(if hidden { Decoder::Hidden } else { Decoder::Shown })
}

/// The inputs of a model, without all else.
fn inputs(model: &Model) -> Result<Model, ShapeError> {
    let mut inputs = Model::default();
    for node in model.inputs.iter().filter_map(|id| model.node(*id)) {
        inputs.push_input(node.name.clone(), node.op.clone(), &node.shape)?;
    }
    Ok(inputs)
}

/// Class names from a list, or from the `labels` of an object.
fn read_classes(path: &Path) -> Result<Vec<String>, String> {
    let text =
        read_at_most(path, MAX_CLASSES).map_err(|error| format!("cannot be read: {error}"))?;
    let names = |error| {
        format!("a JSON list of names is expected, or an object with one as `labels`: {error}")
    };
    let mut value: serde_json::Value = serde_json::from_slice(&text).map_err(names)?;
    if let Some(labels) = value.get_mut("labels") {
        value = labels.take();
    }
    let classes: Vec<String> = serde_json::from_value(value).map_err(names)?;
    let mut known = BTreeSet::new();
    match classes.iter().find(|class| !known.insert(*class)) {
        Some(class) => {
            Err(format!("two classes are called {class:?}; a statement could mean either"))
        }
        None => Ok(classes),
    }
}

/// Entries along the last axis of the first output, or indices that it can have.
fn class_count(model: &Model) -> usize {
    let node = model.outputs.first().and_then(|(_, id)| model.node(*id));
    let scores = match node {
        Some(node) if matches!(node.op, Op::ArgMax) => {
            node.inputs.first().and_then(|id| model.node(*id))
        }
        node => node,
    };
    scores.and_then(|node| node.shape.last()).copied().unwrap_or(0)
}

/// The samples of a file of texts.
fn texts(
    path: &Path,
    model: &Model,
    tokenizer: Option<&Tokenizer>,
    classes: &[String],
    decoder: bool,
) -> Result<Vec<Labelled>, SourceError> {
    let tokenizer = tokenizer.ok_or_else(|| SourceError::NoTokenizer { path: path.to_owned() })?;
    let inputs = TextInputs::of(&model.input_ports()).map_err(|problem| problem.of(path))?;
    let inputs = if decoder { inputs.from_start() } else { inputs };
    Ok(read_texts(path, tokenizer, &inputs, classes)?)
}

/// The samples of a model's inputs, with their classes where `labels` names the array of them.
fn labelled(
    samples: &Samples,
    model: &Model,
    labels: Option<&str>,
    classes: &[String],
) -> Result<Vec<Labelled>, SourceError> {
    let inputs = samples.all(&model.input_ports())?;
    let labels = match labels {
        Some(name) => {
            samples.labels_of(name, inputs.len(), classes)?.into_iter().map(Some).collect()
        }
        None => vec![None; inputs.len()],
    };
    Ok(inputs.into_iter().zip(labels).collect())
}
