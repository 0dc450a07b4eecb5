//! Scalars as magnitudes and signs.

use ark_bn254::Fr;

use super::Avx512;
use super::field::{Exponents, Lanes, Modulus};
use super::memory::{load, store};

/// `min(x, r - x)` of eight elements, with the highest bit set when it is `r - x`.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma")]
pub(super) fn absolute(_cpu: Avx512, values: &[Fr; 8]) -> [[u64; 4]; 8] {
    let mut words = values.map(|value| value.0.0);
    // x 2^256 times 16 / 2^260.
    let sixteen = Lanes::<Exponents>::splat([16, 0, 0, 0]);
    let plain = load(&words).mul(&sixteen).canonical();
    let opposite = Lanes::splat(Exponents::WORDS).minus(&plain).carry();
    let negative = opposite.minus(&plain).carry().negative();
    store(&plain.blend(negative, &opposite), &mut words);
    for (lane, words) in words.iter_mut().enumerate() {
        words[3] |= u64::from(negative >> lane & 1) << 63;
    }
    words
}

/// `a + b mod 2^256`.
pub(super) fn add(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut carry = 0;
    std::array::from_fn(|i| {
        let sum = u128::from(a[i]) + u128::from(b[i]) + carry;
        carry = sum >> 64;
        sum as u64
    })
}
