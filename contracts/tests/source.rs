//! The source: its name, its comments, and what a stranger's names can do to them.

mod support;

use lemma_contracts::{
    ContractError, MAX_TENSORS, Options, contract_name, creation_code, solidity,
};
use lemma_verifier::{Role, VerifyingKey};
use support::{Trapdoor, compiler, rng, signature, tensor};

fn key(model: &str) -> VerifyingKey {
    Trapdoor::random(&mut rng(20)).key(model, signature())
}

fn named(name: &str) -> Options {
    Options { contract_name: Some(name.to_string()) }
}

fn finished(model: &str) -> VerifyingKey {
    let mut parts = Trapdoor::random(&mut rng(21)).parts(model, signature());
    parts.development = false;
    VerifyingKey::new(parts).expect("a random key is good")
}

#[test]
fn a_development_key_says_so_in_the_name_and_in_the_comments() {
    let source = solidity(&key("lenet-5"), &Options::default()).expect("a good key");
    assert!(source.contains("contract DevelopmentLenet5Verifier {"), "{source}");
    assert!(source.contains("// DEVELOPMENT KEY. One machine made this key."));
    assert_eq!(contract_name(&key("lenet"), &named("Gate")).as_deref(), Ok("DevelopmentGate"));
    assert_eq!(
        contract_name(&key("lenet"), &named("DevelopmentGate")).as_deref(),
        Ok("DevelopmentGate")
    );
}

#[test]
fn another_key_has_neither() {
    let source = solidity(&finished("lenet-5"), &Options::default()).expect("a good key");
    assert!(source.contains("contract Lenet5Verifier {"));
    assert!(!source.contains("DEVELOPMENT") && !source.contains("Development"));
}

#[test]
fn a_name_is_made_from_any_model() {
    for (model, name) in [
        ("7b", "Model7bVerifier"),
        ("guard_model v2", "GuardModelV2Verifier"),
        ("日本", "ModelVerifier"),
    ] {
        assert_eq!(contract_name(&finished(model), &Options::default()).as_deref(), Ok(name));
    }
}

#[test]
fn refuses_a_name_that_is_no_contract_name() {
    for name in ["", "1x", "lower", "A B", "A{}", "A/**/", "Été"] {
        assert_eq!(
            contract_name(&key("m"), &named(name)),
            Err(ContractError::Name { name: name.to_string() })
        );
    }
}

#[test]
fn refuses_a_name_that_the_contract_uses() {
    for name in ["Point", "PairingFailed", "KEY", "Q", "A", "C1"] {
        assert_eq!(
            contract_name(&key("m"), &named(name)),
            Err(ContractError::NameTaken { name: name.to_string() })
        );
    }
}

#[test]
fn refuses_more_tensors_than_a_contract_holds() {
    let signature = |count: usize| {
        (0..count).map(|index| tensor(&format!("t{index}"), Role::Output, &[1], 0, 1)).collect()
    };
    let trapdoor = Trapdoor::random(&mut rng(22));
    assert!(creation_code(&trapdoor.key("m", signature(MAX_TENSORS))).is_ok());
    let many = trapdoor.key("m", signature(MAX_TENSORS + 1));
    let expected = ContractError::TooManyTensors { found: MAX_TENSORS + 1, limit: MAX_TENSORS };
    assert_eq!(creation_code(&many), Err(expected.clone()));
    assert_eq!(solidity(&many, &Options::default()), Err(expected));
}

/// Line ends of every kind, the end of a block comment, text that reads in another order,
/// placeholders.
#[test]
fn a_name_from_outside_cannot_leave_its_comment() {
    let evil = "m\n} contract X { //\r\u{2028}\u{2029}\u{85}\u{0b}\u{0c}*/ selfdestruct \u{202e} \
        {{KEY}} {{CONTRACT}} {{TENSORS}}";
    let tensors = vec![tensor(evil, Role::Output, &[1], 0, 1)];
    let bad = Trapdoor::random(&mut rng(23)).key(evil, tensors);
    let source = solidity(&bad, &named("Safe")).expect("a good key");
    assert!(source.chars().all(|c| c == '\n' || (' '..='~').contains(&c)), "only printable ASCII");
    let plain =
        Trapdoor::random(&mut rng(23)).key("m", vec![tensor("t", Role::Output, &[1], 0, 1)]);
    let plain = solidity(&plain, &named("Safe")).expect("a good key");
    let code = |source: &str| -> Vec<String> {
        source
            .lines()
            .filter(|line| !line.starts_with("//") && !line.contains("// key digest"))
            .map(str::to_string)
            .collect()
    };
    assert_eq!(code(&source), code(&plain), "only comments and the digest differ");
}

/// A tensor's name that reads like its range, a model's name that reads like the digest.
#[test]
fn a_name_from_outside_cannot_pass_for_what_stands_beside_it() {
    let tensors = vec![tensor("x\" [1], 0 to 0", Role::Output, &[1], -7, 7)];
    let mut parts = Trapdoor::random(&mut rng(25)).parts("m\"  circuit digest 0x00", tensors);
    parts.private_inputs[0].name = "none\" [0], 0 to 0, \"".to_string();
    let source = solidity(&VerifyingKey::new(parts).expect("a random key is good"), &named("Safe"))
        .expect("a good key");
    for line in [
        r#"//   model           "m\"  circuit digest 0x00""#,
        r#"//          0      output "x\" [1], 0 to 0" [1], -7 to 7, 8 fractional bits"#,
        r#"//     private     input "none\" [0], 0 to 0, \"" [1, 3], 0 to 1, 0 fractional bits"#,
    ] {
        assert!(source.lines().any(|found| found == line), "no `{line}` in {source}");
    }
}

#[test]
fn long_names_and_shapes_are_shortened() {
    let long = "n".repeat(10_000);
    let key = Trapdoor::random(&mut rng(26))
        .key(&long, vec![tensor(&long, Role::Output, &[1; 1000], 0, 1)]);
    let source = solidity(&key, &Options::default()).expect("a good key");
    assert!(source.lines().all(|line| line.len() <= 200));
    let name = contract_name(&key, &Options::default()).expect("a name");
    assert!(
        name.starts_with("DevelopmentNnnn") && name.ends_with("nVerifier") && name.len() <= 80,
        "{name}"
    );
}

/// The source for a fixed key is committed, so that a change of the template is seen in a review,
/// and Foundry tests it.
#[test]
fn the_committed_contract_is_what_is_generated() {
    let key = Trapdoor::random(&mut rng(24)).key("toy", signature());
    let source = solidity(&key, &named("ToyVerifier")).expect("a good key");
    compiler::golden("solidity/generated/DevelopmentToyVerifier.sol", &source);
}
