//! The example consumers, with proofs, in the EVM.

mod support;

use std::collections::BTreeMap;

use lemma_contracts::Revert;
use lemma_contracts::evm::{EvmError, Outcome};
use lemma_verifier::{Role, TensorSignature};
use support::consumer::{
    AGENT, Bank, COUNT_LIMIT, GWEI, Office, Payment, Terms, committed, function, guard, number,
    pay, refused_with,
};
use support::{compiler, tensor};

#[test]
fn the_committed_consumers_are_what_the_compiler_makes() {
    if !compiler::available() {
        return;
    }
    let names = ["ILemmaVerifier", "ModelRegistry", "PaymentGate"];
    let read = |name: &str| {
        std::fs::read_to_string(compiler::root().join(format!("solidity/{name}.sol")))
            .expect("a source")
    };
    let sources: BTreeMap<_, _> =
        names.into_iter().map(|name| (format!("{name}.sol"), read(name))).collect();
    let compiled = compiler::compile(&sources);
    for name in ["ModelRegistry", "PaymentGate"] {
        let code = hex::encode(&compiled[&format!("{name}.sol:{name}")]);
        compiler::golden(&format!("golden/{name}.hex"), &format!("{code}\n"));
    }
}

fn bank() -> Bank {
    Bank::open(&committed("PaymentGate"), &Terms::default()).expect("it deploys")
}

/// What a gate says that is deployed on these terms.
fn deployment(terms: Terms) -> Outcome {
    match Bank::open(&committed("PaymentGate"), &terms) {
        Ok(_) => Outcome::Success(Vec::new()),
        Err(EvmError::Deployment { outcome }) => outcome,
        Err(error) => panic!("{error}"),
    }
}

fn counted(nonce: u64) -> Outcome {
    Outcome::Success(number(nonce).to_vec())
}

/// Beyond the ends of the guard's ranges, too, where all payments look alike to the model.
#[test]
fn the_gate_pays_with_a_proof_and_counts_it() {
    let mut bank = bank();
    for nonce in 0..COUNT_LIMIT + 4 {
        let payment = bank.payment(nonce);
        let receipt = bank.pay(payment);
        assert!(receipt.succeeded(), "payment {nonce}: {:?}", receipt.outcome);
        assert_eq!(
            bank.pay(payment).revert(),
            Some(Revert::PairingFailed),
            "payment {nonce} again"
        );
        assert_eq!(bank.nonce(), counted(nonce + 1));
    }
}

#[test]
fn the_gate_rejects_a_proof_made_for_another_payment_gate_or_chain() {
    let mut bank = bank();
    let payment = bank.payment(0);
    let [amount, payments, nonce] = payment.features;
    let others = [
        Payment { chain: 5, ..payment },
        Payment { gate: [1; 20], ..payment },
        Payment { nonce: 1, ..payment },
        Payment { to: [0x78; 20], ..payment },
        Payment { wei: 6 * GWEI, ..payment },
        Payment { features: [amount + 1, payments, nonce], ..payment },
        Payment { features: [amount, payments + 1, nonce], ..payment },
        Payment { features: [amount, payments, nonce + 1], ..payment },
    ];
    for other in others {
        assert_eq!(bank.ask(payment, other).revert(), Some(Revert::PairingFailed));
    }
    assert!(bank.pay(payment).succeeded());
}

#[test]
fn the_gate_rejects_a_score_that_is_not_above_the_threshold() {
    let mut bank = bank();
    for score in [10, 0, -1, -128] {
        let payment = Payment { score, ..bank.payment(0) };
        assert!(refused_with(&bank.pay(payment).outcome, "ScoreTooLow(int256,int256)"), "{score}");
    }
}

