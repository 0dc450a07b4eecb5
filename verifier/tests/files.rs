//! Proof files whose readable part does not fit the key.

mod common;

use common::{Trapdoor, key, rng, values};
use lemma_verifier::error::{FileError, ProofError, StatementError, VerifyError};
use lemma_verifier::{Context, Demand, PreparedKey, ProofFile, PublicValues, Role};

fn scene(seed: u64) -> (PreparedKey, ProofFile) {
    let mut rng = rng(seed);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = PreparedKey::new(key(&trapdoor));
    let proof = trapdoor.simulate(key.key().digest(), &values(), Context::of(b"n"), &mut rng);
    let file = ProofFile::new(key.key(), &values(), b"n", &proof).expect("values fit");
    assert!(file.verify(&key, &Demand::default()).is_ok());
    (key, file)
}

fn open_after(change: impl FnOnce(&mut ProofFile)) -> FileError {
    let (key, mut file) = scene(60);
    change(&mut file);
    match file.verify(&key, &Demand::default()) {
        Err(VerifyError::File(error)) => error,
        other => panic!("expected a file error, got {other:?}"),
    }
}

#[test]
fn rejects_another_key_or_model_than_it_names() {
    let error = open_after(|file| file.verifying_key.replace_range(2..4, "00"));
    assert!(matches!(error, FileError::OtherKey { .. }));
    let error = open_after(|file| file.model = "gpt".to_string());
    assert!(matches!(error, FileError::OtherModel { .. }));
}

#[test]
fn rejects_tensors_described_otherwise_than_in_the_key() {
    let described = |error: FileError, expected: &str| match error {
        FileError::Signature { field, .. } => assert_eq!(field, expected),
        other => panic!("{other}"),
    };
    described(open_after(|file| file.tensors[0].name.push('s')), "name");
    described(open_after(|file| file.tensors[0].role = Role::Output), "role");
    described(open_after(|file| file.tensors[0].shape = vec![3, 1]), "shape");
    described(open_after(|file| file.tensors[0].fractional_bits = 0), "fractional bits");
    described(open_after(|file| file.tensors.swap(0, 1)), "name");
    let error = open_after(|file| file.tensors.truncate(2));
    assert!(matches!(error, FileError::TensorCount { expected: 3, found: 2 }));
}

#[test]
fn rejects_missing_or_surplus_values() {
    let error = open_after(|file| file.tensors[1].values.truncate(3));
    assert!(matches!(error, FileError::ValueCount { expected: 4, found: 3, .. }));
    let error = open_after(|file| file.tensors[1].decoded.push(String::new()));
    assert!(matches!(error, FileError::ValueCount { expected: 4, found: 5, .. }));
}

#[test]
fn rejects_a_readable_part_that_lies() {
    let error = open_after(|file| file.tensors[2].decoded[0] = "cat".to_string());
    assert!(matches!(error, FileError::Decoded { index: 0, expected, .. } if expected == "dog"));
    let error = open_after(|file| file.tensors[1].decoded[0] = "dog: 1.0625".to_string());
    assert!(matches!(error, FileError::Decoded { index: 0, .. }));
    let error = open_after(|file| file.tensors[0].values[1] = -127);
    assert!(matches!(error, FileError::Decoded { index: 1, .. }));
}

#[test]
fn rejects_values_changed_together_with_their_readable_part() {
    let (key, mut file) = scene(61);
    file.tensors[0].values[1] = -64;
    file.tensors[0].decoded[1] = "-0.25".to_string();
    assert!(matches!(file.verify(&key, &Demand::default()), Err(VerifyError::Rejected)));
    file.tensors[0].values[1] = -512;
    file.tensors[0].decoded[1] = "-2".to_string();
    assert!(matches!(
        file.verify(&key, &Demand::default()),
        Err(VerifyError::Statement(StatementError::OutOfRange {
            index: 1,
            low: -256,
            high: 256,
            ..
        }))
    ));
}

#[test]
fn rejects_another_context() {
    let (key, mut file) = scene(62);
    file.context = "0x".to_string();
    assert!(matches!(file.verify(&key, &Demand::default()), Err(VerifyError::Rejected)));
}

