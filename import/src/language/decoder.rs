//! The lowering of a decoder.
//!
//! The result is a float [`Model`] for a fixed number of tokens T: input `tokens` `[1, T]`, output
//! `logits` `[1, T, vocabulary]`. Position t sees positions 0 to t only, so the entries up to t do
//! not depend on what follows: that is what lets one run of the model check a whole generated text.
//!
//! The scale `1 / sqrt(head)` of the scores is part of the query weights, or of the gain of the
//! queries' normalisation where there is one.

use lemma_model::{Model, NodeId, Op, Unary};

use super::attention::{Builder, Heads};
use super::{Decoder, Mlp, Norm, Part, Place, Positions, Weights};

/// The model of a decoder that passed [`Decoder::check`], for `tokens` tokens, at most
/// [`Decoder::most_tokens`].
///
/// # Errors
/// What the weights say, and tensors that are too large.
pub fn decoder<W: Weights>(
    config: &Decoder,
    weights: &mut W,
    tokens: usize,
) -> Result<Model, W::Error> {
    let mut builder = Builder::new(tokens);
    let mut x = embedding(&mut builder, config, weights)?;
    for index in 0..config.layers {
        x = layer(&mut builder, config, weights, index, x)?;
    }
    let norm = config.norm.op(weights, Part::FinalNorm.into(), config.width, 1.0)?;
    let x = builder.model.push("norm", norm, &[x])?;
    let part = if config.tied { Part::Embedding } else { Part::Classifier };
    let classifier = weights.affine(part.into(), config.width, config.vocabulary, false)?;
    let logits = builder.dense("logits".into(), classifier, x)?;
    builder.model.outputs.push(("logits".into(), logits));
    Ok(builder.model)
}

fn embedding<W: Weights>(
    builder: &mut Builder,
    config: &Decoder,
    weights: &mut W,
) -> Result<NodeId, W::Error> {
    let (vocabulary, width, tokens) = (config.vocabulary, config.width, builder.tokens);
    let ids = builder.model.push_input("tokens", Op::Tokens { vocabulary }, &[1, tokens])?;
    let table = weights.table(Part::Embedding.into(), [vocabulary, width])?;
    let x = builder.model.push("embedding", Op::Embedding { table }, &[ids])?;
    match config.positions {
        Positions::Rotary(_) => Ok(x),
        Positions::Learned => {
            let table = weights.table(Part::Positions.into(), [config.longest, width])?;
            Ok(builder.add_positions("embedding", x, &table, 0)?)
        }
    }
}

fn layer<W: Weights>(
    builder: &mut Builder,
    config: &Decoder,
    weights: &mut W,
    index: usize,
    x: NodeId,
) -> Result<NodeId, W::Error> {
    let at = |part: &str| format!("layer{index}.{part}");
    let norm = config.norm.op(weights, in_layer(index, Part::AttentionNorm), config.width, 1.0)?;
    let normed = builder.model.push(at("attention.norm"), norm, &[x])?;
    let mixed = attention(builder, config, weights, index, normed)?;
    let (inputs, bias) = (config.heads * config.head, config.biases.output);
    let output =
        weights.affine(in_layer(index, Part::AttentionOutput), inputs, config.width, bias)?;
    let output = builder.dense(at("attention.output"), output, mixed)?;
    let x = builder.model.push(at("attention.residual"), Op::Add, &[x, output])?;

    let norm = config.norm.op(weights, in_layer(index, Part::MlpNorm), config.width, 1.0)?;
    let normed = builder.model.push(at("mlp.norm"), norm, &[x])?;
    let inner = mlp(builder, config, weights, index, normed)?;
    let down = in_layer(index, Part::Down);
    let down = weights.affine(down, config.hidden, config.width, config.biases.mlp)?;
    let down = builder.dense(at("mlp.down"), down, inner)?;
    Ok(builder.model.push(at("mlp.residual"), Op::Add, &[x, down])?)
}

