//! The example consumers, with proofs, in the EVM.

mod support;

use std::collections::BTreeMap;

use lemma_contracts::evm::{Address, Evm, Fork, GAS_LIMIT, Outcome, Receipt, SENDER};
use lemma_contracts::{Revert, calldata, creation_code};
use lemma_verifier::{Context, PublicValues, Role, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use sha3::{Digest as _, Keccak256};
use support::{Trapdoor, compiler, rng, tensor, values};

const GWEI: u64 = 1_000_000_000;
const THRESHOLD: i64 = 10;
const CHAIN: u64 = 1;

fn committed(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(compiler::root().join(format!("golden/{name}.hex"))).expect("a committed file");
    hex::decode(text.trim()).expect("bytecode is hexadecimal")
}

#[test]
fn the_committed_consumers_are_what_the_compiler_makes() {
    if !compiler::available() {
        return;
    }
    let names = ["ILemmaVerifier", "ModelRegistry", "PaymentGate"];
    let read = |name: &str| std::fs::read_to_string(compiler::root().join(format!("solidity/{name}.sol"))).expect("a source");
    let sources: BTreeMap<_, _> = names.into_iter().map(|name| (format!("{name}.sol"), read(name))).collect();
    let compiled = compiler::compile(&sources);
    for name in ["ModelRegistry", "PaymentGate"] {
        let code = hex::encode(&compiled[&format!("{name}.sol:{name}")]);
        compiler::golden(&format!("golden/{name}.hex"), &format!("{code}\n"));
    }
}

fn number(value: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&value.to_be_bytes());
    word
}

fn address(address: Address) -> [u8; 32] {
    let mut word = [0; 32];
    word[12..].copy_from_slice(&address);
    word
}

fn function(signature: &str, arguments: &[&[u8]]) -> Vec<u8> {
    [&Keccak256::digest(signature)[..4], &arguments.concat()].concat()
}

fn error(signature: &str) -> Vec<u8> {
    Keccak256::digest(signature)[..4].to_vec()
}

fn reverted_with(receipt: &Receipt, signature: &str) -> bool {
    matches!(&receipt.outcome, Outcome::Reverted(data) if data.starts_with(&error(signature)))
}

/// A gate with money, and the guard model's key.
struct Bank {
    evm: Evm,
    gate: Address,
    trapdoor: Trapdoor,
    key: VerifyingKey,
    rng: ChaCha20Rng,
}

#[derive(Clone, Copy)]
struct Payment {
    chain: u64,
    gate: Address,
    nonce: u64,
    to: Address,
    units: u64,
    score: i64,
}

impl Bank {
    fn new(seed: u64) -> Bank {
        let mut rng = rng(seed);
        let trapdoor = Trapdoor::random(&mut rng);
        let key = trapdoor
            .key("guard", vec![tensor("payment", Role::Input, &[3], 0, 1 << 40), tensor("score", Role::Output, &[], -128, 127)]);
        let mut evm = Evm::new(Fork::Osaka);
        let verifier = evm.deploy(&creation_code(&key).expect("a good key")).expect("it deploys");
        let threshold = number(THRESHOLD as u64);
        let arguments = [address(verifier), key.digest().0, address(SENDER), threshold].concat();
        let gate = evm.deploy(&[committed("PaymentGate"), arguments].concat()).expect("it deploys");
        assert!(evm.call_paying(gate, &[], GAS_LIMIT, 1000 * GWEI).expect("it is executed").succeeded());
        Bank { evm, gate, trapdoor, key, rng }
    }

    fn payment(&self) -> Payment {
        Payment { chain: CHAIN, gate: self.gate, nonce: 0, to: [0x77; 20], units: 5, score: 11 }
    }

