//! Chains: the output that one proof commits to is the input that the next one commits to.
//!
//! A digest binds the integers, their number and their fractional bits, whatever the models, and it
//! is salted; so equal digests in two verified statements mean that whoever made them used the same
//! tensor. Nothing else is compared: contexts and keys are for the caller to judge.

use serde::Serialize;
use thiserror::Error;

use crate::{Digest, PublicTensor, Statement, Verified};

/// A committed tensor that passes from one proof to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Position of the proof that has the tensor as an output; the next one has it as an input.
    pub proof: usize,
    /// Name of the output.
    pub output: String,
    /// Name of the input of the next proof.
    pub input: String,
    /// The digest.
    pub digest: Digest,
}

/// Why proofs make no chain. Proofs are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// Fewer than two proofs.
    #[error("a chain has at least two proofs, {found} given")]
    TooShort {
        /// How many.
        found: usize,
    },
    /// A proof, not the first, that commits to no input.
    #[error(
        "proof {proof} (model `{model}`) commits to no input, so nothing links it to proof {}",
        proof.saturating_sub(1)
    )]
    NoInput {
        /// The proof.
        proof: usize,
        /// Its model.
        model: String,
    },
    /// A committed input that is no committed output of the proof before.
    #[error(
        "the link from proof {} (model `{from}`) to proof {proof} (model `{model}`) does not hold: \
         committed input `{input}` is no committed output of proof {}{hint}",
        proof.saturating_sub(1), proof.saturating_sub(1)
    )]
    Broken {
        /// Model of the proof before.
        from: String,
        /// The proof with the input.
        proof: usize,
        /// Its model.
        model: String,
        /// The input.
        input: String,
        /// What else differs, empty when only the digest does.
        hint: &'static str,
    },
}

/// Checks that every committed input of every proof but the first is a committed output of the
/// proof before it, and that there is one.
///
/// # Errors
/// The first link that does not hold.
pub fn chain(proofs: &[Verified]) -> Result<Vec<Link>, ChainError> {
    if proofs.len() < 2 {
        return Err(ChainError::TooShort { found: proofs.len() });
    }
    let mut links = Vec::new();
    for (position, pair) in proofs.windows(2).enumerate() {
        if let [before, after] = pair {
            link(position, before.statement(), after.statement(), &mut links)?;
        }
    }
    Ok(links)
}

fn link(
    position: usize,
    before: &Statement,
    after: &Statement,
    links: &mut Vec<Link>,
) -> Result<(), ChainError> {
    let committed = |statement: &Statement, input: bool| -> Vec<(PublicTensor, Digest)> {
        let tensors =
            statement.tensors.iter().filter(|tensor| tensor.signature.role.is_input() == input);
        tensors.filter_map(|tensor| Some((tensor.clone(), tensor.digest?))).collect()
    };
    let (outputs, inputs) = (committed(before, false), committed(after, true));
    let (proof, model) = (position.saturating_add(2), after.model.clone());
    if inputs.is_empty() {
        return Err(ChainError::NoInput { proof, model });
    }
    for (input, digest) in inputs {
        let alike = |output: &PublicTensor| {
            output.signature.entries() == input.signature.entries()
                && output.signature.fractional_bits == input.signature.fractional_bits
        };
        let Some((output, _)) =
            outputs.iter().find(|(output, other)| alike(output) && *other == digest)
        else {
            let hint = match outputs.iter().any(|(output, _)| alike(output)) {
                _ if outputs.is_empty() => ", which has none",
                true => "",
                false => ": none has its number of values and its fractional bits",
            };
            return Err(ChainError::Broken {
                from: before.model.clone(),
                proof,
                model,
                input: input.signature.name,
                hint,
            });
        };
        links.push(Link {
            proof: position,
            output: output.signature.name.clone(),
            input: input.signature.name,
            digest,
        });
    }
    Ok(())
}
