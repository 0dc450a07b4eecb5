//! What a configuration says about an encoder, with the defaults of the library that wrote it.

use std::io::Read as _;
use std::path::Path;

use lemma_model::Unary;
use lemma_model::file::open_regular;
use serde::Deserialize;
use serde_json::json;

use super::config::Config;
use super::decoders::activation;
use super::names::{Family, Kind, Task};
use crate::language::{Encoder, Head, Pooling, Problem};

/// The list of what sentence-transformers does with a text.
const MODULES: &str = "modules.json";

/// Largest such list in bytes.
const MAX_MODULES: u64 = 1 << 16;

/// Row of the first position of RoBERTa behind that of padding.
const PADDING: usize = 1;

/// The encoder of a configuration.
pub fn encoder(config: &mut Config, kind: Kind, folder: &Path) -> Result<Encoder, Problem> {
    config.fixed("position_embedding_type", &json!("absolute"))?;
    let head = head(config, kind, folder)?;
    let encoder = if kind.family == Family::DistilBert {
        // Where they were sines they are in the file all the same.
        config.value("sinusoidal_pos_embds");
        config.value("tie_weights_");
        let width = config.needed("dim")?;
        Encoder {
            vocabulary: config.needed("vocab_size")?,
            embedding: width,
            width,
            hidden: config.needed("hidden_dim")?,
            layers: config.needed("n_layers")?,
            heads: config.needed("n_heads")?,
            positions: config.needed("max_position_embeddings")?,
            first_position: 0,
            segments: 0,
            epsilon: 1e-12,
            activation: activation(config, "activation", "gelu")?,
            head,
        }
    } else {
        let width = config.needed("hidden_size")?;
        let padding = config.size("pad_token_id")?.unwrap_or(PADDING);
        let embedding = match kind.family {
            Family::Electra => config.size("embedding_size")?.unwrap_or(128),
            _ => width,
        };
        Encoder {
            vocabulary: config.needed("vocab_size")?,
            embedding,
            width,
            hidden: config.needed("intermediate_size")?,
            layers: config.needed("num_hidden_layers")?,
            heads: config.needed("num_attention_heads")?,
            positions: config.needed("max_position_embeddings")?,
            first_position: if kind.family == Family::Roberta { padding + 1 } else { 0 },
            segments: config.size("type_vocab_size")?.unwrap_or(2),
            epsilon: config.real("layer_norm_eps")?.unwrap_or(1e-12) as f32,
            activation: activation(config, "hidden_act", "gelu")?,
            head,
        }
    };
    // Of guessing tokens, which is not read.
    config.value("tie_word_embeddings");
    config.value("pad_token_id");
    encoder.check().map_err(Problem::Unsupported)?;
    Ok(encoder)
}

fn head(config: &mut Config, kind: Kind, folder: &Path) -> Result<Head, Problem> {
    let classes = match config.object("id2label")? {
        Some(labels) => labels.len(),
        None => config.size("num_labels")?.unwrap_or(2),
    };
    let is_pooled = folder.join(MODULES).is_file();
    Ok(match kind.task {
        Task::Vectors if is_pooled => pooled(folder)?,
        Task::Vectors | Task::Next => Head::None,
        Task::TokenClasses => Head::Tokens { classes },
        Task::TextClasses => {
            let function = match kind.family {
                Family::DistilBert => Unary::Relu,
                Family::Electra => Unary::Gelu,
                _ => Unary::Tanh,
            };
            Head::Text { classes, function }
        }
    })
}

/// A step of sentence-transformers.
#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    path: String,
}

/// The pooling of sentence-transformers: what becomes of the vectors.
fn pooled(folder: &Path) -> Result<Head, Problem> {
    let mut bytes = Vec::new();
    open_regular(&folder.join(MODULES))?.take(MAX_MODULES).read_to_end(&mut bytes)?;
    let modules: Vec<Module> = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::Malformed(format!("{MODULES}: {error}")))?;
    let kinds: Vec<&str> =
        modules.iter().map(|module| module.kind.rsplit('.').next().unwrap_or_default()).collect();
    let normalized = match kinds[..] {
        ["Transformer", "Pooling"] => false,
        ["Transformer", "Pooling", "Normalize"] => true,
        _ => {
            let problem =
                format!("{kinds:?}; Transformer, Pooling and Normalize are read, in this order");
            return Err(Problem::field(MODULES, problem));
        }
    };
    let plain = |path: &str| {
        path.is_empty() || Path::new(path).file_name().is_some_and(|name| name == path)
    };
    let [first, pooling, ..] = &modules[..] else { return Ok(Head::None) };
    if !first.path.is_empty() || !plain(&pooling.path) {
        let problem =
            format!("{:?} and {:?} are no places in the folder", first.path, pooling.path);
        return Err(Problem::field(MODULES, problem));
    }
    let mut config = Config::read(&folder.join(&pooling.path).join(super::CONFIG))?;
    config.value("word_embedding_dimension");
    config.value("embedding_dimension");
    // Of texts behind an instruction, whose tokens are pooled like all others.
    config.fixed("include_prompt", &json!(true))?;
    let named = config.text("pooling_mode")?;
    let pooling = match named.as_deref() {
        Some("mean") => Pooling::Mean,
        Some("cls") => Pooling::First,
        Some(other) => {
            let problem = format!("{other:?}; mean and cls are supported");
            return Err(config.problem("pooling_mode", problem));
        }
        None => {
            let mean = config.flag("pooling_mode_mean_tokens")?.unwrap_or(false);
            let first = config.flag("pooling_mode_cls_token")?.unwrap_or(false);
            match (mean, first) {
                (true, false) => Pooling::Mean,
                (false, true) => Pooling::First,
                _ => {
                    let problem = "one of mean and cls is supported";
                    return Err(config.problem("pooling_mode_mean_tokens", problem));
                }
            }
        }
    };
    config.finish()?;
    Ok(Head::Pooled { pooling, normalized })
}
