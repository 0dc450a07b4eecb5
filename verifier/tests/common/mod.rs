//! A statement, and what is known of the field.
#![allow(dead_code)]

pub use lemma_testkit::simulator::{Trapdoor, rng};

use ark_bn254::{Fq, Fr};
use lemma_verifier::{KeyParts, Labels, PublicValues, Role, TensorSignature, VerifyingKey};

/// An image of three pixels, four scores, one class: eight public values.
pub fn signature() -> Vec<TensorSignature> {
    vec![
        TensorSignature {
            name: "image".to_string(),
            role: Role::Input,
            shape: vec![1, 3],
            fractional_bits: 8,
            low: -256,
            high: 256,
            labels: Labels::None,
        },
        TensorSignature {
            name: "scores".to_string(),
            role: Role::Output,
            shape: vec![2, 2],
            fractional_bits: 4,
            low: -1000,
            high: 1000,
            labels: Labels::Entries(vec!["cat".to_string(), "dog".to_string()]),
        },
        TensorSignature {
            name: "class".to_string(),
            role: Role::Output,
            shape: vec![],
            fractional_bits: 0,
            low: 0,
            high: 1,
            labels: Labels::Values(vec!["cat".to_string(), "dog".to_string()]),
        },
    ]
}

/// The contents of a key for [`signature`].
pub fn parts(trapdoor: &Trapdoor) -> KeyParts {
    trapdoor.parts("toy", signature())
}

/// A key for [`signature`].
pub fn key(trapdoor: &Trapdoor) -> VerifyingKey {
    trapdoor.key("toy", signature())
}

pub const INTEGERS: [i64; 8] = [0, -128, 256, 17, -5, 999, -1000, 1];

pub fn values() -> PublicValues {
    PublicValues::from_integers(INTEGERS)
}

/// r, the order of the groups, as a big-endian word.
pub fn order() -> [u8; 32] {
    use ark_ff::{BigInteger, PrimeField};
    Fr::MODULUS.to_bytes_be().try_into().expect("32 bytes")
}

/// q, the modulus of the coordinates, as a big-endian word.
pub fn modulus() -> [u8; 32] {
    use ark_ff::{BigInteger, PrimeField};
    Fq::MODULUS.to_bytes_be().try_into().expect("32 bytes")
}

/// `x + y` of two big-endian words; `None` when it needs a 33rd byte.
pub fn add_words(x: &[u8], y: &[u8; 32]) -> Option<[u8; 32]> {
    let mut sum = [0u8; 32];
    let mut carry = 0u16;
    for at in (0..32).rev() {
        carry += u16::from(x[at]) + u16::from(y[at]);
        sum[at] = carry as u8;
        carry >>= 8;
    }
    (carry == 0).then_some(sum)
}