fn in_layer(index: usize, part: Part) -> Place {
    Place::of_layer(index, part)
}

/// The mixed values of all heads, `[1, T, heads * head]`.
fn attention<W: Weights>(
    builder: &mut Builder,
    config: &Decoder,
    weights: &mut W,
    index: usize,
    x: NodeId,
) -> Result<NodeId, W::Error> {
    let at = |part: &str| format!("layer{index}.attention.{part}");
    let (heads, kv_heads, head) = (config.heads, config.kv_heads, config.head);
    let scale = (1.0 / (head as f64).sqrt()) as f32;
    let mut map = |part: Part, heads: usize| {
        let bias = config.biases.query_key_value;
        weights.affine(in_layer(index, part), config.width, heads * head, bias)
    };
    let mut query = map(Part::Query, heads)?;
    if !config.head_norm {
        query.weight *= scale;
        query.bias.iter_mut().for_each(|bias| *bias *= scale);
    }
    let query = builder.dense(at("query"), query, x)?;
    let key = map(Part::Key, kv_heads)?;
    let key = builder.dense(at("key"), key, x)?;
    let value = map(Part::Value, kv_heads)?;
    let value = builder.dense(at("value"), value, x)?;

    let mut query = builder.split(&at("query"), query, heads, head)?;
    let normed = |builder: &mut Builder, weights: &mut W, name, part, x, scale| {
        let (Norm::Rms { epsilon } | Norm::Layer { epsilon }) = config.norm;
        let norm = Norm::Rms { epsilon }.op(weights, in_layer(index, part), head, scale)?;
        Ok::<_, W::Error>(builder.model.push(at(name), norm, &[x])?)
    };
    if config.head_norm {
        query = normed(builder, weights, "query.norm", Part::QueryNorm, query, scale)?;
    }
    let rotate = |builder: &mut Builder, name: &str, x, heads| match &config.positions {
        Positions::Rotary(rotary) => builder.rotate(&at(name), x, heads, head, rotary),
        Positions::Learned => Ok(x),
    };
    let query = rotate(builder, "query", query, heads)?;
    let mut key = builder.split(&at("key"), key, kv_heads, head)?;
    if config.head_norm {
        key = normed(builder, weights, "key.norm", Part::KeyNorm, key, 1.0)?;
    }
    let key = rotate(builder, "key", key, kv_heads)?;
    let shared = Heads { heads, kv_heads, head };
    Ok(builder.causal(&format!("layer{index}.attention"), shared, [query, key, value])?)
}

/// What the last map of the MLP reads, `[1, T, hidden]`.
fn mlp<W: Weights>(
    builder: &mut Builder,
    config: &Decoder,
    weights: &mut W,
    index: usize,
    x: NodeId,
) -> Result<NodeId, W::Error> {
    let at = |part: &str| format!("layer{index}.mlp.{part}");
    let mut map = |builder: &mut Builder, part: Part, name: &str| {
        let map = weights.affine(
            in_layer(index, part),
            config.width,
            config.hidden,
            config.biases.mlp,
        )?;
        Ok::<_, W::Error>(builder.dense(at(name), map, x)?)
    };
    match config.mlp {
        Mlp::Gated(function) => {
            let gate = map(builder, Part::Gate, "gate")?;
            let gate = builder.model.push(at(name_of(function)), Op::Unary(function), &[gate])?;
            let up = map(builder, Part::Up, "up")?;
            Ok(builder.model.push(at("gated"), Op::Mul, &[gate, up])?)
        }
        Mlp::Plain(function) => {
            let up = map(builder, Part::Up, "up")?;
            Ok(builder.model.push(at(name_of(function)), Op::Unary(function), &[up])?)
        }
    }
}

/// The name of an activation's node.
pub(super) fn name_of(function: Unary) -> &'static str {
    match function {
        Unary::Silu => "silu",
        _ => "activation",
    }
}
