//! Bad keys: each rule broken alone, and damaged bytes.

mod common;

use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use common::{Trapdoor, rng};
use lemma_testkit::simulator::{g2, outside_subgroup};
use lemma_verifier::error::{KeyError, LintError, PointError};
use lemma_verifier::lint::lint;
use lemma_verifier::{Digest, KeyParts, Labels, VerifyingKey};

fn parts(seed: u64) -> KeyParts {
    common::parts(&Trapdoor::random(&mut rng(seed)))
}

fn set_g1(parts: &mut KeyParts, name: &str, point: G1Affine) {
    match name {
        "alpha1" => parts.alpha1 = point,
        "ic0" => parts.ic[0] = point,
        "ic1" => parts.ic[1] = point,
        _ => parts.ic[2] = point,
    }
}

fn set_g2(parts: &mut KeyParts, name: &str, point: G2Affine) {
    match name {
        "beta2" => parts.beta2 = point,
        "gamma2" => parts.gamma2 = point,
        "delta1_2" => parts.delta1_2 = point,
        _ => parts.delta2_2 = point,
    }
}

fn get_g1(parts: &KeyParts, name: &str) -> G1Affine {
    match name {
        "alpha1" => parts.alpha1,
        "ic0" => parts.ic[0],
        "ic1" => parts.ic[1],
        "ic2" => parts.ic[2],
        _ => G1Affine::generator(),
    }
}

fn get_g2(parts: &KeyParts, name: &str) -> G2Affine {
    match name {
        "beta2" => parts.beta2,
        "gamma2" => parts.gamma2,
        "delta1_2" => parts.delta1_2,
        "delta2_2" => parts.delta2_2,
        _ => G2Affine::generator(),
    }
}

const G1_NAMES: [&str; 5] = ["alpha1", "ic0", "ic1", "ic2", "the generator of G1"];
const G2_NAMES: [&str; 5] = ["beta2", "gamma2", "delta1_2", "delta2_2", "the generator of G2"];

#[test]
fn rejects_equal_or_opposite_points_in_every_pair() {
    for second in 1..5 {
        for first in 0..second {
            for opposite in [false, true] {
                let mut bad = parts(40);
                let point = get_g1(&bad, G1_NAMES[second]);
                set_g1(&mut bad, G1_NAMES[first], if opposite { -point } else { point });
                let expected =
                    LintError::Related { first: G1_NAMES[first], second: G1_NAMES[second] };
                assert_eq!(lint(&bad), Err(expected));

                let mut bad = parts(40);
                let point = get_g2(&bad, G2_NAMES[second]);
                set_g2(&mut bad, G2_NAMES[first], if opposite { -point } else { point });
                let expected =
                    LintError::Related { first: G2_NAMES[first], second: G2_NAMES[second] };
                assert_eq!(lint(&bad), Err(expected));
            }
        }
    }
}

#[test]
fn rejects_bad_points_in_every_position() {
    let mut rng = rng(41);
    for name in &G1_NAMES[..4] {
        let off = G1Affine::new_unchecked(Fq::from(1u64), Fq::from(1u64));
        for (point, reason) in
            [(G1Affine::identity(), PointError::Infinity), (off, PointError::OffCurve)]
        {
            let mut bad = parts(42);
            set_g1(&mut bad, name, point);
            assert_eq!(lint(&bad), Err(LintError::Point { point: name, reason }));
            let expected = Err(KeyError::Point { point: name, reason });
            assert_eq!(VerifyingKey::from_bytes(&bad.to_bytes()), expected);
        }
    }
    for name in &G2_NAMES[..4] {
        let mut off = G2Affine::generator();
        off.y = off.x;
        for (point, reason) in [
            (G2Affine::identity(), PointError::Infinity),
            (off, PointError::OffCurve),
            (outside_subgroup(&mut rng), PointError::WrongSubgroup),
        ] {
            let mut bad = parts(42);
            set_g2(&mut bad, name, point);
            assert_eq!(lint(&bad), Err(LintError::Point { point: name, reason }));
            let expected = Err(KeyError::Point { point: name, reason });
            assert_eq!(VerifyingKey::from_bytes(&bad.to_bytes()), expected);
        }
    }
}

