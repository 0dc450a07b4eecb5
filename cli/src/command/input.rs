//! The input of one inference: arrays, a text, or a prompt to continue.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use lemma::generation::{Decoder, PROMPT, fill, generate};
use lemma::prover::store::read_at_most;
use lemma::quantizer::data::ByteScale;
use lemma::text::{Side, TextInputs};
use lemma::{Folder, Package, Progress as _, Salt, Samples};

use crate::output::Output;

/// Where the input comes from.
#[derive(Args)]
pub struct Input {
    /// The input, .npz or .json.
    #[arg(long)]
    input: Option<PathBuf>,
    /// What an unsigned byte of the input is multiplied by where it is given for a real number: 1 for 0 to 255, 1/255 for 0 to 1.
    #[arg(long, requires = "input")]
    scale: Option<ByteScale>,
    /// Which sample of the input, when it holds several.
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// The input as text, for a model with a tokenizer. Other users of the machine can see arguments.
    #[arg(long, group = "texts", conflicts_with = "input")]
    text: Option<String>,
    /// As --text, from a file.
    #[arg(long, group = "texts", conflicts_with = "input")]
    text_file: Option<PathBuf>,
    /// The beginning of a text that the model continues. Other users of the machine can see arguments.
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

/// One inference.
pub struct Job {
    /// The integer inputs.
    pub inputs: Vec<Vec<i64>>,
    /// The tokens of the text, where it is one.
    pub ids: Option<Vec<u32>>,
    /// Position of the last of them in the model's inputs.
    pub last: Option<usize>,
    /// Whether the model wrote the end of the text itself.
    pub generated: bool,
    /// Salts of committed tensors that are not to be new ones, by name.
    pub salts: BTreeMap<String, Salt>,
    /// The bytes of the context: the caller's, after those of a generation where it is one.
    pub context: Vec<u8>,
}

/// The integers of some inputs, by name.
pub type Integers = BTreeMap<String, Vec<i64>>;

impl Job {
    /// Under new salts.
    pub fn new(inputs: Vec<Vec<i64>>, ids: Option<Vec<u32>>, context: Vec<u8>) -> Job {
        Job { inputs, ids, last: None, generated: false, salts: BTreeMap::new(), context }
    }

    /// Tokens of the text, where it is one.
    pub fn tokens(&self) -> Option<usize> {
        self.ids.as_ref().map(Vec::len)
    }
}

impl Input {
    /// Reads the input beside what is `given`, and continues the prompt where there is one.
    pub fn job(&self, folder: &Folder, package: &Package, given: &Integers, context: &[u8], output: &Output) -> Result<Job> {
        let text = given_text(self.text.as_deref(), self.text_file.as_deref())?;
        let prompt = given_text(self.prompt.as_deref(), self.prompt_file.as_deref())?;
        ensure!(given.is_empty() || text.is_none(), "--opening goes with --input or --prompt, not with --text");
        match (&text, &prompt) {
            (Some(text), _) => text_job(folder, package, text, context, output),
            (_, Some(prompt)) => {
                let job = continued(folder, package, prompt, self.generate.unwrap_or(0), context, output)?;
                opened(package, given, &job)?;
                Ok(job)
            }
            _ => {
                let complete = package.graph().inputs.iter().all(|port| given.contains_key(&port.name));
                ensure!(self.input.is_some() || complete, "--input, --text or --prompt is needed");
                let samples =
                    self.input.as_deref().map(Samples::read).transpose()?.map(|samples| samples.with_byte_scale(self.scale));
                let inputs = package.inputs_beside(given, samples.as_ref().map(|samples| (samples, self.index)))?;
                Ok(Job::new(inputs, None, context.to_vec()))
            }
        }
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

/// One text.
pub fn text_job(folder: &Folder, package: &Package, text: &str, context: &[u8], output: &Output) -> Result<Job> {
    let decoder = Decoder::of(&package.signature(), &package.private_inputs());
    ensure!(
        decoder != Some(Decoder::Hidden),
        "this decoder hides its prompt and shows what it generates: use --prompt and --generate instead of --text"
    );
    let tokenizer = folder.tokenizer(package)?;
    let inputs = TextInputs::of(&package.input_model()).map_err(|problem| problem.of(folder.path()))?;
    let inputs = if decoder.is_some() { inputs.from_start() } else { inputs };
    let encoded = inputs.encode(&tokenizer, text)?;
    if encoded.whole > encoded.ids.len() {
        let part = if encoded.cut == Side::Left { "last" } else { "first" };
        output.note(&format!("the text has {} tokens; the model reads the {part} {}", encoded.whole, encoded.ids.len()));
    }
    Ok(Job { last: encoded.last, ..Job::new(package.quantize(&encoded.inputs)?, Some(encoded.ids), context.to_vec()) })
}

/// A text that the model continues.
fn continued(folder: &Folder, package: &Package, prompt: &str, wanted: usize, context: &[u8], output: &Output) -> Result<Job> {
    let tokenizer = folder.tokenizer(package)?;
    // A prompt is never cut.
    let mut given = tokenizer.encode(prompt, usize::MAX)?.ids;
    // Some tokenizers end every text.
    while given.last().is_some_and(|last| given.len() > 1 && tokenizer.ends().contains(last)) {
        given.pop();
    }
    let bar = output.bar();
    bar.enter("generating", 0.0);
    let ids = generate(package, &given, wanted, tokenizer.padding(), tokenizer.ends())?;
    drop(bar);
    let (inputs, context) = fill(package, &ids, given.len(), tokenizer.padding(), context)?;
    Ok(Job { generated: true, ..Job::new(inputs, Some(ids), context) })
}

/// Whether the integers of openings are those of the prompt, which then has their salt.
fn opened(package: &Package, given: &Integers, job: &Job) -> Result<()> {
    for (name, values) in given {
        ensure!(
            name == PROMPT,
            "--opening {name}: only the `{PROMPT}` of a generation can be opened, the model chooses the rest"
        );
        let at = package.graph().inputs.iter().position(|port| port.name == *name);
        ensure!(at.and_then(|at| job.inputs.get(at)) == Some(values), "--opening {name}: it opens another prompt than --prompt");
    }
    Ok(())
}
