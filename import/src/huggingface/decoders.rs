//! What a configuration says about a decoder, with the defaults of the library that wrote it.

use lemma_model::Unary;
use serde_json::json;

use super::config::Config;
use super::names::Family;
use crate::language::{Biases, Decoder, Layout, Mlp, Norm, Positions, Problem, Rotary, Scaling};

/// Sliding window of `mistral`, where the configuration has no such field.
const MISTRAL_WINDOW: usize = 4096;

/// Width of a head of `qwen3`, likewise.
const QWEN3_HEAD: usize = 128;

/// The decoder of a configuration.
pub fn decoder(config: &mut Config, family: Family) -> Result<Decoder, Problem> {
    let decoder = match family {
        Family::Gpt2 => gpt2(config)?,
        _ => llama(config, family)?,
    };
    decoder.check().map_err(Problem::Unsupported)?;
    Ok(decoder)
}

fn llama(config: &mut Config, family: Family) -> Result<Decoder, Problem> {
    let width = config.needed("hidden_size")?;
    let heads = config.needed("num_attention_heads")?;
    let head = match config.size("head_dim")? {
        Some(head) => head,
        None if family == Family::Qwen3 => QWEN3_HEAD,
        None => share(config, "num_attention_heads", width, heads)?,
    };
    let context = config.needed("max_position_embeddings")?;
    let bias = config.flag("attention_bias")?.unwrap_or(false);
    let biases = Biases {
        query_key_value: bias || family == Family::Qwen2,
        output: bias && family != Family::Qwen2,
        mlp: config.flag("mlp_bias")?.unwrap_or(false),
    };
    let layout = if config.flag("rope_interleaved")? == Some(true) {
        Layout::Interleaved
    } else {
        Layout::Halves
    };
    Ok(Decoder {
        vocabulary: config.needed("vocab_size")?,
        width,
        hidden: config.needed("intermediate_size")?,
        layers: config.needed("num_hidden_layers")?,
        heads,
        kv_heads: config.size("num_key_value_heads")?.unwrap_or(heads),
        head,
        longest: window(config, family)?.map_or(context, |window| window.min(context)),
        norm: Norm::Rms { epsilon: config.real("rms_norm_eps")?.unwrap_or(1e-6) as f32 },
        positions: Positions::Rotary(rotary(config, layout)?),
        biases,
        head_norm: family == Family::Qwen3,
        mlp: Mlp::Gated(activation(config, "hidden_act", "silu")?),
        tied: config.flag("tie_word_embeddings")?.unwrap_or(false),
    })
}

fn gpt2(config: &mut Config) -> Result<Decoder, Problem> {
    config.fixed("scale_attn_weights", &json!(true))?;
    let (width, heads) = (config.needed("n_embd")?, config.needed("n_head")?);
    Ok(Decoder {
        vocabulary: config.needed("vocab_size")?,
        width,
        hidden: config.size("n_inner")?.unwrap_or(width.saturating_mul(4)),
        layers: config.needed("n_layer")?,
        heads,
        kv_heads: heads,
        head: share(config, "n_head", width, heads)?,
        longest: config.needed("n_positions")?,
        norm: Norm::Layer { epsilon: config.real("layer_norm_epsilon")?.unwrap_or(1e-5) as f32 },
        positions: Positions::Learned,
        biases: Biases { query_key_value: true, output: true, mlp: true },
        head_norm: false,
        mlp: Mlp::Plain(activation(config, "activation_function", "gelu_new")?),
        tied: config.flag("tie_word_embeddings")?.unwrap_or(true),
    })
}

/// Width of a head, where heads share the width evenly.
fn share(config: &Config, field: &str, width: usize, heads: usize) -> Result<usize, Problem> {
    if heads > 0 && width.is_multiple_of(heads) {
        return Ok(width / heads);
    }
    Err(config.problem(field, format!("{heads} heads do not divide a width of {width}")))
}

/// The sliding window, where there is one.
fn window(config: &mut Config, family: Family) -> Result<Option<usize>, Problem> {
    let named = config.flag("use_sliding_window")?;
    let absent = config.absent("sliding_window");
    let window = config.size("sliding_window")?;
    let slides = config.texts("layer_types")?.iter().try_fold(false, |slides, kind| match kind
        .as_str()
    {
        "full_attention" => Ok(slides),
        "sliding_attention" => Ok(true),
        _ => Err(config.problem("layer_types", format!("{kind:?} is not supported"))),
    })?;
    match family {
        Family::Mistral => Ok(if absent { Some(MISTRAL_WINDOW) } else { window }),
        _ if slides && window.is_none() => {
            Err(config.problem("sliding_window", "is missing, and layers slide"))
        }
        _ if slides || named == Some(true) => Ok(window),
        _ => Ok(None),
    }
}

/// The rotary positions: `rope_theta` and `rope_scaling`, or both as `rope_parameters`.
fn rotary(config: &mut Config, layout: Layout) -> Result<Rotary, Problem> {
    let base = config.real("rope_theta")?;
    let scaling = config.object("rope_scaling")?;
    let parameters = config.object("rope_parameters")?;
    let mut inner = None;
    let mut kind = Scaling::None;
    for mut object in [scaling, parameters].into_iter().flatten() {
        inner = inner.or(object.real("rope_theta")?);
        let found = scaled(&mut object)?;
        object.finish()?;
        if found != Scaling::None {
            kind = found;
        }
    }
    Ok(Rotary { layout, base: inner.or(base).unwrap_or(10_000.0), scaling: kind })
}

fn scaled(object: &mut Config) -> Result<Scaling, Problem> {
    let kind = match object.text("rope_type")? {
        Some(kind) => Some(kind),
        None => object.text("type")?,
    };
    let mut needed =
        |name: &str| object.real(name)?.ok_or_else(|| object.problem(name, "is missing"));
    match kind.as_deref() {
        None | Some("default") => Ok(Scaling::None),
        Some("linear") => Ok(Scaling::Linear { factor: needed("factor")? }),
        Some("llama3") => Ok(Scaling::Llama3 {
            factor: needed("factor")?,
            low: needed("low_freq_factor")?,
            high: needed("high_freq_factor")?,
            original: needed("original_max_position_embeddings")?,
        }),
        Some(kind) => Err(object
            .problem("rope_type", format!("{kind:?}; default, linear and llama3 are supported"))),
    }
}

/// An activation by its name.
pub fn activation(config: &mut Config, field: &str, default: &str) -> Result<Unary, Problem> {
    let name = config.text(field)?.unwrap_or_else(|| default.to_owned());
    Ok(match name.as_str() {
        "silu" | "swish" => Unary::Silu,
        "gelu" | "gelu_python" => Unary::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Unary::GeluTanh,
        "relu" => Unary::Relu,
        _ => return Err(config.problem(field, format!("the activation {name:?} is not supported"))),
    })
}
