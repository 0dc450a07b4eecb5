//! One inference: what is asked for, what the model then reads, and the proof of it with what it
//! says.

use std::collections::BTreeMap;

use lemma_circuits::Salt;
use lemma_model::InputPort;
use lemma_prover::{Progress, ProvingKey};
use lemma_quantizer::data::Samples;
use lemma_verifier::error::StatementError;
use lemma_verifier::generation::GenerationError;
use lemma_verifier::{Context, Labels, ProofFile, Role, Statement};
use thiserror::Error;

use crate::error::InferError;
use crate::generation::{Decoder, GenerateError, Generation, PROMPT, fill, generate};
use crate::opening::Opening;
use crate::package::Package;
use crate::text::{Side, TextError, TextInputs, TextProblem, Tokenizer};

/// The integers of some inputs, by name.
pub type Integers = BTreeMap<String, Vec<i64>>;

/// What is asked of a model.
pub enum Request<'a> {
    /// A sample of arrays, by its index; none, when all inputs are given as integers.
    Arrays(Option<(&'a Samples, usize)>),
    /// A text to read.
    Text(&'a str),
    /// The beginning of a text, to be continued.
    Prompt {
        /// The beginning.
        text: &'a str,
        /// How many tokens to generate; fewer when the model ends the text.
        generate: usize,
    },
}

/// One inference, ready to run.
pub struct Job {
    /// The integer inputs.
    pub inputs: Vec<Vec<i64>>,
    /// The tokens of the text, where it is one.
    pub ids: Option<Vec<u32>>,
    /// Position of the last of them in the model's inputs.
    pub last: Option<usize>,
    /// What was cut off, where the text is longer than the model reads.
    pub cut: Option<Cut>,
    /// Whether the model wrote the end of the text itself.
    pub generated: bool,
    /// Salts of committed tensors that are not to be new ones, by name.
    pub salts: BTreeMap<String, Salt>,
    /// Names of the columns that the elements of inputs are, where they come from a table.
    pub features: BTreeMap<String, Vec<String>>,
    /// The bytes of the context: the caller's, after those of a generation where it is one.
    pub context: Vec<u8>,
}

/// A text that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Tokens of the whole text.
    pub whole: usize,
    /// Tokens that the model reads.
    pub read: usize,
    /// The side that was cut off.
    pub side: Side,
}

/// A proven job, and what a verifier will see.
pub struct ProvenJob {
    /// The proof file.
    pub file: ProofFile,
    /// Bytes of the proof.
    pub proof_bytes: usize,
    /// What was proven.
    pub statement: Statement,
    /// The generated text, where it is one.
    pub generation: Option<Generation>,
    /// The class that the model chose, where it names its classes.
    pub answer: Option<String>,
    /// What opens the digests of committed tensors.
    pub openings: Vec<Opening>,
}

/// Why a request is not run or proven.
#[derive(Debug, Error)]
pub enum JobError {
    /// The data, the model, or the prover.
    #[error(transparent)]
    Infer(#[from] InferError),
    /// A text, or the tokenizer.
    #[error(transparent)]
    Text(#[from] TextError),
    /// What a tokenizer says of the text.
    #[error(transparent)]
    Problem(#[from] TextProblem),
    /// The generation.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A text for a decoder that hides its prompt.
    #[error(
        "this decoder hides its prompt and shows what it generates: give it a prompt to continue \
            instead of a text"
    )]
    HiddenPrompt,
    /// Integers beside a text.
    #[error("integers of `{name}` are given beside a text, which fills every input")]
    GivenBesideText {
        /// The input.
        name: String,
    },
    /// Integers of an input that the model chooses.
    #[error(
        "integers of `{name}` are given: of a generation only those of its `{PROMPT}` can be, the \
            model chooses the rest"
    )]
    GivenBesidePrompt {
        /// The input.
        name: String,
    },
    /// Integers that are those of another prompt.
    #[error("the integers that are given for `{PROMPT}` are those of another prompt")]
    OtherPrompt,
    /// A generation that its own verifier would refuse.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// A statement that does not fit its key.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl JobError {
    /// Whether a value left the range that its circuit was made for.
    pub fn is_out_of_range(&self) -> bool {
        use lemma_graph::ExecuteError::OutOfRange;
        matches!(
            self,
            JobError::Infer(InferError::Execute(OutOfRange { .. }))
                | JobError::Generate(GenerateError::Execute(OutOfRange { .. }))
        )
    }
}

impl Job {
    /// Integer inputs, under new salts.
    pub fn new(inputs: Vec<Vec<i64>>, ids: Option<Vec<u32>>, context: Vec<u8>) -> Job {
        Job {
            inputs,
            ids,
            last: None,
            cut: None,
            generated: false,
            salts: BTreeMap::new(),
            features: BTreeMap::new(),
            context,
        }
    }

    /// The column of a table whose value left its range, where an error is about one.
    pub fn feature(&self, error: &JobError) -> Option<&str> {
        use lemma_graph::ExecuteError::OutOfRange;
        match error {
            JobError::Infer(InferError::Execute(OutOfRange { layer, index, .. })) => {
                self.features.get(layer)?.get(*index).map(String::as_str)
            }
            _ => None,
        }
    }
}

