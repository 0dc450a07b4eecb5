//! `config.json`: fields that are taken by whoever understands them.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use lemma_model::file::open_regular;
use serde_json::{Map, Value};

use crate::language::Problem;

/// Largest file in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Fields that say nothing about what the model computes: of its training, its files, the library
/// that wrote it, and how texts are drawn from it.
const HARMLESS: [&str; 34] = [
    "architectures",
    "auto_map",
    "bad_words_ids",
    "do_sample",
    "dtype",
    "early_stopping",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "initializer_factor",
    "initializer_range",
    "is_llama_config",
    "keys_to_ignore_at_inference",
    "label2id",
    "max_length",
    "max_window_layers",
    "model_type",
    "name_or_path",
    "n_ctx",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "pretraining_tp",
    "problem_type",
    "reorder_and_upcast_attn",
    "return_dict",
    "task_specific_params",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "use_cache",
];

/// Endings and beginnings of such fields.
const HARMLESS_ENDS: [&str; 6] =
    ["_dropout", "_dropout_prob", "_pdrop", "_token_id", "_token_ids", "dropout"];
const HARMLESS_BEGINNINGS: [&str; 2] = ["_", "summary_"];

/// An object of a configuration.
pub struct Config {
    /// What its fields are called in errors, before their names.
    prefix: String,
    fields: Map<String, Value>,
    taken: BTreeSet<String>,
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Config, Problem> {
        let mut bytes = Vec::new();
        open_regular(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Problem::Malformed(format!("config.json has more than {MAX_BYTES} bytes")));
        }
        let fields = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::Malformed(format!("config.json is no object: {error}")))?;
        Ok(Config { prefix: String::new(), fields, taken: BTreeSet::new() })
    }

    /// A field that is there and not null.
    pub fn value(&mut self, name: &str) -> Option<&Value> {
        self.taken.insert(name.to_owned());
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no such field at all.
    pub fn absent(&self, name: &str) -> bool {
        !self.fields.contains_key(name)
    }

    /// A problem with a field.
    pub fn problem(&self, name: &str, problem: impl Into<String>) -> Problem {
        Problem::field(format!("{}{name}", self.prefix), problem)
    }

    /// A size.
    pub fn size(&mut self, name: &str) -> Result<Option<usize>, Problem> {
        let Some(value) = self.value(name).cloned() else { return Ok(None) };
        let size = value.as_u64().and_then(|size| u32::try_from(size).ok());
        let size = size.ok_or_else(|| self.problem(name, format!("{value} is not a size")))?;
        Ok(Some(size as usize))
    }

    /// A size that must be there.
    pub fn needed(&mut self, name: &str) -> Result<usize, Problem> {
        self.size(name)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    /// A number.
    pub fn real(&mut self, name: &str) -> Result<Option<f64>, Problem> {
        let Some(value) = self.value(name).cloned() else { return Ok(None) };
        let real = value.as_f64();
        real.map(Some).ok_or_else(|| self.problem(name, format!("{value} is not a number")))
    }

    /// A truth value.
    pub fn flag(&mut self, name: &str) -> Result<Option<bool>, Problem> {
        let Some(value) = self.value(name).cloned() else { return Ok(None) };
        let flag = value.as_bool();
        flag.map(Some).ok_or_else(|| self.problem(name, format!("{value} is not true or false")))
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.value(name).cloned() else { return Ok(None) };
        let text = value.as_str().map(str::to_owned);
        text.map(Some).ok_or_else(|| self.problem(name, format!("{value} is not a text")))
    }

    /// An object within.
    pub fn object(&mut self, name: &str) -> Result<Option<Config>, Problem> {
        let Some(value) = self.value(name).cloned() else { return Ok(None) };
        let Value::Object(fields) = value else {
            return Err(self.problem(name, "is no object"));
        };
        let prefix = format!("{}{name}.", self.prefix);
        Ok(Some(Config { prefix, fields, taken: BTreeSet::new() }))
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Problem> {
        let Some(value) = self.value(name).cloned() else { return Ok(Vec::new()) };
        serde_json::from_value(value)
            .map_err(|error| self.problem(name, format!("is no list of texts: {error}")))
    }

    /// Takes a field that must have a value, where it is there at all.
    pub fn fixed(&mut self, name: &str, wanted: &Value) -> Result<(), Problem> {
        match self.value(name).cloned() {
            Some(value) if value != *wanted => {
                Err(self.problem(name, format!("{value} is not supported; {wanted} is")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what nobody has taken, unless it is empty, off, or says nothing about the model.
    pub fn finish(&self) -> Result<(), Problem> {
        let harmless = |name: &str| {
            HARMLESS.contains(&name)
                || HARMLESS_ENDS.iter().any(|end| name.ends_with(end))
                || HARMLESS_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        };
        let off = |value: &Value| {
            matches!(value, Value::Null | Value::Bool(false))
                || value.as_object().is_some_and(Map::is_empty)
                || value.as_array().is_some_and(Vec::is_empty)
        };
        let stranger = self
            .fields
            .iter()
            .find(|(name, value)| !self.taken.contains(*name) && !harmless(name) && !off(value));
        match stranger {
            None => Ok(()),
            Some((name, _)) => {
                Err(self.problem(name, "is not understood, and may change the model"))
            }
        }
    }
}
