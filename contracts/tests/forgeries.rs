//! Forgeries for the two bad keys that released systems had: gamma = delta1 = delta2 and delta1 =
//! delta2. The lint refuses both before they become a contract; written into a contract around the
//! lint, both accept a false statement.
//!
//! The relation of the second is as small as one that needs the challenge can be. Public value p,
//! round-1 wire m:
//!
//! ```text
//! p chi = phi
//! m chi = 3 - p
//! ```
//!
//! With m committed before chi is known, p must be 3 (and m zero): no other m works for most chi.
//! Whoever chooses m after chi proves any p.

mod support;

use ark_bn254::{Fr, G1Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand, Zero};
use lemma_contracts::evm::{Evm, Fork, Receipt};
use lemma_contracts::{Revert, calldata, creation_code};
use lemma_testkit::simulator::g1;
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::error::{KeyError, LintError};
use lemma_verifier::{Context, Digest, KeyParts, Proof, PublicValues, Role, VerifyingKey};
use support::{Trapdoor, rng, tensor};

/// Sends a proof to the contract for `parts`, made without the lint: the contract for `good` with
/// the words of the bad key.
fn send_unlinted(
    good: &VerifyingKey,
    parts: &KeyParts,
    values: &PublicValues,
    proof: &Proof,
) -> Receipt {
    let mut code = creation_code(good).expect("a good key");
    let mut replace = |from: [u8; 32], to: [u8; 32]| {
        let at =
            code.windows(32).position(|window| window == from).expect("the word is in the code");
        code[at..at + 32].copy_from_slice(&to);
    };
    replace(good.digest().0, parts.digest().0);
    let old = good.parts();
    for (from, to) in
        [(old.gamma2, parts.gamma2), (old.delta1_2, parts.delta1_2), (old.delta2_2, parts.delta2_2)]
    {
        if from != to {
            let words = |point: ark_bn254::G2Affine| {
                [point.x.c1, point.x.c0, (-point).y.c1, (-point).y.c0].map(word)
            };
            words(from).into_iter().zip(words(to)).for_each(|(from, to)| replace(from, to));
        }
    }
    let mut evm = Evm::new(Fork::Osaka);
    let contract = evm.deploy(&code).expect("it deploys");
    evm.call(contract, &calldata(proof, values, Context::NONE), 1_000_000).expect("it is executed")
}

fn word(value: ark_bn254::Fq) -> [u8; 32] {
    value.into_bigint().to_bytes_be().try_into().expect("a word")
}

fn affine(point: impl Into<ark_bn254::G1Projective>) -> G1Affine {
    point.into().into_affine()
}

/// The public input of the equation, from the key alone.
fn public(
    parts: &KeyParts,
    key: Digest,
    values: &PublicValues,
    c1: &G1Affine,
) -> ark_bn254::G1Projective {
    let chi = challenge(key, Context::NONE, values.as_slice(), c1);
    let phi = fold(values.as_slice(), chi);
    parts.ic[0].into_group() + parts.ic[1] * chi + parts.ic[2] * phi
}

/// `A = alpha, B = beta, C1` at will, `C2 = -IC - C1`: no witness, no proving key.
fn forge_without_a_witness(parts: &KeyParts, values: &PublicValues) -> Proof {
    let c1 = g1(Fr::from(5u64));
    let c2 = affine(-public(parts, parts.digest(), values, &c1) - c1);
    Proof::new(parts.alpha1, parts.beta2, c1, c2).expect("points in general position")
}

#[test]
fn a_key_with_gamma_delta1_and_delta2_equal_is_refused_and_would_prove_anything() {
    let mut rng = rng(60);
    let trapdoor = Trapdoor::random(&mut rng);
    let signature = vec![tensor("p", Role::Output, &[2], -100, 100)];
    let good = trapdoor.key("bad", signature.clone());
    let bad = Trapdoor { delta1: trapdoor.gamma, delta2: trapdoor.gamma, ..trapdoor }
        .parts("bad", signature);
    let refusal = VerifyingKey::new(bad.clone());
    assert_eq!(
        refusal,
        Err(KeyError::Lint(LintError::Related { first: "gamma2", second: "delta1_2" }))
    );
    for integers in [[0, 0], [42, -7]] {
        let values = PublicValues::from_integers(integers);
        assert!(
            send_unlinted(&good, &bad, &values, &forge_without_a_witness(&bad, &values))
                .succeeded()
        );
        let honest = forge_without_a_witness(good.parts(), &values);
        assert_eq!(
            send_unlinted(&good, good.parts(), &values, &honest).revert(),
            Some(Revert::PairingFailed)
        );
    }
}

/// The relation above as a quadratic arithmetic program at tau, and what a prover is given of it.
struct Tiny {
    parts: KeyParts,
    /// `[u_i]`, `[v_i]` in G1, and the `[v_i]` in G2, for the wires 1, chi, phi, p, m.
    u: [Fr; 5],
    v: [Fr; 5],
    /// `[K_i / delta1]` of p and m.
    round1: [G1Affine; 2],
    /// `[t / delta2]`; the quotient of this relation is a constant, see [`Tiny::quotient`].
    target: G1Affine,
}

