//! The input of one inference: arrays, a text, or a prompt to continue.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use lemma::prover::store::read_at_most;
use lemma::quantizer::data::ByteScale;
use lemma::text::Side;
use lemma::verifier::visible::visible;
use lemma::{Cut, Folder, Integers, Job, JobError, Package, Request, Samples, read_samples};

use crate::output::Output;

/// Where the input comes from.
#[derive(Args)]
pub struct Input {
    /// The input: .npz, .npy, .csv or .json, or an image in .png or .jpg.
    #[arg(long)]
    input: Option<PathBuf>,
    /// What an unsigned byte of the input is multiplied by where it is given for a real number: 1
    /// for 0 to 255, 1/255 for 0 to 1.
    #[arg(long, requires = "input")]
    scale: Option<ByteScale>,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// The input as text, for a model with a tokenizer. Other users of the machine can see
    /// arguments.
    #[arg(long, group = "texts", conflicts_with = "input")]
    text: Option<String>,
    /// As --text, from a file.
    #[arg(long, group = "texts", conflicts_with = "input")]
    text_file: Option<PathBuf>,
    /// The beginning of a text that the model continues. Other users of the machine can see
    /// arguments.
    #[arg(long, groups = ["texts", "prompts"], requires = "generate", conflicts_with = "input")]
    prompt: Option<String>,
    /// As --prompt, from a file.
    #[arg(long, groups = ["texts", "prompts"], requires = "generate", conflicts_with = "input")]
    prompt_file: Option<PathBuf>,
    /// How many tokens to generate; fewer when the model ends the text.
    #[arg(long, requires = "prompts")]
    generate: Option<usize>,
}

/// Largest file of one text in bytes.
const MAX_TEXT: u64 = 1 << 20;

impl Input {
    /// The samples of --input.
    pub fn samples(&self) -> Result<Option<Samples>> {
        let samples = self.input.as_deref().map(read_samples).transpose()?;
        Ok(samples.map(|samples| samples.with_byte_scale(self.scale)))
    }

    /// Reads the input beside what is `given`, and continues the prompt where there is one.
    pub fn job(
        &self,
        folder: &Folder,
        package: &Package,
        given: &Integers,
        context: &[u8],
        output: &Output,
    ) -> Result<Job> {
        let text = given_text(self.text.as_deref(), self.text_file.as_deref())?;
        let prompt = given_text(self.prompt.as_deref(), self.prompt_file.as_deref())?;
        let samples = self.samples()?;
        let request = match (&text, &prompt) {
            (Some(text), _) => Request::Text(text),
            (_, Some(text)) => Request::Prompt { text, generate: self.generate.unwrap_or(0) },
            _ => {
                let complete =
                    package.graph().inputs.iter().all(|port| given.contains_key(&port.name));
                ensure!(samples.is_some() || complete, "--input, --text or --prompt is needed");
                Request::Arrays(samples.as_ref().map(|samples| (samples, self.index)))
            }
        };
        job(folder, package, &request, given, context, output)
    }
}

/// The job of a request, and a line about what was cut off.
pub fn job(
    folder: &Folder,
    package: &Package,
    request: &Request,
    given: &Integers,
    context: &[u8],
    output: &Output,
) -> Result<Job> {
    let bar = output.bar();
    let job = package.job(|| folder.tokenizer(package), request, given, context, &bar)?;
    drop(bar);
    if let Some(Cut { whole, read, side }) = job.cut {
        let part = if side == Side::Left { "last" } else { "first" };
        output.note(&format!("the text has {whole} tokens; the model reads the {part} {read}"));
    }
    Ok(job)
}

/// What went wrong with a job, and the column of a table that it is about.
pub fn explained(job: &Job, error: impl Into<JobError>) -> anyhow::Error {
    let error = error.into();
    match job.feature(&error).map(|name| format!("column `{}`", visible(name))) {
        Some(column) => anyhow::Error::new(error).context(column),
        None => error.into(),
    }
}

/// A text from the arguments, or from the file that they name.
fn given_text(text: Option<&str>, file: Option<&Path>) -> Result<Option<String>> {
    let Some(path) = file else { return Ok(text.map(str::to_owned)) };
    let read = || Ok::<_, anyhow::Error>(String::from_utf8(read_at_most(path, MAX_TEXT)?)?);
    let mut text = read().with_context(|| format!("cannot read {}", path.display()))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(Some(text))
}
