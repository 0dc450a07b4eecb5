//! Commitments to integer tensors: a salted Poseidon2 digest.
//!
//! ```text
//! word    = sum_j (x_j + 2^31) 2^(32 j)     seven integers of [-2^31, 2^31) each, the last word
//!                                           filled up with zeros
//! domain  = "lemma-commit-1" || 32 || number of integers || fractional bits
//! digest  = lane 0 of the sponge over  salt, word_0, word_1, ..
//!                                           rate 2, the domain in lane 2 at the start
//! ```
//!
//! A digest depends on the integers, their number, their fractional bits and the salt, and on
//! nothing else: the output of one model and the input of another have the same digest exactly if
//! they are the same numbers under the same salt. The shape is not part of it.
//!
//! Binding: packing is injective (a word is below 2^224, the number of integers is in the domain),
//! so two openings of one digest are a collision of the sponge; its capacity of one field element
//! makes that about 127 bits, more than the curve has. Hiding: the salt has 248 bits and enters
//! first, so without it the digest says nothing, however few values the tensor could have. A salt
//! that is used for two tensors leaves both hidden but shows whether they are equal.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, PrimeField};

use crate::poseidon2::{self, WIDTH};

/// Bits of a packed integer.
pub const BITS: u32 = 32;
/// Integers of a word: as many as stay below 2^253.
pub const PER_WORD: usize = 7;

/// What is added to an integer before it is packed.
pub(crate) const OFFSET: i64 = 1 << (BITS - 1);

const TAG: [u8; 14] = *b"lemma-commit-1";

/// What hides a committed tensor: 248 bits, which the prover draws at random.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; Salt::BYTES]);

impl Salt {
    /// Length of a salt.
    pub const BYTES: usize = 31;

    /// A salt of these bytes, big-endian. They must be secret and drawn at random.
    pub fn new(bytes: [u8; Salt::BYTES]) -> Salt {
        Salt(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; Salt::BYTES] {
        &self.0
    }

    /// The field element, below 2^248.
    pub fn element(&self) -> Fr {
        Fr::from_be_bytes_mod_order(&self.0)
    }

    /// Four limbs of 62 bits, the lowest first.
    pub(crate) fn limbs(&self) -> [i64; LIMBS] {
        let bit = |i: usize| i64::from(self.0[Salt::BYTES - 1 - i / 8] >> (i % 8) & 1);
        std::array::from_fn(|limb| {
            (0..LIMB_BITS as usize).map(|i| bit(limb * LIMB_BITS as usize + i) << i).sum()
        })
    }
}

/// Limbs of a salt.
pub(crate) const LIMBS: usize = 4;
/// Bits of such a limb.
pub(crate) const LIMB_BITS: u32 = 62;

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// Whether an integer can be committed to.
pub fn fits(value: i64) -> bool {
    (-OFFSET..OFFSET).contains(&value)
}

/// The digest; `None` when an integer does not fit. Cost: a permutation for 14 integers.
pub fn digest(values: &[i64], fractional_bits: i32, salt: &Salt) -> Option<Fr> {
    if !values.iter().all(|v| fits(*v)) {
        return None;
    }
    let inputs: Vec<Fr> =
        std::iter::once(salt.element()).chain(values.chunks(PER_WORD).map(word)).collect();
    let blocks =
        inputs.chunks(2).map(|block| [block[0], block.get(1).copied().unwrap_or(Fr::ZERO)]);
    Some(sponge(domain(values.len(), fractional_bits), blocks, poseidon2::permute))
}

/// The sponge over `blocks`, with the permutation that is given.
pub fn sponge(
    domain: Fr,
    blocks: impl Iterator<Item = [Fr; 2]>,
    mut permute: impl FnMut([Fr; WIDTH]) -> [Fr; WIDTH],
) -> Fr {
    let start = [Fr::ZERO, Fr::ZERO, domain];
    blocks.fold(start, |[a, b, c], [left, right]| permute([a + left, b + right, c]))[0]
}

/// What the capacity starts with.
pub fn domain(count: usize, fractional_bits: i32) -> Fr {
    let mut bytes = TAG.to_vec();
    bytes.extend(BITS.to_be_bytes());
    bytes.extend((count as u64).to_be_bytes());
    bytes.extend(fractional_bits.to_be_bytes());
    Fr::from_be_bytes_mod_order(&bytes)
}

/// At most [`PER_WORD`] integers that fit, packed.
fn word(values: &[i64]) -> Fr {
    let mut bytes = Vec::with_capacity(PER_WORD * 4);
    for j in (0..PER_WORD).rev() {
        let packed = values.get(j).copied().unwrap_or(0).wrapping_add(OFFSET) as u32;
        bytes.extend(packed.to_be_bytes());
    }
    Fr::from_be_bytes_mod_order(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salt(seed: u8) -> Salt {
        Salt::new(std::array::from_fn(|i| seed.wrapping_mul(31).wrapping_add(i as u8 * 7)))
    }

    #[test]
    fn limbs_make_the_salt() {
        for salt in [salt(1), salt(200), Salt::new([0xff; 31])] {
            let base = Fr::from(1u64 << LIMB_BITS);
            assert_eq!(
                salt.limbs().iter().rev().fold(Fr::ZERO, |sum, limb| sum * base + Fr::from(*limb)),
                salt.element()
            );
        }
    }

    #[test]
    fn a_digest_changes_with_each_part_alone() {
        let values = [1, -2, 3, 4, 5, 6, 7, 8, 9];
        let base = digest(&values, 8, &salt(1)).unwrap();
        let mut others = vec![
            digest(&values, 9, &salt(1)),
            digest(&values, -8, &salt(1)),
            digest(&values, 8, &salt(2)),
        ];
        for i in 0..values.len() {
            for change in [1, -1, 1 << 20] {
                let mut altered = values;
                altered[i] += change;
                others.push(digest(&altered, 8, &salt(1)));
            }
            let mut swapped = values;
            swapped.swap(i, (i + 1) % values.len());
            others.push(digest(&swapped, 8, &salt(1)));
        }
        // The zeros that fill up a word are not the tensor's own.
        let longer: Vec<i64> = values.iter().copied().chain([0]).collect();
        others.push(digest(&longer, 8, &salt(1)));
        others.push(digest(&values[..8], 8, &salt(1)));
        let mut all: Vec<Fr> = others.into_iter().map(Option::unwrap).chain([base]).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn integers_that_do_not_fit_have_no_digest() {
        for edge in [-OFFSET, OFFSET - 1] {
            assert!(digest(&[edge], 0, &salt(1)).is_some());
        }
        for outside in [-OFFSET - 1, OFFSET, i64::MAX, i64::MIN] {
            assert_eq!(digest(&[outside], 0, &salt(1)), None);
        }
    }
}
