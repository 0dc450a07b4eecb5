//! The pairing equation.
//!
//! ```text
//! e(A, B) = e(alpha, beta) e(IC_0 + chi IC_1 + phi IC_2, gamma) e(C1, delta1) e(C2, delta2)
//! ```
//!
//! Groth16 (eprint 2016/260) with the round-1 wires committed under a delta of their own before the
//! challenge (Mirage, USENIX Security 2020; UltraGroth, arXiv 2510.06784). Cost: one Miller loop
//! over four pairs, three of them with prepared lines, one final exponentiation, two scalar
//! multiplications in G1, one keccak256 over 32 (n + 6) bytes and n field multiplications.
//!
//! Soundness: the group equation holds for a false statement with the probability that Groth16
//! gives in the algebraic group model, plus n / r for the fold, plus the degrees of the circuit's
//! own identities over r.
//!
//! Not covered: that the model is a good one; that the key's trapdoor was forgotten
//! ([`crate::Statement::development`]).

use std::fmt;

use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::pairing::{Pairing, PairingOutput};
use ark_ec::{AffineRepr, CurveGroup};

use crate::challenge::{challenge, fold};
use crate::error::VerifyError;
use crate::{Context, Proof, PublicValues, Statement, VerifyingKey};

type Lines = <Bn254 as Pairing>::G2Prepared;

/// A statement that was proven. Only verification makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a statement is proven, read what it says"]
pub struct Verified {
    statement: Statement,
}

impl Verified {
    /// What was proven.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// A statement as if it were proven: for tests of what is built on verified ones.
    #[cfg(test)]
    pub(crate) fn assumed(statement: Statement) -> Verified {
        Verified { statement }
    }

    /// What was proven, by value.
    pub fn into_statement(self) -> Statement {
        self.statement
    }
}

/// A verifying key with everything precomputed that does not depend on the proof.
#[derive(Clone)]
pub struct PreparedKey {
    key: VerifyingKey,
    alpha_beta: PairingOutput<Bn254>,
    gamma: Lines,
    delta1: Lines,
    delta2: Lines,
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedKey").field("key", &self.key.digest()).finish_non_exhaustive()
    }
}

impl PreparedKey {
    /// Precomputes one pairing and the lines of three points of G2.
    pub fn new(key: VerifyingKey) -> PreparedKey {
        let parts = key.parts();
        let alpha_beta = Bn254::pairing(parts.alpha1, parts.beta2);
        let lines = |point: G2Affine| Lines::from(point);
        let (gamma, delta1, delta2) =
            (lines(parts.gamma2), lines(parts.delta1_2), lines(parts.delta2_2));
        PreparedKey { key, alpha_beta, gamma, delta1, delta2 }
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Checks that `proof` proves the statement made by `values` in `context`.
    ///
    /// # Errors
    /// [`VerifyError::Statement`] when `values` do not fit the key's signature,
    /// [`VerifyError::Rejected`] when the pairing equation does not hold.
    #[expect(clippy::arithmetic_side_effects, reason = "field and group arithmetic is total")]
    pub fn verify(
        &self,
        values: &PublicValues,
        context: Context,
        proof: &Proof,
    ) -> Result<Verified, VerifyError> {
        let statement = Statement::decode(&self.key, values, context)?;
        let chi = challenge(self.key.digest(), context, values.as_slice(), &proof.c1());
        let phi = fold(values.as_slice(), chi);
        let [ic0, ic1, ic2] = self.key.parts().ic;
        let public = (ic0.into_group() + ic1 * chi + ic2 * phi).into_affine();

        let left: [G1Affine; 4] = [proof.a(), -public, -proof.c1(), -proof.c2()];
        let right: [Lines; 4] =
            [proof.b().into(), self.gamma.clone(), self.delta1.clone(), self.delta2.clone()];
        let product = Bn254::final_exponentiation(Bn254::multi_miller_loop(left, right));
        if product != Some(self.alpha_beta) {
            return Err(VerifyError::Rejected);
        }
        Ok(Verified { statement })
    }
}

impl VerifyingKey {
    /// As [`PreparedKey::verify`], for one proof.
    ///
    /// # Errors
    /// As [`PreparedKey::verify`].
    pub fn verify(
        &self,
        values: &PublicValues,
        context: Context,
        proof: &Proof,
    ) -> Result<Verified, VerifyError> {
        PreparedKey::new(self.clone()).verify(values, context, proof)
    }
}
