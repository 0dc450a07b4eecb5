//! How numbers are stored: plainly, or in blocks of whole numbers that share a scale.
//!
//! With `d` and `m` of a block as 16 bit floats and `q` its whole numbers, a value is `d * q` or
//! `d * q + m`, as the table says; all in 32 bit arithmetic, in that order. Blocks of 256 have a
//! scale and a minimum for each 32 (or a scale for each 16), themselves whole numbers of 6 (or 8)
//! bits: `(d * scale) * q - (m * minimum)`.
//!
//! | kind | values | bytes | contents |
//! |---|---|---|---|
//! | `Q4_0` | 32 | 18 | d, q - 8 in 4 bits: low halves of 16 bytes, then high halves |
//! | `Q4_1` | 32 | 20 | d, m, q likewise |
//! | `Q5_0` | 32 | 22 | d, fifth bits of all 32, then as `Q4_0`; q - 16 |
//! | `Q5_1` | 32 | 24 | d, m, fifth bits, q |
//! | `Q8_0` | 32 | 34 | d, q in 8 bits |
//! | `Q4_K` | 256 | 144 | d, m, scales, q: low then high halves of each 32 bytes |
//! | `Q5_K` | 256 | 176 | d, m, scales, fifth bits, q |
//! | `Q6_K` | 256 | 210 | low 4 bits, high 2 bits, scales, d; q - 32 |

use half::{bf16, f16};

/// How numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// Those that are not read, with their numbers.
const FOREIGN: [(u32, &str); 24] = [
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
    (4, "Q4_2"),
];

impl Encoding {
    /// The encoding of a number in the file, or its name where it is known.
    pub fn of(number: u32) -> Result<Encoding, String> {
        Ok(match number {
            0 => Encoding::F32,
            1 => Encoding::F16,
            2 => Encoding::Q4_0,
            3 => Encoding::Q4_1,
            6 => Encoding::Q5_0,
            7 => Encoding::Q5_1,
            8 => Encoding::Q8_0,
            12 => Encoding::Q4K,
            13 => Encoding::Q5K,
            14 => Encoding::Q6K,
            30 => Encoding::Bf16,
            _ => {
                let name = FOREIGN.iter().find(|(other, _)| *other == number);
                return Err(name.map_or_else(|| number.to_string(), |(_, name)| (*name).into()));
            }
        })
    }

    /// Values and bytes of a block.
    pub fn block(self) -> (usize, usize) {
        match self {
            Encoding::F32 => (1, 4),
            Encoding::F16 | Encoding::Bf16 => (1, 2),
            Encoding::Q4_0 => (32, 18),
            Encoding::Q4_1 => (32, 20),
            Encoding::Q5_0 => (32, 22),
            Encoding::Q5_1 => (32, 24),
            Encoding::Q8_0 => (32, 34),
            Encoding::Q4K => (256, 144),
            Encoding::Q5K => (256, 176),
            Encoding::Q6K => (256, 210),
        }
    }

    /// The values of whole blocks.
    pub fn decode(self, bytes: &[u8], values: &mut [f32]) {
        let (length, size) = self.block();
        for (block, values) in bytes.chunks_exact(size).zip(values.chunks_exact_mut(length)) {
            match self {
                Encoding::F32 => each(values, block.as_chunks().0, |b| f32::from_le_bytes(*b)),
                Encoding::F16 => each(values, block.as_chunks().0, |b| half(*b)),
                Encoding::Bf16 => {
                    each(values, block.as_chunks().0, |b| bf16::from_le_bytes(*b).to_f32());
                }
                Encoding::Q8_0 => {
                    let ([d], q) = head(block);
                    each(values, q, |q| f32::from(q.cast_signed()) * d);
                }
                Encoding::Q4_0 => {
                    let ([d], q) = head(block);
                    nibbles(q, &[], values, |q| d * (f32::from(q) - 8.0));
                }
                Encoding::Q4_1 => {
                    let ([d, m], q) = head(block);
                    nibbles(q, &[], values, |q| d * f32::from(q) + m);
                }
                Encoding::Q5_0 => {
                    let ([d], rest) = head(block);
                    let (fifth, q) = rest.split_at(4);
                    nibbles(q, fifth, values, |q| d * (f32::from(q) - 16.0));
                }
                Encoding::Q5_1 => {
                    let ([d, m], rest) = head(block);
                    let (fifth, q) = rest.split_at(4);
                    nibbles(q, fifth, values, |q| d * f32::from(q) + m);
                }
                Encoding::Q4K => {
                    let ([d, m], rest) = head(block);
                    let (scales, q) = rest.split_at(12);
                    groups(q, None, values, |group| scaled(scales, group, d, m));
                }
                Encoding::Q5K => {
                    let ([d, m], rest) = head(block);
                    let (scales, rest) = rest.split_at(12);
                    let (fifth, q) = rest.split_at(32);
                    groups(q, Some(fifth), values, |group| scaled(scales, group, d, m));
                }
                Encoding::Q6K => six_bits(block, values),
            }
        }
    }
}

