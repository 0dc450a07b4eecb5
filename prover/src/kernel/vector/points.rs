//! Eight affine points, and batches of affine additions.
//!
//! `(x1, y1) + (x2, y2)`: with `l = (y2 - y1) / (x2 - x1)`, `x3 = l^2 - x1 - x2` and
//! `y3 = l (x1 - x3) - y1`. All divisions of a batch share one inversion (Montgomery's trick): five
//! products and one square per addition.
//!
//! *Scale.* Points keep the form `x 2^256` that they have in memory although a product divides by
//! `2^260`, so no conversion is ever made: read as `2^260` forms, coordinates are `X = x / 16`.
//! Then `l` comes out as it should; the shared inverse carries a factor 1/4, so that the square is
//! `l^2 / 16`; and the last product takes `4 (X1 - X3)`.
//!
//! *Exceptions.* If some `x2 - x1` vanishes, the batch's product does, and some infinity (all zero)
//! has zero limbs. Then, and only then, the batch is done again with doublings, opposite points and
//! infinities told apart in every lane.

use core::arch::x86_64::*;

use ark_bn254::{Fq, Fq2};
use ark_ff::{AdditiveGroup, BigInt, Field, Fp};

use super::memory::{prefetch, transpose};
use super::tower::Coordinate;

/// A point in memory: x and y, each of `D` parts of four words.
pub(super) type Packed<const D: usize> = [[[u64; 4]; D]; 2];

/// Eight points; coordinates below `2p + 2^220`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points<const D: usize> {
    /// The x coordinates.
    pub(super) x: Coordinate<D>,
    /// The y coordinates.
    pub(super) y: Coordinate<D>,
}

impl<const D: usize> Points<D> {
    /// Infinity in every lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn infinity() -> Self {
        Self { x: Coordinate::zero(), y: Coordinate::zero() }
    }

    /// The points `bases[entry / 2]`, negated when the entry is odd.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn gather(bases: &[Packed<D>], entries: &[u32; 8]) -> Self {
        let zero = _mm512_setzero_si512();
        let mut words = [[[zero; 4]; D]; 2];
        for half in 0..D {
            let mut rows = [zero; 8];
            for (row, &entry) in rows.iter_mut().zip(entries) {
                let halves: &[[u64; 8]; D] = bytemuck::cast_ref(&bases[(entry >> 1) as usize]);
                *row = bytemuck::cast(halves[half]);
            }
            let columns = transpose(rows);
            for part in 0..2 {
                let at = 2 * half + part;
                words[at / D][at % D].copy_from_slice(&columns[4 * part..4 * part + 4]);
            }
        }
        let entries: __m256i = bytemuck::cast(*entries);
        let negate = _mm256_test_epi32_mask(entries, _mm256_set1_epi32(1));
        let mut y = Coordinate::from_words(words[1]);
        if negate != 0 {
            // Infinity stays all zero.
            y = y.negate_where(negate & !y.zero_limbs());
        }
        Self { x: Coordinate::from_words(words[0]), y }
    }

    /// The points as they lie in memory; not reduced below p.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn pack(&self) -> [Packed<D>; 8] {
        let mut points = [[[[0; 4]; D]; 2]; 8];
        let coordinates = [&self.x, &self.y];
        for half in 0..D {
            let mut columns = [_mm512_setzero_si512(); 8];
            for part in 0..2 {
                let at = 2 * half + part;
                let words = coordinates[at / D].0[at % D].words();
                columns[4 * part..4 * part + 4].copy_from_slice(&words);
            }
            for (point, row) in points.iter_mut().zip(transpose(columns)) {
                let halves: &mut [[u64; 8]; D] = bytemuck::cast_mut(point);
                halves[half] = bytemuck::cast(row);
            }
        }
        points
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn blend(&self, mask: u8, other: &Self) -> Self {
        Self { x: self.x.blend(mask, &other.x), y: self.y.blend(mask, &other.y) }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn infinities(&self) -> u8 {
        self.x.zero_limbs() & self.y.zero_limbs()
    }
}