fn rejects(change: impl FnOnce(&mut KeyParts), expected: LintError) {
    let mut bad = parts(43);
    change(&mut bad);
    assert_eq!(lint(&bad), Err(expected.clone()));
    assert_eq!(VerifyingKey::new(bad.clone()), Err(KeyError::Lint(expected.clone())));
    assert_eq!(VerifyingKey::from_bytes(&bad.to_bytes()), Err(KeyError::Lint(expected)));
}

#[test]
fn rejects_a_count_that_is_not_the_sum_of_the_tensors() {
    rejects(|key| key.public_values = 7, LintError::PublicValueCount { declared: 7, tensors: 8 });
    rejects(
        |key| key.signature.truncate(2),
        LintError::PublicValueCount { declared: 8, tensors: 7 },
    );
}

#[test]
fn rejects_names_that_are_missing_or_used_twice() {
    rejects(|key| key.model.clear(), LintError::UnnamedModel);
    rejects(|key| key.signature[1].name.clear(), LintError::UnnamedTensor { index: 1 });
    rejects(
        |key| key.signature[2].name = "scores".to_string(),
        LintError::DuplicateTensor { role: "output", name: "scores".to_string() },
    );
}

#[test]
fn rejects_shapes_that_overflow_or_are_too_large() {
    let limit = lemma_verifier::signature::MAX_ENTRIES;
    for shape in [vec![usize::MAX, 2], vec![1 << 40], vec![1 << 31], vec![1 << 40, 1 << 40, 0]] {
        rejects(
            |key| key.signature[0].shape = shape,
            LintError::TensorTooLarge { tensor: "image".to_string(), limit },
        );
    }
}

#[test]
fn rejects_scales_ranges_and_labels_that_make_no_sense() {
    for found in [257, -257, i32::MIN] {
        rejects(
            |key| key.signature[0].fractional_bits = found,
            LintError::FractionalBits { tensor: "image".to_string(), found, limit: 256 },
        );
    }
    rejects(
        |key| key.signature[0].low = 257,
        LintError::EmptyRange { tensor: "image".to_string(), low: 257, high: 256 },
    );
    rejects(
        |key| key.signature[1].labels = Labels::Entries(vec!["cat".to_string()]),
        LintError::LabelCount { tensor: "scores".to_string(), expected: 2, found: 1 },
    );
    rejects(
        |key| key.signature[2].high = 2,
        LintError::LabelCount { tensor: "class".to_string(), expected: 3, found: 2 },
    );
    rejects(
        |key| key.signature[2].low = -1,
        LintError::LabelledValues { tensor: "class".to_string(), low: -1, fractional_bits: 0 },
    );
}

#[test]
fn rejects_the_key_of_another_circuit() {
    let key = VerifyingKey::new(parts(44)).expect("good");
    let circuit = key.parts().circuit_digest();
    assert_eq!(key.expect_circuit(circuit), Ok(()));
    let expected = KeyError::OtherCircuit { expected: Digest([8; 32]), found: circuit };
    assert_eq!(key.expect_circuit(Digest([8; 32])), Err(expected));
}

#[test]
fn rejects_every_truncation_and_an_extension_of_a_key() {
    let key = VerifyingKey::new(parts(45)).expect("good");
    let bytes = key.to_bytes();
    for length in 0..bytes.len() {
        let result = VerifyingKey::from_bytes(&bytes[..length]);
        assert!(matches!(result, Err(KeyError::Truncated { .. })), "{length} bytes: {result:?}");
    }
    assert_eq!(
        VerifyingKey::from_bytes(&[&bytes[..], &[0]].concat()),
        Err(KeyError::Trailing { bytes: 1 })
    );
    let file = key.to_file();
    for length in 0..file.len() {
        let result = VerifyingKey::from_file(&file[..length]);
        assert!(matches!(result, Err(KeyError::Truncated { .. })), "{length} bytes: {result:?}");
    }
    assert_eq!(
        VerifyingKey::from_file(&[&file[..], &[0]].concat()),
        Err(KeyError::Trailing { bytes: 1 })
    );
}

#[test]
fn rejects_every_flipped_bit_of_a_key_file() {
    let file = VerifyingKey::new(parts(46)).expect("good").to_file();
    for bit in 0..file.len() * 8 {
        let mut damaged = file.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let result = VerifyingKey::from_file(&damaged);
        let typed = match bit / 8 {
            0..8 => matches!(result, Err(KeyError::Magic)),
            8..12 => matches!(result, Err(KeyError::Version { .. })),
            12..20 => matches!(result, Err(KeyError::Truncated { .. } | KeyError::Trailing { .. })),
            _ => matches!(result, Err(KeyError::Checksum { .. })),
        };
        assert!(typed, "bit {bit}: {result:?}");
    }
}

