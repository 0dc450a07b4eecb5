//! Prime field arithmetic on eight lanes.
//!
//! An element is five limbs of 52 bits, the radix of the IFMA instructions:
//! `x = sum_i l_i 2^(52 i)`, limb `i` of all eight lanes in one register. Montgomery multiplication
//! with `R = 2^260` costs 50 products for `a b` and 50 for the reduction; the low product `m p_0`
//! is never formed, because it only completes the lowest limb to the next multiple of `2^52`.
//!
//! *Ranges.* `2^260 > 84 p`, so values are reduced lazily. [`Lanes`] holds normalised limbs of a
//! value below `2^260`; a product of `a` and `b` is below `p + a b / 2^260`. Sums and differences
//! are [`Wide`]: limbs with a sign and room for carries, to be normalised before the next product.
//! Each function states the range it needs; the tests try its ends.

use core::arch::x86_64::*;
use std::marker::PhantomData;

use ark_bn254::{Fq, Fr};
use ark_ff::PrimeField;

const MASK: u64 = (1 << 52) - 1;

/// A prime of 254 bits.
pub(super) trait Modulus: Copy + Send + Sync + 'static {
    /// The prime p in 64-bit words.
    const WORDS: [u64; 4];
    /// `-1 / p mod 2^64`.
    const NEGATIVE_INVERSE: u64;
}

/// The field of the coordinates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coordinates;

impl Modulus for Coordinates {
    const WORDS: [u64; 4] = Fq::MODULUS.0;
    const NEGATIVE_INVERSE: u64 = Fq::INV;
}

/// The field of the scalars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exponents;

impl Modulus for Exponents {
    const WORDS: [u64; 4] = Fr::MODULUS.0;
    const NEGATIVE_INVERSE: u64 = Fr::INV;
}

/// Four 64-bit words as five 52-bit limbs.
pub(super) const fn limbs(w: [u64; 4]) -> [u64; 5] {
    [
        w[0] & MASK,
        (w[0] >> 52 | w[1] << 12) & MASK,
        (w[1] >> 40 | w[2] << 24) & MASK,
        (w[2] >> 28 | w[3] << 36) & MASK,
        w[3] >> 16,
    ]
}

/// Limbs of `k p`.
const fn multiple(words: [u64; 4], k: u64) -> [u64; 5] {
    let mut result = limbs(words);
    let mut carry = 0;
    let mut i = 0;
    while i < 5 {
        let value = result[i] * k + carry;
        result[i] = if i < 4 { value & MASK } else { value };
        carry = value >> 52;
        i += 1;
    }
    result
}

/// Eight field elements with normalised limbs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes<M> {
    limbs: [__m512i; 5],
    modulus: PhantomData<M>,
}

/// Eight sums of field elements: signed limbs, below `2^62` in size, not normalised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide<M> {
    limbs: [__m512i; 5],
    modulus: PhantomData<M>,
}

