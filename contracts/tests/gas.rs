//! What an accepted call costs by its receipt, calldata included, and how large the contract is.
//!
//! `cargo test -p lemma-contracts --test gas -- --nocapture` prints the table of docs/onchain.md.

mod support;

use lemma_contracts::evm::{Fork, run};
use lemma_contracts::{MAX_TENSORS, runtime_code};
use lemma_verifier::{Context, PublicValues, Role};
use support::consumer::{Bank, GWEI, OWNER, Office, Terms, committed};
use support::{Trapdoor, rng, tensor};

const FORKS: [Fork; 3] = [Fork::Cancun, Fork::Prague, Fork::Osaka];

fn cost(fork: Fork, context: Context, values: &[i64]) -> u64 {
    let mut rng = rng(1);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = trapdoor
        .key("gas", vec![tensor("scores", Role::Output, &[values.len()], i64::MIN, i64::MAX)]);
    let values = PublicValues::from_integers(values.iter().copied());
    let proof = trapdoor.simulate(key.digest(), &values, context, &mut rng);
    let receipt = run(&key, &values, context, &proof, fork).expect("it runs");
    assert!(receipt.succeeded(), "{receipt:?}");
    receipt.gas_used
}

/// Scores of both signs, as a classifier gives them.
fn mixed(count: i64) -> Vec<i64> {
    (0..count).map(|at| (at * 7919 % 65_536) * if at % 2 == 0 { 1 } else { -1 }).collect()
}

fn bytes(count: i64) -> Vec<i64> {
    (0..count).map(|at| at * 31 % 256).collect()
}

fn negative(count: i64) -> Vec<i64> {
    (0..count).map(|at| -1 - at * 1_234_567_891).collect()
}

#[test]
fn ten_public_values_cost_at_most_265_000_gas() {
    for fork in FORKS {
        for (name, values) in
            [("bytes", bytes(10)), ("mixed", mixed(10)), ("negative", negative(10))]
        {
            let gas = cost(fork, Context::NONE, &values);
            println!("{fork:?}, 10 {name} values: {gas} gas");
            assert!(gas <= 265_000, "{fork:?}, {name}: {gas}");
        }
    }
    println!(
        "10 negative values in a context: {} gas",
        cost(Fork::Osaka, Context::of(b"nonce"), &negative(10))
    );
}

#[test]
fn a_further_public_value_costs_at_most_900_gas() {
    for fork in FORKS {
        for (name, values) in
            [("bytes", bytes as fn(i64) -> Vec<i64>), ("mixed", mixed), ("negative", negative)]
        {
            let costs = [10, 100, 1000].map(|count| cost(fork, Context::NONE, &values(count)));
            let further = [(costs[1] - costs[0]).div_ceil(90), (costs[2] - costs[1]).div_ceil(900)];
            println!(
                "{fork:?}, {name}: {costs:?} gas for 10, 100, 1000 values; {further:?} for each \
                    further one"
            );
            // From some 400 negative values on the floor of EIP-7623 is what counts: 40 gas for
            // each of 32 bytes.
            let floor = name == "negative" && fork != Fork::Cancun;
            assert!(
                further[0] <= 900 && (further[1] <= 900 || floor),
                "{fork:?}, {name}: {further:?}"
            );
        }
    }
}

#[test]
fn a_contract_has_at_most_six_kilobytes() {
    for tensors in [1, 2, MAX_TENSORS] {
        let signature = (0..tensors)
            .map(|index| tensor(&format!("t{index}"), Role::Output, &[10], -9, 9))
            .collect();
        let key = Trapdoor::random(&mut rng(2)).key("size", signature);
        let bytes = runtime_code(&key).expect("a good key").len();
        println!("{tensors} public tensors: {bytes} bytes");
        assert!(bytes <= if tensors == MAX_TENSORS { 6144 } else { 6000 });
    }
}

/// The first payment of a gate writes a counter that was zero, the first to a recipient makes an
/// account and another counter.
#[test]
fn a_payment_through_the_gate_costs_at_most_60_000_gas_above_the_verifier_once_its_counters_run() {
    let mut bank = Bank::open(&committed("PaymentGate"), &Terms::default()).expect("it deploys");
    println!("PaymentGate: {} gas to deploy", bank.deployment);
    let costs = [0, 1, 2].map(|nonce| {
        let receipt = bank.pay(bank.payment(nonce));
        assert!(receipt.succeeded(), "{receipt:?}");
        receipt.gas_used
    });
    println!("payments through the gate, all to one recipient: {costs:?} gas");
    assert!(costs[1] == costs[2] && costs[0] > costs[1] && costs[1] <= 320_000, "{costs:?}");
    let mut own = Bank::open(&committed("PaymentGate"), &Terms::owned()).expect("it deploys");
    let costs = [0, 1].map(|_| own.withdraw(GWEI).gas_used);
    println!("withdrawals to a new and to an old account: {costs:?} gas");
}

#[test]
fn the_registry_costs_at_most_15_000_gas_above_the_verifier() {
    let mut office = Office::open(&committed("ModelRegistry"), OWNER, false);
    println!("ModelRegistry: {} gas to deploy", office.deployment);
    println!("register: {} gas", office.register(office.verifier).gas_used);
    let verify = office.verify.clone();
    let receipt = office.send(&verify);
    println!("verify through the registry, 7 values: {} gas", receipt.gas_used);
    assert!(receipt.succeeded() && receipt.gas_used <= 280_000);
}
