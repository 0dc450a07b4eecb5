//! The key and the proof against their definitions, in exponents and with naive formulas.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One, Zero};
use lemma_circuits::relation::{Assignment, PUBLIC_WIRES, Relation};
use lemma_verifier::{Context, Digest};

use super::toy::{Filled, Toy, rng};
use crate::kernel::{Domain, G1, G2, Point};
use crate::prove::{Blinding, Job};
use crate::quotient::{pad, product};
use crate::setup::{Trapdoor, keys};

/// `prod_(i != j) (x - p_i) / (p_j - p_i)`.
fn lagrange(points: &[Fr], j: usize, x: Fr) -> Fr {
    let others = (0..points.len()).filter(|i| *i != j);
    others.map(|i| (x - points[i]) / (points[j] - points[i])).product()
}

/// u, v and w of every wire at tau, by interpolation of the matrices' columns.
fn evaluations(toy: &Toy, domain: &Domain, tau: Fr) -> [Vec<Fr>; 3] {
    let points: Vec<Fr> = (0..domain.size()).map(|j| domain.element(j)).collect();
    let mut values = [(); 3].map(|()| vec![Fr::zero(); toy.layout().wires()]);
    for (row, forms) in toy.rows.iter().enumerate() {
        for (values, form) in values.iter_mut().zip(forms) {
            for (wire, coefficient) in form {
                values[*wire] += *coefficient * lagrange(&points, row, tau);
            }
        }
    }
    for (j, value) in values[0].iter_mut().enumerate().take(PUBLIC_WIRES) {
        *value += lagrange(&points, toy.rows.len() + j, tau);
    }
    values
}

fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

fn g2(scalar: Fr) -> G2Affine {
    (G2Affine::generator() * scalar).into_affine()
}

fn expect_g1(points: &[G1], wires: &[u32], scalars: &[Fr]) {
    let expected: Vec<(u32, G1Affine)> =
        (0..).zip(scalars).filter(|(_, s)| !s.is_zero()).map(|(wire, s)| (wire, g1(*s))).collect();
    let found: Vec<(u32, G1Affine)> =
        wires.iter().copied().zip(points.iter().map(Point::to_affine)).collect();
    assert_eq!(found, expected);
}