/// `points[left] += points[right]` in the lanes of `mask`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addition {
    /// Where one summand is and the sum goes.
    pub(super) left: u32,
    /// Where the other summand is.
    pub(super) right: u32,
    /// Lanes in which to add; others keep `left`.
    pub(super) mask: u8,
}

/// Points that will be gathered soon, to be fetched into the caches while additions are computed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upcoming<'a, const D: usize> {
    /// Where the points are.
    pub(super) bases: &'a [Packed<D>],
    /// Vectors of entries, as [`Points::gather`] takes them.
    pub(super) entries: &'a [[u32; 8]],
    /// Which of the vectors, in the order of their use: the first two during the first addition,
    /// and so on.
    pub(super) order: &'a [u32],
}

impl<const D: usize> Upcoming<'_, D> {
    /// Nothing to fetch.
    pub(super) const NONE: Self = Self { bases: &[], entries: &[], order: &[] };

    #[inline]
    fn fetch(&self, addition: usize) {
        for &vector in self.order.iter().skip(2 * addition).take(2) {
            for &entry in &self.entries[vector as usize] {
                prefetch(&self.bases[(entry >> 1) as usize]);
            }
        }
    }
}

/// How many [`Addition`]s share an inversion.
pub(super) const BATCH: usize = 256;

/// Which lanes of an addition are not of the general kind.
#[derive(Clone, Copy, Debug, Default)]
struct Exceptions {
    double: u8,
    vanish: u8,
    take_left: u8,
    take_right: u8,
}

/// Memory for the batches.
#[derive(Debug)]
pub(super) struct Adder<const D: usize> {
    denominators: Vec<Coordinate<D>>,
    prefixes: Vec<Coordinate<D>>,
    exceptions: Vec<Exceptions>,
    one: Coordinate<D>,
    forty_eight: Coordinate<D>,
}

impl<const D: usize> Adder<D> {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn new() -> Self {
        // `16 k` in 2^256 form is `k` in 2^260 form.
        let constant = |k: u64| Coordinate::splat(Fq::from(16 * k).0.0);
        Self {
            denominators: vec![Coordinate::zero(); BATCH],
            prefixes: vec![Coordinate::zero(); BATCH],
            exceptions: vec![Exceptions::default(); BATCH],
            one: constant(1),
            forty_eight: constant(48),
        }
    }

    /// Does at most [`BATCH`] additions. No point may be the left of two of them or both a left and
    /// a right.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn add(
        &mut self,
        points: &mut [Points<D>],
        additions: &[Addition],
        upcoming: &Upcoming<'_, D>,
    ) {
        if additions.is_empty() {
            return;
        }
        if !self.try_add::<false>(points, additions, upcoming) {
            self.try_add::<true>(points, additions, &Upcoming::NONE);
        }
    }

    /// Returns whether it was done: with `CHECKED` it always is, otherwise only if no lane is
    /// exceptional.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    fn try_add<const CHECKED: bool>(
        &mut self,
        points: &mut [Points<D>],
        additions: &[Addition],
        upcoming: &Upcoming<'_, D>,
    ) -> bool {
        let mut products = [self.one; 2];
        let mut infinities = 0;
        for (i, addition) in additions.iter().enumerate() {
            upcoming.fetch(i);
            let left = &points[addition.left as usize];
            let right = &points[addition.right as usize];
            let mut denominator = right.x.minus(&left.x).lift::<3>().carry();
            let mut active = addition.mask;
            if CHECKED {
                let found = exceptions(left, right, &denominator, active);
                denominator = denominator.blend(found.double, &left.y.double().carry());
                active &= !(found.vanish | found.take_left | found.take_right);
                self.exceptions[i] = found;
            } else {
                infinities |= (left.x.zero_limbs() | right.x.zero_limbs()) & active;
            }
            if active != 0xff {
                denominator = self.one.blend(active, &denominator);
            }
            self.denominators[i] = denominator;
            self.prefixes[i] = products[i % 2];
            products[i % 2] = denominator.mul(&products[i % 2]);
        }
        if infinities != 0 {
            return false;
        }
        let Some(inverse) = invert(&products[0].mul(&products[1])) else {
            return false;
        };
        let mut inverses = [inverse.mul(&products[1]), inverse.mul(&products[0])];
        for (i, addition) in additions.iter().enumerate().rev() {
            let left = points[addition.left as usize];
            let right = points[addition.right as usize];
            let inverse = inverses[i % 2].mul(&self.prefixes[i]);
            inverses[i % 2] = self.denominators[i].mul(&inverses[i % 2]);
            let mut numerator = right.y.minus(&left.y).lift::<3>().carry();
            if CHECKED && self.exceptions[i].double != 0 {
                let square = left.x.square().carry().mul(&self.forty_eight);
                numerator = numerator.blend(self.exceptions[i].double, &square);
            }
            let slope = numerator.mul(&inverse);
            let x = slope.square().minus(&left.x).minus(&right.x).lift::<5>().fit();
            let run = left.x.minus(&x).lift::<3>().times_four().carry();
            let y = run.mul(&slope).minus(&left.y).lift::<3>().fit();
            let mut sum = Points { x, y };
            if CHECKED {
                let found = &self.exceptions[i];
                sum = sum
                    .blend(found.vanish, &Points::infinity())
                    .blend(found.take_right, &right)
                    .blend(found.take_left, &left);
            } else if addition.mask != 0xff {
                sum = left.blend(addition.mask, &sum);
            }
            points[addition.left as usize] = sum;
        }
        true
    }
}

