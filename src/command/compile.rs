//! `lemma compile`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use lemma::quantizer::calibrate::Method;
use lemma::quantizer::import::onnx;
use lemma::quantizer::model::Model;
use lemma::{CompileOptions, Folder, Inspection, Package, Report, Samples, compile, inspect};
use serde::Serialize;

use super::{grouped, named};
use crate::output::{Exit, Output};

/// Arguments of `lemma compile`.
#[derive(Args)]
pub struct Compile {
    /// The ONNX file.
    model: PathBuf,
    /// Sample inputs, .npz or .json: what the ranges are taken from.
    #[arg(long)]
    calibration: PathBuf,
    /// Held-out data to measure accuracy on; the calibration data when absent.
    #[arg(long)]
    test: Option<PathBuf>,
    /// Name of the array with the class labels in the test data.
    #[arg(long)]
    labels: Option<String>,
    /// JSON list with the names of the classes.
    #[arg(long)]
    classes: Option<PathBuf>,
    /// An input to show in the statement; may be repeated. Outputs are shown unless --private names them.
    #[arg(long)]
    public: Vec<String>,
    /// An output to hide; may be repeated.
    #[arg(long)]
    private: Vec<String>,
    /// An input or output to commit to: the statement has its salted digest; may be repeated.
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
    /// Folder to write.
    #[arg(short, long)]
    output: PathBuf,
}

/// What `lemma compile` prints.
#[derive(Serialize)]
struct Compiled<'a> {
    folder: &'a Path,
    inspection: Inspection,
    report: Report,
}

impl Compile {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let bar = output.bar();
        let model = onnx::load(&self.model, &onnx::Options { tokens: self.tokens })?;
        let calibration = Samples::read(&self.calibration)?;
        for note in calibration.notes(&model) {
            output.note(&note);
        }
        let inputs = all_samples(&calibration, &model)?;
        let test = self.test_data(&model, &calibration)?;
        let name = self.model.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
        let options = self.options()?;
        let (package, report) = compile(name, model, &inputs, &test, &options, &bar)?;
        drop(bar);
        write(&package, &report, &self.output)?;
        let compiled = Compiled { folder: &self.output, inspection: inspect(&package), report };
        output.result(&compiled, |compiled| describe(compiled))?;
        Ok(Exit::Success)
    }

    fn options(&self) -> Result<CompileOptions> {
        let classes = match &self.classes {
            None => Vec::new(),
            Some(path) => {
                let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("{}: a JSON list of names is expected", path.display()))?
            }
        };
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
            classes,
        })
    }

    fn test_data(&self, model: &Model, calibration: &Samples) -> Result<Vec<(lemma::Inputs, Option<usize>)>> {
        let own;
        let samples = match &self.test {
            Some(path) => {
                own = Samples::read(path)?;
                &own
            }
            None if self.labels.is_some() => calibration,
            None => return Ok(Vec::new()),
        };
        let inputs = all_samples(samples, model)?;
        let labels = self.labels.as_ref().map(|name| samples.labels(name)).transpose()?;
        Ok(inputs.into_iter().enumerate().map(|(i, x)| (x, labels.as_ref().and_then(|l| l.get(i).copied()))).collect())
    }
}

/// Writes a package with its report and the readable table.
pub fn write(package: &Package, report: &Report, folder: &Path) -> Result<()> {
    Folder::new(folder).write_package(package, report)?;
    Ok(())
}

/// Every sample of a file as inputs of a model.
pub fn all_samples(samples: &Samples, model: &Model) -> Result<Vec<lemma::Inputs>> {
    let count = samples.count(model)?;
    Ok((0..count).map(|index| samples.sample(index, model)).collect::<Result<_, _>>()?)
}

fn describe(compiled: &Compiled) -> String {
    let inspection = &compiled.inspection;
    format!(
        "{}\n\n{} constraints, {} lookups, {} table rows, {} public values; written to {}",
        compiled.report,
        grouped(inspection.constraints as u64),
        grouped(inspection.lookups as u64),
        grouped(inspection.table_rows as u64),
        inspection.public_values,
        compiled.folder.display(),
    )
}