#[test]
fn the_gate_rejects_a_score_that_was_not_proven() {
    let mut bank = bank();
    let payment = bank.payment(0);
    let low = bank.proof(Payment { score: -3, ..payment });
    let told = |score: [u8; 32]| pay(payment, &[&low[..320], &score].concat());
    assert_eq!(bank.send(&told(number(100))).revert(), Some(Revert::PairingFailed));
    assert_eq!(bank.send(&told(number(128))).revert(), Some(Revert::ValueOutOfRange { index: 3 }));
    assert!(!bank.send(&told([0xff; 32])).succeeded());
}

#[test]
fn the_gate_rejects_an_amount_that_the_model_cannot_see() {
    let mut bank = bank();
    let broken = Payment { wei: 5 * GWEI + 1, ..bank.payment(0) };
    assert!(refused_with(&bank.pay(broken).outcome, "AmountNotWhole(uint256,uint256)"));
    for units in [0, 1001] {
        let payment =
            Payment { wei: units * GWEI, features: [units as i64, 0, 0], ..bank.payment(0) };
        assert_eq!(
            bank.pay(payment).revert(),
            Some(Revert::ValueOutOfRange { index: 0 }),
            "{units}"
        );
    }
}

#[test]
fn the_gate_rejects_more_than_it_has_and_counts_nothing() {
    let mut bank = bank();
    let all = Payment { wei: 1000 * GWEI, features: [1000, 0, 0], ..bank.payment(0) };
    assert!(bank.pay(all).succeeded());
    assert!(refused_with(&bank.pay(bank.payment(1)).outcome, "PaymentFailed()"));
    assert_eq!(bank.nonce(), counted(1));
}

#[test]
fn the_gate_rejects_another_model_another_agent_and_an_owner_who_needs_no_proof() {
    assert!(refused_with(
        &deployment(Terms { model: Some([9; 32]), ..Terms::default() }),
        "OtherModel(bytes32,bytes32)"
    ));
    assert!(refused_with(&deployment(Terms { owner: [0; 20], ..Terms::default() }), "NoOwner()"));
    assert!(refused_with(
        &deployment(Terms { owner: AGENT, agent: AGENT, ..Terms::default() }),
        "OwnerIsAgent(address)"
    ));
    let mut other =
        Bank::open(&committed("PaymentGate"), &Terms { agent: AGENT, ..Terms::default() })
            .expect("it deploys");
    assert!(refused_with(&other.pay(other.payment(0)).outcome, "NotTheAgent(address)"));
}

#[test]
fn the_gate_takes_a_development_key_only_when_told_so() {
    let terms = Terms { development: true, ..Terms::default() };
    assert!(refused_with(&deployment(terms.clone()), "DevelopmentKey(address)"));
    assert_eq!(
        deployment(Terms { takes_development: true, ..terms }),
        Outcome::Success(Vec::new())
    );
}

/// A gate that no payment could pass, or every one, is not deployed.
#[test]
fn the_gate_rejects_a_model_whose_ranges_do_not_hold_what_it_gives() {
    let with = |index: usize, tensor: TensorSignature| {
        let mut terms = Terms::default();
        terms.signature[index] = tensor;
        terms
    };
    let limit = COUNT_LIMIT as i64;
    let mut rotated = Terms::default();
    rotated.signature.rotate_right(1);
    let mut fewer = Terms::default();
    fewer.signature.remove(0);
    let cases = [
        ("a limit past the end", Terms { limit: COUNT_LIMIT + 1, ..Terms::default() }),
        ("payments that end earlier", with(1, tensor("payments", Role::Input, &[], 0, limit - 1))),
        ("a nonce that ends earlier", with(2, tensor("nonce", Role::Input, &[], 0, limit - 1))),
        ("payments without 0", with(1, tensor("payments", Role::Input, &[], 1, limit))),
        ("a nonce without 0", with(2, tensor("nonce", Role::Input, &[], 1, limit))),
        ("no score is above the threshold", Terms { threshold: 127, ..Terms::default() }),
        ("every score is above the threshold", Terms { threshold: -129, ..Terms::default() }),
        ("the score is a digest", with(3, tensor("score", Role::CommittedOutput, &[], -128, 127))),
        ("the amount is a digest", with(0, tensor("amount", Role::CommittedInput, &[], 0, 1000))),
        (
            "the payments are a digest",
            with(1, tensor("payments", Role::CommittedInput, &[], 0, limit)),
        ),
        ("the nonce is a digest", with(2, tensor("nonce", Role::CommittedInput, &[], 0, limit))),
        ("the score first", rotated),
        ("three values", fewer),
        ("five values", with(3, tensor("score", Role::Output, &[2], -128, 127))),
    ];
    for (case, terms) in cases {
        let outcome = deployment(terms);
        assert!(refused_with(&outcome, "OtherRanges(uint256,bytes)"), "{case}: {outcome:?}");
    }
    for threshold in [-128, 126] {
        assert_eq!(
            deployment(Terms { threshold, ..Terms::default() }),
            Outcome::Success(Vec::new()),
            "{threshold}"
        );
    }
    let one_tensor = vec![tensor("payment", Role::Input, &[3], 0, limit), guard().remove(3)];
    assert_eq!(
        deployment(Terms { signature: one_tensor, ..Terms::default() }),
        Outcome::Success(Vec::new())
    );
}

