//! The challenge depends on each of its inputs, and has the bytes that the contract computes.

mod common;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField, UniformRand};
use common::rng;
use lemma_testkit::simulator::g1;
use lemma_verifier::challenge::{TAG, challenge, fold};
use lemma_verifier::{Context, Digest};
use sha3::{Digest as _, Keccak256};

#[test]
fn the_challenge_changes_with_each_input_alone() {
    let mut rng = rng(30);
    let (key, context) = (Digest([1; 32]), Context::of(b"nonce"));
    let values: Vec<Fr> = (0..3).map(|_| Fr::rand(&mut rng)).collect();
    let c1 = g1(Fr::rand(&mut rng));
    let honest = challenge(key, context, &values, &c1);

    let mut others = Vec::new();
    for byte in 0..32 {
        let mut other = key;
        other.0[byte] ^= 1;
        others.push(challenge(other, context, &values, &c1));
    }
    others.push(challenge(key, Context::NONE, &values, &c1));
    others.push(challenge(key, Context::of(b"nonce "), &values, &c1));
    for index in 0..values.len() {
        let mut other = values.clone();
        other[index] += Fr::from(1u64);
        others.push(challenge(key, context, &other, &c1));
        let mut dropped = values.clone();
        dropped.remove(index);
        others.push(challenge(key, context, &dropped, &c1));
    }
    let zero_appended = [values.clone(), vec![Fr::from(0u64)]].concat();
    others.push(challenge(key, context, &zero_appended, &c1));
    others.push(challenge(key, context, &values, &-c1));
    others.push(challenge(key, context, &values, &g1(Fr::rand(&mut rng))));

    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, honest, "input {index} is not bound");
    }
}

/// The definition in docs/protocol.md, "The challenge", written out over a flat buffer.
#[test]
fn the_challenge_is_keccak_of_the_documented_words() {
    let mut rng = rng(31);
    for count in [0usize, 1, 2, 300] {
        let (key, context) = (Digest([9; 32]), Context::of(b"chain 1"));
        let values: Vec<Fr> = (0..count).map(|_| Fr::rand(&mut rng)).collect();
        let c1 = g1(Fr::rand(&mut rng));
        let mut words =
            vec![*b"lemma challenge v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", key.0, context.digest().0];
        let mut length = [0; 32];
        length[30..].copy_from_slice(&(count as u16).to_be_bytes());
        words.push(length);
        words.extend(values.iter().map(big_endian));
        words.push(big_endian(&c1.x));
        words.push(big_endian(&c1.y));
        assert_eq!(words[0], TAG);
        let expected = Fr::from_be_bytes_mod_order(&Keccak256::digest(words.concat()));
        assert_eq!(challenge(key, context, &values, &c1), expected);
    }
}

#[test]
fn a_context_is_the_keccak_of_the_callers_bytes_and_zero_without() {
    let expected: [u8; 32] = Keccak256::digest(b"abc").into();
    assert_eq!(Context::of(b"abc").digest(), Digest(expected));
    assert_eq!(Context::of(b""), Context::NONE);
    assert_eq!(Context::NONE.digest(), Digest([0; 32]));
}

#[test]
fn the_fold_is_the_sum_of_powers_from_one() {
    let mut rng = rng(32);
    let chi = Fr::rand(&mut rng);
    let values: Vec<Fr> = (0..5).map(|_| Fr::rand(&mut rng)).collect();
    let mut power = Fr::from(1u64);
    let mut expected = Fr::from(0u64);
    for value in &values {
        power *= chi;
        expected += power * value;
    }
    assert_eq!(fold(&values, chi), expected);
    assert_eq!(fold(&[], chi), Fr::from(0u64));
}

fn big_endian<F: PrimeField>(value: &F) -> [u8; 32] {
    value.into_bigint().to_bytes_be().try_into().expect("32 bytes")
}