impl<M: Modulus> Lanes<M> {
    /// The same words in every lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn splat(words: [u64; 4]) -> Self {
        Self::new(limbs(words).map(|limb| _mm512_set1_epi64(limb as i64)))
    }

    /// The same normalised limbs in every lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn broadcast(limbs: &[u64; 5]) -> Self {
        Self::new(limbs.map(|limb| _mm512_set1_epi64(limb as i64)))
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn new(limbs: [__m512i; 5]) -> Self {
        Self { limbs, modulus: PhantomData }
    }

    /// Zero in every lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn zero() -> Self {
        Self::new([_mm512_setzero_si512(); 5])
    }

    /// From the four words of eight elements; any 256-bit value.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn from_words(w: [__m512i; 4]) -> Self {
        let mask = _mm512_set1_epi64(MASK as i64);
        let join = |low, high| _mm512_and_si512(_mm512_or_si512(low, high), mask);
        Self::new([
            _mm512_and_si512(w[0], mask),
            join(_mm512_srli_epi64::<52>(w[0]), _mm512_slli_epi64::<12>(w[1])),
            join(_mm512_srli_epi64::<40>(w[1]), _mm512_slli_epi64::<24>(w[2])),
            join(_mm512_srli_epi64::<28>(w[2]), _mm512_slli_epi64::<36>(w[3])),
            _mm512_srli_epi64::<16>(w[3]),
        ])
    }

    /// To words; the value must be below `2^256`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn words(&self) -> [__m512i; 4] {
        let l = &self.limbs;
        [
            _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
            _mm512_or_si512(_mm512_srli_epi64::<12>(l[1]), _mm512_slli_epi64::<40>(l[2])),
            _mm512_or_si512(_mm512_srli_epi64::<24>(l[2]), _mm512_slli_epi64::<28>(l[3])),
            _mm512_or_si512(_mm512_srli_epi64::<36>(l[3]), _mm512_slli_epi64::<16>(l[4])),
        ]
    }

    /// The words of each lane; the value must be below `2^256`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn to_array(self) -> [[u64; 4]; 8] {
        let words: [[u64; 8]; 4] = self.words().map(bytemuck::cast);
        std::array::from_fn(|lane| std::array::from_fn(|i| words[i][lane]))
    }

    /// From the words of each lane.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn from_array(values: [[u64; 4]; 8]) -> Self {
        let words: [[u64; 8]; 4] =
            std::array::from_fn(|i| std::array::from_fn(|lane| values[lane][i]));
        Self::from_words(words.map(bytemuck::cast))
    }

    /// `a b / 2^260 mod p`, below `p + a b / 2^260`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn mul(&self, other: &Self) -> Self {
        self.mul_wide(other).carry()
    }

    /// The product before its carries.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn mul_wide(&self, other: &Self) -> Wide<M> {
        let (a, b) = (&self.limbs, &other.limbs);
        let zero = _mm512_setzero_si512();
        let mask = _mm512_set1_epi64(MASK as i64);
        let p = limbs(M::WORDS).map(|limb| _mm512_set1_epi64(limb as i64));
        let inverse = _mm512_set1_epi64((M::NEGATIVE_INVERSE & MASK) as i64);
        let mut t = [zero; 5];
        for &digit in a {
            for j in 0..5 {
                t[j] = _mm512_madd52lo_epu64(t[j], digit, b[j]);
            }
            let m = _mm512_madd52lo_epu64(zero, t[0], inverse);
            for j in 1..5 {
                t[j] = _mm512_madd52lo_epu64(t[j], m, p[j]);
            }
            let carry = _mm512_srli_epi64::<52>(_mm512_add_epi64(t[0], mask));
            t = [_mm512_add_epi64(t[1], carry), t[2], t[3], t[4], zero];
            for j in 0..5 {
                t[j] = _mm512_madd52hi_epu64(t[j], digit, b[j]);
            }
            for j in 0..5 {
                t[j] = _mm512_madd52hi_epu64(t[j], m, p[j]);
            }
        }
        Wide::new(t)
    }

    /// The square before its carries: the mixed products are formed once and doubled.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn square_wide(&self) -> Wide<M> {
        let a = &self.limbs;
        let zero = _mm512_setzero_si512();
        let mask = _mm512_set1_epi64(MASK as i64);
        let p = limbs(M::WORDS).map(|limb| _mm512_set1_epi64(limb as i64));
        let inverse = _mm512_set1_epi64((M::NEGATIVE_INVERSE & MASK) as i64);
        let mut t = [zero; 10];
        for i in 0..5 {
            for j in i + 1..5 {
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], a[i], a[j]);
                t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a[i], a[j]);
            }
        }
        for limb in &mut t[1..9] {
            *limb = _mm512_add_epi64(*limb, *limb);
        }
        for i in 0..5 {
            t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a[i], a[i]);
            t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a[i], a[i]);
        }
        for i in 0..5 {
            let m = _mm512_madd52lo_epu64(zero, t[i], inverse);
            for j in 1..5 {
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, p[j]);
            }
            let carry = _mm512_srli_epi64::<52>(_mm512_add_epi64(t[i], mask));
            t[i + 1] = _mm512_add_epi64(t[i + 1], carry);
            for j in 0..5 {
                t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, p[j]);
            }
        }
        Wide::new([t[5], t[6], t[7], t[8], t[9]])
    }

    /// `a + b`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn plus(&self, other: &Self) -> Wide<M> {
        self.wide().plus(other)
    }

    /// `a - b`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn minus(&self, other: &Self) -> Wide<M> {
        self.wide().minus(other)
    }

    /// The same value as a sum.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn wide(&self) -> Wide<M> {
        Wide::new(self.limbs)
    }

    /// Lanes of `other` where `mask` is set, of `self` elsewhere.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn blend(&self, mask: u8, other: &Self) -> Self {
        let mut result = self.limbs;
        for (limb, &new) in result.iter_mut().zip(&other.limbs) {
            *limb = _mm512_mask_mov_epi64(*limb, mask, new);
        }
        Self::new(result)
    }

    /// Lanes whose limbs are all zero.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn zero_limbs(&self) -> u8 {
        let l = &self.limbs;
        let any = _mm512_or_si512(
            _mm512_or_si512(l[0], l[1]),
            _mm512_or_si512(_mm512_or_si512(l[2], l[3]), l[4]),
        );
        _mm512_testn_epi64_mask(any, any)
    }

    /// Lanes that are zero modulo p; any value.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    pub(super) fn zeros(&self) -> u8 {
        let mut one = [_mm512_setzero_si512(); 5];
        one[0] = _mm512_set1_epi64(1);
        let product = self.mul(&Self::new(one));
        product.zero_limbs() | product.minus(&Self::splat(M::WORDS)).carry().zero_limbs()
    }

    /// The representative below p of a value below 4p.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn canonical(&self) -> Self {
        self.minus_unless_negative::<2>().minus_unless_negative::<1>()
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn minus_unless_negative<const K: u64>(&self) -> Self {
        let mut difference = self.limbs;
        for (limb, multiple) in difference.iter_mut().zip(multiple(M::WORDS, K)) {
            *limb = _mm512_sub_epi64(*limb, _mm512_set1_epi64(multiple as i64));
        }
        let difference = Wide::<M>::new(difference).carry();
        difference.blend(difference.negative(), self)
    }

    /// Lanes whose value is negative, after the carries of a difference.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn negative(&self) -> u8 {
        _mm512_movepi64_mask(self.limbs[4])
    }
}

