//! A prover who lies, a proof that is changed, a relation that misstates itself.

use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use ark_ff::{One, UniformRand, Zero};
use lemma_circuits::relation::{Assignment, Columns, Layout, Relation, Round2};
use lemma_verifier::error::{KeyError, LintError, StatementError, VerifyError};
use lemma_verifier::{Context, Proof, PublicValues};

use super::toy::{Toy, rng};
use crate::error::{ProveError, SetupError};
use crate::kernel::{Scalars, msm};
use crate::prove::{Blinding, Job, prove};
use crate::setup::{LIMIT, setup};

#[test]
fn rejects_a_square_one_too_high_and_names_its_row() {
    let mut rng = rng(130);
    let toy = Toy::new(6, 0, 2);
    let key = toy.keys(&mut rng);
    for row in 0..6 {
        let mut filled = toy.random(&mut rng);
        filled.round1[6 + row] += 1;
        filled.public = filled.round1[6..8].iter().map(|y| Fr::from(*y)).collect();
        let result = prove(&key, &mut filled, Context::NONE, &());
        assert!(matches!(result, Err(ProveError::Unsatisfied { row: found }) if found == row));
    }
}

#[test]
fn rejects_a_value_off_the_table_and_a_moved_multiplicity() {
    let mut rng = rng(131);
    let toy = Toy::new(4, 8, 1);
    let key = toy.keys(&mut rng);
    for x in [8, -1, 1000] {
        let mut filled = toy.fill(vec![1, 2, x, 3]);
        let result = prove(&key, &mut filled, Context::NONE, &());
        assert!(matches!(result, Err(ProveError::Unsatisfied { row }) if row == toy.sum_row()));
    }
    let mut filled = toy.fill(vec![1, 2, 2, 3]);
    filled.round1[8 + 2] -= 1;
    filled.round1[8 + 5] += 1;
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(result, Err(ProveError::Unsatisfied { row }) if row == toy.sum_row()));
}

#[test]
fn rejects_a_public_value_that_is_not_the_wires() {
    let mut rng = rng(132);
    let toy = Toy::new(4, 0, 3);
    let key = toy.keys(&mut rng);
    let mut filled = toy.random(&mut rng);
    filled.public[1] += Fr::one();
    assert!(matches!(prove(&key, &mut filled, Context::NONE, &()), Err(ProveError::Fold)));
    let mut filled = toy.random(&mut rng);
    filled.public[1] = Fr::from(-1i64);
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(
        result,
        Err(ProveError::Statement(StatementError::OutOfRange { index: 1, .. }))
    ));
    let mut filled = toy.random(&mut rng);
    filled.public.pop();
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(
        result,
        Err(ProveError::Statement(StatementError::Count { expected: 3, found: 2 }))
    ));
}

/// The honest fold is patched over the wires' own: only the constraint of the fold stands in the
/// way.
#[test]
fn rejects_a_lie_about_a_public_value_with_the_fold_patched() {
    let mut rng = rng(133);
    let toy = Toy::new(4, 0, 1);
    let key = toy.keys(&mut rng);
    let mut filled = toy.fill(vec![5, 6, 7, 8]);
    filled.public[0] = Fr::from(26u64);
    filled.tamper = |toy, round2| {
        let chi = round2.b[toy.rows.len() - 1];
        round2.phi = Fr::from(26u64) * chi;
        round2.c[toy.rows.len() - 1] = round2.phi;
    };
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(result, Err(ProveError::Unsatisfied { row: 4 })));
    filled.tamper = |toy, round2| {
        let last = toy.rows.len() - 1;
        round2.phi = Fr::from(26u64) * round2.b[last];
        round2.a[last] = Fr::from(26u64);
        round2.c[last] = round2.phi;
    };
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(result, Err(ProveError::SelfCheck(VerifyError::Rejected))));
}

#[test]
fn discards_a_proof_whose_rows_are_not_those_of_its_wires() {
    let mut rng = rng(134);
    let toy = Toy::new(4, 4, 1);
    let key = toy.keys(&mut rng);
    let mut filled = toy.random(&mut rng);
    filled.tamper = |_, round2| round2.wires[0] += Fr::one();
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(result, Err(ProveError::SelfCheck(VerifyError::Rejected))));
    filled.tamper = |_, round2| {
        for rows in [&mut round2.a, &mut round2.b, &mut round2.c] {
            rows[1] = Fr::zero();
        }
    };
    let result = prove(&key, &mut filled, Context::NONE, &());
    assert!(matches!(result, Err(ProveError::SelfCheck(VerifyError::Rejected))));
}

#[test]
fn rejects_an_assignment_of_another_shape() {
    let mut rng = rng(135);
    let toy = Toy::new(4, 4, 1);
    let key = toy.keys(&mut rng);
    let mut longer = toy.random(&mut rng);
    longer.round1.push(0);
    let result = prove(&key, &mut longer, Context::NONE, &());
    assert!(matches!(
        result,
        Err(ProveError::Shape { what: "round-1 wires", expected: 12, found: 13 })
    ));
    let mut other = toy.random(&mut rng);
    other.tamper = |_, round2| round2.wires.truncate(1);
    let result = prove(&key, &mut other, Context::NONE, &());
    assert!(matches!(
        result,
        Err(ProveError::Shape { what: "round-2 wires", expected: 8, found: 1 })
    ));
    for (tamper, what) in [
        ((|_, round2: &mut Round2| round2.a.truncate(1)) as fn(&Toy, &mut Round2), "rows of A z"),
        (|_, round2| round2.b.truncate(1), "rows of B z"),
        (|_, round2| round2.c.push(Fr::zero()), "rows of C z"),
    ] {
        other.tamper = tamper;
        let result = prove(&key, &mut other, Context::NONE, &());
        assert!(matches!(result, Err(ProveError::Shape { what: found, .. }) if found == what));
    }
}

