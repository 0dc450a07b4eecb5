//! The input of one inference: arrays, a text, or a prompt to continue.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use lemma::generation::{self, generate};
use lemma::text::TextInputs;
use lemma::{Folder, Package, Progress as _, Salt, Samples};

use crate::output::Output;

/// Where the input comes from.
#[derive(Args)]
pub struct Input {
    /// The input, .npz or .json.
    #[arg(long)]
    input: Option<PathBuf>,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// The input as text, for a model with a tokenizer.
    #[arg(long, conflicts_with_all = ["input", "prompt"])]
    text: Option<String>,
    /// The beginning of a text that the model continues.
    #[arg(long, requires = "generate", conflicts_with = "input")]
    prompt: Option<String>,
    /// How many tokens to generate; fewer when the model ends the text.
    #[arg(long, requires = "prompt")]
    generate: Option<usize>,
}

/// One inference.
pub struct Job {
    /// The integer inputs.
    pub inputs: Vec<Vec<i64>>,
    /// Tokens of the text, where it is one.
    pub tokens: Option<usize>,
    /// Salts of committed tensors that are not to be new ones, by name.
    pub salts: BTreeMap<String, Salt>,
    /// The bytes of the context: the caller's, after those of a generation where it is one.
    pub context: Vec<u8>,
}

const NO_TOKENIZER: &str = "text needs a tokenizer: run `lemma compile` with --tokenizer";

/// The integers of some inputs, by name.
pub type Integers = BTreeMap<String, Vec<i64>>;

impl Job {
    /// Under new salts.
    pub fn new(inputs: Vec<Vec<i64>>, tokens: Option<usize>, context: Vec<u8>) -> Job {
        Job { inputs, tokens, salts: BTreeMap::new(), context }
    }
}

impl Input {
    /// Reads the input beside what is `given`, and continues the prompt where there is one.
    pub fn job(&self, folder: &Folder, package: &Package, given: &Integers, context: &[u8], output: &Output) -> Result<Job> {
        let of_text = self.text.is_some() || self.prompt.is_some();
        ensure!(given.is_empty() || !of_text, "--opening goes with --input, not with text");
        match (&self.text, &self.prompt) {
            (Some(text), _) => text_job(folder, package, text, context, output),
            (_, Some(prompt)) => continued(folder, package, prompt, self.generate.unwrap_or(0), context, output),
            _ => {
                let complete = package.graph().inputs.iter().all(|port| given.contains_key(&port.name));
                ensure!(self.input.is_some() || complete, "--input, --text or --prompt is needed");
                let samples = self.input.as_deref().map(Samples::read).transpose()?;
                let inputs = package.inputs_beside(given, samples.as_ref().map(|samples| (samples, self.index)))?;
                Ok(Job::new(inputs, None, context.to_vec()))
            }
        }
    }
}

/// One text.
pub fn text_job(folder: &Folder, package: &Package, text: &str, context: &[u8], output: &Output) -> Result<Job> {
    let tokenizer = folder.tokenizer().context(NO_TOKENIZER)?;
    let inputs = TextInputs::of(&package.input_model()).map_err(|problem| problem.of(folder.path()))?;
    let encoded = inputs.encode(&tokenizer, text)?;
    if encoded.whole > encoded.ids.len() {
        output.note(&format!("the text has {} tokens; the model reads the first {}", encoded.whole, encoded.ids.len()));
    }
    let tokens = Some(encoded.ids.len());
    Ok(Job::new(package.quantize(&encoded.inputs)?, tokens, context.to_vec()))
}

/// A text that the model continues.
fn continued(folder: &Folder, package: &Package, prompt: &str, wanted: usize, context: &[u8], output: &Output) -> Result<Job> {
    let tokenizer = folder.tokenizer().context(NO_TOKENIZER)?;
    let inputs = TextInputs::of(&package.input_model()).map_err(|problem| problem.of(folder.path()))?;
    // One more than fits: a prompt is never cut.
    let (given, _) = tokenizer.encode(prompt, inputs.tokens().saturating_add(1))?;
    let bar = output.bar();
    bar.enter("generating", 0.0);
    let ids = generate(package, &given, wanted, tokenizer.padding())?;
    drop(bar);
    let context = generation::context(u32::try_from(given.len())?, u32::try_from(ids.len())?, context);
    let inputs = package.quantize(&inputs.fill(&ids, tokenizer.padding()))?;
    Ok(Job::new(inputs, Some(ids.len()), context))
}
