//! Committed tensors: their digests in keys, statements and files, and the chains that they make.

mod common;

use ark_bn254::Fr;
use common::{Trapdoor, add_words, order, parts, rng};
use lemma_verifier::error::{FileError, KeyError, LintError, StatementError, VerifyError};
use lemma_verifier::{
    ChainError, Context, Demand, KeyParts, Labels, Link, PreparedKey, ProofFile, PublicValues,
    Role, TensorSignature, Verified, VerifyingKey, chain,
};

fn tensor(name: &str, role: Role, shape: &[usize], fractional_bits: i32) -> TensorSignature {
    TensorSignature {
        name: name.into(),
        role,
        shape: shape.into(),
        fractional_bits,
        low: -9,
        high: 9,
        labels: Labels::None,
    }
}

/// A committed input of 6 integers, a public score, a committed output of 4.
fn signature() -> Vec<TensorSignature> {
    vec![
        tensor("in", Role::CommittedInput, &[2, 3], 8),
        tensor("score", Role::Output, &[1], 4),
        tensor("out", Role::CommittedOutput, &[4], 5),
    ]
}

fn key_with(
    trapdoor: &Trapdoor,
    model: &str,
    signature: Vec<TensorSignature>,
) -> Result<VerifyingKey, KeyError> {
    let public_values = signature.iter().filter_map(TensorSignature::public_values).sum();
    VerifyingKey::new(KeyParts { model: model.into(), signature, public_values, ..parts(trapdoor) })
}

/// A verified statement of a model of these tensors with these public values; the trapdoor stands
/// in for the prover.
fn verified(seed: u64, model: &str, signature: Vec<TensorSignature>, values: &[Fr]) -> Verified {
    let mut rng = rng(seed);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = key_with(&trapdoor, model, signature).unwrap();
    let values = PublicValues::new(values.to_vec());
    let proof = trapdoor.simulate(key.digest(), &values, Context::NONE, &mut rng);
    key.verify(&values, Context::NONE, &proof).unwrap()
}

fn scene() -> (PreparedKey, ProofFile) {
    let mut rng = rng(70);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = key_with(&trapdoor, "committed", signature()).unwrap();
    let values = PublicValues::new(vec![-Fr::from(1), Fr::from(-7), Fr::from(u64::MAX)]);
    let proof = trapdoor.simulate(key.digest(), &values, Context::NONE, &mut rng);
    let file = ProofFile::new(&key, &values, b"", &proof).unwrap();
    (PreparedKey::new(key), file)
}

#[test]
fn a_key_with_committed_tensors_survives_its_bytes() {
    let (key, _) = scene();
    let key = key.key();
    assert_eq!(key.parts().public_values, 3);
    assert_eq!(VerifyingKey::from_bytes(&key.to_bytes()).unwrap(), *key);
    // A role is part of the digest.
    for (index, role) in [(0, Role::Output), (2, Role::CommittedInput)] {
        let mut parts = key.parts().clone();
        parts.signature[index].role = role;
        assert_ne!(parts.digest(), key.digest());
    }
    let trapdoor = Trapdoor::random(&mut rng(71));
    let twice = vec![tensor("x", Role::Input, &[1], 0), tensor("x", Role::CommittedInput, &[1], 0)];
    let refused = key_with(&trapdoor, "twice", twice).unwrap_err();
    assert!(matches!(refused, KeyError::Lint(LintError::DuplicateTensor { .. })), "{refused}");
}

#[test]
fn a_statement_has_the_digest_instead_of_values() {
    let (key, file) = scene();
    let file = ProofFile::from_json(file.to_json().unwrap().as_bytes()).unwrap();
    let statement = file.verify(&key, &Demand::default()).unwrap().verified.into_statement();
    let [input, score, output] = &statement.tensors[..] else { panic!("three tensors") };
    assert!(input.values.is_empty() && input.readable().is_empty() && output.values.is_empty());
    assert_eq!((score.values.as_slice(), score.digest), ([-7].as_slice(), None));
    // -1 is the greatest field element: a digest is not read as an integer.
    assert_eq!(
        input.digest.unwrap().to_string(),
        "0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000000"
    );
    assert_eq!(output.digest.unwrap().to_string(), format!("0x{:064x}", u64::MAX));
}

