//! Which models are read, and how their tensors are called.

use super::config::Config;
use crate::language::{Part, Place, Problem};

/// A model of one of the classes that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub family: Family,
    pub task: Task,
}

/// Models that are built alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
    Gpt2,
    Bert,
    DistilBert,
    Roberta,
    Electra,
}

/// What a model gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A logit for every token that could come next.
    Next,
    /// A vector for each token.
    Vectors,
    /// Classes of the text.
    TextClasses,
    /// Classes of each token.
    TokenClasses,
}

/// `model_type`, the family, and how the names of its classes begin.
const FAMILIES: [(&str, Family, &str); 10] = [
    ("llama", Family::Llama, "Llama"),
    ("mistral", Family::Mistral, "Mistral"),
    ("qwen2", Family::Qwen2, "Qwen2"),
    ("qwen3", Family::Qwen3, "Qwen3"),
    ("gpt2", Family::Gpt2, "GPT2"),
    ("bert", Family::Bert, "Bert"),
    ("distilbert", Family::DistilBert, "DistilBert"),
    ("roberta", Family::Roberta, "Roberta"),
    ("xlm-roberta", Family::Roberta, "XLMRoberta"),
    ("electra", Family::Electra, "Electra"),
];

/// How the names of classes end, and what such a model gives; of encoders that guess tokens, the
/// vectors are read.
const TASKS: [(&str, Task, bool); 7] = [
    ("ForCausalLM", Task::Next, true),
    ("LMHeadModel", Task::Next, true),
    ("Model", Task::Vectors, false),
    ("ForMaskedLM", Task::Vectors, false),
    ("ForPreTraining", Task::Vectors, false),
    ("ForSequenceClassification", Task::TextClasses, false),
    ("ForTokenClassification", Task::TokenClasses, false),
];

/// Where a place lies in the file.
pub struct Location {
    /// The tensor.
    pub name: String,
    /// Of several places in one tensor, side by side: which this is, and how many there are.
    pub share: Option<(usize, usize)>,
    /// Whether rows of a linear map are its inputs.
    pub rows_are_inputs: bool,
    /// Whether it stands outside of what has the prefix.
    pub is_head: bool,
}

impl Family {
    /// Whether each position sees those before it alone.
    pub fn is_decoder(self) -> bool {
        matches!(
            self,
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 | Family::Gpt2
        )
    }
}

impl Kind {
    /// The kind of model of a configuration.
    pub fn of(config: &mut Config) -> Result<Kind, Problem> {
        let name = config.text("model_type")?;
        let name = name.ok_or_else(|| config.problem("model_type", "is missing"))?;
        let Some((_, family, begins)) = FAMILIES.iter().find(|(known, ..)| *known == name) else {
            let known = FAMILIES.map(|(known, ..)| known).join(", ");
            return Err(config.problem("model_type", format!("{name:?}; {known} are read")));
        };
        let family = *family;
        let default = if family.is_decoder() { Task::Next } else { Task::Vectors };
        let classes = config.texts("architectures")?;
        let task = match &classes[..] {
            [] => default,
            [class] => {
                let ending = class.strip_prefix(begins).unwrap_or_default();
                let task = TASKS.iter().find(|(known, _, decodes)| {
                    *known == ending && *decodes == family.is_decoder()
                });
                let (_, task, _) = task.ok_or_else(|| {
                    config.problem("architectures", format!("{class} is not supported"))
                })?;
                *task
            }
            _ => return Err(config.problem("architectures", "has more than one class")),
        };
        Ok(Kind { family, task })
    }