#[test]
fn keys_and_proofs_are_what_the_protocol_defines() {
    let mut rng = rng(120);
    for (squares, table, publics) in [(1, 0, 0), (4, 0, 1), (3, 4, 2), (120, 0, 8)] {
        let toy = Toy::new(squares, table, publics);
        let layout = toy.layout();
        let domain = Domain::new(layout.constraints + PUBLIC_WIRES).expect("small");
        let trapdoor = Trapdoor::random(&domain, &mut rng).expect("seeded");
        let Trapdoor { alpha, beta, gamma, delta1, delta2, tau } = *trapdoor;
        let (material, parts) =
            keys(&toy, toy.info(), &domain, &trapdoor, &()).expect("a good relation");

        let [u, v, w] = evaluations(&toy, &domain, tau);
        let k: Vec<Fr> = (0..u.len()).map(|i| beta * u[i] + alpha * v[i] + w[i]).collect();
        let (first, second) = (PUBLIC_WIRES, PUBLIC_WIRES + layout.round1);
        let t = |x: Fr| x.pow([domain.size() as u64]) - Fr::one();
        let scale = t(tau) / (t(domain.coset()) * delta2);
        let rounds = [
            (&material.round1, first..second, delta1, Fr::zero()),
            (&material.round2, second..u.len(), delta2, scale),
        ];
        for (round, range, delta, scale) in rounds {
            expect_g1(&round.a, &round.a_wires, &u[range.clone()]);
            expect_g1(&round.b1, &round.b_wires, &v[range.clone()]);
            let in_g2: Vec<G2> = range
                .clone()
                .map(|i| v[i])
                .filter(|v| !v.is_zero())
                .map(|v| g2(v).into())
                .collect();
            assert_eq!(*round.b2, in_g2);
            let k: Vec<G1> = range.map(|i| g1(k[i] / delta - scale * w[i]).into()).collect();
            assert_eq!(*round.k, k);
        }
        let c: Vec<Fr> = w.iter().map(|w| -scale * w).collect();
        expect_g1(&material.c, &material.c_wires, &c[first..second]);
        assert_eq!(material.fixed.c.map(|c| c.to_affine()), [g1(c[0]), g1(c[1]), g1(c[2])]);
        assert_eq!(parts.ic, [g1(k[0] / gamma), g1(k[1] / gamma), g1(k[2] / gamma)]);
        assert_eq!((parts.alpha1, parts.beta2, parts.gamma2), (g1(alpha), g2(beta), g2(gamma)));
        assert_eq!((parts.delta1_2, parts.delta2_2), (g2(delta1), g2(delta2)));
        let coset: Vec<Fr> =
            (0..domain.size()).map(|j| domain.coset() * domain.element(j)).collect();
        for (j, point) in material.h.iter().enumerate() {
            let expected = lagrange(&coset, j, tau) * t(tau) / (t(coset[j]) * delta2);
            assert_eq!(point.to_affine(), g1(expected));
        }

        let blinding = Blinding { rho: Fr::from(11u64), r: Fr::from(12u64), s: Fr::from(13u64) };
        let Blinding { rho, r, s } = blinding;
        let digest = Digest([5; 32]);
        let job =
            Job { material: &material, domain: &domain, layout, digest, context: Context::NONE };
        let mut filled: Filled = toy.random(&mut rng);
        let proof = job.run(&mut filled, &blinding, &()).expect("a true statement");

        let c1: Fr =
            (first..second).map(|i| Fr::from(filled.round1[i - first]) * k[i] / delta1).sum::<Fr>()
                + rho * delta2;
        assert_eq!(proof.c1(), g1(c1));
        let chi = lemma_verifier::challenge::challenge(
            digest,
            Context::NONE,
            filled.public_values(),
            &g1(c1),
        );
        let z = filled.wires(chi);
        let at = |values: &[Fr]| z.iter().zip(values).map(|(z, value)| *z * value).sum::<Fr>();
        let (a, b) = (alpha + at(&u) + r * delta2, beta + at(&v) + s * delta2);
        assert_eq!((proof.a(), proof.b()), (g1(a), g2(b)));
        let round2: Fr = (second..u.len()).map(|i| z[i] * k[i]).sum();
        let ht = at(&u) * at(&v) - at(&w);
        let c2 = (round2 + ht) / delta2 + s * a + r * b - r * s * delta2 - rho * delta1;
        assert_eq!(proof.c2(), g1(c2));
        let public: Fr = (0..PUBLIC_WIRES).map(|i| z[i] * k[i]).sum();
        assert_eq!(a * b, alpha * beta + public + c1 * delta1 + c2 * delta2);
    }
}

#[test]
fn the_quotient_of_satisfied_rows_has_degree_below_the_domain() {
    let mut rng = rng(121);
    let toy = Toy::new(5, 4, 2);
    let domain = Domain::new(toy.rows.len() + PUBLIC_WIRES).expect("small");
    let chi = Fr::from(1_000_003u64);
    let mut filled = toy.random(&mut rng);
    let honest = filled.round2(chi);
    for wrong in [false, true] {
        let (mut a, mut b, mut c) = (honest.a.clone(), honest.b.clone(), honest.c.clone());
        if wrong {
            c[0] += Fr::one();
        }
        pad(&domain, [Fr::one(), chi, honest.phi], [&mut a, &mut b]);
        c.resize(domain.size(), Fr::zero());
        let coefficients = [&a, &b, &c].map(|rows| {
            let mut rows = rows.clone();
            domain.ifft(&mut rows);
            rows
        });
        domain.ifft(&mut c);
        domain.coset_fft(&mut c);
        let mut h = product(&domain, a, b);
        h.iter_mut().zip(c).for_each(|(h, c)| *h = (*h - c) / domain.vanishing(domain.coset()));
        domain.coset_ifft(&mut h);
        let x = Fr::from(987_654_321u64);
        let at = |f: &[Fr]| f.iter().rev().fold(Fr::zero(), |sum, c| sum * x + c);
        let [a, b, c] = coefficients.map(|f| at(&f));
        assert_eq!(a * b - c == at(&h) * domain.vanishing(x), !wrong);
    }
}
