//! What the metadata and the tensors' names say about a decoder.

use std::io::{BufRead, Seek};

use lemma_model::Unary;

use super::file::Gguf;
use super::metadata::Metadata;
use super::names::name;
use crate::language::{
    Biases, Decoder, Layout, Mlp, Norm, Part, Place, Positions, Problem, Rotary, Scaling,
};

/// An architecture that is read.
struct Architecture {
    name: &'static str,
    /// The rows of queries and keys of `llama` are stored so that pairs are neighbours.
    layout: Layout,
    head_norm: bool,
}

const ARCHITECTURES: [Architecture; 3] = [
    Architecture { name: "llama", layout: Layout::Interleaved, head_norm: false },
    Architecture { name: "qwen2", layout: Layout::Halves, head_norm: false },
    Architecture { name: "qwen3", layout: Layout::Halves, head_norm: true },
];

/// Base of the rotation frequencies, where the file does not say.
const ROTATION_BASE: f64 = 10_000.0;

/// Divisors of the rotation frequencies.
const DIVISORS: &str = "rope_freqs.weight";

/// The decoder of a file.
pub fn decoder<R: BufRead + Seek>(file: &mut Gguf<R>) -> Result<Decoder, Problem> {
    let architecture = architecture(file.metadata())?;
    let field = |name: &str| format!("{}.{name}", architecture.name);
    let embedding = file.shape(&name(Part::Embedding.into()));
    let has = |part, bias: bool| {
        let place = Place::of_layer(0, part);
        file.shape(&name(if bias { place.bias() } else { place })).is_some()
    };
    let biases = Biases {
        query_key_value: has(Part::Query, true),
        output: has(Part::AttentionOutput, true),
        mlp: has(Part::Down, true),
    };
    let tied = file.shape(&name(Part::Classifier.into())).is_none();

    let metadata = file.metadata();
    let width = metadata.needed(&field("embedding_length"))?;
    let heads = metadata.needed(&field("attention.head_count"))?;
    let kv_heads = metadata.size(&field("attention.head_count_kv"))?.unwrap_or(heads);
    let head = head(metadata, &field, width, heads)?;
    let context = metadata.needed(&field("context_length"))?;
    let window = metadata.size(&field("attention.sliding_window"))?.filter(|window| *window > 0);
    let vocabulary = vocabulary(metadata, &field("vocab_size"), embedding)?;
    const EPSILON: &str = "attention.layer_norm_rms_epsilon";
    let epsilon = metadata.real(&field(EPSILON))?;
    let epsilon = epsilon.ok_or_else(|| Problem::field(field(EPSILON), "is missing"))?;
    let (hidden, layers) =
        (metadata.needed(&field("feed_forward_length"))?, metadata.needed(&field("block_count"))?);
    let base = metadata.real(&field("rope.freq_base"))?.unwrap_or(ROTATION_BASE);
    let scaling = scaling(metadata, &field)?;
    plain(metadata, &field)?;
    if let Some(stranger) = metadata.stranger(&field("")) {
        return Err(Problem::field(stranger, "is not understood, and may change the model"));
    }
    let rotary =
        Rotary { layout: architecture.layout, base, scaling: divided(file, scaling, head)? };
    let decoder = Decoder {
        vocabulary,
        width,
        hidden,
        layers,
        heads,
        kv_heads,
        head,
        // Up to its length, a window hides nothing.
        longest: window.map_or(context, |window| window.min(context)),
        norm: Norm::Rms { epsilon: epsilon as f32 },
        positions: Positions::Rotary(rotary),
        biases,
        head_norm: architecture.head_norm,
        mlp: Mlp::Gated(Unary::Silu),
        tied,
    };
    decoder.check().map_err(Problem::Unsupported)?;
    Ok(decoder)
}

fn architecture(metadata: &mut Metadata) -> Result<&'static Architecture, Problem> {
    const FIELD: &str = "general.architecture";
    if let Some(kind) = metadata.text("general.type")?.filter(|kind| *kind != "model") {
        return Err(Problem::field("general.type", format!("a file of kind {kind:?}, no model")));
    }
    if let Some(parts) = metadata.size("split.count")?.filter(|parts| *parts > 1) {
        let problem = format!("one of {parts} parts of a model; join them with llama-gguf-split");
        return Err(Problem::field("split.count", problem));
    }
    let name = metadata.text(FIELD)?.ok_or_else(|| Problem::field(FIELD, "is missing"))?;
    ARCHITECTURES.iter().find(|known| known.name == name).ok_or_else(|| {
        let known = ARCHITECTURES.map(|known| known.name).join(", ");
        Problem::Unsupported(format!("architecture {name:?}; {known} are read"))
    })
}