/// Sorts the lanes of an addition; `difference` is `x2 - x1`.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn exceptions<const D: usize>(
    left: &Points<D>,
    right: &Points<D>,
    difference: &Coordinate<D>,
    active: u8,
) -> Exceptions {
    let take_left = !active | right.infinities();
    let take_right = left.infinities() & !take_left;
    let same = difference.zeros() & !take_left & !take_right;
    let double = same & right.y.minus(&left.y).lift::<3>().carry().zeros();
    Exceptions { double, vanish: same & !double, take_left, take_right }
}

/// `1/4` of the inverse in every lane, all in 2^260 form; `None` when a lane is zero.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
fn invert<const D: usize>(value: &Coordinate<D>) -> Option<Coordinate<D>> {
    let mut parts = [[[0; 4]; 8]; D];
    for (part, lanes) in parts.iter_mut().zip(value.canonical().0) {
        *part = lanes.to_array();
    }
    let element = |words: [u64; 4]| -> Fq { Fp::new_unchecked(BigInt(words)) };
    let mut values = [Fq2::ZERO; 8];
    for (lane, value) in values.iter_mut().enumerate() {
        value.c0 = element(parts[0][lane]);
        if D == 2 {
            value.c1 = element(parts[1][lane]);
        }
    }
    // Read in 2^256 form, a lane v is 16 v, and 64 / (16 v) is what 1 / (4 v) looks like.
    let inverses = if D == 1 {
        invert_scaled(values.map(|value| value.c0), Fq::from(64u64))?
            .map(|c0| Fq2::new(c0, Fq::ZERO))
    } else {
        invert_scaled(values, Fq2::from(64u64))?
    };
    for lane in 0..8 {
        parts[0][lane] = inverses[lane].c0.0.0;
        if D == 2 {
            parts[1][lane] = inverses[lane].c1.0.0;
        }
    }
    let mut result = Coordinate::zero();
    for (part, lanes) in result.0.iter_mut().zip(parts) {
        *part = super::field::Lanes::from_array(lanes);
    }
    Some(result)
}

/// `scale / value` for eight values with one inversion; `None` when one is zero.
pub(super) fn invert_scaled<F: Field>(values: [F; 8], scale: F) -> Option<[F; 8]> {
    let mut prefixes = [F::one(); 8];
    let mut product = F::one();
    for (prefix, value) in prefixes.iter_mut().zip(&values) {
        *prefix = product;
        product *= value;
    }
    let mut inverse = product.inverse()? * scale;
    let mut result = prefixes;
    for (slot, value) in result.iter_mut().zip(&values).rev() {
        *slot *= inverse;
        inverse *= value;
    }
    Some(result)
}
