//! The fields of coordinates: Fq for G1 (degree 1) and `Fq2 = Fq[u] / (u^2 + 1)` for G2 (degree 2).

use core::arch::x86_64::__m512i;

use super::field::{Coordinates, Lanes, Wide};

/// Eight coordinates, each of `D` elements of Fq.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coordinate<const D: usize>(pub(super) [Lanes<Coordinates>; D]);

/// Eight sums of coordinates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum<const D: usize>([Wide<Coordinates>; D]);

impl<const D: usize> Coordinate<D> {
    /// An element of Fq in every lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn splat(words: [u64; 4]) -> Self {
        let mut value = Self::zero();
        value.0[0] = Lanes::splat(words);
        value
    }

    /// Zero in every lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn zero() -> Self {
        Self([Lanes::zero(); D])
    }

    /// From one register per word.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn from_words(words: [[__m512i; 4]; D]) -> Self {
        let mut value = Self::zero();
        for (part, words) in value.0.iter_mut().zip(words) {
            *part = Lanes::from_words(words);
        }
        value
    }

    /// `a b / 2^260`, below `2p + 2^220`, for parts of `a` below `21p` and of `b` below
    /// `2p + 2^220`.
    ///
    /// Degree 2 takes three products: `c1 = (a0 + a1)(b0 + b1) - a0 b0 - a1 b1`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn mul(&self, other: &Self) -> Self {
        let (a, b) = (&self.0, &other.0);
        let mut result = Self::zero();
        if D == 1 {
            result.0[0] = a[0].mul(&b[0]);
            return result;
        }
        let low = a[0].mul_wide(&b[0]);
        let high = a[1].mul_wide(&b[1]);
        let mixed = a[0].plus(&a[1]).carry().mul_wide(&b[0].plus(&b[1]).carry());
        result.0[0] = low.minus_wide(&high).lift::<2>().fit();
        result.0[1] = mixed.minus_wide(&low).minus_wide(&high).lift::<4>().fit();
        result
    }

    /// `a^2 / 2^260` before its carries, below `2p`, for parts below `3p`.
    ///
    /// Degree 2 takes two products: `(a0 + a1)(a0 - a1)` and `2 a0 a1`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn square(&self) -> Sum<D> {
        let a = &self.0;
        let mut result = Sum([a[0].wide(); D]);
        if D == 1 {
            result.0[0] = a[0].square_wide();
            return result;
        }
        let sum = a[0].plus(&a[1]).carry();
        let difference = a[0].minus(&a[1]).lift::<3>().carry();
        result.0[0] = sum.mul_wide(&difference);
        result.0[1] = a[0].plus(&a[0]).carry().mul_wide(&a[1]);
        result
    }

    /// `a - b`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn minus(&self, other: &Self) -> Sum<D> {
        self.wide().minus(other)
    }

    /// `2 a`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn double(&self) -> Sum<D> {
        let mut sum = self.wide();
        for (part, a) in sum.0.iter_mut().zip(&self.0) {
            *part = part.plus(a);
        }
        sum
    }

    /// The same value as a sum.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn wide(&self) -> Sum<D> {
        let mut sum = Sum([self.0[0].wide(); D]);
        for (part, a) in sum.0.iter_mut().zip(&self.0) {
            *part = a.wide();
        }
        sum
    }

    /// `-a` where `mask` is set; `a` at most `2p`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn negate_where(&self, mask: u8) -> Self {
        let negative = Self::zero().minus(self).lift::<2>().carry();
        self.blend(mask, &negative)
    }

    /// Lanes of `other` where `mask` is set, of `self` elsewhere.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn blend(&self, mask: u8, other: &Self) -> Self {
        let mut result = *self;
        for (part, new) in result.0.iter_mut().zip(&other.0) {
            *part = part.blend(mask, new);
        }
        result
    }

    /// Lanes whose limbs are all zero.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn zero_limbs(&self) -> u8 {
        let mut mask = 0xff;
        for part in &self.0 {
            mask &= part.zero_limbs();
        }
        mask
    }

    /// Lanes that are zero in the field.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn zeros(&self) -> u8 {
        let mut mask = 0xff;
        for part in &self.0 {
            mask &= part.zeros();
        }
        mask
    }

    /// The representative below p of parts below `4p`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn canonical(&self) -> Self {
        let mut result = *self;
        for part in &mut result.0 {
            *part = part.canonical();
        }
        result
    }
}

impl<const D: usize> Sum<D> {
    /// `a - b`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn minus(mut self, other: &Coordinate<D>) -> Self {
        for (part, b) in self.0.iter_mut().zip(&other.0) {
            *part = part.minus(b);
        }
        self
    }

    /// `a + K p`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn lift<const K: u64>(mut self) -> Self {
        for part in &mut self.0 {
            *part = part.lift::<K>();
        }
        self
    }

    /// `4 a`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn times_four(mut self) -> Self {
        for part in &mut self.0 {
            *part = part.times_four();
        }
        self
    }

    /// Normalises values in `[0, 2^260)`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn carry(self) -> Coordinate<D> {
        let mut result = Coordinate::zero();
        for (part, sum) in result.0.iter_mut().zip(self.0) {
            *part = sum.carry();
        }
        result
    }

    /// Reduces values in `[0, 8p)` to below `2p + 2^220` and normalises them.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn fit(self) -> Coordinate<D> {
        let mut result = Coordinate::zero();
        for (part, sum) in result.0.iter_mut().zip(self.0) {
            *part = sum.fit();
        }
        result
    }
}
