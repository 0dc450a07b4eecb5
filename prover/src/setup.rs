//! Setup: from a relation to its keys.
//!
//! The rows are indexed by a domain D of N = 2^k or 3 * 2^k elements, N >= constraints + 3: the
//! three public wires get a row `z_j * 0 = 0` each, so that their left polynomials are independent
//! of all others. With `L_j` the Lagrange basis,
//!
//! ```text
//! u = A^T L(tau),  v = B^T L(tau),  w = C^T L(tau)
//! u_j += L_(constraints + j)(tau) for the public wires
//! K_i = beta u_i + alpha v_i + w_i
//! T   = t(tau) / ((g^N - 1) delta2)
//! H_j = L_j(tau / g) T
//! ```
//!
//! The verifier knows nothing of D. `L_j(X / g)` is the Lagrange basis of the coset `g D`. `H`
//! spans the same space as the powers `tau^j t(tau) / delta2` of Groth16, j < N, in a basis that
//! spares the prover a transform: a quotient is at most of degree N - 2, so its values on N points
//! determine it. With `u v - w = h t`, t constant on the coset, the prover's sum over H is that of
//! the values of `u v` there, less `w(tau) T`; and since `w(tau) = sum z_i w_i`, the key holds
//! `-w_i T` for each wire (for round 2 within `K_i / delta2`) and the prover never transforms w.
//! These points are combinations of the `H_j` by public numbers, so the key says no more and no
//! less than one without them.
//!
//! Whoever knows one of alpha, beta, gamma, delta1, delta2, tau can forge. They come from the
//! operating system into one place on the heap, and they and everything computed from them in the
//! clear are overwritten afterwards, with the stacks of all threads; freed copies inside the
//! relation and swapped memory are beyond reach. A key made here is a *development key*, and says
//! so.
//!
//! Cost: one pass over the matrices, N field inversions (batched), and about 3 multiplications in
//! G1 and 1 in G2 per wire, one in G1 per round-1 wire in C, N in G1, all of fixed bases.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{Field, One, Zero};
use lemma_circuits::relation::{Layout, PUBLIC_WIRES, Relation};
use lemma_verifier::{Digest, KeyParts, PreparedKey, PrivateInput, TensorSignature, VerifyingKey};
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::SetupError;
use crate::kernel::{Domain, G1, G2, fixed_base_g1, fixed_base_g2};
use crate::key::{Fixed, Material, ProvingKey, Round};
use crate::progress::Progress;
use crate::randomness::nonzero_scalar;
use crate::secret::forgetting;

/// Most constraints or wires: the number of roots of unity of the field.
pub const LIMIT: usize = 1 << 28;

/// What a verifying key says besides its points.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// Name of the model.
    pub model: String,
    /// Digest of the integer graph, its tables and the lowering.
    pub graph_digest: Digest,
    /// The public tensors in fold order.
    pub signature: Vec<TensorSignature>,
    /// The inputs that a statement does not show.
    pub private_inputs: Vec<PrivateInput>,
}

/// Makes a development key for `relation`.
///
/// # Errors
/// When the relation is too large or inconsistent, or `info` does not describe its public values.
pub fn setup(
    relation: &dyn Relation,
    info: KeyInfo,
    progress: &dyn Progress,
) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    setup_with(relation, info, &mut OsRng, progress)
}

pub(crate) fn setup_with(
    relation: &dyn Relation,
    info: KeyInfo,
    source: &mut dyn RngCore,
    progress: &dyn Progress,
) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    let layout = relation.layout();
    let domain = domain(&layout).ok_or(SetupError::TooLarge {
        constraints: layout.constraints,
        wires: PUBLIC_WIRES.saturating_add(layout.round1).saturating_add(layout.round2),
        limit: LIMIT,
    })?;
    let (material, parts) = forgetting(|| {
        let trapdoor = Trapdoor::random(&domain, source)?;
        keys(relation, info, &domain, &trapdoor, progress)
    })?;
    let key = VerifyingKey::new(parts)?;
    progress.enter("setup finished", 1.0);
    let prepared = PreparedKey::new(key.clone());
    Ok((ProvingKey { layout, domain, key: prepared, material }, key))
}

