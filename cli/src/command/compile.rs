//! `lemma compile`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use lemma::quantizer::calibrate::Method;
use lemma::quantizer::data::ByteScale;
use lemma::quantizer::report::{Finding, Verdict};
use lemma::verifier::visible::visible;
use lemma::{CompileOptions, Folder, Inspection, Package, Report, Sources, inspect, report_text};
use serde::Serialize;

use super::{grouped, named, shape};
use crate::output::{Exit, Output, Refused};

/// Arguments of `lemma compile`.
#[derive(Args)]
pub struct Compile {
    /// The model: an ONNX file, a GGUF file, a llama2.c checkpoint (.bin), or a folder of Hugging
    /// Face.
    model: PathBuf,
    /// Sample inputs, .npz, .npy, .csv or .json, or with a tokenizer .txt or .tsv: what the ranges
    /// are taken from. A decoder without any writes its own.
    #[arg(long, required_unless_present_any = ["tokens", "decoder"])]
    calibration: Option<PathBuf>,
    /// The tokenizer of a model of text: tokenizer.json, tokenizer.bin of llama2.c, or a JSON
    /// object with a list `chars`. A GGUF file and a folder bring their own.
    #[arg(long)]
    tokenizer: Option<PathBuf>,
    /// Held-out data to measure accuracy on; the calibration data when absent.
    #[arg(long)]
    test: Option<PathBuf>,
    /// What an unsigned byte of the data is multiplied by where it is given for a real number: 1
    /// for 0 to 255, 1/255 for 0 to 1.
    #[arg(long)]
    scale: Option<ByteScale>,
    /// Name of the array or column with the class labels in the test data.
    #[arg(long)]
    labels: Option<String>,
    /// JSON list with the names of the classes, or an object with such a list as `labels`.
    #[arg(long)]
    classes: Option<PathBuf>,
    /// An input to show in the statement; may be repeated. Outputs are shown unless --private names
    /// them.
    #[arg(long)]
    public: Vec<String>,
    /// An output to hide, or the `prompt` of a decoder; may be repeated.
    #[arg(long)]
    private: Vec<String>,
    /// An input or output to commit to, such as the `prompt` of a decoder: the statement has its
    /// salted digest; may be repeated.
    #[arg(long, value_name = "NAME")]
    committed: Vec<String>,
    /// NAME=N: fractional bits of an input or output, to agree with another model; may be repeated.
    #[arg(long, value_name = "NAME=N", value_parser = named)]
    fractional_bits: Vec<(String, String)>,
    /// Bits of an activation (6 to 18); by default the most of 12 to 16 that cost at most 2% more
    /// than the cheapest, or 1,000 constraints.
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
    /// Size of dynamic axes other than the batch, where --shape gives none; number of tokens of a
    /// language model.
    #[arg(long)]
    tokens: Option<usize>,
    /// NAME=1,3,48,192: the shape of an input with dynamic axes, the batch axis included; may be
    /// repeated. Without it an open axis is as long as in the calibration arrays.
    #[arg(long, value_name = "NAME=SIZES", value_parser = shape)]
    shape: Vec<(String, Vec<usize>)>,
    /// The outputs to keep, in this order; what only others need is left out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    outputs: Vec<String>,
    /// Name of the model in keys and statements; that of its file when absent.
    #[arg(long)]
    name: Option<String>,
    /// The model is a causal language model, token ids to logits: compile its choice of every next
    /// token, so that it generates. GGUF files, llama2.c checkpoints and
    /// folders of a decoder always are.
    #[arg(long)]
    decoder: bool,
    /// Keep the result although its report speaks against it: the accuracy falls, outputs differ,
    /// samples leave the range.
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

impl Compile {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let bar = output.bar();
        let sources = Sources {
            model: self.model.clone(),
            calibration: self.calibration.clone(),
            test: self.test.clone(),
            labels: self.labels.clone(),
            scale: self.scale,
            tokenizer: self.tokenizer.clone(),
            classes: self.classes.clone(),
            tokens: self.tokens,
            shapes: self.shapes()?,
            outputs: self.outputs.clone(),
            name: self.name.clone(),
            decoder: self.decoder,
        };
        let (package, report) = sources.compile(&self.options()?, &bar)?;
        drop(bar);
        let warnings = self.judge(&report, output)?;
        write(&package, &report, &Folder::new(&self.output), output)?;
        let compiled =
            Compiled { folder: &self.output, inspection: inspect(&package), warnings, report };
        output.result(&compiled, |compiled| describe(compiled))?;
        Ok(Exit::Success)
    }

    /// What speaks against the integer model, if it may be kept.
    fn judge(&self, report: &Report, output: &Output) -> Result<Vec<String>> {
        let Verdict { errors, warnings } = report.verdict();
        let said =
            |findings: &[Finding]| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
        if errors.is_empty() || self.accept {
            return Ok(said(&[errors, warnings].concat()));
        }
        output.note(&report_text(report));
        Err(Refused { reasons: said(&errors) }.into())
    }

    fn shapes(&self) -> Result<BTreeMap<String, Vec<usize>>> {
        let mut shapes = BTreeMap::new();
        for (name, shape) in &self.shape {
            if shapes.insert(name.clone(), shape.clone()).is_some() {
                bail!("two shapes are given for `{name}`");
            }
        }
        Ok(shapes)
    }

    fn options(&self) -> Result<CompileOptions> {
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
            public: self.public.clone(),
            private: self.private.clone(),
            committed: self.committed.clone(),
            fractional_bits,
            classes: Vec::new(),
        })
    }
}

/// Writes a package with its report, and says when keys of another model had to go.
pub fn write(package: &Package, report: &Report, folder: &Folder, output: &Output) -> Result<()> {
    let had_keys = folder.has_keys();
    folder.write_package(package, report)?;
    if had_keys && !folder.has_keys() {
        output.note(
            "the keys in the folder were those of another model and are removed: run `lemma setup`",
        );
    }
    Ok(())
}

fn describe(compiled: &Compiled) -> String {
    let inspection = &compiled.inspection;
    let warnings: String =
        compiled.warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect();
    format!(
        "{}{warnings}\n\n{} constraints, {} lookups, {} table rows, {} public values; written to \
            {}",
        report_text(&compiled.report),
        grouped(inspection.constraints as u64),
        grouped(inspection.lookups as u64),
        grouped(inspection.table_rows as u64),
        inspection.public_values,
        visible(&compiled.folder.display().to_string()),
    )
}
