//! `lemma run`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use lemma::prover::store::{expect_replaceable, write_atomically};
use lemma::quantizer::data::write_npz;
use lemma::quantizer::quantize::dequantize;
use lemma::verifier::visible::{quoted, visible};
use lemma::{Folder, InferError, Integers, Package};
use serde::Serialize;

use super::input::{Input, explained};
use crate::output::{Exit, Output};

/// Arguments of `lemma run`.
#[derive(Args)]
pub struct Run {
    /// Folder of a compiled model; it needs no keys.
    folder: PathBuf,
    #[command(flatten)]
    input: Input,
    /// Run all samples of the input; the outputs go to the file that -o names.
    #[arg(long, requires_all = ["input", "output"], conflicts_with_all = ["index", "texts"])]
    all: bool,
    /// Where to write the outputs of all samples, .npz.
    #[arg(short, long, requires = "all")]
    output: Option<PathBuf>,
}

/// What `lemma run --all` prints.
#[derive(Serialize)]
struct Batch<'a> {
    samples: usize,
    file: &'a Path,
}

/// What an archive of arrays begins with, so that `-o` replaces no other file.
const ARCHIVE: (&str, &str) = ("archive of arrays", "PK\u{3}\u{4}");

/// What `lemma run` prints.
#[derive(Serialize)]
struct Outputs {
    outputs: Vec<Values>,
    /// Tokens of the text, padding left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    /// Their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Vec<u32>>,
    /// A generated text with its prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// An output of the integer model as real numbers.
#[derive(Serialize)]
struct Values {
    name: String,
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Run {
    /// Runs the command.
    pub fn run(self, output: &Output) -> Result<Exit> {
        let folder = Folder::new(&self.folder);
        let _lock = folder.hold()?;
        let package = folder.package()?;
        if let Some(path) = self.output.as_deref().filter(|_| self.all) {
            return self.run_all(&package, path, output);
        }
        let job = self.input.job(&folder, &package, &Integers::new(), &[], output)?;
        let graph = package.graph();
        let values = graph.execute(&job.inputs).map_err(InferError::from);
        let values = values.map_err(|error| explained(&job, error))?;
        let outputs = graph.outputs.iter().map(|port| {
            let node = graph.node(port.node);
            let integers = values.get(port.node.0).map_or(&[][..], |values| values);
            let values = integers.iter().map(|v| dequantize(*v, node.fractional_bits)).collect();
            Values { name: port.name.clone(), shape: node.shape.clone(), values }
        });
        let text = match &job.ids {
            Some(ids) if job.generated => Some(folder.tokenizer(&package)?.decode(ids)),
            _ => None,
        };
        let outputs = Outputs {
            outputs: outputs.collect(),
            tokens: job.ids.as_ref().map(Vec::len),
            ids: job.ids,
            text,
        };
        output.result(&outputs, describe)?;
        Ok(Exit::Success)
    }
}

impl Run {
    fn run_all(&self, package: &Package, path: &Path, output: &Output) -> Result<Exit> {
        expect_replaceable(path, ARCHIVE.0, ARCHIVE.1)?;
        let samples = self.input.samples()?.context("--input is needed")?;
        let bar = output.bar();
        let outputs = package.run_all(&samples, &bar)?;
        drop(bar);
        let arrays =
            outputs.iter().map(|o| (o.name.as_str(), o.shape.as_slice(), o.values.as_slice()));
        write_atomically(path, |out| write_npz(out, arrays))?;
        let samples = outputs.first().and_then(|output| output.shape.first()).copied().unwrap_or(0);
        output.result(&Batch { samples, file: path }, |batch| {
            format!(
                "{} samples written to {}\nnot proven: `lemma prove` does that",
                batch.samples,
                visible(&batch.file.display().to_string())
            )
        })?;
        Ok(Exit::Success)
    }
}

fn describe(outputs: &Outputs) -> String {
    const SHOWN: usize = 16;
    let mut lines: Vec<String> = outputs.text.iter().map(|text| quoted(text)).collect();
    lines.extend(outputs.ids.iter().map(|ids| format!("tokens: {ids:?}")));
    for Values { name, shape, values } in &outputs.outputs {
        let shown =
            values.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let more = values.len().saturating_sub(SHOWN);
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        let name = visible(name);
        lines.push(format!("output `{name}` {shape:?} = [{shown}{rest}]"));
    }
    lines.push("not proven: `lemma prove` does that".into());
    lines.join("\n")
}
