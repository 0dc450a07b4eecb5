//! Each guard of the example consumers, deleted, lets an attack through: none is decoration. Needs
//! the compiler.

mod support;

use std::collections::BTreeMap;

use lemma_contracts::evm::{EvmError, Outcome};
use lemma_verifier::Role;
use support::consumer::{
    AGENT, Bank, COUNT_LIMIT, GWEI, OWNER, Office, Payment, Terms, refused_with,
};
use support::{compiler, tensor};

/// A piece of a source, what stands there when the guard is gone, an attack on the compiled
/// contract, and what the guard says to it.
type Guard = (&'static str, &'static str, fn(&[u8]) -> Outcome, &'static str);

const GATE: [Guard; 31] = [
    (
        "if (owner_ == address(0)) revert",
        GONE,
        |code| deploy(code, |terms| terms.owner = [0; 20]),
        "NoOwner()",
    ),
    (
        "if (owner_ == agent_) revert",
        GONE,
        |code| deploy(code, |terms| terms.owner = terms.agent),
        "OwnerIsAgent(address)",
    ),
    (
        "if (!developmentKey && verifier_.developmentKey()) revert",
        "if (developmentKey && false) revert",
        |code| deploy(code, |terms| terms.development = true),
        "DevelopmentKey(address)",
    ),
    (
        "if (found != model) revert",
        GONE,
        |code| deploy(code, |terms| terms.model = Some([9; 32])),
        "OtherModel(bytes32,bytes32)",
    ),
    (
        "if (keccak256(answer) != keccak256(expected)) revert",
        "if (expected.length == answer.length + 999) revert",
        too_far,
        RANGES,
    ),
    ("_expectRange(verifier_, 0, countLimit_, threshold_ + 1);", "", too_far, RANGES),
    (
        "(values[1], values[2]) = (count, count);",
        "(values[1], values[2]) = (0, count);",
        |code| deploy(code, |terms| ends_early(terms, 1)),
        RANGES,
    ),
    (
        "(values[1], values[2]) = (count, count);",
        "(values[1], values[2]) = (count, 0);",
        |code| deploy(code, |terms| ends_early(terms, 2)),
        RANGES,
    ),
    (
        "_expectRange(verifier_, index, 0, threshold_);",
        "",
        |code| deploy(code, |terms| terms.signature[1].low = 1),
        RANGES,
    ),
    (
        "_expectRange(verifier_, index, 0, threshold_);",
        "",
        |code| deploy(code, |terms| terms.threshold = -129),
        RANGES,
    ),
    (
        "countLimit_, threshold_ + 1);",
        "countLimit_, threshold_);",
        |code| deploy(code, |terms| terms.threshold = 127),
        RANGES,
    ),
    (
        "for (uint256 index = 0; index < VALUES;",
        "for (uint256 index = 0; index < SCORE;",
        |code| deploy(code, |terms| digest(terms, 3)),
        RANGES,
    ),
    (
        "for (uint256 index = 0; index < VALUES;",
        "for (uint256 index = 2; index < VALUES;",
        |code| deploy(code, |terms| digest(terms, 1)),
        RANGES,
    ),
    (
        "for (uint256 index = 0; index < VALUES;",
        "for (uint256 index = 0; index < 2;",
        |code| deploy(code, |terms| digest(terms, 2)),
        RANGES,
    ),
    (
        "values[index] = BEYOND;",
        "values[index == 0 ? 0 : 3] = BEYOND; if (index > 0) index = 3;",
        |code| deploy(code, |terms| digest(terms, 1)),
        RANGES,
    ),
    (
        "if (msg.sender != agent) revert",
        GONE,
        |code| pay(code, |terms| terms.agent = AGENT, |_| {}),
        "NotTheAgent(address)",
    ),
    (
        "if (signed <= threshold) revert",
        GONE,
        |code| pay(code, |_| {}, |payment| payment.score = 10),
        "ScoreTooLow(int256,int256)",
    ),
    (
        "if (amount % UNIT != 0) revert",
        GONE,
        |code| pay(code, |_| {}, |payment| payment.wei += 1),
        "AmountNotWhole(uint256,uint256)",
    ),
    (
        "if (msg.sender != owner) revert",
        GONE,
        |code| bank(code, Terms::default()).withdraw(GWEI).outcome,
        "NotTheOwner(address)",
    ),
    (
        "if (!sent) revert",
        "if (!sent && false) revert",
        |code| bank(code, Terms::owned()).withdraw(1001 * GWEI).outcome,
        "PaymentFailed()",
    ),
    ("uint256 used = nonce++;", "uint256 used = nonce;", replay, "PairingFailed()"),
    (
        "verifier.verify(context, proof, values);",
        "if (false) verifier.verify(context, proof, values);",
        |code| instead(code, |proven| proven.chain = 2),
        "PairingFailed()",
    ),
    ("values[SCORE] = score;", "values[SCORE] = R - 3;", another_score, "PairingFailed()"),
    (
        "return (amount / UNIT,",
        "return (amount / UNIT + 1,",
        |code| instead(code, |proven| proven.features[0] += 1),
        "PairingFailed()",
    ),
    (
        "_seen(payments[to]),",
        "_seen(payments[to]) + 1,",
        |code| instead(code, |proven| proven.features[1] += 1),
        "PairingFailed()",
    ),
    (
        "_seen(nonce));",
        "_seen(nonce) + 1);",
        |code| instead(code, |proven| proven.features[2] += 1),
        "PairingFailed()",
    ),
    (
        "abi.encode(block.chainid,",
        "abi.encode(uint256(5),",
        |code| instead(code, |proven| proven.chain = 5),
        "PairingFailed()",
    ),
    (
        "address(this), nonce",
        "address(1), nonce",
        |code| instead(code, |proven| proven.gate = ONE),
        "PairingFailed()",
    ),
    (
        "address(this), nonce,",
        "address(this), uint256(1),",
        |code| instead(code, |proven| proven.nonce = 1),
        "PairingFailed()",
    ),
    (
        "nonce, to, amount)",
        "nonce, address(uint160(to) / uint160(to)), amount)",
        |code| instead(code, |proven| proven.to = ONE),
        "PairingFailed()",
    ),
    (
        "nonce, to, amount)",
        "nonce, to, amount + 1 gwei)",
        |code| instead(code, |proven| proven.wei += GWEI),
        "PairingFailed()",
    ),
];

/// Without these a payment fails that is due.
const PROMISES: [(&str, &str); 2] = [
    ("++payments[to];", ""),
    ("return count < countLimit ? count : countLimit;", "return count + 0 * countLimit;"),
];

const REGISTRY: [Guard; 6] = [
    (
        "if (msg.sender != owner) revert",
        GONE,
        |code| {
            let mut office = Office::open(code, [4; 20], false);
            office.register(office.verifier).outcome
        },
        "NotTheOwner(address)",
    ),
    (
        "if (!developmentKeys && verifier.developmentKey()) revert",
        GONE,
        |code| {
            let mut office = Office::open(code, OWNER, false);
            office.register(office.development).outcome
        },
        "DevelopmentKey(address)",
    ),
    (
        "if (entries[model] != address(0)) revert",
        GONE,
        |code| {
            let mut office = registered(code);
            office.register(office.verifier).outcome
        },
        "AlreadyRegistered(bytes32)",
    ),
    (
        "if (entry == address(0) || entry == RETIRED) revert",
        "if (entry == RETIRED) revert",
        |code| Office::open(code, OWNER, false).about_the_model("verifierOf").outcome,
        "UnknownModel(bytes32)",
    ),
    (
        "if (entry == address(0) || entry == RETIRED) revert",
        "if (entry == address(0)) revert",
        |code| {
            let mut office = registered(code);
            assert!(office.about_the_model("retire").succeeded());
            office.about_the_model("verifierOf").outcome
        },
        "UnknownModel(bytes32)",
    ),
    (
        "verifierOf(model);\n        entries[model] = RETIRED;",
        "entries[model] = RETIRED;",
        |code| Office::open(code, OWNER, false).about_the_model("retire").outcome,
        "UnknownModel(bytes32)",
    ),
];

const GONE: &str = "if (false) revert";
const RANGES: &str = "OtherRanges(uint256,bytes)";
const ONE: [u8; 20] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Deploys a gate on changed terms.
fn deploy(code: &[u8], change: fn(&mut Terms)) -> Outcome {
    let mut terms = Terms::default();
    change(&mut terms);
    match Bank::open(code, &terms) {
        Ok(_) => Outcome::Success(Vec::new()),
        Err(EvmError::Deployment { outcome }) => outcome,
        Err(error) => panic!("{error}"),
    }
}

fn too_far(code: &[u8]) -> Outcome {
    deploy(code, |terms| terms.limit += 1)
}

fn ends_early(terms: &mut Terms, index: usize) {
    terms.signature[index].high -= 1;
}

fn digest(terms: &mut Terms, index: usize) {
    let role = if index == 3 { Role::CommittedOutput } else { Role::CommittedInput };
    terms.signature[index] = tensor("hidden", role, &[], 0, 9);
}

fn bank(code: &[u8], terms: Terms) -> Bank {
    Bank::open(code, &terms).expect("it deploys")
}

/// Asks for a changed payment with its own proof.
fn pay(code: &[u8], terms: fn(&mut Terms), change: fn(&mut Payment)) -> Outcome {
    let mut changed = Terms::default();
    terms(&mut changed);
    let mut bank = bank(code, changed);
    let mut payment = bank.payment(0);
    change(&mut payment);
    bank.pay(payment).outcome
}

/// Asks for a payment with the proof of a changed one.
fn instead(code: &[u8], change: fn(&mut Payment)) -> Outcome {
    let mut bank = bank(code, Terms::default());
    let payment = bank.payment(0);
    let mut proven = payment;
    change(&mut proven);
    bank.ask(payment, proven).outcome
}

/// A payment twice, when the model sees no counts any more.
fn replay(code: &[u8]) -> Outcome {
    let mut bank = bank(code, Terms { limit: 0, ..Terms::default() });
    let payment = bank.payment(0);
    assert!(bank.pay(payment).succeeded());
    bank.pay(payment).outcome
}

/// The proof says -3, the caller 100.
fn another_score(code: &[u8]) -> Outcome {
    let mut bank = bank(code, Terms::default());
    let payment = bank.payment(0);
    let low = bank.proof(Payment { score: -3, ..payment });
    let data =
        support::consumer::pay(payment, &[&low[..320], &support::consumer::number(100)].concat());
    bank.send(&data).outcome
}

fn registered(code: &[u8]) -> Office {
    let mut office = Office::open(code, OWNER, false);
    assert!(office.register(office.verifier).succeeded());
    office
}

fn source(name: &str) -> String {
    std::fs::read_to_string(compiler::root().join(format!("solidity/{name}.sol")))
        .expect("a source")
}

/// The contract `name` as it is, and with each change.
fn compile(
    name: &str,
    changes: impl Iterator<Item = (&'static str, &'static str)>,
) -> (Vec<u8>, Vec<Vec<u8>>) {
    let whole = source(name);
    let mut sources =
        BTreeMap::from([("ILemmaVerifier.sol".to_string(), source("ILemmaVerifier"))]);
    sources.insert("00.sol".to_string(), whole.clone());
    for (index, (piece, replacement)) in changes.enumerate() {
        assert_eq!(whole.matches(piece).count(), 1, "{name} has `{piece}` once");
        sources.insert(format!("{:02}.sol", index + 1), whole.replace(piece, replacement));
    }
    let end = format!(".sol:{name}");
    let mut compiled = compiler::compile(&sources)
        .into_iter()
        .filter(|(file, _)| file.ends_with(&end))
        .map(|(_, code)| code);
    (compiled.next().expect("the contract"), compiled.collect())
}

fn each_is_needed(name: &str, guards: &[Guard]) {
    if !compiler::available() {
        return;
    }
    let (whole, without) =
        compile(name, guards.iter().map(|(piece, replacement, ..)| (*piece, *replacement)));
    assert_eq!(without.len(), guards.len());
    for ((piece, _, attack, error), without) in guards.iter().zip(&without) {
        let outcome = attack(&whole);
        assert!(refused_with(&outcome, error), "`{piece}`: {error} is expected, not {outcome:?}");
        let outcome = attack(without);
        assert!(matches!(outcome, Outcome::Success(_)), "without `{piece}`: {outcome:?}");
    }
}

#[test]
fn each_guard_of_the_gate_deleted_lets_an_attack_through() {
    each_is_needed("PaymentGate", &GATE);
}

#[test]
fn each_guard_of_the_registry_deleted_lets_an_attack_through() {
    each_is_needed("ModelRegistry", &REGISTRY);
}

#[test]
fn without_its_counts_the_gate_fails_a_payment_that_is_due() {
    if !compiler::available() {
        return;
    }
    let all_paid = |code: &[u8]| {
        let mut bank = bank(code, Terms::default());
        (0..COUNT_LIMIT + 2).all(|nonce| bank.pay(bank.payment(nonce)).succeeded())
    };
    let (whole, without) = compile("PaymentGate", PROMISES.into_iter());
    assert!(all_paid(&whole));
    for ((piece, _), without) in PROMISES.iter().zip(&without) {
        assert!(!all_paid(without), "nothing misses `{piece}`");
    }
}

/// A new guard must come with its attack.
#[test]
fn each_guard_of_the_consumers_is_attacked() {
    for (name, guards) in [("PaymentGate", &GATE[..]), ("ModelRegistry", &REGISTRY)] {
        for line in source(name).lines().map(str::trim).filter(|line| line.starts_with("if (")) {
            assert!(
                guards.iter().any(|(guard, ..)| line.starts_with(guard)),
                "no attack for `{line}` of {name}"
            );
        }
    }
}
