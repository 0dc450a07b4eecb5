//! Scalars from a random source. Outside tests the source is always the operating system.

use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use lemma_circuits::Salt;
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroize;

use crate::error::ProveError;

/// A scalar within 2^-256 of uniform: 512 random bits modulo r.
///
/// # Errors
/// When the source fails.
pub(crate) fn scalar(source: &mut dyn RngCore) -> Result<Fr, rand::Error> {
    let mut bytes = [0; 64];
    source.try_fill_bytes(&mut bytes)?;
    let scalar = Fr::from_le_bytes_mod_order(&bytes);
    bytes.zeroize();
    Ok(scalar)
}

/// A salt for a commitment, from the operating system.
///
/// # Errors
/// [`ProveError::Randomness`] when the system gives none.
pub fn random_salt() -> Result<Salt, ProveError> {
    let mut bytes = [0; Salt::BYTES];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(Salt::new(bytes))
}

/// As [`scalar`], never zero.
///
/// # Errors
/// When the source fails.
pub(crate) fn nonzero_scalar(source: &mut dyn RngCore) -> Result<Fr, rand::Error> {
    loop {
        let scalar = scalar(source)?;
        if !scalar.is_zero() {
            return Ok(scalar);
        }
    }
}
