//! Folders of Hugging Face: `config.json`, and tensors in `model.safetensors` or in the shards that
//! `model.safetensors.index.json` lists.
//!
//! | `model_type` | read as |
//! |---|---|
//! | `llama`, `mistral`, `qwen2`, `qwen3` | decoder with RMS norms, rotary positions in halves, SwiGLU |
//! | `gpt2` | decoder with layer norms, learned positions, GELU |
//! | `bert`, `distilbert`, `roberta`, `xlm-roberta`, `electra` | encoder; its vectors, the classes of a text or of each token, or, as `modules.json` says, one vector for the text |
//!
//! A field of the configuration that is not understood and may change the model, a tensor that the
//! model does not need, and a tensor that the configuration contradicts are refused by name.

mod config;
mod decoders;
mod encoders;
mod names;
mod tensors;

use std::path::Path;

use lemma_model::Model;

use crate::language::{self, ImportError, Problem};
use config::Config;
use names::Kind;
use tensors::Tensors;

/// What describes a model.
pub const CONFIG: &str = "config.json";

/// Its tokenizer.
pub const TOKENIZER: &str = "tokenizer.json";

/// How to build the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Number of tokens; at most the longest sequence of the model.
    pub tokens: Option<usize>,
}

/// Whether a path is a folder with a description of a model.
pub fn is_folder(path: &Path) -> bool {
    path.join(CONFIG).is_file()
}

/// Whether the model of a folder is a decoder.
///
/// # Errors
/// As [`load`].
pub fn is_decoder(folder: &Path) -> Result<bool, ImportError> {
    let read = || Kind::of(&mut Config::read(&folder.join(CONFIG))?);
    let kind = read().map_err(|problem| ImportError { path: folder.to_path_buf(), problem })?;
    Ok(kind.family.is_decoder())
}

/// Reads a folder into a float model: of a decoder, input `tokens` `[1, T]` and output `logits`
/// `[1, T, vocabulary]`; of an encoder, inputs `input_ids`, `attention_mask` and, where it has
/// segments, `token_type_ids`, all `[1, T]`, and output `logits`, `sentence_embedding` or
/// `last_hidden_state`.
///
/// # Errors
/// An [`ImportError`] with the folder and the [`Problem`].
pub fn load(folder: &Path, options: &Options) -> Result<Model, ImportError> {
    let read = || {
        let mut config = Config::read(&folder.join(CONFIG))?;
        let kind = Kind::of(&mut config)?;
        let mut tensors = Tensors::open(folder, kind)?;
        if kind.family.is_decoder() {
            let decoder = decoders::decoder(&mut config, kind.family)?;
            config.finish()?;
            let tokens = language::tokens(decoder.most_tokens(), options.tokens)?;
            let model = language::decoder(&decoder, &mut tensors, tokens)?;
            tensors.finish(decoder.tied)?;
            return Ok(model);
        }
        let encoder = encoders::encoder(&mut config, kind, folder)?;
        config.finish()?;
        let tokens = language::tokens(encoder.most_tokens(), options.tokens)?;
        let model = language::encoder(&encoder, &mut tensors, tokens)?;
        tensors.finish(false)?;
        Ok(model)
    };
    read().map_err(|problem: Problem| ImportError { path: folder.to_path_buf(), problem })
}
