//! Each guard of the template, deleted, makes a refusal change: none is decoration. Needs the
//! compiler.

mod support;

use std::collections::BTreeMap;

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use lemma_contracts::evm::{Evm, Fork, Receipt};
use lemma_contracts::{Options, Revert, calldata, solidity};
use lemma_testkit::simulator::{g2_bytes, outside_subgroup};
use lemma_verifier::PublicValues;
use support::{INTEGERS, Scene, compiler, scene, values};

/// An address without a precompile.
const NOWHERE: u64 = 0xdead;

/// What is wrong with a call, or with the chain that it is made on.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// A value is dropped, and counted out.
    FewerValues,
    /// A word follows the arguments.
    Trailing,
    /// The values are said to be in the middle of the proof.
    Offset,
    /// Zeros from this byte of the proof, so many.
    Infinity(usize, usize),
    /// r added to the first value.
    PlusOrder,
    /// A value outside its range, with a proof made by the trapdoor.
    OutOfRange,
    /// A bit of a coordinate of the proof.
    OffCurve(usize),
    /// q added to a coordinate of the proof.
    NotCanonical(usize),
    /// B on its curve and outside the subgroup.
    WrongSubgroup,
    /// A value that the proof was not made for.
    OtherValue,
    /// A chain without the precompile of this name.
    Missing(&'static str),
}

use Attack::*;

/// A piece of the template, what stands there when the guard is gone, an attack, and what the guard
/// says to it.
const GUARDS: [(&str, &str, Attack, Revert); 22] = [
    (
        "if (values.length != count) revert",
        "if (false) revert",
        FewerValues,
        Revert::ValueCount { expected: 7, found: 6 },
    ),
    (
        "if (msg.data.length != VALUES_AT + 32 * count) revert",
        "if (false) revert",
        Trailing,
        Revert::CalldataNotCanonical,
    ),
    (
        "if (uint256(bytes32(msg.data[OFFSET_AT:])) != VALUES_OFFSET) revert",
        "if (false) revert",
        Offset,
        Revert::CalldataNotCanonical,
    ),
    (
        "if (proof[0] | proof[1] == 0) revert",
        "if (false) revert",
        Infinity(0, 64),
        Revert::PointAtInfinity { point: "A" },
    ),
    (
        "if (proof[2] | proof[3] | proof[4] | proof[5] == 0) revert",
        "if (false) revert",
        Infinity(64, 128),
        Revert::PointAtInfinity { point: "B" },
    ),
    (
        "if (proof[6] | proof[7] == 0) revert",
        "if (false) revert",
        Infinity(192, 64),
        Revert::PointAtInfinity { point: "C1" },
    ),
    (
        "if (proof[8] | proof[9] == 0) revert",
        "if (false) revert",
        Infinity(256, 64),
        Revert::PointAtInfinity { point: "C2" },
    ),
    (
        "if (value >= R) revert",
        "if (false) revert",
        PlusOrder,
        Revert::ValueNotInField { index: 0 },
    ),
    (
        "if (addmod(value, BIAS, R) - low > span) revert",
        "if (low > span && low < span) revert",
        OutOfRange,
        Revert::ValueOutOfRange { index: 0 },
    ),
    (
        "if (!_pairing(key, chi, phi, proof)) revert",
        "if (_pairing(key, chi, phi, proof) && false) revert",
        OtherValue,
        Revert::PairingFailed,
    ),
    ("one := and(paired, eq(mload(0), 1))", "one := paired", OtherValue, Revert::PairingFailed),
    (
        "if (!multiplied) revert",
        "if (false) revert",
        Missing("EC_MUL"),
        Revert::PrecompileFailed { precompile: NOWHERE },
    ),
    (
        "if (!added) revert",
        "if (false) revert",
        Missing("EC_ADD"),
        Revert::PrecompileFailed { precompile: NOWHERE },
    ),
    ("if (!paired) {", "if (false) {", WrongSubgroup, Revert::PrecompileFailed { precompile: 8 }),
    (
        "multiplied := and(multiplied, eq(returndatasize(), 64))",
        "",
        Missing("EC_MUL"),
        Revert::PrecompileFailed { precompile: NOWHERE },
    ),
    (
        "added := and(added, eq(returndatasize(), 64))",
        "",
        Missing("EC_ADD"),
        Revert::PrecompileFailed { precompile: NOWHERE },
    ),
    (
        "paired := and(paired, eq(returndatasize(), 32))",
        "",
        Missing("PAIRING"),
        Revert::PrecompileFailed { precompile: NOWHERE },
    ),
    (
        "if (!_onG1(proof[0], proof[1])) revert",
        "if (false) revert",
        OffCurve(0),
        Revert::PointNotOnCurve { point: "A" },
    ),
    (
        "if (!_onTwist(proof[3], proof[2], proof[5], proof[4])) revert",
        "if (false) revert",
        OffCurve(4),
        Revert::PointNotOnCurve { point: "B" },
    ),
    (
        "if (!_onG1(proof[6], proof[7])) revert",
        "if (false) revert",
        OffCurve(6),
        Revert::PointNotOnCurve { point: "C1" },
    ),
    (
        "if (!_onG1(proof[8], proof[9])) revert",
        "if (false) revert",
        OffCurve(8),
        Revert::PointNotOnCurve { point: "C2" },
    ),
    (
        "if (x >= Q || y >= Q) return false;",
        "",
        NotCanonical(0),
        Revert::PointNotOnCurve { point: "A" },
    ),
];