#[test]
fn rejects_fields_that_are_not_hexadecimal() {
    assert!(matches!(
        open_after(|file| file.context = "6e".to_string()),
        FileError::Hex { field: "context" }
    ));
    assert!(matches!(
        open_after(|file| file.context = "0x6".to_string()),
        FileError::Hex { field: "context" }
    ));
    assert!(matches!(open_after(|file| file.proof.push('g')), FileError::Hex { field: "proof" }));
    let error = open_after(|file| file.proof.truncate(2 + 2 * 319));
    assert!(matches!(error, FileError::Proof(ProofError::Length { found: 319, .. })));
    assert!(matches!(
        open_after(|file| file.verifying_key = "mine".to_string()),
        FileError::Hex { field: "verifying_key" }
    ));
}

#[test]
fn rejects_json_that_is_not_a_proof_file() {
    let (_, file) = scene(63);
    let json = file.to_json().expect("strings and integers");
    for length in 0..json.len() {
        assert!(matches!(
            ProofFile::from_json(&json.as_bytes()[..length]),
            Err(FileError::Json(_))
        ));
    }
    for (from, to) in [
        ("\"context\"", "\"kontext\""),
        ("-128", "-128.5"),
        ("-128", "99999999999999999999"),
        ("\"input\"", "\"both\""),
        ("\"shape\"", "\"units\": 1, \"shape\""),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json);
        assert!(
            matches!(ProofFile::from_json(changed.as_bytes()), Err(FileError::Json(_))),
            "{from} -> {to}"
        );
    }
    let changed = json.replacen("lemma-proof-2", "lemma-proof-1", 1);
    assert!(matches!(ProofFile::from_json(changed.as_bytes()), Err(FileError::Format { .. })));
}

#[test]
fn refuses_to_write_values_that_do_not_fit_the_key() {
    let (key, file) = scene(64);
    let (_, _, proof) = file.open(key.key()).expect("fits");
    let short = PublicValues::from_integers([1]);
    let result = ProofFile::new(key.key(), &short, b"", &proof);
    assert_eq!(result, Err(StatementError::Count { expected: 8, found: 1 }));
}

#[test]
fn rejects_a_file_that_says_something_else_of_the_private_inputs() {
    let changes: [fn(&mut ProofFile); 4] = [
        |file| file.private_inputs.clear(),
        |file| file.private_inputs[0].name = "nothing".to_string(),
        |file| file.private_inputs[0].high = 0,
        |file| file.private_inputs.push(file.private_inputs[0].clone()),
    ];
    for change in changes {
        assert!(matches!(open_after(change), FileError::PrivateInputs { .. }));
    }
    let (key, file) = scene(58);
    let statement =
        file.verify(&key, &Demand::default()).expect("an honest file").verified.into_statement();
    assert_eq!(statement.private_inputs, Trapdoor::private_inputs());
}

#[test]
fn a_proof_is_accepted_for_the_context_and_the_kind_that_is_asked_for() {
    let (key, file) = scene(56);
    let ask = |context, generation| file.verify(&key, &Demand { context, generation });
    let accepted = ask(Some(b"n"), false).expect("its own context");
    assert_eq!((accepted.caller.as_slice(), accepted.generation), (&b"n"[..], None));
    for other in [&b""[..], b"m", b"nn"] {
        assert!(matches!(ask(Some(other), false), Err(VerifyError::OtherContext { .. })));
    }
    assert!(matches!(ask(None, true), Err(VerifyError::NoGeneration)));
}

/// The context of a generation under a key that is no decoder's: the proof holds, what its file
/// claims does not.
#[test]
fn a_file_that_claims_a_generation_and_is_none_is_refused() {
    let mut rng = rng(57);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = PreparedKey::new(key(&trapdoor));
    for context in
        [lemma_verifier::generation::context(1, 2, b"n"), lemma_verifier::generation::TAG.to_vec()]
    {
        let proof =
            trapdoor.simulate(key.key().digest(), &values(), Context::of(&context), &mut rng);
        let file = ProofFile::new(key.key(), &values(), &context, &proof).expect("values fit");
        for generation in [false, true] {
            let refused = file.verify(&key, &Demand { generation, ..Demand::default() });
            assert!(matches!(refused, Err(VerifyError::Generation(_))), "{refused:?}");
        }
    }
}