    /// The call of `pay` with a proof that the guard gave this payment its score.
    fn proven(&mut self, payment: Payment, earlier: u64) -> Vec<u8> {
        let Payment { chain, gate, nonce, to, units, score } = payment;
        let bytes = [number(chain), address(gate), number(nonce), address(to), number(units * GWEI)].concat();
        let values = PublicValues::from_integers([units as i64, earlier as i64, nonce as i64, score]);
        let proof = self.trapdoor.simulate(self.key.digest(), &values, Context::of(&bytes), &mut self.rng);
        let score = &values.to_bytes()[96..];
        pay(to, units, &proof.to_bytes(), score)
    }

    fn send(&mut self, data: &[u8]) -> Receipt {
        self.evm.call(self.gate, data, GAS_LIMIT).expect("it is executed")
    }

    fn nonce(&mut self) -> Outcome {
        self.send(&function("nonce()", &[])).outcome
    }
}

fn pay(to: Address, units: u64, proof: &[u8], score: &[u8]) -> Vec<u8> {
    function("pay(address,uint256,uint256[10],uint256)", &[&address(to), &number(units * GWEI), proof, score])
}

#[test]
fn the_gate_pays_with_a_proof_and_counts_it() {
    let mut bank = Bank::new(80);
    for nonce in 0..3 {
        let payment = Payment { nonce, ..bank.payment() };
        let data = bank.proven(payment, nonce);
        let receipt = bank.send(&data);
        assert!(receipt.succeeded(), "payment {nonce}: {:?}", receipt.outcome);
        assert_eq!(bank.nonce(), Outcome::Success(number(nonce + 1).to_vec()));
        println!("payment {nonce} through the gate: {} gas", receipt.gas_used);
    }
}

#[test]
fn the_gate_rejects_a_replay() {
    let mut bank = Bank::new(81);
    let payment = bank.payment();
    let data = bank.proven(payment, 0);
    assert!(bank.send(&data).succeeded());
    assert_eq!(bank.send(&data).revert(), Some(Revert::PairingFailed));
    assert_eq!(bank.nonce(), Outcome::Success(number(1).to_vec()));
}

#[test]
fn the_gate_rejects_a_proof_made_for_another_payment_gate_or_chain() {
    let mut bank = Bank::new(82);
    let payment = bank.payment();
    let others = [
        Payment { chain: 5, ..payment },
        Payment { gate: [1; 20], ..payment },
        Payment { nonce: 1, ..payment },
        Payment { to: [0x78; 20], ..payment },
        Payment { units: 6, ..payment },
    ];
    for other in others {
        let proven = bank.proven(other, 0);
        let data = pay(payment.to, payment.units, &proven[68..388], &proven[388..]);
        assert_eq!(bank.send(&data).revert(), Some(Revert::PairingFailed));
    }
    let data = bank.proven(payment, 0);
    assert!(bank.send(&data).succeeded());
}

#[test]
fn the_gate_rejects_a_score_that_is_not_above_the_threshold() {
    let mut bank = Bank::new(83);
    for score in [THRESHOLD, 0, -1, -128] {
        let data = bank.proven(Payment { score, ..bank.payment() }, 0);
        assert!(reverted_with(&bank.send(&data), "ScoreTooLow(int256,int256)"), "{score}");
    }
}

#[test]
fn the_gate_rejects_a_score_that_was_not_proven() {
    let mut bank = Bank::new(84);
    let low = bank.proven(Payment { score: -3, ..bank.payment() }, 0);
    let data = [&low[..388], &number(100)].concat();
    assert_eq!(bank.send(&data).revert(), Some(Revert::PairingFailed));
    let huge = [&low[..388], &[0xff; 32][..]].concat();
    assert!(!bank.send(&huge).succeeded());
}

#[test]
fn the_gate_rejects_an_amount_that_the_model_cannot_see_whole() {
    let mut bank = Bank::new(85);
    let mut data = bank.proven(bank.payment(), 0);
    data[67] ^= 1;
    assert!(reverted_with(&bank.send(&data), "AmountNotWhole(uint256,uint256)"));
}

