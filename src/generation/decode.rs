//! Greedy decoding by the integer model.

use lemma_quantizer::graph::ExecuteError;
use thiserror::Error;

use super::is_decoder;
use crate::Package;

/// Ids of the tokens that begin and end a text in llama2.c; decoding stops at them.
const ENDS: [i64; 2] = [1, 2];

/// Why nothing is generated.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// The model is not a decoder.
    #[error(
        "this model does not generate: it needs the public input `tokens` and the public output `next`, as `lemma compile` makes them from a llama2.c checkpoint"
    )]
    NoDecoder,
    /// A prompt that leaves no room.
    #[error(
        "a prompt of {prompt} tokens and {wanted} more; the model has {tokens}: shorten the prompt, or compile with a larger --tokens"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Tokens asked for.
        wanted: usize,
        /// Tokens of the model.
        tokens: usize,
    },
    /// A prompt without tokens.
    #[error("the prompt has no tokens, not even one that begins a text")]
    EmptyPrompt,
    /// The integer model.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// Continues `prompt` by up to `wanted` tokens, each the integer model's choice after the ones before it; fewer when the model ends the text. The
/// result has prompt and text. Costs one run of the model a token.
///
/// # Errors
/// [`GenerateError`].
pub fn generate(package: &Package, prompt: &[u32], wanted: usize, padding: u32) -> Result<Vec<u32>, GenerateError> {
    if !is_decoder(&package.signature()) {
        return Err(GenerateError::NoDecoder);
    }
    let graph = package.graph();
    let port = graph.inputs.first().filter(|_| graph.inputs.len() == 1).ok_or(GenerateError::NoDecoder)?;
    let next = graph.outputs.iter().find(|port| port.name == "next").ok_or(GenerateError::NoDecoder)?;
    let tokens = graph.node(port.node).len();
    if prompt.is_empty() {
        return Err(GenerateError::EmptyPrompt);
    }
    let end = prompt.len().saturating_add(wanted);
    if end > tokens {
        return Err(GenerateError::TooLong { prompt: prompt.len(), wanted, tokens });
    }
    let mut ids = prompt.to_vec();
    while ids.len() < end {
        let padded = ids.iter().chain(std::iter::repeat(&padding)).take(tokens).map(|id| i64::from(*id)).collect();
        let values = graph.execute(&[padded])?;
        let choice = values.get(next.node.0).and_then(|next| next.get(ids.len() - 1)).copied();
        match choice.filter(|id| !ENDS.contains(id)).and_then(|id| u32::try_from(id).ok()) {
            Some(id) => ids.push(id),
            None => break,
        }
    }
    Ok(ids)
}