/// Width of a head.
fn head(
    metadata: &mut Metadata,
    field: &impl Fn(&str) -> String,
    width: usize,
    heads: usize,
) -> Result<usize, Problem> {
    let declared = metadata.size(&field("attention.key_length"))?;
    let head = match declared {
        Some(head) => head,
        None if heads > 0 && width.is_multiple_of(heads) => width / heads,
        None => {
            let problem = format!("{heads} heads do not divide a width of {width}");
            return Err(Problem::field(field("attention.head_count"), problem));
        }
    };
    for (name, what) in
        [("attention.value_length", "values"), ("rope.dimension_count", "rotary positions")]
    {
        if let Some(other) = metadata.size(&field(name))?.filter(|other| *other != head) {
            let problem = format!("{what} of {other} entries in heads of {head}");
            return Err(Problem::field(field(name), problem));
        }
    }
    Ok(head)
}

/// Number of token ids, on which metadata, tensor and tokenizer must agree.
fn vocabulary(
    metadata: &mut Metadata,
    field: &str,
    embedding: Option<Vec<usize>>,
) -> Result<usize, Problem> {
    let embedding =
        embedding.ok_or_else(|| Problem::tensor(name(Part::Embedding.into()), "is missing"))?;
    // A table of one token has lost its second axis.
    let rows = if embedding.len() > 1 { embedding.first().copied() } else { None }.unwrap_or(1);
    const TOKENS: &str = "tokenizer.ggml.tokens";
    let pieces = match metadata.array(TOKENS)? {
        Some(super::Array::Text(pieces)) => Some(pieces.len()),
        _ => None,
    };
    for (name, other) in [(field, metadata.size(field)?), (TOKENS, pieces)] {
        if let Some(other) = other.filter(|other| *other != rows) {
            let problem = format!("{other} tokens, but the embedding has {rows} rows");
            return Err(Problem::field(name, problem));
        }
    }
    Ok(rows)
}

fn scaling(metadata: &mut Metadata, field: &impl Fn(&str) -> String) -> Result<Scaling, Problem> {
    let kind = metadata.text(&field("rope.scaling.type"))?.map(str::to_owned);
    let factor = match metadata.real(&field("rope.scaling.factor"))? {
        Some(factor) => Some(factor),
        None => metadata.real(&field("rope.scale_linear"))?,
    };
    // Of how the model was made, not of how it computes.
    metadata.value(&field("rope.scaling.original_context_length"));
    metadata.value(&field("rope.scaling.finetuned"));
    let factor = factor.filter(|factor| *factor != 0.0 && *factor != 1.0);
    match (kind.as_deref(), factor) {
        (Some("none"), _) | (None | Some("linear"), None) => Ok(Scaling::None),
        (None | Some("linear"), Some(factor)) => Ok(Scaling::Linear { factor }),
        (Some(kind), _) => {
            let problem = format!("{kind:?}; none and linear are supported");
            Err(Problem::field(field("rope.scaling.type"), problem))
        }
    }
}

/// The scaling, with the divisors of a tensor where there is one.
fn divided<R: BufRead + Seek>(
    file: &mut Gguf<R>,
    scaling: Scaling,
    head: usize,
) -> Result<Scaling, Problem> {
    if file.shape(DIVISORS).is_none() {
        return Ok(scaling);
    }
    if scaling != Scaling::None {
        return Err(Problem::tensor(DIVISORS, "stands beside another scaling"));
    }
    let mut divisors = Vec::new();
    file.values(DIVISORS, [1, head / 2], &mut |row| divisors.extend_from_slice(row))?;
    Ok(Scaling::Divisors(divisors))
}

/// Refuses what would make another model of it.
fn plain(metadata: &mut Metadata, field: &impl Fn(&str) -> String) -> Result<(), Problem> {
    for name in ["expert_count", "expert_used_count"] {
        if let Some(count) = metadata.size(&field(name))?.filter(|count| *count > 0) {
            let problem = format!("a mixture of {count} experts is not supported");
            return Err(Problem::field(field(name), problem));
        }
    }
    if metadata.flag(&field("attention.causal"))? == Some(false) {
        let problem = "a model that sees later tokens is no decoder";
        return Err(Problem::field(field("attention.causal"), problem));
    }
    if metadata.flag(&field("use_parallel_residual"))? == Some(true) {
        return Err(Problem::field(field("use_parallel_residual"), "is not supported"));
    }
    // The layout of the file that this one was made of.
    metadata.value(&field("tensor_data_layout"));
    Ok(())
}