#[test]
fn the_gate_rejects_the_verifier_of_another_model_and_another_agent() {
    let mut bank = Bank::new(86);
    let verifier = bank.evm.deploy(&creation_code(&bank.key).expect("a good key")).expect("it deploys");
    let gate = |digest: [u8; 32], agent: Address| {
        [committed("PaymentGate"), address(verifier).to_vec(), digest.to_vec(), address(agent).to_vec(), number(10).to_vec()]
            .concat()
    };
    let digest = bank.key.digest().0;
    assert!(bank.evm.deploy(&gate([9; 32], SENDER)).is_err());
    let gate = bank.evm.deploy(&gate(digest, [3; 20])).expect("it deploys");
    let data = bank.proven(bank.payment(), 0);
    let receipt = bank.evm.call(gate, &data, GAS_LIMIT).expect("it is executed");
    assert!(reverted_with(&receipt, "NotTheAgent(address)"));
}

/// However little gas there is, either all of a payment happens or none of it.
#[test]
fn the_gate_never_pays_when_starved_of_gas() {
    let mut bank = Bank::new(87);
    let data = bank.proven(bank.payment(), 0);
    let mut limit = 0;
    loop {
        let succeeded = bank.evm.call(bank.gate, &data, limit).is_ok_and(|receipt| receipt.succeeded());
        let paid = bank.nonce() == Outcome::Success(number(1).to_vec());
        assert_eq!(succeeded, paid, "limit {limit}");
        if paid {
            break;
        }
        limit += 1499;
        assert!(limit < 1_000_000);
    }
    assert!(limit > 300_000, "{limit}");
}

#[test]
fn the_registry_finds_the_verifier_of_a_model() {
    let mut rng = rng(88);
    let trapdoor = Trapdoor::random(&mut rng);
    let mut parts = trapdoor.parts("toy", support::signature());
    parts.development = false;
    let key = VerifyingKey::new(parts).expect("a random key is good");
    let development = trapdoor.key("toy", support::signature());
    let proof = trapdoor.simulate(key.digest(), &values(), Context::NONE, &mut rng);

    let mut evm = Evm::new(Fork::Osaka);
    let verifier = evm.deploy(&creation_code(&key).expect("a good key")).expect("it deploys");
    let unsafe_one = evm.deploy(&creation_code(&development).expect("a good key")).expect("it deploys");
    let registry = evm.deploy(&[committed("ModelRegistry"), address(SENDER).to_vec()].concat()).expect("it deploys");
    let foreign = evm.deploy(&[committed("ModelRegistry"), address([4; 20]).to_vec()].concat()).expect("it deploys");
    let register = |verifier| function("register(address)", &[&address(verifier)]);
    // verify(bytes32,bytes32,uint256[10],uint256[]): a digest first, so the values are one word further away.
    let inner = calldata(&proof, &values(), Context::NONE);
    let verify = function(
        "verify(bytes32,bytes32,uint256[10],uint256[])",
        &[&key.digest().0, &inner[4..356], &number(416), &inner[388..]],
    );
    let mut call = |to: Address, data: &[u8]| evm.call(to, data, GAS_LIMIT).expect("it is executed");

    assert!(reverted_with(&call(registry, &verify), "UnknownModel(bytes32)"));
    assert!(reverted_with(&call(foreign, &register(verifier)), "NotTheOwner(address)"));
    assert!(reverted_with(&call(registry, &register(unsafe_one)), "DevelopmentKey(address)"));
    assert_eq!(call(registry, &register(verifier)).outcome, Outcome::Success(key.digest().0.to_vec()));
    assert!(reverted_with(&call(registry, &register(verifier)), "AlreadyRegistered(bytes32)"));
    assert!(call(registry, &verify).succeeded());
    let mut other = verify.clone();
    other[4 + 64] ^= 1;
    assert!(!call(registry, &other).succeeded());
    assert!(call(registry, &function("retire(bytes32)", &[&key.digest().0])).succeeded());
    assert!(reverted_with(&call(registry, &verify), "UnknownModel(bytes32)"));
    assert!(reverted_with(&call(registry, &register(verifier)), "AlreadyRegistered(bytes32)"));
}
