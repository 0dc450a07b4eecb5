//! `lemma compile`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use lemma::generation::{CausalModel, Decoder, PROMPT, TOKENS};
use lemma::import::{llama2c, onnx};
use lemma::model::{Model, Op};
use lemma::prover::store::read_at_most;
use lemma::quantizer::calibrate::Method;
use lemma::quantizer::data::ByteScale;
use lemma::quantizer::report::{Finding, Verdict};
use lemma::text::{START, TextInputs, Tokenizer, is_text, own_texts, read_texts};
use lemma::verifier::visible::visible;
use lemma::{CompileOptions, Folder, Inspection, Package, Report, Samples, compile, inspect, report_text};
use serde::Serialize;

use super::{grouped, named};
use crate::output::{Exit, Output, Refused};

/// Arguments of `lemma compile`.
#[derive(Args)]
pub struct Compile {
    /// The model: an ONNX file, or a llama2.c checkpoint (.bin).
    model: PathBuf,
    /// Sample inputs, .npz or .json, or with a tokenizer .txt or .tsv: what the ranges are taken from. A decoder without any writes its own.
    #[arg(long, required_unless_present_any = ["tokens", "decoder"])]
    calibration: Option<PathBuf>,
    /// The tokenizer of a model of text: tokenizer.json, tokenizer.bin of llama2.c, or a JSON object with a list `chars`.
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Held-out data to measure accuracy on; the calibration data when absent.
    #[arg(long)]
    test: Option<PathBuf>,
    /// What an unsigned byte of the data is multiplied by where it is given for a real number: 1 for 0 to 255, 1/255 for 0 to 1.
    #[arg(long)]
    scale: Option<ByteScale>,
    /// Name of the array with the class labels in the test data.
    #[arg(long)]
    labels: Option<String>,
    /// JSON list with the names of the classes, or an object with such a list as `labels`.
    #[arg(long)]
    classes: Option<PathBuf>,
    /// An input to show in the statement; may be repeated. Outputs are shown unless --private names them.
    #[arg(long)]
    public: Vec<String>,
    /// An output to hide, or the `prompt` of a decoder; may be repeated.
    #[arg(long)]
    private: Vec<String>,
    /// An input or output to commit to, such as the `prompt` of a decoder: the statement has its salted digest; may be repeated.
    #[arg(long, value_name = "NAME")]
    committed: Vec<String>,
    /// NAME=N: fractional bits of an input or output, to agree with another model; may be repeated.
    #[arg(long, value_name = "NAME=N", value_parser = named)]
    fractional_bits: Vec<(String, String)>,
    /// Bits of an activation (6 to 18); by default the cheapest of 12 to 16.
    #[arg(long)]
    bits: Option<u32>,
    /// Declared range over calibrated range.
    #[arg(long, default_value_t = 2.0)]
    headroom: f64,
    /// Fewest significant bits of the largest weight of a layer (2 to 16).
    #[arg(long, default_value_t = 7)]
    weight_bits: u32,
    /// Take ranges from this percentile of the absolute values instead of the largest.
    #[arg(long)]
    percentile: Option<f64>,
    /// Size of dynamic axes other than the batch.
    #[arg(long)]
    tokens: Option<usize>,
    /// The model is a causal language model, token ids to logits: compile its choice of every next token, so that it generates. A llama2.c
    /// checkpoint always is one.
    #[arg(long)]
    decoder: bool,
    /// Keep the result although its report speaks against it: the accuracy falls, outputs differ, samples leave the range.
    #[arg(long)]
    accept: bool,
    /// Folder to write.
    #[arg(short, long)]
    output: PathBuf,
}

/// What `lemma compile` prints.
#[derive(Serialize)]
struct Compiled<'a> {
    folder: &'a Path,
    inspection: Inspection,
    /// What speaks against the integer model.
    warnings: Vec<String>,
    report: Report,
}

/// A sample with its class, where it has one.
type Labelled = (lemma::Inputs, Option<usize>);

/// Texts that a decoder writes to calibrate itself.
const OWN_TEXTS: usize = 16;