fn each<T>(values: &mut [f32], from: &[T], value: impl Fn(&T) -> f32) {
    for (target, source) in values.iter_mut().zip(from) {
        *target = value(source);
    }
}

fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

/// The first `N` scales of a block, and the rest.
fn head<const N: usize>(block: &[u8]) -> ([f32; N], &[u8]) {
    let (words, rest) = block.split_at(2 * N);
    let mut scales = [0.0; N];
    each(&mut scales, words.as_chunks().0, |word| half(*word));
    (scales, rest)
}

/// 32 values of 4 bits: the low halves of 16 bytes, then the high halves; with a fifth bit each
/// where there are `fifth`.
fn nibbles(q: &[u8], fifth: &[u8], values: &mut [f32], value: impl Fn(u8) -> f32) {
    let halves = q.iter().map(|byte| byte & 15).chain(q.iter().map(|byte| byte >> 4));
    for (at, (target, low)) in values.iter_mut().zip(halves).enumerate() {
        let high = fifth.get(at / 8).map_or(0, |byte| byte >> (at % 8) & 1);
        *target = value(low | high << 4);
    }
}

/// Scale and minimum of a group of 32 in a block of 256: 6 bits each, in 12 bytes. The first four
/// of both are the low bits of bytes 0 to 7; of the others bytes 8 to 11 have the low halves and
/// the two highest bits of bytes 0 to 7 the rest.
fn scaled(bytes: &[u8], group: usize, d: f32, m: f32) -> (f32, f32) {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let (scale, minimum) = if group < 4 {
        (byte(group) & 63, byte(group + 4) & 63)
    } else {
        let shared = byte(group + 4);
        ((shared & 15) | (byte(group - 4) >> 6 << 4), (shared >> 4) | (byte(group) >> 6 << 4))
    };
    (d * f32::from(scale), m * f32::from(minimum))
}

/// 256 values in groups of 32: the low halves of 32 bytes, their high halves, and so on; group g
/// has its fifth bits at bit g of the 32 bytes `fifth`.
fn groups(
    q: &[u8],
    fifth: Option<&[u8]>,
    values: &mut [f32],
    scaled: impl Fn(usize) -> (f32, f32),
) {
    for (group, values) in values.chunks_exact_mut(32).enumerate() {
        let (scale, minimum) = scaled(group);
        let bytes = q.chunks_exact(32).nth(group / 2).unwrap_or_default();
        for (at, (target, byte)) in values.iter_mut().zip(bytes).enumerate() {
            let low = byte >> (4 * (group % 2)) & 15;
            let high = fifth.and_then(|fifth| fifth.get(at)).map_or(0, |byte| byte >> group & 1);
            *target = scale * f32::from(low | high << 4) - minimum;
        }
    }
}

/// 256 values in groups of 32. The low bits of groups 4k to 4k + 3 are in 64 bytes: low halves of
/// the first and the second 32, then their high halves; their high bits in 32 bytes, two bits a
/// group. Each 16 have a scale.
fn six_bits(block: &[u8], values: &mut [f32]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let ([d], _) = head(d);
    for (group, values) in values.chunks_exact_mut(32).enumerate() {
        let (part, within) = (group / 4, group % 4);
        let low = low.get(64 * part + 32 * (within % 2)..).unwrap_or_default();
        let high = high.get(32 * part..).unwrap_or_default();
        for (at, (target, (low, high))) in values.iter_mut().zip(low.iter().zip(high)).enumerate() {
            let low = low >> (4 * (within / 2)) & 15;
            let q = low | (high >> (2 * within) & 3) << 4;
            let scale = scales.get(2 * group + at / 16).map_or(0, |byte| byte.cast_signed());
            *target = d * f32::from(scale) * (f32::from(q) - 32.0);
        }
    }
}
