//! The contract and the Rust verifier on the same altered calls: they agree on each.

mod support;

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInteger, PrimeField, UniformRand};
use lemma_contracts::evm::{Address, Evm, Fork, GAS_LIMIT, Outcome, Receipt};
use lemma_contracts::{Call, Revert, calldata, creation_code};
use lemma_testkit::simulator::{g2_bytes, outside_subgroup};
use lemma_verifier::{Context, PreparedKey, PublicValues};
use rand::Rng;
use rand_chacha::ChaCha20Rng;
use support::{INTEGERS, Scene, scene, values};

const CALLS: usize = 5_000;
const PROOF: usize = 36;
const OFFSET: usize = 356;
const COUNT: usize = 388;
const VALUES: usize = 420;

struct Court {
    evm: Evm,
    contract: Address,
    key: PreparedKey,
    honest: Vec<u8>,
    scene: Scene,
}

impl Court {
    fn new(seed: u64) -> Court {
        let scene = scene(seed);
        let mut evm = Evm::new(Fork::Osaka);
        let contract =
            evm.deploy(&creation_code(&scene.key).expect("a good key")).expect("it deploys");
        let honest = calldata(&scene.proof, &values(), scene.context);
        Court { evm, contract, key: PreparedKey::new(scene.key.clone()), honest, scene }
    }

    fn send(&mut self, data: &[u8]) -> Receipt {
        self.evm.call(self.contract, data, 1_000_000).expect("it is executed")
    }

    /// The verdict of both, which must be one.
    fn accepted(&mut self, data: &[u8]) -> bool {
        let rust = Call::decode(data).is_ok_and(|call| call.verify(&self.key).is_ok());
        let receipt = self.send(data);
        assert_eq!(receipt.succeeded(), rust, "{:?} for {}", receipt.outcome, hex::encode(data));
        if let Outcome::Success(output) = receipt.outcome {
            assert!(output.is_empty(), "a call that is accepted returns nothing");
        }
        rust
    }

    fn refusal(&mut self, data: &[u8]) -> Revert {
        assert!(!self.accepted(data));
        let receipt = self.send(data);
        receipt.revert().unwrap_or_else(|| panic!("no reason: {:?}", receipt.outcome))
    }
}

fn set(data: &mut [u8], at: usize, word: &[u8]) {
    data[at..at + word.len()].copy_from_slice(word);
}

fn with(data: &[u8], at: usize, word: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    set(&mut data, at, word);
    data
}

