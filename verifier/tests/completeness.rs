//! What is right is accepted, and says what it should.

mod common;

use common::{INTEGERS, Trapdoor, key, rng, values};
use lemma_verifier::{Context, Demand, PreparedKey, Proof, ProofFile, PublicValues, VerifyingKey};

#[test]
fn accepts_proofs_and_returns_their_statement() {
    let mut rng = rng(1);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = PreparedKey::new(key(&trapdoor));
    for context in [Context::NONE, Context::of(b"nonce 1")] {
        let proof = trapdoor.simulate(key.key().digest(), &values(), context, &mut rng);
        let verified = key.verify(&values(), context, &proof).expect("a true statement");
        let statement = verified.statement();
        assert_eq!(statement.model, "toy");
        assert_eq!(statement.vk_digest, key.key().digest());
        assert_eq!(statement.context, context);
        assert!(statement.development);
        let integers: Vec<i64> =
            statement.tensors.iter().flat_map(|tensor| tensor.values.clone()).collect();
        assert_eq!(integers, INTEGERS);
        assert_eq!(statement.tensors[0].reals(), [0.0, -0.5, 1.0]);
        assert_eq!(
            statement.tensors[1].readable(),
            ["cat: 1.0625", "dog: -0.3125", "cat: 62.4375", "dog: -62.5"]
        );
        assert_eq!(statement.tensors[2].readable(), ["dog"]);
        assert_eq!(key.key().verify(&values(), context, &proof).expect("unprepared"), verified);
    }
}

#[test]
fn proofs_keys_and_values_survive_their_bytes() {
    let mut rng = rng(2);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = key(&trapdoor);
    let proof = trapdoor.simulate(key.digest(), &values(), Context::NONE, &mut rng);
    let bytes = proof.to_bytes();
    assert_eq!(bytes.len(), Proof::BYTES);
    assert_eq!(Proof::from_bytes(&bytes).expect("canonical"), proof);
    assert_eq!(VerifyingKey::from_bytes(&key.to_bytes()).expect("canonical"), key);
    assert_eq!(VerifyingKey::from_file(&key.to_file()).expect("canonical"), key);
    assert_eq!(PublicValues::from_bytes(&values().to_bytes()).expect("canonical"), values());
}

#[test]
fn a_proof_file_survives_json_and_verifies() {
    let mut rng = rng(3);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = PreparedKey::new(key(&trapdoor));
    for context in [&b""[..], b"chain 1"] {
        let proof =
            trapdoor.simulate(key.key().digest(), &values(), Context::of(context), &mut rng);
        let file = ProofFile::new(key.key(), &values(), context, &proof).expect("values fit");
        let json = file.to_json().expect("strings and integers");
        let back = ProofFile::from_json(json.as_bytes()).expect("own output");
        assert_eq!(back, file);
        let verified = back.verify(&key, &Demand::default()).expect("a true statement").verified;
        assert_eq!(verified.statement().tensors[2].values, [1]);
    }
}
