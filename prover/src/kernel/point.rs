//! Points as they lie in a key file, used in place.
//!
//! A coordinate is four 64-bit limbs, least significant first, of the Montgomery form
//! `x 2^256 mod q` (arkworks' own). The point at infinity is all zero, which is not on the curve
//! `y^2 = x^3 + 3` (nor on its twist) and so names nothing else.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, ScalarMul, VariableBaseMSM};
use ark_ff::{BigInt, Field, Fp};
use bytemuck::{Pod, Zeroable};

/// A point of G1: 64 bytes, one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct G1 {
    /// Montgomery limbs of x.
    pub x: [u64; 4],
    /// Montgomery limbs of y.
    pub y: [u64; 4],
}

/// A point of G2: 128 bytes, two cache lines. Each coordinate is `c0 + c1 u` with `u^2 = -1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct G2 {
    /// Montgomery limbs of x: `c0`, then `c1`.
    pub x: [[u64; 4]; 2],
    /// Montgomery limbs of y: `c0`, then `c1`.
    pub y: [[u64; 4]; 2],
}

/// What the kernel needs to know of a group; [`G1`] and [`G2`] are the two cases.
pub trait Point: Pod + PartialEq + Send + Sync + std::fmt::Debug {
    /// arkworks' affine form.
    type Affine: AffineRepr<ScalarField = Fr, Group = Self::Group, BaseField = Self::Base>;
    /// The field of the coordinates.
    type Base: Field;
    /// arkworks' projective form.
    type Group: ScalarMul<MulBase = Self::Affine, ScalarField = Fr>
        + VariableBaseMSM
        + ark_ec::CurveGroup<Affine = Self::Affine>;

    /// Degree of the field of the coordinates over Fq: 1 or 2.
    const DEGREE: usize;

    /// From arkworks' affine form.
    fn from_affine(point: &Self::Affine) -> Self;

    /// To arkworks' affine form.
    ///
    /// Neither the curve equation nor the subgroup is checked, nor that limbs are below the
    /// modulus: whoever takes points from outside checks them first.
    fn to_affine(&self) -> Self::Affine;

    /// The affine point with these coordinates, which are on the curve.
    fn affine(coordinates: (Self::Base, Self::Base)) -> Self::Affine;

    /// The point at infinity.
    fn infinity() -> Self {
        Self::zeroed()
    }

    /// Whether this is the point at infinity.
    fn is_infinity(&self) -> bool {
        *self == Self::zeroed()
    }
}

fn fq(limbs: [u64; 4]) -> Fq {
    Fp::new_unchecked(BigInt(limbs))
}

fn fq2(limbs: [[u64; 4]; 2]) -> Fq2 {
    Fq2::new(fq(limbs[0]), fq(limbs[1]))
}

fn limbs2(value: &Fq2) -> [[u64; 4]; 2] {
    [value.c0.0.0, value.c1.0.0]
}

impl Point for G1 {
    type Affine = G1Affine;
    type Base = Fq;
    type Group = G1Projective;
    const DEGREE: usize = 1;

    fn from_affine(point: &G1Affine) -> Self {
        if point.is_zero() {
            return Self::default();
        }
        Self { x: point.x.0.0, y: point.y.0.0 }
    }

    fn affine((x, y): (Fq, Fq)) -> G1Affine {
        G1Affine::new_unchecked(x, y)
    }

    fn to_affine(&self) -> G1Affine {
        if self.is_infinity() {
            return G1Affine::identity();
        }
        G1Affine::new_unchecked(fq(self.x), fq(self.y))
    }
}

impl Point for G2 {
    type Affine = G2Affine;
    type Base = Fq2;
    type Group = G2Projective;
    const DEGREE: usize = 2;

    fn from_affine(point: &G2Affine) -> Self {
        if point.is_zero() {
            return Self::default();
        }
        Self { x: limbs2(&point.x), y: limbs2(&point.y) }
    }

    fn affine((x, y): (Fq2, Fq2)) -> G2Affine {
        G2Affine::new_unchecked(x, y)
    }

    fn to_affine(&self) -> G2Affine {
        if self.is_infinity() {
            return G2Affine::identity();
        }
        G2Affine::new_unchecked(fq2(self.x), fq2(self.y))
    }
}

impl From<G1Affine> for G1 {
    fn from(point: G1Affine) -> Self {
        Self::from_affine(&point)
    }
}

impl From<G2Affine> for G2 {
    fn from(point: G2Affine) -> Self {
        Self::from_affine(&point)
    }
}

impl From<G1> for G1Affine {
    fn from(point: G1) -> Self {
        point.to_affine()
    }
}

impl From<G2> for G2Affine {
    fn from(point: G2) -> Self {
        point.to_affine()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_survive_a_round_trip() {
        let g = G1Affine::generator();
        let h = G2Affine::generator();
        assert_eq!(G1::from(g).to_affine(), g);
        assert_eq!(G2::from(h).to_affine(), h);
        assert_eq!(G1::from(G1Affine::identity()), G1::infinity());
        assert_eq!(G1::infinity().to_affine(), G1Affine::identity());
        assert_eq!(G2::infinity().to_affine(), G2Affine::identity());
        assert_eq!((size_of::<G1>(), size_of::<G2>()), (64, 128));
    }
}
