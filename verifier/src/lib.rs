//! Verifier of lemma proofs: parse a key, parse a proof file, get the statement that was proven.
//!
//! ```text
//! e(A, B) = e(alpha, beta) e(IC_0 + chi IC_1 + phi IC_2, gamma) e(C1, delta1) e(C2, delta2)
//! chi     = keccak256(TAG || key digest || context || n || x_1 || ... || x_n || C1) mod r
//! phi     = x_1 chi + x_2 chi^2 + ... + x_n chi^n
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`proof`] | the 320 bytes |
//! | [`key`] | the verifying key, its canonical bytes, its file |
//! | [`lint`] | the rules that a key must pass before it may be used |
//! | [`signature`] | what the key says about each public tensor |
//! | [`private`] | what it says about each private input |
//! | [`statement`] | public values and what they mean |
//! | [`challenge`] | the challenge and the context |
//! | [`chain`](mod@chain) | proofs whose outputs are the inputs of the next |
//! | [`verify`] | the pairing equation |
//! | [`file`](mod@file) | the JSON proof file, and the one function that accepts it |
//! | [`generation`] | when a statement is a text that the model wrote |
//! | [`visible`](mod@visible) | texts from outside, as they are shown |
//! | [`error`] | everything that can be wrong |
//!
//! A [`Verified`] exists only after the equation held; there is no boolean to forget. Everything
//! that comes from outside is parsed into a type that cannot hold an invalid value: a [`Proof`] has
//! points of the right groups, [`PublicValues`] are canonical, a [`VerifyingKey`] has passed the
//! lint.
//!
//! The crate has no unsafe code, no threads, no clock, no hash maps, no file access, and it cannot
//! panic on input; lints below and in `clippy.toml` hold it to that.
//!
//! Not covered: proofs can be re-randomised by anyone (`A, B -> t A, B / t`), so the bytes of a
//! proof are no identifier and must not serve as one. Replay is stopped by the [`Context`] alone.

#![forbid(unsafe_code)]
#![deny(
    clippy::arithmetic_side_effects,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]
// A test may fail on what it is given.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

pub mod chain;
pub mod challenge;
mod codec;
pub mod digest;
pub mod error;
pub mod file;
pub mod generation;
pub mod key;
pub mod lint;
mod point;
pub mod private;
pub mod proof;
pub mod signature;
pub mod statement;
pub mod verify;
pub mod visible;

pub use chain::{ChainError, Link, chain};
pub use challenge::Context;
pub use digest::Digest;
pub use file::{Accepted, Demand, ProofFile};
pub use generation::Generation;
pub use key::{KeyParts, VerifyingKey};
pub use private::PrivateInput;
pub use proof::Proof;
pub use signature::{Labels, Role, TensorSignature};
pub use statement::{PublicTensor, PublicValues, Statement};
pub use verify::{PreparedKey, Verified};
