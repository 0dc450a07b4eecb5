//! The proof ("Setup, proof, verification" in docs/protocol.md).
//!
//! ```text
//! C1  = sum_{round 1} z_i [K_i / delta1] + rho [delta2]
//! chi = challenge(key, context, public values, C1)
//! A   = [alpha] + sum z_i [u_i] + r [delta2]
//! B   = [beta]  + sum z_i [v_i] + s [delta2]                    in G2, and the same in G1
//! C2  = sum_{round 2} z_i [K_i / delta2] + [h t / delta2]
//!       + s A + r B - r s [delta2] - rho [delta1]
//! ```
//!
//! where `[h t / delta2] = sum (u v)(g e_j) [H_j] - sum z_i [w_i T]` (`crate::quotient`).
//!
//! Zero knowledge: A and B are uniform by r and s, C1 by rho, and C2 is what the pairing equation
//! makes of them. Without rho a small witness could be found by trying all of them against C1
//! (CVE-2024-45040). The three scalars come from the operating system for each proof.
//!
//! Cost: multi-scalar multiplications over the wires (3 in G1, 1 in G2; round 1 with 64-bit
//! scalars) and over the domain (1 in G1), four transforms; after round 2 all of it side by side.
//! Memory: the vectors of [`Round2`], two of rows padded to the domain; the kernel's buckets; the
//! key stays in its file.
//!
//! Every proof is verified before it is returned. Not covered: timing (see [`crate::kernel`]).

use std::sync::{Mutex, PoisonError};

use ark_bn254::{Fr, G1Affine, G1Projective, G2Projective};
use ark_ec::CurveGroup;
use ark_ff::One;
use lemma_circuits::relation::{Assignment, Layout, PUBLIC_WIRES, Round2};
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::{Context, Digest, Proof, PublicValues, Statement, Verified};
use rand::RngCore;
use rand::rngs::OsRng;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::ProveError;
use crate::kernel::{Domain, Point, Scalars, msm};
use crate::key::{Material, ProvingKey, Wires};
use crate::progress::Progress;
use crate::quotient::{pad, product};
use crate::randomness::scalar;
use crate::secret::forgetting;

/// A proof that was verified, and what it proves.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The proof.
    pub proof: Proof,
    /// The public values, in fold order.
    pub values: PublicValues,
    /// The statement.
    pub verified: Verified,
}

/// Proves the statement of `assignment` under `key` for `context`.
///
/// # Errors
/// [`ProveError::Shape`] and [`ProveError::Statement`] before any work when the assignment does not
/// fit the key, [`ProveError::Unsatisfied`] with the first constraint that does not hold,
/// [`ProveError::SelfCheck`] when the finished proof does not verify.
pub fn prove(
    key: &ProvingKey,
    assignment: &mut dyn Assignment,
    context: Context,
    progress: &dyn Progress,
) -> Result<Proven, ProveError> {
    prove_with(key, assignment, context, &mut OsRng, progress)
}

pub(crate) fn prove_with(
    key: &ProvingKey,
    assignment: &mut dyn Assignment,
    context: Context,
    source: &mut dyn RngCore,
    progress: &dyn Progress,
) -> Result<Proven, ProveError> {
    let values = PublicValues::new(assignment.public_values().to_vec());
    Statement::decode(key.verifying_key(), &values, context)?;
    let job = Job {
        material: &key.material,
        domain: &key.domain,
        layout: key.layout,
        digest: key.verifying_key().digest(),
        context,
    };
    let proof = forgetting(|| {
        let blinding = Blinding::random(source)?;
        job.run(assignment, &blinding, progress)
    })?;
    progress.enter("verifying the proof", 0.99);
    let verified = key.key.verify(&values, context, &proof).map_err(ProveError::SelfCheck)?;
    progress.enter("proof finished", 1.0);
    Ok(Proven { proof, values, verified })
}

/// What hides the witness: read in place, overwritten when it is dropped.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Blinding {
    pub(crate) rho: Fr,
    pub(crate) r: Fr,
    pub(crate) s: Fr,
}

impl Blinding {
    pub(crate) fn random(source: &mut dyn RngCore) -> Result<Box<Blinding>, rand::Error> {
        let mut blinding = Box::<Blinding>::default();
        let Blinding { rho, r, s } = &mut *blinding;
        for secret in [rho, r, s] {
            *secret = scalar(source)?;
        }
        Ok(blinding)
    }
}

/// The equations, without the self check.
pub(crate) struct Job<'a> {
    pub(crate) material: &'a Material,
    pub(crate) domain: &'a Domain,
    pub(crate) layout: Layout,
    pub(crate) digest: Digest,
    pub(crate) context: Context,
}