/// The domain of a layout; `None` when the layout is too large.
pub(crate) fn domain(layout: &Layout) -> Option<Domain> {
    let wires = PUBLIC_WIRES.checked_add(layout.round1)?.checked_add(layout.round2)?;
    let rows = layout.constraints.checked_add(PUBLIC_WIRES)?;
    if wires > LIMIT || rows > LIMIT {
        return None;
    }
    Domain::new(rows)
}

/// What must be forgotten: read in place, never copied, overwritten when it is dropped.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Trapdoor {
    pub(crate) alpha: Fr,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
    pub(crate) delta1: Fr,
    pub(crate) delta2: Fr,
    pub(crate) tau: Fr,
}

impl Trapdoor {
    /// Independent and not zero; tau outside the domain and its coset.
    pub(crate) fn random(
        domain: &Domain,
        source: &mut dyn RngCore,
    ) -> Result<Box<Trapdoor>, rand::Error> {
        let mut trapdoor = Box::<Trapdoor>::default();
        let Trapdoor { alpha, beta, gamma, delta1, delta2, tau } = &mut *trapdoor;
        for secret in [alpha, beta, gamma, delta1, delta2, tau] {
            *secret = nonzero_scalar(source)?;
        }
        while domain.vanishing(trapdoor.tau).is_zero()
            || domain.vanishing(trapdoor.tau / domain.coset()).is_zero()
        {
            trapdoor.tau = nonzero_scalar(source)?;
        }
        Ok(trapdoor)
    }
}

/// The points of both keys for a given trapdoor, not linted.
pub(crate) fn keys(
    relation: &dyn Relation,
    info: KeyInfo,
    domain: &Domain,
    trapdoor: &Trapdoor,
    progress: &dyn Progress,
) -> Result<(Material, KeyParts), SetupError> {
    let Trapdoor { alpha, beta, gamma, delta1, delta2, .. } = trapdoor;
    let layout = relation.layout();
    progress.enter("evaluating the constraints", 0.0);
    let columns = columns_at(relation, domain, &trapdoor.tau)?;
    let Evaluations { u, v, w } = &columns;
    let (first, second) = (PUBLIC_WIRES, PUBLIC_WIRES + layout.round1);

    progress.enter("points of round 1", 0.1);
    let k = |wires: std::ops::Range<usize>, delta: &Fr| -> Secret {
        let inverse = delta.inverse().unwrap_or_default();
        wires
            .into_par_iter()
            .map(|i| (*beta * u[i] + *alpha * v[i] + w[i]) * inverse)
            .collect::<Vec<_>>()
            .into()
    };
    let scale = quotient_scale(domain, trapdoor);
    let round1 = round(&u[first..second], &v[first..second], &k(first..second, delta1));
    let (c_wires, mut c) = nonzero(&w[first..second]);
    c.par_iter_mut().for_each(|value| *value *= -scale);
    let c_points = fixed_base_g1(&g1(&Fr::one()), &c);
    progress.enter("points of round 2", 0.4);
    let mut k2 = k(second..layout.wires(), delta2);
    k2.par_iter_mut().zip(&w[second..]).for_each(|(k, w)| *k -= scale * w);
    let round2 = round(&u[second..], &v[second..], &k2);
    progress.enter("points of the quotient", 0.7);
    let h = quotient_query(domain, trapdoor, scale);

    let fixed = Fixed {
        alpha: g1(alpha),
        beta: g1(beta),
        delta1: g1(delta1),
        delta2: g1(delta2),
        a: [g1(&u[0]), g1(&u[1]), g1(&u[2])],
        b1: [g1(&v[0]), g1(&v[1]), g1(&v[2])],
        c: [0, 1, 2].map(|j| g1(&(-scale * w[j]))),
        beta_2: g2(beta),
        delta2_2: g2(delta2),
        b2: [g2(&v[0]), g2(&v[1]), g2(&v[2])],
    };
    let ic = k(0..PUBLIC_WIRES, gamma);
    let parts = KeyParts {
        model: info.model,
        graph_digest: info.graph_digest,
        development: true,
        public_values: layout.public_values as u64,
        signature: info.signature,
        private_inputs: info.private_inputs,
        alpha1: fixed.alpha.into(),
        beta2: fixed.beta_2.into(),
        gamma2: g2(gamma).into(),
        delta1_2: g2(delta1).into(),
        delta2_2: fixed.delta2_2.into(),
        ic: [g1(&ic[0]).into(), g1(&ic[1]).into(), g1(&ic[2]).into()],
    };
    Ok((Material { fixed, round1, round2, h: h.into(), c_wires, c: c_points.into() }, parts))
}