#[test]
fn canonical_bytes_have_one_reading() {
    let bytes = parts(47).to_bytes();
    let mut read = 0;
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(key) = VerifyingKey::from_bytes(&changed) {
            assert_eq!(key.to_bytes(), changed, "bit {bit}");
            assert_ne!(key.digest(), Digest::of(&bytes), "bit {bit}");
            read += 1;
        }
    }
    println!("{read} changed keys are keys of their own");
    let mut changed = bytes.clone();
    changed[12] = 2;
    let expected = KeyError::Choice { field: "the development flag", limit: 1, found: 2 };
    assert_eq!(VerifyingKey::from_bytes(&changed), Err(expected));
}

#[test]
fn rejects_absurd_counts_before_allocating_for_them() {
    let bytes = parts(48).to_bytes();
    // The private input at the end has 48 bytes.
    let private = bytes.len() - 52;
    for (at, field) in [
        (821, "the model's name"),
        (828, "a tensor's shape"),
        (832, "a tensor's name"),
        (842, "a tensor's shape"),
        (private, "a private input's name"),
        (private + 4, "a private input's name"),
        (private + 12, "a private input's shape"),
    ] {
        let mut changed = bytes.clone();
        changed[at..at + 4].fill(0xff);
        let result = VerifyingKey::from_bytes(&changed);
        assert!(
            matches!(&result, Err(KeyError::Truncated { field: found, .. }) if *found == field),
            "offset {at}: {result:?}"
        );
    }
}

#[test]
fn a_good_key_passes_the_lint_with_either_flag() {
    for development in [false, true] {
        let mut good = parts(52);
        good.development = development;
        assert_eq!(lint(&good), Ok(()));
        assert_ne!(g2(Fr::from(1u64)), good.beta2);
    }
}

#[test]
fn rejects_private_inputs_that_make_no_sense() {
    rejects(|key| key.private_inputs[0].name.clear(), LintError::UnnamedTensor { index: 3 });
    let twice = || LintError::DuplicateTensor { role: "input", name: "image".to_string() };
    rejects(|key| key.private_inputs[0].name = "image".to_string(), twice());
    rejects(
        |key| key.private_inputs[0].low = 2,
        LintError::EmptyRange { tensor: "mask".to_string(), low: 2, high: 1 },
    );
    let (tensor, limit) = ("mask".to_string(), lemma_verifier::signature::MAX_ENTRIES);
    rejects(
        |key| key.private_inputs[0].shape = vec![1 << 40, 1 << 40],
        LintError::TensorTooLarge { tensor: tensor.clone(), limit },
    );
    rejects(
        |key| key.private_inputs[0].fractional_bits = 257,
        LintError::FractionalBits { tensor, found: 257, limit: 256 },
    );
}

/// A key that describes the same graph otherwise has another circuit digest, and one with other
/// points has the same.
#[test]
fn the_circuit_digest_binds_what_a_key_says_about_inputs_and_outputs() {
    let honest = parts(46);
    let changes: [fn(&mut KeyParts); 10] = [
        |key| key.graph_digest.0[0] ^= 1,
        |key| drop(key.private_inputs.pop()),
        |key| key.private_inputs[0].name.push('2'),
        |key| key.private_inputs[0].shape = vec![3],
        |key| key.private_inputs[0].high = 2,
        |key| key.private_inputs[0].fractional_bits = 1,
        |key| key.signature[0].name.push('2'),
        |key| key.signature[0].low -= 1,
        |key| key.signature[1].labels = Labels::Entries(vec!["dog".to_string(), "cat".to_string()]),
        |key| key.signature.swap(0, 1),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut lying = honest.clone();
        change(&mut lying);
        assert_ne!(lying.circuit_digest(), honest.circuit_digest(), "change {at}");
        assert_ne!(lying.digest(), honest.digest(), "change {at}");
    }
    let other = KeyParts { development: false, alpha1: honest.ic[1], ..honest.clone() };
    assert_eq!(other.circuit_digest(), honest.circuit_digest());
}