impl<M: Modulus> Wide<M> {
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn new(limbs: [__m512i; 5]) -> Self {
        Self { limbs, modulus: PhantomData }
    }

    /// `a + b`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn plus(mut self, other: &Lanes<M>) -> Self {
        for (limb, &b) in self.limbs.iter_mut().zip(&other.limbs) {
            *limb = _mm512_add_epi64(*limb, b);
        }
        self
    }

    /// `a - b`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn minus(mut self, other: &Lanes<M>) -> Self {
        for (limb, &b) in self.limbs.iter_mut().zip(&other.limbs) {
            *limb = _mm512_sub_epi64(*limb, b);
        }
        self
    }

    /// `a - b` where `b` is itself a sum.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn minus_wide(self, other: &Self) -> Self {
        self.minus(&Lanes::new(other.limbs))
    }

    /// `a + K p`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn lift<const K: u64>(mut self) -> Self {
        for (limb, multiple) in self.limbs.iter_mut().zip(multiple(M::WORDS, K)) {
            *limb = _mm512_add_epi64(*limb, _mm512_set1_epi64(multiple as i64));
        }
        self
    }

    /// `4 a`.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn times_four(mut self) -> Self {
        for limb in &mut self.limbs {
            *limb = _mm512_slli_epi64::<2>(*limb);
        }
        self
    }

    /// Normalises the limbs of a value in `[0, 2^260)`. A negative value keeps a negative top limb.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn carry(self) -> Lanes<M> {
        let mask = _mm512_set1_epi64(MASK as i64);
        let mut l = self.limbs;
        for i in 0..4 {
            l[i + 1] = _mm512_add_epi64(l[i + 1], _mm512_srai_epi64::<52>(l[i]));
            l[i] = _mm512_and_si512(l[i], mask);
        }
        Lanes::new(l)
    }

    /// Reduces a value in `[0, 8p)` to one below `2p + 2^220` and normalises it.
    ///
    /// The multiple to subtract is guessed from the top limb before the carries, whose error is
    /// far below the slack.
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    pub(super) fn fit(self) -> Lanes<M> {
        self.minus_if_above::<4>().minus_if_above::<2>().carry()
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
    #[inline]
    fn minus_if_above<const K: u64>(mut self) -> Self {
        let multiple = multiple(M::WORDS, K);
        let bound = _mm512_set1_epi64((multiple[4] + (1 << 11)) as i64);
        let above = _mm512_cmpgt_epi64_mask(self.limbs[4], bound);
        for (limb, multiple) in self.limbs.iter_mut().zip(multiple) {
            let multiple = _mm512_set1_epi64(multiple as i64);
            *limb = _mm512_mask_sub_epi64(*limb, above, *limb, multiple);
        }
        self
    }
}