#[test]
fn an_altered_digest_is_rejected() {
    let (key, file) = scene();
    let after = |change: fn(&mut ProofFile)| {
        let mut file = file.clone();
        change(&mut file);
        file.verify(&key, &Demand::default()).unwrap_err()
    };
    for error in [
        after(|file| file.tensors[0].digest = file.tensors[2].digest.clone()),
        after(|file| file.tensors[2].digest = Some(format!("0x{:064x}", u64::MAX - 1))),
        after(|file| file.tensors[2].digest = Some(format!("0x{:064x}", 0))),
    ] {
        assert!(matches!(error, VerifyError::Rejected), "{error}");
    }
    let described = |error: VerifyError| match error {
        VerifyError::File(FileError::Signature { field, .. }) => assert_eq!(field, "digest"),
        other => panic!("{other}"),
    };
    described(after(|file| file.tensors[0].digest = None));
    described(after(|file| file.tensors[1].digest = Some(format!("0x{:064x}", 1))));
    let error = after(|file| file.tensors[0].values.push(1));
    assert!(
        matches!(error, VerifyError::File(FileError::ValueCount { expected: 0, found: 1, .. })),
        "{error}"
    );
    for text in ["0x01", "", "0xzz"] {
        let mut file = file.clone();
        file.tensors[0].digest = Some(text.into());
        assert!(matches!(
            file.verify(&key, &Demand::default()),
            Err(VerifyError::File(FileError::Hex { field: "digest" }))
        ));
    }
    // The same field element in other bytes.
    let word = hex::decode(&file.tensors[2].digest.as_ref().unwrap()[2..]).unwrap();
    let mut file = file.clone();
    file.tensors[2].digest =
        Some(format!("0x{}", hex::encode(add_words(&word, &order()).unwrap())));
    let refused = file.verify(&key, &Demand::default()).unwrap_err();
    assert!(
        matches!(
            refused,
            VerifyError::File(FileError::Statement(StatementError::NotCanonical { index: 2 }))
        ),
        "{refused}"
    );
}

#[test]
fn a_chain_holds_exactly_if_every_link_does() {
    let digests = [11u64, 12, 13, 14].map(Fr::from);
    let step = |i: usize, input: Fr, output: Fr| {
        let tensors = vec![
            tensor("x", Role::CommittedInput, &[2, 2], 8),
            tensor("y", Role::CommittedOutput, &[4], 8),
        ];
        verified(80 + i as u64, &format!("m{i}"), tensors, &[input, output])
    };
    let steps: Vec<Verified> = (0..3).map(|i| step(i, digests[i], digests[i + 1])).collect();
    let links = chain(&steps).unwrap();
    let digest = |i: usize| steps[i].statement().tensors[1].digest.unwrap();
    let link =
        |proof: usize| Link { proof, output: "y".into(), input: "x".into(), digest: digest(proof) };
    assert_eq!(links, [link(0), link(1)]);

    let broken = |proofs: &[Verified]| match chain(proofs) {
        Err(ChainError::Broken { proof, input, .. }) => (proof, input),
        other => panic!("{other:?}"),
    };
    for i in 1..3 {
        let mut foreign = steps.clone();
        foreign[i] = step(i, Fr::from(99), digests[i + 1]);
        assert_eq!(broken(&foreign), (i + 1, "x".into()));
    }
    assert_eq!(broken(&[steps[1].clone(), steps[0].clone()]).0, 2);
    assert_eq!(broken(&[steps[0].clone(), steps[2].clone()]).0, 2);
    assert_eq!(broken(&[steps[0].clone(), steps[1].clone(), steps[1].clone()]).0, 3);
    assert_eq!(chain(&steps[..1]), Err(ChainError::TooShort { found: 1 }));
    assert_eq!(chain(&[]), Err(ChainError::TooShort { found: 0 }));
}

#[test]
fn a_link_is_from_an_output_to_an_input_alike() {
    let digest = Fr::from(5);
    let last = verified(90, "last", vec![tensor("x", Role::CommittedInput, &[4], 8)], &[digest]);
    let first = |tensors: Vec<TensorSignature>, values: &[Fr]| {
        chain(&[verified(91, "first", tensors, values), last.clone()])
    };
    assert!(first(vec![tensor("y", Role::CommittedOutput, &[2, 2], 8)], &[digest]).is_ok());
    // Another output of the same proof is beside the point.
    let two = vec![
        tensor("y", Role::CommittedOutput, &[4], 8),
        tensor("z", Role::CommittedOutput, &[4], 8),
    ];
    assert_eq!(first(two, &[Fr::from(6), digest]).unwrap()[0].output, "z");
    for (other, value) in [
        (tensor("y", Role::CommittedOutput, &[5], 8), digest),
        (tensor("y", Role::CommittedOutput, &[4], 7), digest),
        (tensor("y", Role::CommittedInput, &[4], 8), digest),
        (tensor("y", Role::Output, &[1], 8), digest),
    ] {
        let refused = first(vec![other.clone()], &[value]).unwrap_err();
        assert!(
            matches!(&refused, ChainError::Broken { hint, .. } if !hint.is_empty()),
            "{other:?}: {refused}"
        );
    }
    // Two committed inputs, of which one is foreign.
    let both = vec![
        tensor("x", Role::CommittedInput, &[4], 8),
        tensor("w", Role::CommittedInput, &[4], 8),
    ];
    let start = verified(92, "first", vec![tensor("y", Role::CommittedOutput, &[4], 8)], &[digest]);
    let refused =
        chain(&[start.clone(), verified(93, "both", both, &[digest, Fr::from(6)])]).unwrap_err();
    assert!(matches!(&refused, ChainError::Broken { input, .. } if input == "w"), "{refused}");
    let none = verified(94, "none", vec![tensor("x", Role::Input, &[1], 8)], &[digest]);
    assert_eq!(chain(&[start, none]), Err(ChainError::NoInput { proof: 2, model: "none".into() }));
}
