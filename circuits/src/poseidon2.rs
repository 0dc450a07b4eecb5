//! The Poseidon2 permutation ([eprint 2023/323](https://eprint.iacr.org/2023/323)) over F, in the
//! authors' instance for BN254: three lanes, `x^5`, 8 full and 56 partial rounds.
//!
//! ```text
//! external matrix   2 1 1     internal matrix   2 1 1
//!                   1 2 1                       1 2 1
//!                   1 1 2                       1 1 3
//! ```
//!
//! The round constants are not listed but drawn, as the authors drew them: from the Grain register
//! in its self-shrinking mode, seeded with the parameters (eprint 2019/458, appendix F). The test
//! `the_published_vector` binds all of them.

use std::sync::LazyLock;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField};

/// Lanes of the state.
pub const WIDTH: usize = 3;
/// Rounds with an s-box on every lane, half of them first and half last.
pub const FULL_ROUNDS: usize = 8;
/// Rounds with an s-box on lane 0 alone, in the middle.
pub const PARTIAL_ROUNDS: usize = 56;
/// S-boxes of a permutation.
pub const SBOXES: usize = FULL_ROUNDS * WIDTH + PARTIAL_ROUNDS;

/// The constants, one for each s-box, in order.
pub fn constants() -> &'static [Fr; SBOXES] {
    static CONSTANTS: LazyLock<[Fr; SBOXES]> = LazyLock::new(|| {
        let mut grain = Grain::new();
        std::array::from_fn(|_| grain.element())
    });
    &CONSTANTS
}

/// Lanes with an s-box, round by round.
pub fn rounds() -> impl Iterator<Item = usize> {
    let half = std::iter::repeat_n(WIDTH, FULL_ROUNDS / 2);
    half.clone().chain(std::iter::repeat_n(1, PARTIAL_ROUNDS)).chain(half)
}

/// The permutation. Cost: 80 s-boxes.
pub fn permute(state: [Fr; WIDTH]) -> [Fr; WIDTH] {
    permute_with(state, |_, x| fifth_power(x))
}

/// The permutation with `sbox(i, x)` as its `i`-th s-box: to record what passes, or in tests to be
/// dishonest about it.
pub fn permute_with(state: [Fr; WIDTH], mut sbox: impl FnMut(usize, Fr) -> Fr) -> [Fr; WIDTH] {
    let mut state = external(state);
    let mut constants = constants().iter().enumerate();
    for lanes in rounds() {
        for (lane, (i, constant)) in state.iter_mut().take(lanes).zip(constants.by_ref()) {
            *lane = sbox(i, *lane + constant);
        }
        state = if lanes == WIDTH { external(state) } else { internal(state) };
    }
    state
}

/// `x^5`.
pub fn fifth_power(x: Fr) -> Fr {
    x.square().square() * x
}

fn external([a, b, c]: [Fr; WIDTH]) -> [Fr; WIDTH] {
    let sum = a + b + c;
    [sum + a, sum + b, sum + c]
}

fn internal([a, b, c]: [Fr; WIDTH]) -> [Fr; WIDTH] {
    let sum = a + b + c;
    [sum + a, sum + b, sum + c.double()]
}

/// The Grain register of 80 bits; bit 79 is the oldest.
struct Grain(u128);

impl Grain {
    fn new() -> Grain {
        // Prime field (2 bits), power s-box (4), bits of the modulus and lanes (12 each), rounds
        // (10 each), thirty ones.
        let fields: [(u32, u128); 7] = [
            (2, 1),
            (4, 0),
            (12, Fr::MODULUS_BIT_SIZE.into()),
            (12, WIDTH as u128),
            (10, FULL_ROUNDS as u128),
            (10, PARTIAL_ROUNDS as u128),
            (30, (1 << 30) - 1),
        ];
        let mut grain = Grain(fields.iter().fold(0, |seed, (bits, value)| seed << bits | value));
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let bit =
            [62, 51, 38, 23, 13, 0].iter().fold(0, |sum, tap| sum ^ (self.0 >> (79 - tap))) & 1;
        self.0 = (self.0 << 1 | bit) & ((1 << 80) - 1);
        bit == 1
    }

    /// Of each pair of bits, the second if the first is 1.
    fn bit(&mut self) -> bool {
        while !self.step() {
            self.step();
        }
        self.step()
    }

    fn element(&mut self) -> Fr {
        loop {
            let mut limbs = [0u64; 4];
            for i in (0..Fr::MODULUS_BIT_SIZE as usize).rev() {
                limbs[i / 64] |= u64::from(self.bit()) << (i % 64);
            }
            if let Some(element) = Fr::from_bigint(BigInt(limbs)) {
                return element;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the authors' reference for `bn256`, `t = 3`: the permutation of (0, 1, 2).
    #[test]
    fn the_published_vector() {
        let expected = [
            "0bb61d24daca55eebcb1929a82650f328134334da98ea4f847f760054f4a3033",
            "303b6f7c86d043bfcbcc80214f26a30277a15d3f74ca654992defe7ff8d03570",
            "1ed25194542b12eef8617361c3ba7c52e660b145994427cc86296242cf766ec8",
        ];
        let shown = permute([0u64, 1, 2].map(Fr::from)).map(|lane| {
            let BigInt([a, b, c, d]) = lane.into_bigint();
            format!("{d:016x}{c:016x}{b:016x}{a:016x}")
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_sbox_counts() {
        let state = [3u64, 4, 5].map(Fr::from);
        let mut seen = 0;
        let honest = permute_with(state, |i, x| {
            assert_eq!(i, seen);
            seen += 1;
            fifth_power(x)
        });
        assert_eq!((honest, seen), (permute(state), SBOXES));
        for altered in 0..SBOXES {
            let other = permute_with(state, |i, x| if i == altered { x } else { fifth_power(x) });
            assert_ne!(other, honest, "s-box {altered}");
        }
    }
}
