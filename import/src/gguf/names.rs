//! The names of a decoder's tensors.

use crate::language::{Part, Place};

/// The name of a tensor.
pub fn name(place: Place) -> String {
    let part = match place.part {
        Part::Segments => "token_types",
        Part::EmbeddingNorm => "token_embd_norm",
        Part::EmbeddingProjection => "token_embd_project",
        Part::Pooler => "cls",
        Part::Embedding => "token_embd",
        Part::Positions => "position_embd",
        Part::AttentionNorm => "attn_norm",
        Part::Query => "attn_q",
        Part::Key => "attn_k",
        Part::Value => "attn_v",
        Part::QueryNorm => "attn_q_norm",
        Part::KeyNorm => "attn_k_norm",
        Part::AttentionOutput => "attn_output",
        Part::MlpNorm => "ffn_norm",
        Part::Gate => "ffn_gate",
        Part::Up => "ffn_up",
        Part::Down => "ffn_down",
        Part::FinalNorm => "output_norm",
        Part::Classifier => "output",
    };
    let kind = if place.is_bias { "bias" } else { "weight" };
    match place.layer {
        Some(layer) => format!("blk.{layer}.{part}.{kind}"),
        None => format!("{part}.{kind}"),
    }
}