impl Compile {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let bar = output.bar();
        let source = self.load()?;
        let tokenizer = self.tokenizer.as_deref().map(Tokenizer::read).transpose()?;
        let decoder = (self.decoder || self.is_checkpoint()).then(|| self.kind()).transpose()?;
        let causal = decoder.map(|kind| CausalModel::new(source.clone()).map(|causal| (causal, kind))).transpose()?;
        let model = causal.as_ref().map_or_else(|| Ok(source.clone()), |(causal, kind)| causal.decoder(*kind))?;
        let entries = causal.as_ref().map_or_else(|| class_count(&model), |(causal, _)| causal.vocabulary());
        let options = self.options(entries, decoder, tokenizer.as_ref())?;
        // Data are those of the model in the file.
        let converted = |inputs: lemma::Inputs| match &causal {
            Some((causal, kind)) => causal.convert(*kind, &inputs),
            None => inputs,
        };
        let data = |path: &Path, labels| -> Result<Vec<Labelled>> {
            let samples = if is_text(path) {
                texts(path, &source, tokenizer.as_ref(), &options.classes, causal.is_some())?
            } else {
                arrays(path, &source, self.scale, labels)?
            };
            Ok(samples.into_iter().map(|(inputs, label)| (converted(inputs), label)).collect())
        };
        let calibration: Vec<lemma::Inputs> = match (&self.calibration, &causal) {
            // Only --test may have labels of its own; without it the calibration data are measured.
            (Some(path), _) => data(path, None)?.into_iter().map(|(inputs, _)| inputs).collect(),
            (None, Some((causal, _))) => {
                let (first, padding) = match &tokenizer {
                    Some(tokenizer) => (tokenizer.first(), tokenizer.padding()),
                    None if self.is_checkpoint() => (Some(START), START),
                    None => (None, 0),
                };
                own_texts(causal, first, padding, OWN_TEXTS)?.into_iter().map(converted).collect()
            }
            (None, None) => bail!("--calibration is needed: sample inputs to take the ranges from"),
        };
        let test = match (&self.test, &self.calibration, &self.labels) {
            (Some(path), _, labels) => data(path, labels.as_deref())?,
            (None, Some(path), Some(labels)) => data(path, Some(labels))?,
            _ => Vec::new(),
        };
        let name = self.model.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
        let (package, report) = compile(name, model, &calibration, &test, &options, &bar)?;
        drop(bar);
        let warnings = self.judge(&report, output)?;
        let package = package.with_tokenizer(tokenizer);
        write(&package, &report, &Folder::new(&self.output), output)?;
        let compiled = Compiled { folder: &self.output, inspection: inspect(&package), warnings, report };
        output.result(&compiled, |compiled| describe(compiled))?;
        Ok(Exit::Success)
    }

    /// What speaks against the integer model, if it may be kept.
    fn judge(&self, report: &Report, output: &Output) -> Result<Vec<String>> {
        let Verdict { errors, warnings } = report.verdict();
        let said = |findings: &[Finding]| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        if errors.is_empty() || self.accept {
            return Ok(said(&[errors, warnings].concat()));
        }
        output.note(&report_text(report));
        Err(Refused { reasons: said(&errors) }.into())
    }

    /// The float model of the file.
    fn load(&self) -> Result<Model> {
        if self.is_checkpoint() {
            let tokens = self.tokens.context("a llama2.c checkpoint needs --tokens N, the number of tokens of a proof")?;
            return Ok(llama2c::load(&self.model, &llama2c::Options { tokens })?);
        }
        Ok(onnx::load(&self.model, &onnx::Options { tokens: self.tokens })?)
    }

    fn is_checkpoint(&self) -> bool {
        self.model.extension().is_some_and(|ending| ending == "bin")
    }

    /// The kind of decoder that the arguments ask for.
    fn kind(&self) -> Result<Decoder> {
        if self.committed.iter().any(|name| name == TOKENS) {
            bail!("the tokens of a decoder are its prompt and its text; to hide the prompt, name it: --committed {PROMPT}");
        }
        let hidden = self.committed.iter().chain(&self.private).any(|name| name == PROMPT);
        Ok(if hidden { Decoder::Hidden } else { Decoder::Shown })
    }

    /// `entries`: how many classes the first output has.
    fn options(&self, entries: usize, decoder: Option<Decoder>, tokenizer: Option<&Tokenizer>) -> Result<CompileOptions> {
        let mut classes = match &self.classes {
            None => Vec::new(),
            Some(path) => read_classes(path)?,
        };
        if let Some(tokenizer) = tokenizer.filter(|tokenizer| classes.is_empty() && entries == tokenizer.vocabulary()) {
            classes = tokenizer.names();
        }
        let mut public = self.public.clone();
        // A generated text is checked against these, so they are shown.
        for name in decoder.map_or(&[][..], Decoder::public_inputs) {
            if !self.private.iter().chain(&public).any(|other| other == name) {
                public.push((*name).into());
            }
        }
        let method = match self.percentile {
            None => Method::Max,
            Some(p) if (0.0..=100.0).contains(&p) => Method::Percentile(p / 100.0),
            Some(p) => bail!("a percentile of {p}; it lies between 0 and 100"),
        };
        let bits = |(name, bits): &(String, String)| match bits.parse() {
            Ok(bits) => Ok((name.clone(), bits)),
            Err(_) => bail!("--fractional-bits {name}={bits}: a whole number is expected"),
        };
        let fractional_bits = self.fractional_bits.iter().map(bits).collect::<Result<_>>()?;
        Ok(CompileOptions {
            bits: self.bits,
            headroom: self.headroom,
            weight_bits: self.weight_bits,
            method,
            public,
            private: self.private.clone(),
            committed: self.committed.clone(),
            fractional_bits,
            classes,
        })
    }
}

