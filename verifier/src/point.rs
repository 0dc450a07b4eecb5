//! Points as the EVM precompiles take them: 32-byte big-endian coordinates; an element `c0 + c1 u`
//! of the extension field as `c1 c0`.

use ark_bn254::{Fq, Fq2, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, BigInteger, PrimeField};

use crate::error::PointError;

/// `x | y`.
pub(crate) fn read_g1(bytes: &[u8; 64]) -> Result<G1Affine, PointError> {
    let (words, _) = bytes.as_chunks::<32>();
    let [x, y] = words else {
        return Err(PointError::NotCanonical);
    };
    let point = G1Affine::new_unchecked(coordinate(x)?, coordinate(y)?);
    check_g1(&point)?;
    Ok(point)
}

/// `x.c1 | x.c0 | y.c1 | y.c0`.
pub(crate) fn read_g2(bytes: &[u8; 128]) -> Result<G2Affine, PointError> {
    let (words, _) = bytes.as_chunks::<32>();
    let [x1, x0, y1, y0] = words else {
        return Err(PointError::NotCanonical);
    };
    let x = Fq2::new(coordinate(x0)?, coordinate(x1)?);
    let y = Fq2::new(coordinate(y0)?, coordinate(y1)?);
    let point = G2Affine::new_unchecked(x, y);
    check_g2(&point)?;
    Ok(point)
}

/// On the curve and not the identity; G1 has no other subgroup.
pub(crate) fn check_g1(point: &G1Affine) -> Result<(), PointError> {
    if point.is_zero() {
        return Err(PointError::Infinity);
    }
    if !point.is_on_curve() {
        return Err(PointError::OffCurve);
    }
    Ok(())
}

/// On the curve, of order r and not the identity.
pub(crate) fn check_g2(point: &G2Affine) -> Result<(), PointError> {
    if point.is_zero() {
        return Err(PointError::Infinity);
    }
    if !point.is_on_curve() {
        return Err(PointError::OffCurve);
    }
    if !point.is_in_correct_subgroup_assuming_on_curve() {
        return Err(PointError::WrongSubgroup);
    }
    Ok(())
}

/// Appends `x | y`; infinity as zeros.
pub(crate) fn write_g1(out: &mut Vec<u8>, point: &G1Affine) {
    write_word(out, &point.x);
    write_word(out, &point.y);
}

/// Appends `x.c1 | x.c0 | y.c1 | y.c0`; infinity as zeros.
pub(crate) fn write_g2(out: &mut Vec<u8>, point: &G2Affine) {
    for coordinate in [&point.x.c1, &point.x.c0, &point.y.c1, &point.y.c0] {
        write_word(out, coordinate);
    }
}

/// Appends a field element as 32 big-endian bytes.
pub(crate) fn write_word<F: PrimeField>(out: &mut Vec<u8>, value: &F) {
    out.extend_from_slice(&value.into_bigint().to_bytes_be());
}

/// The integer in 32 big-endian bytes.
pub(crate) fn word(bytes: &[u8; 32]) -> BigInt<4> {
    let (chunks, _) = bytes.as_chunks::<8>();
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(chunks.iter().rev()) {
        *limb = u64::from_be_bytes(*chunk);
    }
    BigInt::new(limbs)
}

fn coordinate(bytes: &[u8; 32]) -> Result<Fq, PointError> {
    Fq::from_bigint(word(bytes)).ok_or(PointError::NotCanonical)
}
