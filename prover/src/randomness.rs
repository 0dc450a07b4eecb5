//! Scalars from a random source. Outside tests the source is always the operating system.

use ark_bn254::Fr;
use ark_ff::{PrimeField, Zero};
use rand::RngCore;
use zeroize::Zeroize;

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
