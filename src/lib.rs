//! Zero-knowledge proofs of small-model inference.