/// Rows 0 and 1 of the relation; the domain is {1, -1}, so t = X^2 - 1, and row 0 is (1 + X) / 2,
/// row 1 (1 - X) / 2.
fn rows(at: Fr) -> [Fr; 2] {
    let half = Fr::from(2u64).inverse().expect("2 is not 0");
    [(Fr::from(1u64) + at) * half, (Fr::from(1u64) - at) * half]
}

impl Tiny {
    fn new(trapdoor: &Trapdoor, tau: Fr) -> Tiny {
        let [row0, row1] = rows(tau);
        let zero = Fr::zero();
        let u = [zero, zero, zero, row0, row1];
        let v = [zero, row0 + row1, zero, zero, zero];
        let w = [row1 * Fr::from(3u64), zero, row0, -row1, zero];
        let k: Vec<Fr> =
            (0..5).map(|i| trapdoor.beta * u[i] + trapdoor.alpha * v[i] + w[i]).collect();
        let gamma = trapdoor.gamma.inverse().expect("not zero");
        let delta1 = trapdoor.delta1.inverse().expect("not zero");
        let delta2 = trapdoor.delta2.inverse().expect("not zero");
        let exponents =
            Trapdoor { ic: [k[0] * gamma, k[1] * gamma, k[2] * gamma], ..trapdoor.clone() };
        let parts = exponents.parts("tiny", vec![tensor("p", Role::Output, &[], -100, 100)]);
        let round1 = [g1(k[3] * delta1), g1(k[4] * delta1)];
        Tiny { parts, u, v, round1, target: g1((tau * tau - Fr::from(1u64)) * delta2) }
    }

    /// `(U V - W) / t` for a satisfied relation. U is p row0 + m row1, V is the constant chi, W is
    /// of degree one: U V - W has degree one and vanishes on two points, so it is zero.
    fn quotient(&self, p: Fr, m: Fr, chi: Fr) -> Fr {
        assert_eq!(m * chi, Fr::from(3u64) - p, "the relation is satisfied");
        Fr::zero()
    }

    fn commit(&self, p: Fr, m: Fr) -> G1Affine {
        affine(self.round1[0] * p + self.round1[1] * m)
    }

    /// A and B for the wires, and H.
    fn rest(
        &self,
        p: Fr,
        m: Fr,
        chi: Fr,
    ) -> (G1Affine, ark_bn254::G2Affine, ark_bn254::G1Projective) {
        let a = affine(self.parts.alpha1.into_group() + g1(self.u[3]) * p + g1(self.u[4]) * m);
        let b = (self.parts.beta2.into_group() + lemma_testkit::simulator::g2(self.v[1]) * chi)
            .into_affine();
        (a, b, self.target * self.quotient(p, m, chi))
    }

    /// The honest protocol, with a blinding that delta1 and delta2 exchange.
    fn prove(&self, trapdoor: &Trapdoor, rho: Fr, values: &PublicValues) -> Proof {
        let p = values.as_slice()[0];
        let c1 = affine(self.commit(p, Fr::zero()) + g1(trapdoor.delta2 * rho));
        let chi = challenge(self.parts.digest(), Context::NONE, values.as_slice(), &c1);
        let (a, b, h) = self.rest(p, Fr::zero(), chi);
        Proof::new(a, b, c1, affine(h - g1(trapdoor.delta1 * rho)))
            .expect("points in general position")
    }

    /// Commits to m = 0, learns chi, takes the m that fits, and moves the difference into C2.
    fn forge(&self, values: &PublicValues) -> Proof {
        let p = values.as_slice()[0];
        let c1 = self.commit(p, Fr::zero());
        let chi = challenge(self.parts.digest(), Context::NONE, values.as_slice(), &c1);
        let m = (Fr::from(3u64) - p) * chi.inverse().expect("not zero");
        let (a, b, h) = self.rest(p, m, chi);
        Proof::new(a, b, c1, affine(h + self.commit(p, m) - c1))
            .expect("points in general position")
    }
}

#[test]
fn a_key_with_delta1_and_delta2_equal_is_refused_and_would_let_wires_follow_the_challenge() {
    let mut rng = rng(61);
    let (trapdoor, tau) = (Trapdoor::random(&mut rng), Fr::rand(&mut rng));
    let sound = Tiny::new(&trapdoor, tau);
    let good = VerifyingKey::new(sound.parts.clone()).expect("a good key");
    let broken = Tiny::new(&Trapdoor { delta2: trapdoor.delta1, ..trapdoor.clone() }, tau);
    let refusal = VerifyingKey::new(broken.parts.clone());
    assert_eq!(
        refusal,
        Err(KeyError::Lint(LintError::Related { first: "delta1_2", second: "delta2_2" }))
    );

    let (truth, lie) = (PublicValues::from_integers([3]), PublicValues::from_integers([4]));
    let honest = sound.prove(&trapdoor, Fr::rand(&mut rng), &truth);
    assert!(
        send_unlinted(&good, good.parts(), &truth, &honest).succeeded(),
        "the relation has honest proofs"
    );
    let forged = sound.forge(&lie);
    assert_eq!(
        send_unlinted(&good, good.parts(), &lie, &forged).revert(),
        Some(Revert::PairingFailed)
    );
    assert!(
        send_unlinted(&good, &broken.parts, &lie, &broken.forge(&lie)).succeeded(),
        "the lie is accepted"
    );
}
