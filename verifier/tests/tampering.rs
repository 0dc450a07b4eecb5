//! A valid proof or statement, changed.

mod common;

use ark_bn254::Fr;
use ark_ff::UniformRand;
use common::{INTEGERS, Trapdoor, add_words, key, modulus, order, parts, rng, values};
use lemma_testkit::simulator::{g2_bytes, outside_subgroup};
use lemma_verifier::error::{PointError, ProofError, StatementError, VerifyError};
use lemma_verifier::{Context, PreparedKey, Proof, PublicValues};

const POINTS: [(&str, usize, usize); 4] =
    [("A", 0, 64), ("B", 64, 128), ("C1", 192, 64), ("C2", 256, 64)];

struct Scene {
    key: PreparedKey,
    trapdoor: Trapdoor,
    proof: Vec<u8>,
    rng: rand_chacha::ChaCha20Rng,
}

fn scene(seed: u64) -> Scene {
    let mut rng = rng(seed);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = PreparedKey::new(key(&trapdoor));
    let proof =
        trapdoor.simulate(key.key().digest(), &values(), Context::NONE, &mut rng).to_bytes();
    Scene { key, trapdoor, proof, rng }
}

fn rejected(key: &PreparedKey, values: &PublicValues, context: Context, proof: &Proof) {
    assert!(matches!(key.verify(values, context, proof), Err(VerifyError::Rejected)));
}

