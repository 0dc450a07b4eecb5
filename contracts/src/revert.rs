//! What the contract says when it reverts.

use std::fmt;

/// A custom error of the contract, decoded from the data of a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revert {
    /// Too few or too many public values.
    ValueCount {
        /// By the key.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// Offsets that are not the compiler's, or trailing bytes.
    CalldataNotCanonical,
    /// A public value that is not below r.
    ValueNotInField {
        /// Which.
        index: u64,
    },
    /// A public value outside its range.
    ValueOutOfRange {
        /// Which.
        index: u64,
    },
    /// A point of the proof at infinity.
    PointAtInfinity {
        /// `A`, `B`, `C1` or `C2`.
        point: &'static str,
    },
    /// A coordinate not below q, or a point off its curve.
    PointNotOnCurve {
        /// `A`, `B`, `C1` or `C2`.
        point: &'static str,
    },
    /// A precompile that ran out of gas or does not exist; or (8) B is outside the subgroup of
    /// order r.
    PrecompileFailed {
        /// Its address.
        precompile: u64,
    },
    /// The pairing equation does not hold.
    PairingFailed,
}

impl Revert {
    /// Decodes the data of a revert; `None` for data of another shape (Solidity's decoder reverts
    /// without data).
    pub fn decode(data: &[u8]) -> Option<Revert> {
        let (selector, rest) = data.split_first_chunk::<4>()?;
        let (words, tail) = rest.as_chunks::<32>();
        if !tail.is_empty() {
            return None;
        }
        Some(match (u32::from_be_bytes(*selector), words) {
            (0xff3e_8cfa, [expected, found]) => {
                Revert::ValueCount { expected: small(expected)?, found: small(found)? }
            }
            (0x4fb6_8b77, []) => Revert::CalldataNotCanonical,
            (0x25c9_b20b, [index]) => Revert::ValueNotInField { index: small(index)? },
            (0x15bd_01b6, [index]) => Revert::ValueOutOfRange { index: small(index)? },
            (0xa735_74f1, [index]) => Revert::PointAtInfinity { point: point(index)? },
            (0x44f0_437d, [index]) => Revert::PointNotOnCurve { point: point(index)? },
            (0x00a4_8593, [precompile]) => {
                Revert::PrecompileFailed { precompile: small(precompile)? }
            }
            (0x4df4_5e2f, []) => Revert::PairingFailed,
            _ => return None,
        })
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revert::ValueCount { expected, found } => write!(
                f,
                "the contract expects {expected} \
                public values, {found} came"
            ),
            Revert::CalldataNotCanonical => f.write_str(
                "the calldata is not the canonical \
                encoding of its arguments",
            ),
            Revert::ValueNotInField { index } => write!(
                f,
                "public value {index} is not below the \
                field modulus r"
            ),
            Revert::ValueOutOfRange { index } => write!(
                f,
                "public value {index} is outside the \
                range that the key declares"
            ),
            Revert::PointAtInfinity { point } => write!(
                f,
                "point {point} of the proof is the \
                point at infinity"
            ),
            Revert::PointNotOnCurve { point } => write!(
                f,
                "point {point} of the proof is not on \
                its curve"
            ),
            Revert::PrecompileFailed { precompile: 8 } => f.write_str(
                "the pairing precompile failed: out of gas, or B is outside the \
                    subgroup of order r",
            ),
            Revert::PrecompileFailed { precompile } => write!(
                f,
                "precompile {precompile} failed: \
                out of gas"
            ),
            Revert::PairingFailed => f.write_str(
                "the proof does not prove this statement under \
                this key and context",
            ),
        }
    }
}

fn point(word: &[u8; 32]) -> Option<&'static str> {
    ["A", "B", "C1", "C2"].get(usize::try_from(small(word)?).ok()?).copied()
}

/// The word as an integer; saturates, since it may be a length that an attacker wrote.
fn small(word: &[u8; 32]) -> Option<u64> {
    let (high, low) = word.split_last_chunk::<8>()?;
    if high.iter().any(|byte| *byte != 0) { Some(u64::MAX) } else { Some(u64::from_be_bytes(*low)) }
}
