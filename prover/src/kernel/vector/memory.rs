//! Between elements as they lie in memory (one after the other) and lanes (limb by limb).

use core::arch::x86_64::*;

use super::field::{Lanes, Modulus};

/// Asks for the cache lines of a value that will soon be read.
#[inline]
pub(super) fn prefetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for line in (0..size_of::<T>()).step_by(64) {
        // SAFETY: a prefetch has no effect but on caches, whatever the address; this one is inside
        // a value.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(line)) };
    }
}

/// Transposes an 8 x 8 matrix of words, rows and columns being registers.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
#[inline]
pub(super) fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    let mut pairs = r;
    for i in 0..4 {
        pairs[2 * i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
        pairs[2 * i + 1] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
    }
    let mut fours = pairs;
    for i in 0..2 {
        for j in 0..2 {
            let (a, b) = (pairs[4 * i + j], pairs[4 * i + 2 + j]);
            fours[4 * i + j] = _mm512_shuffle_i64x2::<0x88>(a, b);
            fours[4 * i + 2 + j] = _mm512_shuffle_i64x2::<0xdd>(a, b);
        }
    }
    let mut columns = fours;
    for j in 0..4 {
        columns[j] = _mm512_shuffle_i64x2::<0x88>(fours[j], fours[4 + j]);
        columns[4 + j] = _mm512_shuffle_i64x2::<0xdd>(fours[j], fours[4 + j]);
    }
    columns
}

/// Eight consecutive elements.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
#[inline]
pub(super) fn load<M: Modulus>(elements: &[[u64; 4]; 8]) -> Lanes<M> {
    let r: [__m512i; 4] = bytemuck::cast(*elements);
    let low = _mm512_set_epi64(13, 9, 12, 8, 5, 1, 4, 0);
    let high = _mm512_set_epi64(15, 11, 14, 10, 7, 3, 6, 2);
    let even = |a, b| (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let (a02, a13) = even(r[0], r[1]);
    let (b02, b13) = even(r[2], r[3]);
    Lanes::from_words([
        _mm512_permutex2var_epi64(a02, low, b02),
        _mm512_permutex2var_epi64(a13, low, b13),
        _mm512_permutex2var_epi64(a02, high, b02),
        _mm512_permutex2var_epi64(a13, high, b13),
    ])
}

/// Stores to eight consecutive elements; the value must be below `2^256`.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
#[inline]
pub(super) fn store<M: Modulus>(value: &Lanes<M>, elements: &mut [[u64; 4]; 8]) {
    let w = value.words();
    let low = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
    let high = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
    let (even01, odd01) = (_mm512_unpacklo_epi64(w[0], w[1]), _mm512_unpackhi_epi64(w[0], w[1]));
    let (even23, odd23) = (_mm512_unpacklo_epi64(w[2], w[3]), _mm512_unpackhi_epi64(w[2], w[3]));
    // elements (0, 2), (4, 6), (1, 3), (5, 7)
    let e02 = _mm512_permutex2var_epi64(even01, low, even23);
    let e46 = _mm512_permutex2var_epi64(even01, high, even23);
    let e13 = _mm512_permutex2var_epi64(odd01, low, odd23);
    let e57 = _mm512_permutex2var_epi64(odd01, high, odd23);
    *elements = bytemuck::cast([
        _mm512_shuffle_i64x2::<0x44>(e02, e13),
        _mm512_shuffle_i64x2::<0xee>(e02, e13),
        _mm512_shuffle_i64x2::<0x44>(e46, e57),
        _mm512_shuffle_i64x2::<0xee>(e46, e57),
    ]);
}