#[test]
fn rejects_every_flipped_bit_of_a_proof() {
    let scene = scene(10);
    for bit in 0..Proof::BYTES * 8 {
        let mut bytes = scene.proof.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Proof::from_bytes(&bytes) {
            Ok(proof) => rejected(&scene.key, &values(), Context::NONE, &proof),
            Err(ProofError::Point { point, .. }) => {
                let (name, ..) =
                    POINTS.iter().rfind(|(_, start, _)| *start <= bit / 8).expect("inside");
                assert_eq!(point, *name, "bit {bit}");
            }
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
}

#[test]
fn rejects_every_truncation_and_an_extension() {
    let scene = scene(11);
    for length in 0..Proof::BYTES {
        let expected = ProofError::Length { expected: Proof::BYTES, found: length };
        assert_eq!(Proof::from_bytes(&scene.proof[..length]), Err(expected));
    }
    for extra in [1, 31, 32, 64, 320] {
        let bytes = [scene.proof.clone(), vec![0; extra]].concat();
        let expected = ProofError::Length { expected: Proof::BYTES, found: Proof::BYTES + extra };
        assert_eq!(Proof::from_bytes(&bytes), Err(expected));
    }
}

#[test]
fn rejects_every_splice_of_two_valid_proofs() {
    let mut scene = scene(12);
    let digest = scene.key.key().digest();
    let other =
        scene.trapdoor.simulate(digest, &values(), Context::NONE, &mut scene.rng).to_bytes();
    for mask in 0u32..16 {
        let mut bytes = scene.proof.clone();
        for (index, (_, start, length)) in POINTS.iter().enumerate() {
            if mask >> index & 1 == 1 {
                bytes[*start..start + length].copy_from_slice(&other[*start..start + length]);
            }
        }
        let proof = Proof::from_bytes(&bytes).expect("points of valid proofs");
        if mask == 0 || mask == 15 {
            assert!(scene.key.verify(&values(), Context::NONE, &proof).is_ok());
        } else {
            rejected(&scene.key, &values(), Context::NONE, &proof);
        }
    }
}

#[test]
fn rejects_points_in_each_others_places() {
    let scene = scene(13);
    for (first, second) in [(0, 192), (0, 256), (192, 256)] {
        let mut bytes = scene.proof.clone();
        bytes[first..first + 64].copy_from_slice(&scene.proof[second..second + 64]);
        bytes[second..second + 64].copy_from_slice(&scene.proof[first..first + 64]);
        let proof = Proof::from_bytes(&bytes).expect("points of G1");
        rejected(&scene.key, &values(), Context::NONE, &proof);
    }
}

#[test]
fn rejects_a_proof_under_another_key() {
    let mut scene = scene(14);
    let proof = Proof::from_bytes(&scene.proof).expect("valid");
    let other = PreparedKey::new(key(&Trapdoor::random(&mut scene.rng)));
    rejected(&other, &values(), Context::NONE, &proof);
    for change in 0..7 {
        let mut parts = parts(&scene.trapdoor);
        match change {
            0 => parts.graph_digest.0[31] ^= 1,
            1 => parts.development = false,
            2 => parts.model.push('!'),
            3 => parts.signature[1].fractional_bits += 1,
            4 => drop(parts.private_inputs.pop()),
            5 => parts.private_inputs[0].name.push('!'),
            _ => parts.signature[1].high += 1,
        }
        let same_points =
            PreparedKey::new(lemma_verifier::VerifyingKey::new(parts).expect("still good"));
        rejected(&same_points, &values(), Context::NONE, &proof);
    }
}

#[test]
fn rejects_another_context() {
    let mut scene = scene(15);
    let (one, two) = (Context::of(b"nonce 1"), Context::of(b"nonce 2"));
    let digest = scene.key.key().digest();
    let proof = scene.trapdoor.simulate(digest, &values(), one, &mut scene.rng);
    assert!(scene.key.verify(&values(), one, &proof).is_ok());
    rejected(&scene.key, &values(), two, &proof);
    rejected(&scene.key, &values(), Context::NONE, &proof);
}

#[test]
fn rejects_every_changed_public_value() {
    let mut scene = scene(16);
    let proof = Proof::from_bytes(&scene.proof).expect("valid");
    let mut attempts = 0;
    for index in 0..INTEGERS.len() {
        let honest = values().as_slice()[index];
        let one = Fr::from(1u64);
        for changed in
            [honest + one, honest - one, Fr::from(0u64), -honest, Fr::rand(&mut scene.rng)]
        {
            if changed == honest {
                continue;
            }
            let mut tampered = values().as_slice().to_vec();
            tampered[index] = changed;
            let result = scene.key.verify(&PublicValues::new(tampered), Context::NONE, &proof);
            assert!(
                matches!(
                    result,
                    Err(VerifyError::Rejected
                        | VerifyError::Statement(StatementError::OutOfRange { .. }))
                ),
                "value {index}: {result:?}"
            );
            attempts += 1;
        }
        for neighbor in index + 1..INTEGERS.len() {
            let mut swapped = values().as_slice().to_vec();
            swapped.swap(index, neighbor);
            let result = scene.key.verify(&PublicValues::new(swapped), Context::NONE, &proof);
            assert!(result.is_err(), "values {index} and {neighbor} swapped");
        }
    }
    assert!(attempts >= 4 * INTEGERS.len());
}

#[test]
fn rejects_dropped_and_appended_values() {
    let scene = scene(17);
    let proof = Proof::from_bytes(&scene.proof).expect("valid");
    let honest = values().as_slice().to_vec();
    for index in 0..honest.len() {
        let mut dropped = honest.clone();
        dropped.remove(index);
        let result = scene.key.verify(&PublicValues::new(dropped), Context::NONE, &proof);
        assert!(matches!(
            result,
            Err(VerifyError::Statement(StatementError::Count { expected: 8, found: 7 }))
        ));
    }
    let mut appended = honest.clone();
    appended.push(Fr::from(0u64));
    let result = scene.key.verify(&PublicValues::new(appended), Context::NONE, &proof);
    assert!(matches!(
        result,
        Err(VerifyError::Statement(StatementError::Count { expected: 8, found: 9 }))
    ));
    let result = scene.key.verify(&PublicValues::new(vec![]), Context::NONE, &proof);
    assert!(matches!(
        result,
        Err(VerifyError::Statement(StatementError::Count { expected: 8, found: 0 }))
    ));
}

#[test]
fn rejects_a_public_value_plus_a_multiple_of_r() {
    let honest = values().to_bytes();
    for index in 0..INTEGERS.len() {
        let mut word: [u8; 32] = honest[32 * index..][..32].try_into().expect("a word");
        while let Some(next) = add_words(&word, &order()) {
            word = next;
            let mut bytes = honest.clone();
            bytes[32 * index..][..32].copy_from_slice(&word);
            assert_eq!(
                PublicValues::from_bytes(&bytes),
                Err(StatementError::NotCanonical { index })
            );
        }
    }
    assert_eq!(PublicValues::from_bytes(&honest[1..]), Err(StatementError::Words { found: 255 }));
}

#[test]
fn rejects_infinity_in_every_position() {
    let scene = scene(18);
    for (point, start, length) in POINTS {
        let mut bytes = scene.proof.clone();
        bytes[start..start + length].fill(0);
        let expected = ProofError::Point { point, reason: PointError::Infinity };
        assert_eq!(Proof::from_bytes(&bytes), Err(expected));
    }
}

#[test]
fn rejects_points_off_the_curve_in_every_position() {
    let scene = scene(19);
    for (point, start, length) in POINTS {
        for at in [start + 31, start + length - 1] {
            let mut bytes = scene.proof.clone();
            bytes[at] ^= 1;
            let expected = ProofError::Point { point, reason: PointError::OffCurve };
            assert_eq!(Proof::from_bytes(&bytes), Err(expected));
        }
        let mut bytes = scene.proof.clone();
        bytes[start..start + length].fill(0);
        bytes[start + length - 1] = 1;
        let expected = ProofError::Point { point, reason: PointError::OffCurve };
        assert_eq!(Proof::from_bytes(&bytes), Err(expected));
    }
}

#[test]
fn rejects_coordinates_plus_a_multiple_of_q() {
    let scene = scene(20);
    for (point, start, length) in POINTS {
        for word in (start..start + length).step_by(32) {
            let mut shifted: [u8; 32] = scene.proof[word..][..32].try_into().expect("a word");
            while let Some(next) = add_words(&shifted, &modulus()) {
                shifted = next;
                let mut bytes = scene.proof.clone();
                bytes[word..][..32].copy_from_slice(&shifted);
                let expected = ProofError::Point { point, reason: PointError::NotCanonical };
                assert_eq!(Proof::from_bytes(&bytes), Err(expected));
            }
        }
    }
}

#[test]
fn rejects_b_outside_the_subgroup() {
    let mut scene = scene(21);
    for _ in 0..8 {
        let mut bytes = scene.proof.clone();
        bytes[64..192].copy_from_slice(&g2_bytes(&outside_subgroup(&mut scene.rng)));
        let expected = ProofError::Point { point: "B", reason: PointError::WrongSubgroup };
        assert_eq!(Proof::from_bytes(&bytes), Err(expected));
    }
}
