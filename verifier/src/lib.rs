//! lemma-verifier
