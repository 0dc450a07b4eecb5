//! Mutations of bytes that nothing is known of.

use rand::Rng as _;
use rand::seq::SliceRandom;

use crate::Rng;

/// Numbers at which arithmetic breaks when nobody looks.
pub const EXTREMES: [i128; 20] = [
    0,
    1,
    -1,
    2,
    3,
    63,
    64,
    255,
    256,
    1 << 16,
    1 << 20,
    1 << 28,
    1 << 31,
    1 << 32,
    (1 << 62) - 1,
    1 << 62,
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
    u32::MAX as i128,
];

/// One of [`EXTREMES`].
pub fn extreme(rng: &mut Rng) -> i128 {
    EXTREMES.choose(rng).copied().unwrap_or(0)
}

/// `input` after one to four changes; `other` is where foreign parts come from.
pub fn mutate(input: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..rng.gen_range(1..=4) {
        change(&mut bytes, other, rng);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.push(rng.r#gen());
        return;
    }
    let at = rng.gen_range(0..bytes.len());
    let end = (at + rng.gen_range(1..=16)).min(bytes.len());
    match rng.gen_range(0..10) {
        0 | 1 => bytes[at] ^= 1 << rng.gen_range(0..8),
        2 => bytes[at] = rng.r#gen(),
        3 => {
            bytes[at] = *[0, 1, 0x7f, 0x80, 0xff, b'0', b'"', b'{', b'['].choose(rng).unwrap_or(&0)
        }
        4 => overwrite(bytes, at, rng),
        5 => drop(bytes.drain(at..end)),
        6 => {
            let block = bytes[at..end].to_vec();
            bytes.splice(at..at, block);
        }
        7 => bytes.truncate(at),
        8 if !other.is_empty() => {
            let from = rng.gen_range(0..other.len());
            let to = (from + rng.gen_range(1..=64)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        // A number as long as its encoding in groups of seven bits can be.
        _ => drop(bytes.splice(at..=at, varint(extreme(rng) as u64))),
    }
}

/// An extreme number in 4 or 8 bytes of either order.
fn overwrite(bytes: &mut [u8], at: usize, rng: &mut Rng) {
    let number = extreme(rng) as u64;
    let encoded: Vec<u8> = match rng.gen_range(0..4) {
        0 => (number as u32).to_le_bytes().into(),
        1 => (number as u32).to_be_bytes().into(),
        2 => number.to_le_bytes().into(),
        _ => number.to_be_bytes().into(),
    };
    for (byte, new) in bytes[at..].iter_mut().zip(encoded) {
        *byte = new;
    }
}

/// Groups of seven bits, lowest first.
pub fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// A number that depends on all of an input.
pub fn hash(input: &[u8]) -> u64 {
    input.iter().fold(7, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