#[test]
fn rejects_changed_values_spliced_proofs_and_other_keys() {
    let mut rng = rng(136);
    let toy = Toy::new(6, 8, 4);
    let key = toy.keys(&mut rng);
    let mut filled = toy.fill(vec![1, 7, 0, 3, 2, 2]);
    let first = prove(&key, &mut filled, Context::NONE, &()).expect("a true statement");
    let second = prove(&key, &mut filled, Context::NONE, &()).expect("a true statement");
    let verify = |values: &[Fr], proof: &Proof| {
        key.prepared_key().verify(&PublicValues::new(values.to_vec()), Context::NONE, proof)
    };
    let honest = filled.public_values().to_vec();
    for index in 0..honest.len() {
        let random = Fr::from(u64::rand(&mut rng) >> 24);
        for changed in [honest[index] + Fr::one(), honest[index] - Fr::one(), Fr::zero(), random] {
            let mut values = honest.clone();
            values[index] = changed;
            if values != honest {
                assert!(verify(&values, &first.proof).is_err(), "value {index}");
            }
        }
        let mut swapped = honest.clone();
        swapped.swap(index, (index + 1) % honest.len());
        assert!(verify(&swapped, &first.proof).is_err());
        let mut dropped = honest.clone();
        dropped.remove(index);
        assert!(verify(&dropped, &first.proof).is_err());
    }
    for mask in 1..15 {
        let pick = |bit: usize| {
            if mask >> bit & 1 == 1 { &second.proof } else { &first.proof }
        };
        let spliced = Proof::new(pick(0).a(), pick(1).b(), pick(2).c1(), pick(3).c2())
            .expect("points of proofs");
        assert!(matches!(verify(&honest, &spliced), Err(VerifyError::Rejected)), "mask {mask}");
    }
    let other = toy.keys(&mut rng);
    let result = other.prepared_key().verify(&first.values, Context::NONE, &first.proof);
    assert!(matches!(result, Err(VerifyError::Rejected)));
    let result = key.prepared_key().verify(&first.values, Context::of(b"elsewhere"), &first.proof);
    assert!(matches!(result, Err(VerifyError::Rejected)));
}

/// CVE-2024-45040: a commitment without rho is a function of the witness alone.
#[test]
fn an_8_bit_witness_is_found_in_c1_without_rho_and_not_with_it() {
    let mut rng = rng(137);
    let toy = Toy::new(1, 256, 0);
    let key = toy.keys(&mut rng);
    let secret = 173;
    let guesses: Vec<G1Affine> = (0..256)
        .map(|x| {
            msm(&key.material.round1.k, Scalars::Small(&toy.fill(vec![x]).round1)).into_affine()
        })
        .collect();
    let job = Job {
        material: &key.material,
        domain: &key.domain,
        layout: key.layout(),
        digest: key.verifying_key().digest(),
        context: Context::NONE,
    };
    let c1 = |rho: Fr| {
        let blinding = Blinding { rho, r: Fr::from(1u64), s: Fr::from(2u64) };
        job.run(&mut toy.fill(vec![secret]), &blinding, &()).expect("a true statement").c1()
    };
    let found = |c1: G1Affine| guesses.iter().position(|guess| *guess == c1);
    assert_eq!(
        found(c1(Fr::zero())),
        Some(secret as usize),
        "the attack works when rho is left out"
    );
    assert_eq!(found(c1(Fr::rand(&mut rng))), None);
    let proven =
        prove(&key, &mut toy.fill(vec![secret]), Context::NONE, &()).expect("a true statement");
    assert_eq!(found(proven.proof.c1()), None);
}

/// A relation that misstates its sizes.
struct Misshapen(Layout);

impl Relation for Misshapen {
    fn layout(&self) -> Layout {
        self.0
    }

    fn columns(&self, _: &[Fr]) -> Columns {
        Columns { a: vec![Fr::one(); 5], b: vec![Fr::one(); 5], c: vec![Fr::one(); 4] }
    }
}

#[test]
fn rejects_relations_that_are_too_large_or_inconsistent() {
    let info = || Toy::new(1, 0, 0).info();
    let small = Layout { constraints: 1, round1: 2, round2: 0, public_values: 0 };
    let result = setup(&Misshapen(small), info(), &());
    assert!(matches!(result, Err(SetupError::Columns { expected: 5, found: 4 })));
    for large in [
        Layout { constraints: LIMIT - 2, ..small },
        Layout { round1: LIMIT, ..small },
        Layout { round2: usize::MAX, ..small },
        Layout { constraints: usize::MAX, ..small },
    ] {
        let result = setup(&Misshapen(large), info(), &());
        assert!(matches!(result, Err(SetupError::TooLarge { limit: LIMIT, .. })));
    }
}

#[test]
fn rejects_a_signature_of_another_number_of_values() {
    let toy = Toy::new(4, 0, 3);
    let mut info = toy.info();
    info.signature[0].shape = vec![2];
    let result = setup(&toy, info, &());
    let expected = LintError::PublicValueCount { declared: 3, tensors: 2 };
    assert!(matches!(result, Err(SetupError::Key(KeyError::Lint(found))) if found == expected));
}
