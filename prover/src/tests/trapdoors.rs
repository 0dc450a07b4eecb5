//! Forgeries that a bad trapdoor allows, built and shown to satisfy the pairing equation; the lint
//! refuses each key.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use lemma_circuits::relation::{PUBLIC_WIRES, Relation};
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::error::{KeyError, LintError};
use lemma_verifier::{Context, KeyParts, Proof, VerifyingKey};

use super::toy::{Toy, evaluate, rng};
use crate::kernel::{Domain, G1, Point, Scalars, msm};
use crate::key::Material;
use crate::quotient::{pad, product};
use crate::setup::{Trapdoor, keys};

/// The equation as the protocol states it, with no key lint.
fn equation_holds(key: &KeyParts, values: &[Fr], proof: &Proof) -> bool {
    let chi = challenge(key.digest(), Context::NONE, values, &proof.c1());
    let public = key.ic[0] + key.ic[1] * chi + key.ic[2] * fold(values, chi);
    Bn254::pairing(proof.a(), proof.b())
        == Bn254::pairing(key.alpha1, key.beta2)
            + Bn254::pairing(public.into_affine(), key.gamma2)
            + Bn254::pairing(proof.c1(), key.delta1_2)
            + Bn254::pairing(proof.c2(), key.delta2_2)
}

/// A prover who commits to nothing in C1 and chooses every round-1 wire after the challenge.
fn forge_after_the_challenge(
    toy: &Toy,
    (material, parts, domain): (&Material, &KeyParts, &Domain),
    x: Vec<i64>,
) -> (Vec<Fr>, Proof) {
    let filled = toy.fill(x);
    let values = filled.public.clone();
    let c1 = material.fixed.delta2.to_affine();
    let chi = challenge(parts.digest(), Context::NONE, &values, &c1);
    let mut z = filled.wires(chi);
    balance_the_lookups(toy, &mut z, chi);
    let [mut a, mut b, c] = evaluate(toy, &z);
    assert!((0..a.len()).all(|row| a[row] * b[row] == c[row]), "every constraint holds");

    let (first, second) = (PUBLIC_WIRES, PUBLIC_WIRES + toy.layout().round1);
    let sum = |points: &[G1], wires: &[u32], z: &[Fr]| {
        msm(points, Scalars::FieldAt { values: z, indices: wires })
    };
    let (round1, round2, fixed) = (&material.round1, &material.round2, &material.fixed);
    let mut proof_a = sum(&round1.a, &round1.a_wires, &z[first..second]);
    proof_a += sum(&round2.a, &round2.a_wires, &z[second..]) + fixed.alpha.to_affine();
    let mut proof_b =
        msm(&round1.b2, Scalars::FieldAt { values: &z[first..second], indices: &round1.b_wires });
    proof_b += msm(&round2.b2, Scalars::FieldAt { values: &z[second..], indices: &round2.b_wires });
    proof_b += fixed.beta_2.to_affine();
    for (value, (a, b)) in z.iter().zip(fixed.a.iter().zip(&fixed.b2)) {
        proof_a += a.to_affine() * value;
        proof_b += b.to_affine() * value;
    }
    pad(domain, [z[0], z[1], z[2]], [&mut a, &mut b]);
    let mut c2 = msm(&material.h, Scalars::Field(&product(domain, a, b))) - c1;
    c2 += sum(&material.c, &material.c_wires, &z[first..second]);
    for (value, c) in z.iter().zip(&fixed.c) {
        c2 += c.to_affine() * value;
    }
    c2 += msm(&round1.k, Scalars::Field(&z[first..second]))
        + msm(&round2.k, Scalars::Field(&z[second..]));
    let proof = Proof::new(proof_a.into_affine(), proof_b.into_affine(), c1, c2.into_affine());
    (values, proof.expect("points of G1 and G2"))
}

/// Chooses the first multiplicity so that the sums agree at this one challenge:
/// `m_0 = (chi - 0) * difference`.
fn balance_the_lookups(toy: &Toy, z: &mut [Fr], chi: Fr) {
    let inverses = PUBLIC_WIRES + 2 * toy.squares + toy.table;
    let shares = inverses + toy.squares;
    let left: Fr = z[inverses..shares].iter().sum();
    let right: Fr = z[shares..shares + toy.table].iter().sum();
    z[shares] += left - right;
    z[PUBLIC_WIRES + 2 * toy.squares] = z[shares] * chi;
}

#[test]
fn equal_deltas_let_a_value_off_the_table_be_proven_and_are_refused() {
    let mut rng = rng(138);
    let toy = Toy::new(3, 4, 1);
    let domain = Domain::new(toy.rows.len() + PUBLIC_WIRES).expect("small");
    let lie = vec![1_000_000, 2, 3];
    let mut trapdoor = Trapdoor::random(&domain, &mut rng).expect("seeded");

    let (material, parts) =
        keys(&toy, toy.info(), &domain, &trapdoor, &()).expect("a good relation");
    let (values, proof) =
        forge_after_the_challenge(&toy, (&material, &parts, &domain), lie.clone());
    assert!(!equation_holds(&parts, &values, &proof), "with two deltas the forgery fails");
    assert!(VerifyingKey::new(parts).is_ok());

    trapdoor.delta2 = trapdoor.delta1;
    let (material, parts) =
        keys(&toy, toy.info(), &domain, &trapdoor, &()).expect("a good relation");
    let (values, proof) = forge_after_the_challenge(&toy, (&material, &parts, &domain), lie);
    assert_eq!(values, [Fr::from(1_000_000_000_000u64)]);
    assert!(
        equation_holds(&parts, &values, &proof),
        "with one delta it proves that 1000000 is in 0..4"
    );
    let expected = LintError::Related { first: "delta1_2", second: "delta2_2" };
    assert_eq!(VerifyingKey::new(parts), Err(KeyError::Lint(expected)));
}

#[test]
fn gamma_equal_to_the_deltas_lets_anything_be_proven_and_is_refused() {
    let mut rng = rng(139);
    let toy = Toy::new(3, 4, 1);
    let domain = Domain::new(toy.rows.len() + PUBLIC_WIRES).expect("small");
    let mut trapdoor = Trapdoor::random(&domain, &mut rng).expect("seeded");
    trapdoor.delta1 = trapdoor.gamma;
    trapdoor.delta2 = trapdoor.gamma;
    let (_, parts) = keys(&toy, toy.info(), &domain, &trapdoor, &()).expect("a good relation");
    let values = [Fr::from(7u64)];
    let c1 = G1Affine::generator();
    let chi = challenge(parts.digest(), Context::NONE, &values, &c1);
    let public = parts.ic[0] + parts.ic[1] * chi + parts.ic[2] * fold(&values, chi);
    let forgery = Proof::new(parts.alpha1, parts.beta2, c1, (-public - c1).into_affine())
        .expect("points of the key");
    assert!(equation_holds(&parts, &values, &forgery), "7 is no square, and no witness was used");
    let expected = LintError::Related { first: "gamma2", second: "delta1_2" };
    assert_eq!(VerifyingKey::new(parts), Err(KeyError::Lint(expected)));
}
