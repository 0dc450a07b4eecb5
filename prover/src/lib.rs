//! Two-round Groth16 prover: setup, keys on disk, proofs.
//!
//! | module | subject |
//! |---|---|
//! | [`setup`](mod@setup) | from a relation to a proving and a verifying key |
//! | [`key`] | the proving key: what each section holds |
//! | [`store`] | key files: written atomically, memory-mapped, checked |
//! | [`prove`](mod@prove) | from an assignment to a proof |
//! | [`progress`] | where a long job stands |
//! | [`error`] | everything that can go wrong |
//! | [`kernel`] | multi-scalar multiplication, Fourier transforms, fixed-base multiplication |
//!
//! The prover consumes a [`Relation`](lemma_circuits::relation::Relation) and an
//! [`Assignment`](lemma_circuits::relation::Assignment) and writes no constraint of its own.

mod array;
pub mod error;
pub mod kernel;
pub mod key;
pub mod progress;
pub mod prove;
mod quotient;
mod randomness;
mod secret;
pub mod setup;
pub mod store;

#[cfg(test)]
mod tests;

pub use error::{ProveError, SetupError, StoreError};
pub use key::ProvingKey;
pub use progress::Progress;
pub use prove::{Proven, prove};
pub use randomness::random_salt;
pub use setup::{KeyInfo, setup};
