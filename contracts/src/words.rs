//! The key as the contract holds it.
//!
//! ```text
//! word  0..4   key digest, number of public values, offset of the ranges, development flag
//!       4..9   IC0, IC1, -
//!       9..14  -, IC2, -
//!      14..44  five pairs of the pairing precompile: (-, -) (alpha, -beta) (-, -gamma)
//!              (-, -delta1) (-, -delta2)
//!      44      number of public tensors; those without entries do not count
//!      45..    for each tensor, 64 bits each: entries, 0, low + 2^63, high - low;
//!              for a committed one: 1, 192, 0, 2^64 - 1
//! ```
//!
//! A dash is room for what the contract computes. The points of G2 are negated here, so that the
//! contract uses the points of a proof as they come. The words are also the ABI encoding of
//! (bytes32, uint256, uint256[]).

use ark_bn254::{Fq, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use lemma_verifier::VerifyingKey;

use crate::error::ContractError;

/// Most public tensors that a contract holds; with all of them it has 6.1 kB.
pub const MAX_TENSORS: usize = 16;

/// Words of a key without tensors.
pub(crate) const FIXED_WORDS: usize = 45;

/// Word at which the ranges begin, with their number.
const RANGES_AT: u64 = 44;

/// A word of the key and what it is.
pub(crate) struct KeyWord {
    pub(crate) bytes: [u8; 32],
    pub(crate) meaning: String,
}

/// All words in order.
pub(crate) fn key_words(key: &VerifyingKey) -> Result<Vec<KeyWord>, ContractError> {
    let parts = key.parts();
    let tensors: Vec<_> =
        parts.signature.iter().filter(|tensor| tensor.public_values() != Some(0)).collect();
    if tensors.len() > MAX_TENSORS {
        return Err(ContractError::TooManyTensors { found: tensors.len(), limit: MAX_TENSORS });
    }
    let mut words = Words(Vec::new());
    words.push(key.digest().0, "key digest");
    words.integer(u128::from(parts.public_values), "public values");
    words.integer(u128::from(RANGES_AT * 32), "offset of the ranges");
    words.integer(u128::from(parts.development), "development key");
    let [ic0, ic1, ic2] = &parts.ic;
    words.g1(ic0, "IC0");
    words.g1(ic1, "IC1");
    words.room(1, "chi");
    words.room(2, "IC0 + chi IC1");
    words.g1(ic2, "IC2");
    words.room(1, "phi");
    words.room(2, "A");
    words.room(4, "B");
    words.g1(&parts.alpha1, "alpha");
    words.g2(&-parts.beta2, "-beta");
    words.room(2, "IC0 + chi IC1 + phi IC2");
    words.g2(&-parts.gamma2, "-gamma");
    words.room(2, "C1");
    words.g2(&-parts.delta1_2, "-delta1");
    words.room(2, "C2");
    words.g2(&-parts.delta2_2, "-delta2");
    words.integer(tensors.len() as u128, "public tensors");
    for (index, tensor) in tensors.into_iter().enumerate() {
        let entries = tensor.public_values().unwrap_or_default();
        // A digest is any field element: its distance is (2^64 - 1) 2^192, which is above r.
        let (range, meaning) = if tensor.role.is_committed() {
            ([entries, 192, 0, u64::MAX], format!("tensor {index}: a digest"))
        } else {
            let range = [entries, 0, biased(tensor.low), tensor.high.abs_diff(tensor.low)];
            (range, format!("tensor {index}: {entries} from {} to {}", tensor.low, tensor.high))
        };
        let mut bytes = [0; 32];
        for (word, part) in bytes.chunks_exact_mut(8).zip(range) {
            word.copy_from_slice(&part.to_be_bytes());
        }
        words.push(bytes, meaning);
    }
    Ok(words.0)
}

/// `value + 2^63`.
fn biased(value: i64) -> u64 {
    value.cast_unsigned() ^ 1 << 63
}

struct Words(Vec<KeyWord>);

impl Words {
    fn push(&mut self, bytes: [u8; 32], meaning: impl Into<String>) {
        self.0.push(KeyWord { bytes, meaning: meaning.into() });
    }

    fn integer(&mut self, value: u128, meaning: impl Into<String>) {
        let mut bytes = [0; 32];
        bytes[16..].copy_from_slice(&value.to_be_bytes());
        self.push(bytes, meaning);
    }

    fn room(&mut self, count: usize, content: &str) {
        for _ in 0..count {
            self.integer(0, format!("room for {content}"));
        }
    }

    fn coordinate(&mut self, value: &Fq, meaning: String) {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&value.into_bigint().to_bytes_be());
        self.push(bytes, meaning);
    }

    fn g1(&mut self, point: &G1Affine, name: &str) {
        self.coordinate(&point.x, format!("{name}.x"));
        self.coordinate(&point.y, format!("{name}.y"));
    }

    fn g2(&mut self, point: &G2Affine, name: &str) {
        self.coordinate(&point.x.c1, format!("{name}.x.c1"));
        self.coordinate(&point.x.c0, format!("{name}.x.c0"));
        self.coordinate(&point.y.c1, format!("{name}.y.c1"));
        self.coordinate(&point.y.c0, format!("{name}.y.c0"));
    }
}
