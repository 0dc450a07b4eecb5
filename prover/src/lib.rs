//! lemma-prover