#[test]
fn the_owner_takes_back_the_money_and_nobody_else_does() {
    let mut own = Bank::open(&committed("PaymentGate"), &Terms::owned()).expect("it deploys");
    assert!(own.withdraw(999 * GWEI + 1).succeeded(), "also what is no whole unit");
    assert!(refused_with(&own.withdraw(GWEI).outcome, "PaymentFailed()"), "more than is left");
    assert!(own.withdraw(GWEI - 1).succeeded());
    assert!(refused_with(&bank().withdraw(0).outcome, "NotTheOwner(address)"));
}

/// However little gas there is, either all of a payment happens or none of it.
#[test]
fn the_gate_never_pays_when_starved_of_gas() {
    let mut bank = bank();
    let payment = bank.payment(0);
    let proof = bank.proof(payment);
    let data = pay(payment, &proof);
    let mut limit = 0;
    loop {
        let succeeded =
            bank.evm.call(bank.gate, &data, limit).is_ok_and(|receipt| receipt.succeeded());
        let paid = bank.nonce() == counted(1);
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
    let code = committed("ModelRegistry");
    let mut office = Office::open(&code, support::consumer::OWNER, false);
    let (verifier, model) = (office.verifier, office.model.to_vec());
    let verify = office.verify.clone();
    let unknown = |outcome: &Outcome| refused_with(outcome, "UnknownModel(bytes32)");

    assert!(unknown(&office.send(&verify).outcome));
    assert_eq!(office.register(verifier).outcome, Outcome::Success(model));
    assert!(refused_with(&office.register(verifier).outcome, "AlreadyRegistered(bytes32)"));
    assert!(office.send(&verify).succeeded());
    let mut other = verify.clone();
    other[4 + 64] ^= 1;
    assert!(!office.send(&other).succeeded());
    assert!(office.about_the_model("retire").succeeded());
    assert!(
        unknown(&office.send(&verify).outcome)
            && unknown(&office.about_the_model("verifierOf").outcome)
    );
    assert!(refused_with(&office.register(verifier).outcome, "AlreadyRegistered(bytes32)"));

    let mut foreign = Office::open(&code, [4; 20], false);
    assert!(refused_with(&foreign.register(foreign.verifier).outcome, "NotTheOwner(address)"));
}

#[test]
fn the_registry_takes_a_development_key_only_when_told_so() {
    for (told, taken) in [(false, false), (true, true)] {
        let mut office = Office::open(&committed("ModelRegistry"), support::consumer::OWNER, told);
        let outcome = office.register(office.development).outcome;
        assert_eq!(refused_with(&outcome, "DevelopmentKey(address)"), !taken, "{outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Success(_)), taken);
        assert_eq!(
            office.send(&function("developmentKeys()", &[])).outcome,
            counted(u64::from(told))
        );
    }
}
