//! The committed calls, which Foundry runs too (`solidity/test/Vectors.t.sol`): what Rust says of
//! each is in the file.

mod support;

use lemma_contracts::evm::{Evm, Fork, Outcome};
use lemma_contracts::{Call, calldata, creation_code};
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::{Context, Digest, PreparedKey, PublicValues, VerifyingKey};
use serde_json::{Value, json};
use support::{INTEGERS, Trapdoor, compiler, rng, signature, values};

const FILE: &str = "vectors/toy.json";

fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Calls of the committed contract `DevelopmentToyVerifier`, good and bad ones, with the data that
/// the contract reverts with.
fn expected_file() -> String {
    let mut rng = rng(24);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = trapdoor.key("toy", signature());
    let prepared = PreparedKey::new(key.clone());
    let mut evm = Evm::new(Fork::Cancun);
    let contract = evm.deploy(&creation_code(&key).expect("a good key")).expect("it deploys");

    let context = Context::of(b"vectors");
    let proof = trapdoor.simulate(key.digest(), &values(), context, &mut rng);
    let mut prove = |integers: [i64; 7], context| {
        let values = PublicValues::from_integers(integers);
        calldata(&trapdoor.simulate(key.digest(), &values, context, &mut rng), &values, context)
    };
    let mut above = INTEGERS;
    above[2] = 256;
    let honest = calldata(&proof, &values(), context);
    let with = |at: usize, bytes: &[u8]| {
        let mut data = honest.clone();
        data[at..at + bytes.len()].copy_from_slice(bytes);
        data
    };
    let calls = [
        ("a proof in a context", honest.clone()),
        ("a proof without a context", prove(INTEGERS, Context::NONE)),
        ("a value outside its range", prove(above, context)),
        ("another context", with(4, &[1; 32])),
        ("a value not below r", with(420, &[0xff; 32])),
        ("another value", with(451, &[1])),
        ("A at infinity", with(36, &[0; 64])),
        ("C2 off the curve", with(36 + 319, &[0])),
        ("a trailing word", [honest.clone(), vec![0; 32]].concat()),
        (
            "a missing value",
            [&honest[..388], &[&[0; 31][..], &[6]].concat(), &honest[420..honest.len() - 32]]
                .concat(),
        ),
    ];
    let validation = validation(&key, |context| prove(INTEGERS, context));
    let calls: Vec<Value> = calls
        .into_iter()
        .map(|(name, data)| {
            let accepted = Call::decode(&data).is_ok_and(|call| call.verify(&prepared).is_ok());
            let outcome = evm.call(contract, &data, 1_000_000).expect("it is executed").outcome;
            let revert = match outcome {
                Outcome::Success(_) => Vec::new(),
                Outcome::Reverted(data) => data,
                Outcome::Halted(reason) => panic!("{name}: {reason}"),
            };
            assert_eq!(accepted, revert.is_empty(), "{name}");
            json!({ "name": name, "calldata": hexadecimal(data), "revert": hexadecimal(revert) })
        })
        .collect();
    let chi = challenge(key.digest(), context, values().as_slice(), &proof.c1());
    let phi = fold(values().as_slice(), chi);
    let file = json!({
        "vk_digest": key.digest().to_string(),
        "context_bytes": hexadecimal(b"vectors"),
        "chi": hexadecimal(PublicValues::new(vec![chi]).to_bytes()),
        "phi": hexadecimal(PublicValues::new(vec![phi]).to_bytes()),
        "count": calls.len(),
        "calls": calls,
        "validation": validation,
    });
    format!("{}\n", serde_json::to_string_pretty(&file).expect("JSON"))
}

/// Where `AgentValidator.t.sol` puts its validator, and the chain of its tests.
const VALIDATOR: [u8; 20] = [0x84; 20];
const CHAIN: u64 = 31_337;

/// Public values that the validator takes for inputs.
const INPUTS: usize = 3;

/// A request that the validator is asked to answer, and a call of the verifier for its context.
fn validation(key: &VerifyingKey, prove: impl FnOnce(Context) -> Vec<u8>) -> Value {
    let salt = [0x5a; 32];
    let word = |value: u64| [[0; 24].as_slice(), &value.to_be_bytes()].concat();
    let inputs = values().to_bytes()[..32 * INPUTS].to_vec();
    let request = Digest::of(
        &[&key.digest().0[..], &salt, &word(96), &word(INPUTS as u64), &inputs].concat(),
    );
    let context = [&request.0[..], &word(CHAIN), &[0; 12], &VALIDATOR].concat();
    json!({
        "validator": hexadecimal(VALIDATOR),
        "inputs": INPUTS,
        "salt": hexadecimal(salt),
        "request": request.to_string(),
        "calldata": hexadecimal(prove(Context::of(&context))),
    })
}

#[test]
fn the_committed_vectors_are_what_rust_and_the_contract_say() {
    compiler::golden(FILE, &expected_file());
}

/// Calls decode to what they were made of, and to nothing else.
#[test]
fn a_call_is_its_own_inverse() {
    let file = std::fs::read_to_string(compiler::root().join(FILE)).expect("a committed file");
    let file: Value = serde_json::from_str(&file).expect("JSON");
    let mut decoded = 0;
    for call in file["calls"].as_array().expect("calls") {
        let data =
            hex::decode(&call["calldata"].as_str().expect("a string")[2..]).expect("hexadecimal");
        if let Ok(call) = Call::decode(&data) {
            assert_eq!(call.encode(), data);
            decoded += 1;
        }
    }
    assert_eq!(decoded, 6);
}
