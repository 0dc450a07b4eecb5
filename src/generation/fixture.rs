//! Statements for the tests of the rules.

use lemma_verifier::{Context, Digest, PublicTensor, Statement};

/// A statement of a model's key with these tensors.
pub fn statement(context: &[u8], tensors: Vec<PublicTensor>) -> Statement {
    Statement {
        model: "m".into(),
        circuit_digest: Digest([1; 32]),
        vk_digest: Digest([2; 32]),
        development: true,
        context: Context::of(context),
        tensors,
    }
}