impl Package {
    /// What the model reads for a request, and for a prompt what it writes: one run of the model
    /// for each generated token. `given` are the integers of inputs that come from elsewhere,
    /// `tokenizer` is asked for with texts only.
    ///
    /// # Errors
    /// [`JobError`].
    pub fn job(
        &self,
        tokenizer: impl FnOnce() -> Result<Tokenizer, TextError>,
        request: &Request,
        given: &Integers,
        context: &[u8],
        progress: &dyn Progress,
    ) -> Result<Job, JobError> {
        match request {
            Request::Arrays(sample) => {
                let inputs = self.inputs_beside(given, *sample)?;
                let ports = self.input_ports();
                let names = |port: &InputPort| {
                    let (samples, _) = (*sample)?;
                    Some((port.name.clone(), samples.column_names(port, &ports)?))
                };
                let features = ports.iter().filter_map(names).collect();
                Ok(Job { features, ..Job::new(inputs, None, context.to_vec()) })
            }
            Request::Text(text) => match given.keys().next() {
                Some(name) => Err(JobError::GivenBesideText { name: name.clone() }),
                None => self.text_job(tokenizer, text, context),
            },
            Request::Prompt { text, generate } => {
                let job = self.continued(&tokenizer()?, text, *generate, context, progress)?;
                self.expect_given(given, &job)?;
                Ok(job)
            }
        }
    }

    /// Proves a job. The proof is verified before it is given away.
    ///
    /// # Errors
    /// What the model or the prover says, or a generation that does not follow its rule.
    pub fn prove_job(
        &self,
        key: &ProvingKey,
        job: &Job,
        progress: &dyn Progress,
    ) -> Result<ProvenJob, JobError> {
        let salts = self.salts(&job.salts)?;
        let (proven, openings) =
            self.prove_salted(key, &job.inputs, &salts, Context::of(&job.context), progress)?;
        let generation = Generation::of(&proven.verified, &job.context)?;
        let file =
            ProofFile::new(key.verifying_key(), &proven.values, &job.context, &proven.proof)?;
        let statement = proven.verified.into_statement();
        let answer = if generation.is_some() { None } else { answer(&statement, job.last) };
        Ok(ProvenJob {
            file,
            proof_bytes: proven.proof.to_bytes().len(),
            statement,
            generation,
            answer,
            openings,
        })
    }

    fn text_job(
        &self,
        tokenizer: impl FnOnce() -> Result<Tokenizer, TextError>,
        text: &str,
        context: &[u8],
    ) -> Result<Job, JobError> {
        let decoder = Decoder::of(&self.signature(), &self.private_inputs());
        if decoder == Some(Decoder::Hidden) {
            return Err(JobError::HiddenPrompt);
        }
        let tokenizer = tokenizer()?;
        let inputs = TextInputs::of(&self.input_ports())?;
        let inputs = if decoder.is_some() { inputs.from_start() } else { inputs };
        let encoded = inputs.encode(&tokenizer, text)?;
        let read = encoded.ids.len();
        let cut =
            (encoded.whole > read).then_some(Cut { whole: encoded.whole, read, side: encoded.cut });
        let inputs = self.quantize(&encoded.inputs)?;
        Ok(Job { last: encoded.last, cut, ..Job::new(inputs, Some(encoded.ids), context.to_vec()) })
    }

    /// A text that the model continues.
    fn continued(
        &self,
        tokenizer: &Tokenizer,
        prompt: &str,
        wanted: usize,
        context: &[u8],
        progress: &dyn Progress,
    ) -> Result<Job, JobError> {
        // A prompt is never cut.
        let mut given = tokenizer.encode(prompt, usize::MAX)?.ids;
        // Some tokenizers end every text.
        while given.last().is_some_and(|last| given.len() > 1 && tokenizer.ends().contains(last)) {
            given.pop();
        }
        progress.enter("generating", 0.0);
        let ids = generate(self, &given, wanted, tokenizer.padding(), tokenizer.ends())?;
        let (inputs, context) = fill(self, &ids, given.len(), tokenizer.padding(), context)?;
        Ok(Job { generated: true, ..Job::new(inputs, Some(ids), context) })
    }

    /// Whether the integers that are given are those of the prompt.
    fn expect_given(&self, given: &Integers, job: &Job) -> Result<(), JobError> {
        for (name, values) in given {
            if name != PROMPT {
                return Err(JobError::GivenBesidePrompt { name: name.clone() });
            }
            let at = self.graph().inputs.iter().position(|port| port.name == *name);
            if at.and_then(|at| job.inputs.get(at)) != Some(values) {
                return Err(JobError::OtherPrompt);
            }
        }
        Ok(())
    }
}

/// Name of the largest entry of the first named output: of its only row, or of row `last` where the
/// end of the text is known.
pub fn answer(statement: &Statement, last: Option<usize>) -> Option<String> {
    let outputs = statement.tensors.iter().filter(|tensor| tensor.signature.role == Role::Output);
    outputs.into_iter().find_map(|tensor| {
        let (names, width) = match &tensor.signature.labels {
            Labels::None => return None,
            Labels::Entries(names) => (names, names.len()),
            Labels::Values(names) => (names, 1),
        };
        let rows: Vec<&[i64]> = tensor.values.chunks(width.max(1)).collect();
        let row = if rows.len() == 1 { *rows.first()? } else { *rows.get(last?)? };
        let largest = row.iter().max()?;
        let index = if width == 1 {
            usize::try_from(*largest).ok()?
        } else {
            row.iter().position(|v| v == largest)?
        };
        names.get(index).cloned()
    })
}