    /// What may stand before all names but those of the head.
    pub fn prefix(self) -> &'static str {
        match self.family {
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => "model.",
            Family::Gpt2 => "transformer.",
            Family::Bert => "bert.",
            Family::DistilBert => "distilbert.",
            Family::Roberta => "roberta.",
            Family::Electra => "electra.",
        }
    }

    /// The name of a tensor without the prefix, and what is in it.
    pub fn locate(self, place: Place) -> Location {
        let kind = if place.is_bias { "bias" } else { "weight" };
        let mut share = None;
        let (layers, part) = match self.family {
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Qwen3 => {
                ("layers", llama(place.part))
            }
            Family::Gpt2 => {
                share = match place.part {
                    Part::Query => Some((0, 3)),
                    Part::Key => Some((1, 3)),
                    Part::Value => Some((2, 3)),
                    _ => None,
                };
                ("h", gpt2(place.part))
            }
            Family::DistilBert => ("transformer.layer", distilbert(place.part)),
            Family::Bert | Family::Roberta | Family::Electra => {
                ("encoder.layer", self.bert(place.part))
            }
        };
        let name = match place.layer {
            Some(layer) => format!("{layers}.{layer}.{part}.{kind}"),
            None => format!("{part}.{kind}"),
        };
        let rows_are_inputs = self.family == Family::Gpt2 && place.layer.is_some();
        let is_head = HEADS.iter().any(|head| name.starts_with(head));
        Location { name, share, rows_are_inputs, is_head }
    }

    /// Whether a tensor, by its name without the prefix, is none of the model's, or follows from
    /// others.
    pub fn leaves_out(self, name: &str, tied: bool) -> bool {
        let copy = tied && name == "lm_head.weight";
        match self.family {
            // The causal mask.
            Family::Gpt2 => {
                copy || name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")
            }
            family if family.is_decoder() => copy || name.ends_with(".rotary_emb.inv_freq"),
            // Guessing tokens, and a vector of the text that classifiers of texts alone read.
            _ => {
                name == "embeddings.position_ids"
                    || [
                        "pooler.",
                        "cls.",
                        "lm_head.",
                        "vocab_",
                        "generator_",
                        "discriminator_predictions.",
                    ]
                    .iter()
                    .any(|beginning| name.starts_with(beginning))
            }
        }
    }

    fn bert(self, part: Part) -> &'static str {
        let plain_head = self.family == Family::Bert || self.task == Task::TokenClasses;
        match part {
            Part::Embedding => "embeddings.word_embeddings",
            Part::Positions => "embeddings.position_embeddings",
            Part::Segments => "embeddings.token_type_embeddings",
            Part::EmbeddingNorm => "embeddings.LayerNorm",
            Part::EmbeddingProjection => "embeddings_project",
            Part::AttentionNorm => "attention.output.LayerNorm",
            Part::Query => "attention.self.query",
            Part::Key => "attention.self.key",
            Part::Value => "attention.self.value",
            Part::QueryNorm => "attention.self.query_norm",
            Part::KeyNorm => "attention.self.key_norm",
            Part::AttentionOutput => "attention.output.dense",
            Part::MlpNorm => "output.LayerNorm",
            Part::Gate => "gate",
            Part::Up => "intermediate.dense",
            Part::Down => "output.dense",
            Part::FinalNorm => "norm",
            Part::Pooler if plain_head => "pooler.dense",
            Part::Pooler => "classifier.dense",
            Part::Classifier if plain_head => "classifier",
            Part::Classifier => "classifier.out_proj",
        }
    }
}

/// How the names of heads begin.
const HEADS: [&str; 3] = ["lm_head.", "classifier.", "pre_classifier."];

fn llama(part: Part) -> &'static str {
    match part {
        Part::Embedding => "embed_tokens",
        Part::AttentionNorm => "input_layernorm",
        Part::Query => "self_attn.q_proj",
        Part::Key => "self_attn.k_proj",
        Part::Value => "self_attn.v_proj",
        Part::QueryNorm => "self_attn.q_norm",
        Part::KeyNorm => "self_attn.k_norm",
        Part::AttentionOutput => "self_attn.o_proj",
        Part::MlpNorm => "post_attention_layernorm",
        Part::Gate => "mlp.gate_proj",
        Part::Up => "mlp.up_proj",
        Part::Down => "mlp.down_proj",
        Part::FinalNorm => "norm",
        Part::Classifier => "lm_head",
        other => unnamed(other),
    }
}

fn gpt2(part: Part) -> &'static str {
    match part {
        Part::Embedding => "wte",
        Part::Positions => "wpe",
        Part::AttentionNorm => "ln_1",
        Part::Query | Part::Key | Part::Value => "attn.c_attn",
        Part::AttentionOutput => "attn.c_proj",
        Part::MlpNorm => "ln_2",
        Part::Up => "mlp.c_fc",
        Part::Down => "mlp.c_proj",
        Part::FinalNorm => "ln_f",
        Part::Classifier => "lm_head",
        other => unnamed(other),
    }
}

fn distilbert(part: Part) -> &'static str {
    match part {
        Part::Embedding => "embeddings.word_embeddings",
        Part::Positions => "embeddings.position_embeddings",
        Part::EmbeddingNorm => "embeddings.LayerNorm",
        Part::AttentionNorm => "sa_layer_norm",
        Part::Query => "attention.q_lin",
        Part::Key => "attention.k_lin",
        Part::Value => "attention.v_lin",
        Part::AttentionOutput => "attention.out_lin",
        Part::MlpNorm => "output_layer_norm",
        Part::Up => "ffn.lin1",
        Part::Down => "ffn.lin2",
        Part::Pooler => "pre_classifier",
        Part::Classifier => "classifier",
        other => unnamed(other),
    }
}

/// A part that a family does not have: a name that no file has.
fn unnamed(part: Part) -> &'static str {
    match part {
        Part::Positions => "(positions)",
        Part::Segments => "(segments)",
        Part::Gate => "(gate)",
        _ => "(none)",
    }
}
