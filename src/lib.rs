//! Zero-knowledge proofs of small-model inference.

pub use lemma_circuits as circuits;
pub use lemma_quantizer as quantizer;
pub use lemma_verifier as verifier;