impl Job<'_> {
    pub(crate) fn run(
        &self,
        assignment: &mut dyn Assignment,
        blinding: &Blinding,
        progress: &dyn Progress,
    ) -> Result<Proof, ProveError> {
        let Layout { constraints, round1, round2, public_values } = self.layout;
        shape("public values", public_values, assignment.public_values().len())?;
        shape("round-1 wires", round1, assignment.round1().len())?;

        progress.enter("committing to round 1", 0.0);
        let c1 = self.commit(assignment.round1(), &blinding.rho);

        progress.enter("filling round 2", 0.15);
        let chi = challenge(self.digest, self.context, assignment.public_values(), &c1);
        let Round2 { phi, wires: second, mut a, mut b, c } = assignment.round2(chi);
        shape("round-2 wires", round2, second.len())?;
        shape("rows of A z", constraints, a.len())?;
        shape("rows of B z", constraints, b.len())?;
        shape("rows of C z", constraints, c.len())?;
        if phi != fold(assignment.public_values(), chi) {
            return Err(ProveError::Fold);
        }
        if let Some(row) =
            (0..constraints).into_par_iter().find_first(|&row| a[row] * b[row] != c[row])
        {
            return Err(ProveError::Unsatisfied { row });
        }

        let public = [Fr::one(), chi, phi];
        let parts = Parts::start(progress, "committing to round 2 and to the quotient", 0.2);
        let wires = Witness {
            public,
            round1: Wires::Small(assignment.round1()),
            round2: Wires::Field(&second),
        };
        let of_quotient = || {
            drop(c);
            pad(self.domain, public, [&mut a, &mut b]);
            let h = product(self.domain, a, b);
            parts.finish(0.15);
            parts.after(0.25, msm(&self.material.h, Scalars::Field(&h)))
        };
        // Side by side, so that no thread waits at the end of one sum for the others.
        let ((of_h, of_k), (proof_a, (proof_b1, proof_b2))) = rayon::join(
            || rayon::join(of_quotient, || parts.after(0.15, self.k(&wires))),
            || {
                rayon::join(
                    || parts.after(0.15, self.a(&wires, blinding)),
                    || parts.after(0.08, self.b(&wires, blinding)),
                )
            },
        );
        let mut c2 = of_h + of_k;

        let Blinding { rho, r, s } = blinding;
        let fixed = &self.material.fixed;
        c2 += proof_a * s + proof_b1 * r
            - fixed.delta2.to_affine() * (*r * s)
            - fixed.delta1.to_affine() * rho;
        Ok(Proof::new(proof_a.into_affine(), proof_b2.into_affine(), c1, c2.into_affine())?)
    }

    fn commit(&self, round1: &[i64], rho: &Fr) -> G1Affine {
        let blind = self.material.fixed.delta2.to_affine() * rho;
        (msm(&self.material.round1.k, Scalars::Small(round1)) + blind).into_affine()
    }

    /// What round 2 and the products of the constraints add to C2.
    fn k(&self, wires: &Witness) -> G1Projective {
        let Material { fixed, round2, c_wires, c, .. } = self.material;
        let mut sum = msm(&round2.k, wires.round2.all());
        sum += msm(c, wires.round1.at(c_wires));
        for (point, value) in fixed.c.iter().zip(wires.public) {
            sum += point.to_affine() * value;
        }
        sum
    }

    fn a(&self, wires: &Witness, blinding: &Blinding) -> G1Projective {
        let Material { fixed, round1, round2, .. } = self.material;
        let mut sum = msm(&round1.a, wires.round1.at(&round1.a_wires));
        sum += msm(&round2.a, wires.round2.at(&round2.a_wires));
        sum += fixed_part(&fixed.alpha, &fixed.a, &fixed.delta2, wires.public, &blinding.r);
        sum
    }

    fn b(&self, wires: &Witness, blinding: &Blinding) -> (G1Projective, G2Projective) {
        let Material { fixed, round1, round2, .. } = self.material;
        let (scalars1, scalars2) =
            (wires.round1.at(&round1.b_wires), wires.round2.at(&round2.b_wires));
        let mut in_g1 = msm(&round1.b1, scalars1);
        in_g1 += msm(&round2.b1, scalars2);
        in_g1 += fixed_part(&fixed.beta, &fixed.b1, &fixed.delta2, wires.public, &blinding.s);
        let mut in_g2 = msm(&round1.b2, scalars1);
        in_g2 += msm(&round2.b2, scalars2);
        in_g2 += fixed_part(&fixed.beta_2, &fixed.b2, &fixed.delta2_2, wires.public, &blinding.s);
        (in_g1, in_g2)
    }
}

/// Progress of parts that finish in any order.
struct Parts<'a> {
    progress: &'a dyn Progress,
    stage: &'static str,
    done: Mutex<f64>,
}

impl<'a> Parts<'a> {
    fn start(progress: &'a dyn Progress, stage: &'static str, done: f64) -> Parts<'a> {
        progress.enter(stage, done);
        Parts { progress, stage, done: Mutex::new(done) }
    }

    /// A part that is `share` of the whole job is done.
    fn finish(&self, share: f64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += share;
        self.progress.enter(self.stage, *done);
    }

    /// `value`, which took `share` of the whole job.
    fn after<T>(&self, share: f64, value: T) -> T {
        self.finish(share);
        value
    }
}

/// The values of all wires.
struct Witness<'a> {
    public: [Fr; PUBLIC_WIRES],
    round1: Wires<'a>,
    round2: Wires<'a>,
}

/// `base + sum_j public_j query_j + blind * delta`.
fn fixed_part<P: Point>(
    base: &P,
    query: &[P; PUBLIC_WIRES],
    delta: &P,
    public: [Fr; PUBLIC_WIRES],
    blind: &Fr,
) -> P::Group {
    let mut sum = delta.to_affine() * blind + base.to_affine();
    for (point, value) in query.iter().zip(public) {
        sum += &(point.to_affine() * value);
    }
    sum
}

fn shape(what: &'static str, expected: usize, found: usize) -> Result<(), ProveError> {
    if expected == found { Ok(()) } else { Err(ProveError::Shape { what, expected, found }) }
}
