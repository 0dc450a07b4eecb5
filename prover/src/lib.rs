//! lemma-prover

pub mod kernel;
