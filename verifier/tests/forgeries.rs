//! The forgeries that the key lint exists for: each is built, shown to satisfy the pairing
//! equation, and its key refused.

mod common;

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::UniformRand;
use common::{Trapdoor, parts, rng, values};
use lemma_testkit::simulator::g1;
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::error::{KeyError, LintError};
use lemma_verifier::{Context, KeyParts, Proof, PublicValues, VerifyingKey};

/// The equation as the protocol states it, with no key lint and no preparation.
fn equation_holds(key: &KeyParts, values: &PublicValues, context: Context, proof: &Proof) -> bool {
    let chi = challenge(key.digest(), context, values.as_slice(), &proof.c1());
    let phi = fold(values.as_slice(), chi);
    let public = (key.ic[0] + key.ic[1] * chi + key.ic[2] * phi).into_affine();
    Bn254::pairing(proof.a(), proof.b())
        == Bn254::pairing(key.alpha1, key.beta2)
            + Bn254::pairing(public, key.gamma2)
            + Bn254::pairing(proof.c1(), key.delta1_2)
            + Bn254::pairing(proof.c2(), key.delta2_2)
}

/// Needs nothing but the verifying key.
fn forge_without_witness(key: &KeyParts, values: &PublicValues) -> Proof {
    let c1 = G1Affine::generator();
    let chi = challenge(key.digest(), Context::NONE, values.as_slice(), &c1);
    let phi = fold(values.as_slice(), chi);
    let public = key.ic[0] + key.ic[1] * chi + key.ic[2] * phi;
    let c2 = (-public - c1).into_affine();
    Proof::new(key.alpha1, key.beta2, c1, c2).expect("points of the key")
}

#[test]
fn a_key_with_gamma_and_deltas_equal_is_forgeable_and_refused() {
    let mut rng = rng(49);
    let forged_statement = PublicValues::from_integers([1, 2, 3, 4, 5, 6, 7, 0]);
    for skipped_phase_two in [false, true] {
        let mut trapdoor = Trapdoor::random(&mut rng);
        if skipped_phase_two {
            trapdoor.gamma = Fr::from(1u64);
        }
        trapdoor.delta1 = trapdoor.gamma;
        trapdoor.delta2 = trapdoor.gamma;
        let bad = parts(&trapdoor);
        let forgery = forge_without_witness(&bad, &forged_statement);
        assert!(
            equation_holds(&bad, &forged_statement, Context::NONE, &forgery),
            "the forgery works"
        );
        let result = VerifyingKey::new(bad);
        assert!(
            matches!(result, Err(KeyError::Lint(LintError::Related { first: "gamma2", .. }))),
            "{result:?}"
        );
    }
    let good = parts(&Trapdoor::random(&mut rng));
    let forgery = forge_without_witness(&good, &forged_statement);
    assert!(!equation_holds(&good, &forged_statement, Context::NONE, &forgery));
}

/// With gamma = delta2 the public part moves into C2, after the challenge.
#[test]
fn a_key_with_gamma_equal_to_delta2_turns_any_proof_into_one_of_another_statement() {
    let mut rng = rng(50);
    let mut trapdoor = Trapdoor::random(&mut rng);
    trapdoor.delta2 = trapdoor.gamma;
    let bad = parts(&trapdoor);
    let (digest, honest) = (bad.digest(), values());
    let proof = trapdoor.simulate(digest, &honest, Context::NONE, &mut rng);
    assert!(equation_holds(&bad, &honest, Context::NONE, &proof));

    let lie = PublicValues::from_integers([0, 0, 0, 0, 0, 0, 0, 0]);
    let public = |values: &PublicValues| {
        let chi = challenge(digest, Context::NONE, values.as_slice(), &proof.c1());
        bad.ic[1] * chi + bad.ic[2] * fold(values.as_slice(), chi)
    };
    let c2 = (proof.c2() + public(&honest) - public(&lie)).into_affine();
    let forgery = Proof::new(proof.a(), proof.b(), proof.c1(), c2).expect("points of G1");
    assert!(equation_holds(&bad, &lie, Context::NONE, &forgery), "the forgery works");
    let expected = LintError::Related { first: "gamma2", second: "delta2_2" };
    assert_eq!(VerifyingKey::new(bad), Err(KeyError::Lint(expected)));
}

/// With the deltas equal the equation sees C1 + C2 only: what the challenge was meant to fix can be
/// moved after it.
#[test]
fn a_key_with_equal_deltas_lets_round_one_be_chosen_after_the_challenge_and_is_refused() {
    let mut rng = rng(51);
    let mut trapdoor = Trapdoor::random(&mut rng);
    trapdoor.delta2 = trapdoor.delta1;
    let bad = parts(&trapdoor);
    let proof = trapdoor.simulate(bad.digest(), &values(), Context::NONE, &mut rng);
    assert!(equation_holds(&bad, &values(), Context::NONE, &proof));

    let empty = g1(Fr::rand(&mut rng));
    let chi = |c1: &G1Affine| challenge(bad.digest(), Context::NONE, values().as_slice(), c1);
    let public = |chi: Fr| bad.ic[1] * chi + bad.ic[2] * fold(values().as_slice(), chi);
    let gamma_over_delta = trapdoor.gamma / trapdoor.delta1;
    let shift = (public(chi(&proof.c1())) - public(chi(&empty))) * gamma_over_delta;
    let c2 = (proof.c1() + proof.c2() + shift - empty).into_affine();
    let moved = Proof::new(proof.a(), proof.b(), empty, c2).expect("points of G1");
    assert!(equation_holds(&bad, &values(), Context::NONE, &moved), "C1 commits to nothing");
    let expected = LintError::Related { first: "delta1_2", second: "delta2_2" };
    assert_eq!(VerifyingKey::new(bad), Err(KeyError::Lint(expected)));
}