/// Class names from a list, or from the `labels` of an object.
pub fn read_classes(path: &Path) -> Result<Vec<String>> {
    let text = read_at_most(path, MAX_CLASSES).with_context(|| format!("cannot read {}", path.display()))?;
    let names = || format!("{}: a JSON list of names is expected, or an object with one as `labels`", path.display());
    let mut value: serde_json::Value = serde_json::from_slice(&text).with_context(names)?;
    if let Some(labels) = value.get_mut("labels") {
        value = labels.take();
    }
    let classes: Vec<String> = serde_json::from_value(value).with_context(names)?;
    let mut known = BTreeSet::new();
    match classes.iter().find(|class| !known.insert(*class)) {
        Some(class) => bail!("{}: two classes are called {class:?}; a statement could mean either", path.display()),
        None => Ok(classes),
    }
}

/// Largest file of class names in bytes.
const MAX_CLASSES: u64 = 1 << 24;

/// Entries along the last axis of the first output, or indices that it can have.
fn class_count(model: &Model) -> usize {
    let node = model.outputs.first().and_then(|(_, id)| model.node(*id));
    let scores = match node {
        Some(node) if matches!(node.op, Op::ArgMax) => node.inputs.first().and_then(|id| model.node(*id)),
        node => node,
    };
    scores.and_then(|node| node.shape.last()).copied().unwrap_or(0)
}

/// The samples of a file of texts.
fn texts(path: &Path, model: &Model, tokenizer: Option<&Tokenizer>, classes: &[String], decoder: bool) -> Result<Vec<Labelled>> {
    let tokenizer = tokenizer.with_context(|| format!("{}: texts need --tokenizer", path.display()))?;
    let inputs = TextInputs::of(model).map_err(|problem| problem.of(path))?;
    let inputs = if decoder { inputs.from_start() } else { inputs };
    Ok(read_texts(path, tokenizer, &inputs, classes)?)
}

/// The samples of a file of arrays.
fn arrays(path: &Path, model: &Model, scale: Option<ByteScale>, labels: Option<&str>) -> Result<Vec<Labelled>> {
    let samples = Samples::read(path)?.with_byte_scale(scale);
    let inputs = all_samples(&samples, model)?;
    let labels = match labels {
        Some(name) => samples.labels_of(name, inputs.len())?.into_iter().map(Some).collect(),
        None => vec![None; inputs.len()],
    };
    Ok(inputs.into_iter().zip(labels).collect())
}

/// Writes a package with its report, and says when keys of another model had to go.
pub fn write(package: &Package, report: &Report, folder: &Folder, output: &Output) -> Result<()> {
    let had_keys = folder.has_keys();
    folder.write_package(package, report)?;
    if had_keys && !folder.has_keys() {
        output.note("the keys in the folder were those of another model and are removed: run `lemma setup`");
    }
    Ok(())
}

/// Every sample of a file as inputs of a model.
pub fn all_samples(samples: &Samples, model: &Model) -> Result<Vec<lemma::Inputs>> {
    let count = samples.count(model)?;
    Ok((0..count).map(|index| samples.sample(index, model)).collect::<Result<_, _>>()?)
}

fn describe(compiled: &Compiled) -> String {
    let inspection = &compiled.inspection;
    let warnings: String = compiled.warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect();
    format!(
        "{}{warnings}\n\n{} constraints, {} lookups, {} table rows, {} public values; written to {}",
        report_text(&compiled.report),
        grouped(inspection.constraints as u64),
        grouped(inspection.lookups as u64),
        grouped(inspection.table_rows as u64),
        inspection.public_values,
        visible(&compiled.folder.display().to_string()),
    )
}
