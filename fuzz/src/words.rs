//! Mutations of 32-byte words: coordinates of points and field elements, big-endian.

use rand::Rng as _;

use crate::{Rng, bytes};

/// A word.
pub type Word = [u8; 32];

/// Words of a proof: A, B, C1, C2.
pub const PROOF: usize = 10;

/// The points: the first word and the number of words.
const POINTS: [(usize, usize); 4] = [(0, 2), (2, 4), (6, 2), (8, 2)];

/// Modulus of the coordinates.
const BASE: Word = hex("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47");

/// Modulus of the values.
const SCALAR: Word = hex("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001");

const fn hex(text: &str) -> Word {
    const fn digit(letter: u8) -> u8 {
        if letter.is_ascii_digit() { letter - b'0' } else { letter - b'a' + 10 }
    }
    let (text, mut word, mut at) = (text.as_bytes(), [0; 32], 0);
    while at < 32 {
        word[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    word
}

/// `a + b` modulo 2^256.
fn add(a: &Word, b: &Word) -> Word {
    let (mut sum, mut carry) = ([0; 32], 0);
    for at in (0..32).rev() {
        carry += u16::from(a[at]) + u16::from(b[at]);
        sum[at] = carry as u8;
        carry >>= 8;
    }
    sum
}

/// `-a` modulo 2^256.
fn opposite(a: &Word) -> Word {
    let mut one = [0; 32];
    one[31] = 1;
    add(&a.map(|byte| !byte), &one)
}

/// `modulus - a`, and 0 of 0.
fn negative(a: &Word, modulus: &Word) -> Word {
    if *a == [0; 32] { *a } else { add(modulus, &opposite(a)) }
}

/// A number in a word, a negative one as the field has it.
fn number(value: i128) -> Word {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&value.unsigned_abs().to_be_bytes());
    if value < 0 { negative(&word, &SCALAR) } else { word }
}

/// Changes the words of a proof; `other` is a second proof.
pub fn proof(words: &mut [Word], other: &[Word], rng: &mut Rng) {
    let point = POINTS[rng.gen_range(0..POINTS.len())];
    let range = point.0..point.0 + point.1;
    match rng.gen_range(0..10) {
        0 => negate(&mut words[range]),
        // The same statement: e(-A, -B) = e(A, B).
        1 => {
            negate(&mut words[0..2]);
            negate(&mut words[2..6]);
        }
        2 => words[range.clone()].copy_from_slice(&other[range]),
        3 => {
            let (from, to) = ([0, 6, 8][rng.gen_range(0..3)], [0, 6, 8][rng.gen_range(0..3)]);
            let point = if rng.r#gen() {
                [words[from], words[from + 1]]
            } else {
                [other[from], other[from + 1]]
            };
            words[to..to + 2].copy_from_slice(&point);
        }
        4 => words[range].fill([0; 32]),
        5 => {
            // The generator of G1.
            let at = [0, 6, 8][rng.gen_range(0..3)];
            words[at..at + 2].copy_from_slice(&[number(1), number(2)]);
        }
        6 => {
            let at = rng.gen_range(0..PROOF);
            words[at] = add(&words[at], &BASE);
        }
        7 => words.swap(rng.gen_range(0..PROOF), rng.gen_range(0..PROOF)),
        _ => {
            let at = rng.gen_range(0..PROOF);
            words[at][rng.gen_range(0..32)] ^= 1 << rng.gen_range(0..8);
        }
    }
}

/// The point with the opposite y.
fn negate(point: &mut [Word]) {
    let half = point.len() / 2;
    for word in &mut point[half..] {
        *word = negative(word, &BASE);
    }
}

/// Changes one public value.
pub fn value(word: &mut Word, rng: &mut Rng) {
    let one = number(1);
    *word = match rng.gen_range(0..7) {
        0 => add(word, &one),
        1 => add(word, &opposite(&one)),
        2 => add(word, &SCALAR),
        3 => negative(word, &SCALAR),
        4 => SCALAR,
        5 => rng.r#gen(),
        _ => number(bytes::extreme(rng)),
    };
}

/// Words of bytes, the rest left out.
pub fn of(bytes: &[u8]) -> Vec<Word> {
    bytes.as_chunks::<32>().0.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_the_field() {
        assert_eq!(number(-1), add(&SCALAR, &opposite(&number(1))));
        assert_eq!(add(&number(255), &number(1)), number(256));
        assert_eq!(negative(&negative(&number(7), &BASE), &BASE), number(7));
        assert_eq!(negative(&[0; 32], &BASE), [0; 32]);
    }
}
