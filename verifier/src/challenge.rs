//! The challenge, and the context that a proof is made for.
//!
//! ```text
//! chi = keccak256(TAG || key digest || context || n || x_1 || ... || x_n || C1.x || C1.y) mod r
//! ```
//!
//! Words of 32 bytes, big-endian; `n` is the number of public values. Since `n` is hashed and every
//! word has one length, no two inputs have the same bytes. What is not in this hash is not proven:
//! the key digest brings the circuit and the meaning of the public tensors, C1 brings every round-1
//! wire.
//!
//! keccak256 is uniform on 2^256 = 5.29 r values, so a residue has probability at most 6/2^256
//! where a uniform one has 1/r: soundness errors of degree/r grow by a factor below 1.14.

use ark_bn254::{Fr, G1Affine};
use ark_ff::PrimeField;
use serde::Serialize;
use sha3::{Digest as _, Keccak256};

use crate::Digest;
use crate::point::{write_g1, write_word};

/// First word of the hash: the purpose and the version of the protocol, zero padded.
pub const TAG: [u8; 32] = *b"lemma challenge v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What a proof is bound to besides its statement: keccak256 of bytes that the caller chooses (a
/// nonce, a chain id, a contract address). A proof made for one context does not verify in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Context(Digest);

impl Context {
    /// No context: the zero word.
    pub const NONE: Context = Context(Digest([0; 32]));

    /// The context of `bytes`; [`Context::NONE`] when there are none.
    pub fn of(bytes: &[u8]) -> Context {
        if bytes.is_empty() { Context::NONE } else { Context(Digest::of(bytes)) }
    }

    /// The context whose word is `digest`: for one that a contract has hashed already.
    pub const fn from_digest(digest: Digest) -> Context {
        Context(digest)
    }

    /// The word that is hashed.
    pub fn digest(&self) -> Digest {
        self.0
    }
}

/// The challenge for a key, a context, public values and a round-1 commitment.
pub fn challenge(key: Digest, context: Context, values: &[Fr], c1: &G1Affine) -> Fr {
    let mut count = [0; 32];
    if let Some(tail) = count.last_chunk_mut::<8>() {
        *tail = (values.len() as u64).to_be_bytes();
    }
    let mut hash = Keccak256::new();
    hash.update(TAG);
    hash.update(key.0);
    hash.update(context.0.0);
    hash.update(count);
    let mut word = Vec::with_capacity(64);
    for value in values {
        word.clear();
        write_word(&mut word, value);
        hash.update(&word);
    }
    word.clear();
    write_g1(&mut word, c1);
    hash.update(&word);
    Fr::from_be_bytes_mod_order(&hash.finalize())
}

/// `x_1 chi + x_2 chi^2 + ... + x_n chi^n`.
#[expect(clippy::arithmetic_side_effects, reason = "field arithmetic is total")]
pub fn fold(values: &[Fr], chi: Fr) -> Fr {
    values.iter().rev().fold(Fr::from(0u64), |sum, value| (sum + value) * chi)
}
