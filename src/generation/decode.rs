//! Greedy decoding by the integer model.

use lemma_graph::{ExecuteError, Port};
use thiserror::Error;

use super::{Decoder, GENERATED, PROMPT, TEXT, TOKENS, context};
use crate::Package;

/// Why nothing is generated.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// The model is not a decoder.
    #[error(
        "this model does not generate: only a causal language model that was compiled as a decoder \
            does"
    )]
    NoDecoder,
    /// A prompt that leaves no room.
    #[error(
        "a prompt of {prompt} tokens and {wanted} more; the model has {tokens}: shorten the \
            prompt, or compile the model for more tokens"
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

/// A package as a decoder.
struct Layout<'a> {
    package: &'a Package,
    decoder: Decoder,
    output: &'a Port,
    tokens: usize,
}

/// Continues `prompt` by up to `wanted` tokens, each the integer model's choice after the ones
/// before it; fewer when it chooses one of `ends`, which is left out. The result has prompt and
/// text. Costs one run of the model a token.
///
/// # Errors
/// [`GenerateError`].
pub fn generate(
    package: &Package,
    prompt: &[u32],
    wanted: usize,
    padding: u32,
    ends: &[u32],
) -> Result<Vec<u32>, GenerateError> {
    let layout = Layout::of(package)?;
    let tokens = layout.tokens;
    if prompt.is_empty() {
        return Err(GenerateError::EmptyPrompt);
    }
    let end = prompt.len().saturating_add(wanted);
    if end > tokens {
        return Err(GenerateError::TooLong { prompt: prompt.len(), wanted, tokens });
    }
    let mut ids = prompt.to_vec();
    while ids.len() < end {
        // A choice is shown before a generated token: here before one that is not known yet, which
        // no earlier position sees.
        let inputs = layout.fill(&ids, prompt.len(), ids.len() + 1, padding)?;
        let values = package.graph().execute(&inputs)?;
        let choice =
            values.get(layout.output.node.0).and_then(|next| next.get(ids.len() - 1)).copied();
        match choice.and_then(|id| u32::try_from(id).ok()).filter(|id| !ends.contains(id)) {
            Some(id) => ids.push(id),
            None => break,
        }
    }
    Ok(ids)
}

/// The inputs of a decoder for prompt and text, the first `prompt` tokens given, with the bytes of
/// their context. What follows the text, and in a hidden prompt what follows the prompt, is
/// `padding`: so the same prompt and salt have one digest, whatever was generated.
///
/// # Errors
/// [`GenerateError`], when the package is no decoder or the text is longer than it reads.
pub fn fill(
    package: &Package,
    ids: &[u32],
    prompt: usize,
    padding: u32,
    caller: &[u8],
) -> Result<(Vec<Vec<i64>>, Vec<u8>), GenerateError> {
    let layout = Layout::of(package)?;
    let too_long = || GenerateError::TooLong {
        prompt,
        wanted: ids.len().saturating_sub(prompt),
        tokens: layout.tokens,
    };
    if ids.len() > layout.tokens {
        return Err(too_long());
    }
    let length = |n: usize| u32::try_from(n).map_err(|_| too_long());
    let inputs = layout.fill(ids, prompt, ids.len(), padding)?;
    Ok((inputs, context(length(prompt)?, length(ids.len())?, caller)))
}

impl<'a> Layout<'a> {
    fn of(package: &'a Package) -> Result<Layout<'a>, GenerateError> {
        let decoder = Decoder::of(&package.signature(), &package.private_inputs())
            .ok_or(GenerateError::NoDecoder)?;
        let output = package.graph().outputs.iter().find(|port| port.name == decoder.output());
        let output = output.ok_or(GenerateError::NoDecoder)?;
        Ok(Layout { package, decoder, output, tokens: package.graph().node(output.node).len() })
    }

    /// One tensor for each input. A token of `ids` that is missing before `length` is 0.
    fn fill(
        &self,
        ids: &[u32],
        prompt: usize,
        length: usize,
        padding: u32,
    ) -> Result<Vec<Vec<i64>>, GenerateError> {
        let id = |at: usize| ids.get(at).map_or(0, |id| i64::from(*id));
        let padding = i64::from(padding);
        let written = |at: usize| (prompt..length).contains(&at);
        let value = |port: &Port, at: usize| match (self.decoder, port.name.as_str()) {
            (Decoder::Shown, TOKENS) => Some(if at < ids.len() { id(at) } else { padding }),
            (Decoder::Hidden, PROMPT) => Some(if at < prompt { id(at) } else { padding }),
            (Decoder::Hidden, TEXT) => Some(if written(at) { id(at) } else { 0 }),
            (Decoder::Hidden, GENERATED) => Some(i64::from(written(at))),
            _ => None,
        };
        let tensor =
            |port: &Port| (0..self.tokens).map(|at| value(port, at)).collect::<Option<Vec<i64>>>();
        let tensors: Option<Vec<Vec<i64>>> =
            self.package.graph().inputs.iter().map(tensor).collect();
        tensors.ok_or(GenerateError::NoDecoder)
    }
}
