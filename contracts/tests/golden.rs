//! The committed bytecode is what the compiler makes of the source.

mod support;

use std::collections::BTreeMap;

use lemma_contracts::evm::{Evm, Fork, GAS_LIMIT};
use lemma_contracts::{Options, Revert, calldata, creation_code, solidity};
use lemma_verifier::{Role, TensorSignature, VerifyingKey};
use support::{Trapdoor, compiler, rng, tensor};

const TENSORS: [usize; 6] = [0, 1, 2, 7, 15, 16];

fn key(seed: u64, tensors: usize) -> VerifyingKey {
    let tensor = |index: usize| -> TensorSignature {
        tensor(&format!("t{index}"), Role::Output, &[index + 1], -(index as i64), 9)
    };
    Trapdoor::random(&mut rng(seed)).key("golden", (0..tensors).map(tensor).collect())
}

fn compile(keys: &[VerifyingKey]) -> Vec<Vec<u8>> {
    let options = Options { contract_name: Some("Golden".to_string()) };
    let sources: BTreeMap<_, _> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| (format!("{at:03}"), solidity(key, &options).expect("a good key")))
        .collect();
    compiler::compile(&sources).into_values().collect()
}

/// Splits the words of the key off what the compiler made.
fn split(key: &VerifyingKey, mut code: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let digest = key.digest().0;
    let at = code.windows(32).position(|window| window == digest).expect("the key is in the code");
    let words = code.split_off(at);
    assert_eq!(words.len(), 32 * (45 + key.parts().signature.len()), "nothing follows the key");
    (code, words)
}

/// What `golden/verifier.rs` should contain: the code for a key without tensors and where it says
/// lengths.
fn expected_file() -> String {
    let keys = TENSORS.map(|tensors| key(1, tensors));
    let codes: Vec<_> =
        keys.iter().zip(compile(&keys)).map(|(key, code)| split(key, code).0).collect();
    let (first, last) = (&codes[0], &codes[codes.len() - 1]);
    // Sixteen tensors are 512 bytes: the high byte of each length grows by two, its low byte stays.
    let lengths: Vec<usize> = (0..first.len()).filter(|at| first[*at] != last[*at]).collect();
    for (tensors, code) in TENSORS.iter().zip(&codes) {
        let mut patched = first.clone();
        for at in &lengths {
            let length = u16::from_be_bytes([first[*at], first[at + 1]]) + 32 * *tensors as u16;
            patched[*at..at + 2].copy_from_slice(&length.to_be_bytes());
        }
        assert!(
            patched == *code,
            "{tensors} tensors change the code elsewhere than in its lengths"
        );
    }
    let mut file = format!(
        "const RUNTIME_AT: usize = {};\nconst LENGTHS: &[usize] = &{lengths:?};\n",
        runtime_at(first)
    );
    file.push_str("const CODE: &str = \"\\\n");
    for line in hex::encode(first).as_bytes().chunks(120) {
        file.push_str(&format!("    {}\\\n", String::from_utf8_lossy(line)));
    }
    file.push_str("\";\n");
    file
}

/// The deployment ends in `RETURN INVALID`, and the deployed code follows.
fn runtime_at(code: &[u8]) -> usize {
    2 + code.windows(2).position(|window| window == [0xf3, 0xfe]).expect("a deployment")
}

#[test]
fn the_committed_bytecode_is_what_the_compiler_makes() {
    if compiler::available() {
        compiler::golden("golden/verifier.rs", &expected_file());
    }
}

/// Among many keys some have words that begin with zeros.
#[test]
fn patching_the_bytecode_is_compiling_the_source() {
    if !compiler::available() || compiler::updating() {
        return;
    }
    let keys: Vec<_> =
        (0..24).map(|seed| key(100 + seed, TENSORS[seed as usize % TENSORS.len()])).collect();
    let mut zeros = 0;
    for (key, compiled) in keys.iter().zip(compile(&keys)) {
        zeros += usize::from(
            split(key, compiled.clone()).1.chunks(32).any(|word| word[0] == 0 && word[1] != 0),
        );
        assert!(
            creation_code(key).expect("a good key") == compiled,
            "{} tensors",
            key.parts().signature.len()
        );
    }
    assert!(zeros > 0, "no key with a leading zero was tried");
}

/// The other pipeline gives other bytes and the same verdicts.
#[test]
fn the_other_pipeline_gives_a_contract_that_behaves_the_same() {
    if !compiler::available() {
        return;
    }
    let scene = support::scene(70);
    let source = solidity(&scene.key, &Options::default()).expect("a good key");
    let compiled = compiler::compile_with(&BTreeMap::from([("V.sol".to_string(), source)]), true);
    let mut evm = Evm::new(Fork::Osaka);
    let contract = evm.deploy(compiled.values().next().expect("a contract")).expect("it deploys");
    let honest = calldata(&scene.proof, &support::values(), scene.context);
    assert!(evm.call(contract, &honest, GAS_LIMIT).expect("it is executed").succeeded());
    for (at, expected) in [
        (4, Revert::PairingFailed),
        (36, Revert::PointNotOnCurve { point: "A" }),
        (420, Revert::ValueNotInField { index: 0 }),
    ] {
        let mut data = honest.clone();
        data[at] ^= 0x80;
        let receipt = evm.call(contract, &data, GAS_LIMIT).expect("it is executed");
        assert_eq!(receipt.revert(), Some(expected), "byte {at}");
    }
}
