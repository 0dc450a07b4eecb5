//! Statements for the tests of the rules.

use super::{Generation, GenerationError};
use crate::{Context, Digest, PublicTensor, Statement, Verified};

/// A statement of a model's key with these tensors.
pub fn statement(context: &[u8], tensors: Vec<PublicTensor>) -> Statement {
    Statement {
        model: "m".into(),
        circuit_digest: Digest([1; 32]),
        vk_digest: Digest([2; 32]),
        development: true,
        context: Context::of(context),
        tensors,
        private_inputs: Vec::new(),
    }
}

/// The generation of a statement, as if it were proven.
pub fn generation(
    statement: &Statement,
    context: &[u8],
) -> Result<Option<Generation>, GenerationError> {
    Generation::of(&Verified::assumed(statement.clone()), context)
}