/// Guards with the same attack for each of four coordinates.
const TWIST_GUARD: &str = "if (x0 >= Q || x1 >= Q || y0 >= Q || y1 >= Q) return false;";

fn small(value: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

fn plus(word: &[u8], modulus: &[u8]) -> Vec<u8> {
    let mut sum = vec![0; 32];
    let mut carry = 0u16;
    for at in (0..32).rev() {
        carry += u16::from(word[at]) + u16::from(modulus[at]);
        sum[at] = carry as u8;
        carry >>= 8;
    }
    sum
}

impl Attack {
    fn calldata(self, scene: &mut Scene) -> Vec<u8> {
        const PROOF: usize = 36;
        const VALUES: usize = 420;
        let mut data = calldata(&scene.proof, &values(), scene.context);
        match self {
            FewerValues => {
                data.truncate(data.len() - 32);
                data[388..420].copy_from_slice(&small(6));
            }
            Trailing => data.extend(small(0)),
            Offset => {
                data[4..36].copy_from_slice(&small(7));
                data[356..388].copy_from_slice(&small(0));
            }
            Infinity(at, bytes) => data[PROOF + at..PROOF + at + bytes].fill(0),
            PlusOrder => {
                let word = plus(&data[VALUES..VALUES + 32], &Fr::MODULUS.to_bytes_be());
                data[VALUES..VALUES + 32].copy_from_slice(&word);
            }
            OutOfRange => {
                let mut integers = INTEGERS;
                integers[0] = 256;
                let values = PublicValues::from_integers(integers);
                let proof = scene.trapdoor.simulate(
                    scene.key.digest(),
                    &values,
                    scene.context,
                    &mut scene.rng,
                );
                data = calldata(&proof, &values, scene.context);
            }
            OffCurve(word) => data[PROOF + 32 * word + 31] ^= 1,
            NotCanonical(word) => {
                let at = PROOF + 32 * word;
                let sum = plus(&data[at..at + 32], &ark_bn254::Fq::MODULUS.to_bytes_be());
                data[at..at + 32].copy_from_slice(&sum);
            }
            WrongSubgroup => data[PROOF + 64..PROOF + 192]
                .copy_from_slice(&g2_bytes(&outside_subgroup(&mut scene.rng))),
            OtherValue => data[VALUES + 31] ^= 1,
            Missing(_) => {}
        }
        data
    }

    /// The source for the chain that the attack is made on.
    fn chain(self, source: &str) -> String {
        let Missing(name) = self else { return source.to_string() };
        let (before, after) =
            source.split_once(&format!("constant {name} = ")).expect("the precompile has a name");
        let (_, after) = after.split_once(';').expect("a declaration ends");
        format!("{before}constant {name} = {NOWHERE};{after}")
    }
}

fn send(code: &[u8], data: &[u8]) -> Receipt {
    let mut evm = Evm::new(Fork::Osaka);
    let contract = evm.deploy(code).expect("it deploys");
    evm.call(contract, data, 1_000_000).expect("it is executed")
}

fn guards() -> Vec<(&'static str, &'static str, Attack, Revert)> {
    let mut guards = GUARDS.to_vec();
    guards.extend(
        (2..6).map(|word| {
            (TWIST_GUARD, "", NotCanonical(word), Revert::PointNotOnCurve { point: "B" })
        }),
    );
    guards
}

#[test]
fn each_guard_deleted_lets_an_attack_through_or_hides_its_reason() {
    if !compiler::available() {
        return;
    }
    let mut scene = scene(40);
    let source = solidity(&scene.key, &Options { contract_name: Some("Guarded".to_string()) })
        .expect("a good key");
    let mut sources = BTreeMap::new();
    for (index, (guard, replacement, attack, _)) in guards().into_iter().enumerate() {
        assert!(source.contains(guard), "the template has no `{guard}`");
        let chain = attack.chain(&source);
        sources.insert(format!("{index:02}-whole"), chain.clone());
        sources.insert(format!("{index:02}-without"), chain.replace(guard, replacement));
    }
    let compiled: Vec<_> = compiler::compile(&sources).into_values().collect();
    for ((guard, _, attack, expected), codes) in guards().into_iter().zip(compiled.chunks(2)) {
        let data = attack.calldata(&mut scene);
        let whole = send(&codes[0], &data);
        assert_eq!(whole.revert(), Some(expected), "{attack:?}: {:?}", whole.outcome);
        let without = send(&codes[1], &data);
        assert_ne!(without.revert(), Some(expected), "nothing misses `{guard}` when {attack:?}");
        println!("{attack:?} without `{guard}`: {:?}", without.outcome);
    }
}

/// A new guard must come with its attack.
#[test]
fn each_guard_of_the_template_is_attacked() {
    let template = std::fs::read_to_string(compiler::root().join("template/Verifier.sol"))
        .expect("the template");
    for line in template.lines().map(str::trim) {
        let guards_something = line.starts_with("if (")
            || line.contains("returndatasize")
            || line.contains("mload(0)");
        if guards_something {
            assert!(
                guards().iter().any(|(guard, ..)| line.starts_with(guard)),
                "no attack for `{line}`"
            );
        }
    }
}