fn small(value: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

/// `word + times * r`, wrapping at 2^256.
fn plus_order(word: &[u8], times: u16) -> [u8; 32] {
    let order = Fr::MODULUS.to_bytes_be();
    let mut sum = [0u8; 32];
    let mut carry = 0u16;
    for at in (0..32).rev() {
        carry += u16::from(word[at]) + times * u16::from(order[at]);
        sum[at] = carry as u8;
        carry >>= 8;
    }
    sum
}

/// One alteration, of a kind and at a place that `rng` chooses.
fn alter(honest: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut data = honest.to_vec();
    let count = (honest.len() - VALUES) / 32;
    let value = VALUES + 32 * rng.gen_range(0..count);
    match rng.gen_range(0..16) {
        // Bits and bytes anywhere, then where most of the checks are.
        0..3 => {
            let bit = rng.gen_range(0..8 * data.len());
            data[bit / 8] ^= 1 << (bit % 8);
        }
        3 => {
            let bit = rng.gen_range(8 * PROOF..8 * OFFSET);
            data[bit / 8] ^= 1 << (bit % 8);
        }
        4 => {
            let at = rng.gen_range(0..data.len());
            data[at] = rng.r#gen();
        }
        // Values.
        5 => {
            let word = plus_order(&data[value..value + 32], rng.gen_range(1..6));
            set(&mut data, value, &word);
        }
        6 => {
            let integer = [0, 1, 255, 256, u64::MAX, 1 << 63, (1 << 63) - 1, rng.r#gen()]
                [rng.gen_range(0..8)];
            set(&mut data, value, &small(integer));
        }
        7 => {
            let word = Fr::rand(rng).into_bigint().to_bytes_be();
            set(&mut data, value, &word);
        }
        8 => {
            let other = VALUES + 32 * rng.gen_range(0..count);
            let (one, two) = (data[value..value + 32].to_vec(), data[other..other + 32].to_vec());
            set(&mut data, value, &two);
            set(&mut data, other, &one);
        }
        // Points swapped, at infinity, off the curve, with coordinates that are not canonical.
        9 => {
            let places = [PROOF, PROOF + 192, PROOF + 256];
            let (one, two) = (places[rng.gen_range(0..3)], places[rng.gen_range(0..3)]);
            let (first, second) = (data[one..one + 64].to_vec(), data[two..two + 64].to_vec());
            set(&mut data, one, &second);
            set(&mut data, two, &first);
        }
        10 => {
            let (at, bytes) =
                [(PROOF, 64), (PROOF + 64, 128), (PROOF + 192, 64), (PROOF + 256, 64)]
                    [rng.gen_range(0..4)];
            data[at..at + bytes].fill(0);
        }
        11 => {
            let word = Fq::rand(rng).into_bigint().to_bytes_be();
            set(&mut data, PROOF + 32 * rng.gen_range(0..10), &word);
        }
        // Lengths and offsets.
        12 => {
            let at = [OFFSET, COUNT][rng.gen_range(0..2)];
            let word =
                small([0, 6, 8, 352, 383, 385, 416, u64::MAX, rng.r#gen()][rng.gen_range(0..9)]);
            set(&mut data, at, &word);
        }
        13 => data.truncate(rng.gen_range(0..data.len())),
        14 => data.extend((0..rng.gen_range(1..65)).map(|_| rng.r#gen::<u8>())),
        // Another value at the end, and the count with it; another selector.
        _ => {
            if rng.r#gen() {
                set(&mut data, COUNT, &small(count as u64 + 1));
                data.extend(small(0));
            } else {
                data[..4].copy_from_slice(
                    &[[0; 4], [0xff; 4], [0x64, 0x8a, 0x89, 0xea], rng.r#gen()]
                        [rng.gen_range(0..4)],
                );
            }
        }
    }
    data
}

/// A call of another selector may succeed: `vkDigest()` ignores what follows it. It must not count
/// as a proof.
#[test]
fn agrees_with_rust_on_five_thousand_altered_calls() {
    let mut court = Court::new(2024);
    let mut rng = court.scene.rng.clone();
    let honest = court.honest.clone();
    assert!(court.accepted(&honest));
    let (mut accepted, mut views) = (0, 0);
    for _ in 0..CALLS {
        let data = alter(&honest, &mut rng);
        if data.get(..4) != honest.get(..4) {
            assert!(Call::decode(&data).is_err());
            let receipt = court.send(&data);
            if let Outcome::Success(output) = receipt.outcome {
                assert!(is_view(&data) && output.len() == 32, "{}", hex::encode(&data));
                views += 1;
            }
        } else if court.accepted(&data) {
            assert_eq!(data, honest, "an altered call was accepted");
            accepted += 1;
        }
    }
    println!(
        "{CALLS} calls: {accepted} unchanged by their alteration and accepted, {views} calls of \
            vkDigest, the others refused"
    );
}

fn is_view(data: &[u8]) -> bool {
    data.starts_with(&[0x64, 0x8a, 0x89, 0xea]) || data.starts_with(&[0xdc, 0x9f, 0xfc, 0xa0])
}

/// Proofs made with the trapdoor, so that only the check of the statement stands between them and
/// acceptance.
#[test]
fn agrees_with_rust_at_the_ends_of_every_range() {
    let mut court = Court::new(3);
    let key = court.scene.key.digest();
    let mut rng = court.scene.rng.clone();
    let edges = [i64::MIN, -1001, -1000, -999, -6, -5, -4, -1, 0, 1, 254, 255, 256, i64::MAX];
    let mut verdicts = [0; 2];
    for index in 0..INTEGERS.len() {
        for edge in edges {
            let mut integers = INTEGERS;
            integers[index] = edge;
            let values = PublicValues::from_integers(integers);
            let proof = court.scene.trapdoor.simulate(key, &values, court.scene.context, &mut rng);
            let data = calldata(&proof, &values, court.scene.context);
            let accepted = court.accepted(&data);
            if !accepted {
                assert_eq!(court.refusal(&data), Revert::ValueOutOfRange { index: index as u64 });
            }
            verdicts[usize::from(accepted)] += 1;
        }
    }
    assert!(verdicts[0] > 20 && verdicts[1] > 20, "{verdicts:?}");
}

/// As above: each proof is good for the values as field elements.
#[test]
fn rejects_a_field_element_that_is_no_integer_of_the_model() {
    let mut court = Court::new(4);
    let key = court.scene.key.digest();
    let mut rng = court.scene.rng.clone();
    let limit = Fr::from(1u64 << 63);
    for value in [limit, limit + limit, -limit - Fr::from(1u64), Fr::rand(&mut rng)] {
        let mut elements = values().as_slice().to_vec();
        elements[4] = value;
        let values = PublicValues::new(elements);
        let proof = court.scene.trapdoor.simulate(key, &values, court.scene.context, &mut rng);
        let data = calldata(&proof, &values, court.scene.context);
        assert_eq!(court.refusal(&data), Revert::ValueOutOfRange { index: 4 });
    }
}

#[test]
fn rejects_a_value_that_is_not_below_r_and_says_which() {
    let mut court = Court::new(5);
    for index in 0..INTEGERS.len() {
        let at = VALUES + 32 * index;
        for times in 1..=4 {
            let word = plus_order(&court.honest[at..at + 32], times);
            let data = with(&court.honest, at, &word);
            assert_eq!(
                court.refusal(&data),
                Revert::ValueNotInField { index: index as u64 },
                "{times} r"
            );
        }
        let data = with(&court.honest, at, &[0xff; 32]);
        assert_eq!(court.refusal(&data), Revert::ValueNotInField { index: index as u64 });
    }
}

#[test]
fn rejects_a_wrong_number_of_values() {
    let mut court = Court::new(6);
    let fewer = with(&court.honest[..court.honest.len() - 32], COUNT, &small(6));
    assert_eq!(court.refusal(&fewer), Revert::ValueCount { expected: 7, found: 6 });
    let more = with(&[court.honest.clone(), vec![0; 32]].concat(), COUNT, &small(8));
    assert_eq!(court.refusal(&more), Revert::ValueCount { expected: 7, found: 8 });
    let none = with(&court.honest[..VALUES], COUNT, &small(0));
    assert_eq!(court.refusal(&none), Revert::ValueCount { expected: 7, found: 0 });
}

#[test]
fn rejects_a_second_encoding_of_the_same_arguments() {
    let mut court = Court::new(7);
    for extra in [1, 31, 32, 64] {
        let data = [court.honest.clone(), vec![0; extra]].concat();
        assert_eq!(court.refusal(&data), Revert::CalldataNotCanonical);
    }
    let mut moved = with(&court.honest, OFFSET, &small(416));
    moved.splice(COUNT..COUNT, [0; 32]);
    assert_eq!(court.refusal(&moved), Revert::CalldataNotCanonical);
    // The context as the number of values, the first words of the proof as values: the length is
    // right.
    let inside = with(&with(&court.honest, 4, &small(7)), OFFSET, &small(0));
    assert_eq!(court.refusal(&inside), Revert::CalldataNotCanonical);
}

#[test]
fn rejects_a_point_at_infinity_in_each_place() {
    let mut court = Court::new(8);
    for (point, at, bytes) in [("A", 0, 64), ("B", 64, 128), ("C1", 192, 64), ("C2", 256, 64)] {
        let data = with(&court.honest, PROOF + at, &vec![0; bytes]);
        assert_eq!(court.refusal(&data), Revert::PointAtInfinity { point });
    }
}

#[test]
fn rejects_a_point_off_its_curve_in_each_place() {
    let mut court = Court::new(9);
    let names = ["A", "A", "B", "B", "B", "B", "C1", "C1", "C2", "C2"];
    for (word, point) in names.into_iter().enumerate() {
        let at = PROOF + 32 * word;
        let mut off = court.honest.clone();
        off[at + 31] ^= 1;
        assert_eq!(court.refusal(&off), Revert::PointNotOnCurve { point }, "word {word}");
        let above = with(&court.honest, at, &[0xff; 32]);
        assert_eq!(court.refusal(&above), Revert::PointNotOnCurve { point }, "word {word}");
    }
}

/// The same point with q added to a coordinate satisfies the equation modulo q.
#[test]
fn rejects_a_coordinate_that_is_not_canonical() {
    let mut court = Court::new(10);
    let names = ["A", "A", "B", "B", "B", "B", "C1", "C1", "C2", "C2"];
    for (word, point) in names.into_iter().enumerate() {
        let at = PROOF + 32 * word;
        let mut coordinate = Fq::MODULUS;
        let bytes: [u8; 32] = court.honest[at..at + 32].try_into().expect("a word");
        let carry = coordinate.add_with_carry(&Fq::from_be_bytes_mod_order(&bytes).into_bigint());
        assert!(!carry);
        let data = with(&court.honest, at, &coordinate.to_bytes_be());
        assert_eq!(court.refusal(&data), Revert::PointNotOnCurve { point }, "word {word}");
    }
}

#[test]
fn rejects_a_point_outside_the_subgroup() {
    let mut court = Court::new(11);
    let point = g2_bytes(&outside_subgroup(&mut court.scene.rng.clone()));
    let data = with(&court.honest, PROOF + 64, &point);
    assert_eq!(court.refusal(&data), Revert::PrecompileFailed { precompile: 8 });
}

#[test]
fn rejects_a_proof_made_for_another_statement_context_or_key() {
    let mut court = Court::new(12);
    let context = with(&court.honest, 4, &Context::of(b"nonce 2").digest().0);
    assert_eq!(court.refusal(&context), Revert::PairingFailed);
    let value = with(&court.honest, VALUES, &small(1));
    assert_eq!(court.refusal(&value), Revert::PairingFailed);
    let mut other = Court::new(13);
    let honest = court.honest.clone();
    assert_eq!(other.refusal(&honest), Revert::PairingFailed);
}

#[test]
fn rejects_money_and_calls_without_a_function() {
    let mut court = Court::new(14);
    let honest = court.honest.clone();
    assert!(
        !court
            .evm
            .call_paying(court.contract, &honest, GAS_LIMIT, 1)
            .expect("it is executed")
            .succeeded()
    );
    for data in [&[][..], &honest[..3], &[0, 0, 0, 0]] {
        assert!(
            !court.evm.call(court.contract, data, GAS_LIMIT).expect("it is executed").succeeded()
        );
    }
}

/// Whatever the gas limit, a call that ends normally has run to its end; a bad proof never passes.
/// (A call is forwarded at most 63/64 of what is left, so the least limit that is enough lies some
/// 3,500 above the gas used.)
#[test]
fn never_succeeds_when_starved_of_gas() {
    let mut court = Court::new(15);
    let honest = court.honest.clone();
    let bad = with(&honest, VALUES, &small(1));
    let enough = court.send(&honest).gas_used;
    let mut limits: Vec<u64> = (0..enough + 20_000).step_by(997).collect();
    limits.extend(enough - 500..enough + 4500);
    let (mut refused, mut passed) = (0, 0);
    for limit in limits {
        match court.evm.call(court.contract, &honest, limit) {
            Ok(receipt) if receipt.succeeded() => {
                assert_eq!(receipt.gas_used, enough, "limit {limit}");
                assert!(limit >= enough);
                passed += 1;
            }
            Ok(_) | Err(_) => refused += 1,
        }
        if limit % 16 == 0 {
            assert!(
                !court
                    .evm
                    .call(court.contract, &bad, limit)
                    .is_ok_and(|receipt| receipt.succeeded()),
                "limit {limit}"
            );
        }
    }
    println!("{enough} gas used; {refused} limits were too small, {passed} enough");
    assert!(refused > 1000 && passed > 500);
}
