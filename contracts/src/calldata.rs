//! The call that hands a proof to the contract.
//!
//! ```text
//! verify(bytes32 context, uint256[10] proof, uint256[] values)
//!
//! offset  bytes
//!      0      4  selector 0xac98297c
//!      4     32  context
//!     36    320  the proof
//!    356     32  384, where the values are, counted from byte 4
//!    388     32  n
//!    420   32 n  the values
//! ```
//!
//! The proof is an array of fixed length: as `bytes` it would bring an offset and a length of its
//! own, 280 gas of calldata that say nothing. A call has one encoding: the contract refuses another
//! offset and trailing bytes, which Solidity's decoder would let through, so that [`Call::decode`]
//! and the contract agree on every byte string.
//!
//! Cost: a byte costs 16 gas, or 4 when it is zero. A small non-negative value is thus about 150
//! gas, a negative one (r - |v|) 512. EIP-7623 (Prague) asks 40 and 10 a byte when that is more
//! than all of the transaction otherwise costs, which begins at some 400 negative values.

use lemma_verifier::error::{ProofError, StatementError, VerifyError};
use lemma_verifier::{Context, Digest, PreparedKey, Proof, PublicValues, Verified};
use thiserror::Error;

/// First four bytes of keccak256 of `verify(bytes32,uint256[10],uint256[])`.
pub const SELECTOR: [u8; 4] = [0xac, 0x98, 0x29, 0x7c];

const VALUES_OFFSET: u64 = 384;

/// The bytes of the call, 420 and 32 for each value.
pub fn calldata(proof: &Proof, values: &PublicValues, context: Context) -> Vec<u8> {
    let values = values.to_bytes();
    let mut out = Vec::with_capacity(420usize.saturating_add(values.len()));
    out.extend_from_slice(&SELECTOR);
    out.extend_from_slice(&context.digest().0);
    out.extend_from_slice(&proof.to_bytes());
    out.extend_from_slice(&word(VALUES_OFFSET));
    out.extend_from_slice(&word(values.len() as u64 / 32));
    out.extend_from_slice(&values);
    out
}

/// A call, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The proof.
    pub proof: Proof,
    /// The public values.
    pub values: PublicValues,
    /// What the proof was made for.
    pub context: Context,
}

impl Call {
    /// The inverse of [`calldata`].
    ///
    /// # Errors
    /// Unless `bytes` are what [`calldata`] makes of a proof, canonical values and a context.
    pub fn decode(bytes: &[u8]) -> Result<Call, CallError> {
        let mut reader = Reader(bytes);
        if reader.take::<4>()? != SELECTOR {
            return Err(CallError::Selector);
        }
        let context = Context::from_digest(Digest(reader.take()?));
        let proof = reader.take::<{ Proof::BYTES }>()?;
        if reader.take::<32>()? != word(VALUES_OFFSET) {
            return Err(CallError::Word { field: "the offset of the values" });
        }
        let count = reader.take::<32>()?;
        let values = PublicValues::from_bytes(reader.0)?;
        if count != word(values.as_slice().len() as u64) {
            return Err(CallError::Word { field: "the number of values" });
        }
        // Last, since it is what takes time.
        Ok(Call { proof: Proof::from_bytes(&proof)?, values, context })
    }

    /// The bytes of the call.
    pub fn encode(&self) -> Vec<u8> {
        calldata(&self.proof, &self.values, self.context)
    }

    /// Verifies as the contract for `key` does.
    ///
    /// # Errors
    /// As [`PreparedKey::verify`].
    pub fn verify(&self, key: &PreparedKey) -> Result<Verified, VerifyError> {
        key.verify(&self.values, self.context, &self.proof)
    }
}

/// Why bytes are no call of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// Another function, or none.
    #[error(
        "the calldata does not begin with the selector of verify(bytes32,uint256[10],uint256[])"
    )]
    Selector,
    /// The bytes end too early.
    #[error("the calldata ends after {found} bytes, inside its fixed part")]
    Truncated {
        /// Bytes that were left.
        found: usize,
    },
    /// A word that has one legal value has another.
    #[error("the calldata is not canonical: {field} is not what the other arguments make it")]
    Word {
        /// What the word is.
        field: &'static str,
    },
    /// The proof does not parse.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The values are not canonical.
    #[error(transparent)]
    Values(#[from] StatementError),
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], CallError> {
        let (head, tail) =
            self.0.split_first_chunk::<N>().ok_or(CallError::Truncated { found: self.0.len() })?;
        self.0 = tail;
        Ok(*head)
    }
}

fn word(value: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[24..].copy_from_slice(&value.to_be_bytes());
    bytes
}