/// Scalars that are overwritten when they are dropped. They never grow, since that would leave the
/// shorter copy behind.
type Secret = Zeroizing<Vec<Fr>>;

/// The QAP polynomials at tau, one entry per wire.
struct Evaluations {
    u: Secret,
    v: Secret,
    w: Secret,
}

fn columns_at(
    relation: &dyn Relation,
    domain: &Domain,
    tau: &Fr,
) -> Result<Evaluations, SetupError> {
    let layout = relation.layout();
    let lagrange = Secret::new(domain.lagrange(*tau));
    let (rows, rest) = lagrange.split_at(layout.constraints);
    let columns = relation.columns(rows);
    let (mut u, v, w) = (Secret::new(columns.a), Secret::new(columns.b), Secret::new(columns.c));
    for column in [&u, &v, &w] {
        if column.len() != layout.wires() {
            return Err(SetupError::Columns { expected: layout.wires(), found: column.len() });
        }
    }
    for (u, row) in u.iter_mut().zip(&rest[..PUBLIC_WIRES]) {
        *u += row;
    }
    Ok(Evaluations { u, v, w })
}

fn round(u: &[Fr], v: &[Fr], k: &[Fr]) -> Round {
    let (a_wires, a) = nonzero(u);
    let (b_wires, b) = nonzero(v);
    Round {
        a_wires,
        a: fixed_base_g1(&g1(&Fr::one()), &a).into(),
        b_wires,
        b1: fixed_base_g1(&g1(&Fr::one()), &b).into(),
        b2: fixed_base_g2(&g2(&Fr::one()), &b).into(),
        k: fixed_base_g1(&g1(&Fr::one()), k).into(),
    }
}

/// The values that are not zero, with their positions.
fn nonzero(values: &[Fr]) -> (Vec<u32>, Secret) {
    let wires: Vec<u32> =
        (0..).zip(values).filter(|(_, value)| !value.is_zero()).map(|(wire, _)| wire).collect();
    let mut found = Secret::new(Vec::with_capacity(wires.len()));
    found.extend(values.iter().filter(|value| !value.is_zero()));
    (wires, found)
}

/// `T = t(tau) / ((g^N - 1) delta2)`.
fn quotient_scale(domain: &Domain, trapdoor: &Trapdoor) -> Fr {
    let denominator = domain.vanishing(domain.coset()) * trapdoor.delta2;
    domain.vanishing(trapdoor.tau) * denominator.inverse().unwrap_or_default()
}

fn quotient_query(domain: &Domain, trapdoor: &Trapdoor, scale: Fr) -> Vec<G1> {
    let mut values = Secret::new(domain.lagrange(trapdoor.tau / domain.coset()));
    values.par_iter_mut().for_each(|value| *value *= scale);
    fixed_base_g1(&g1(&Fr::one()), &values)
}

fn g1(scalar: &Fr) -> G1 {
    let point: G1Affine = (G1Affine::generator() * scalar).into();
    point.into()
}

fn g2(scalar: &Fr) -> G2 {
    let point: G2Affine = (G2Affine::generator() * scalar).into();
    point.into()
}
