//! Public values, and the statement that they make about the model of a key.
//!
//! A signed integer `v` of the model is the field element `v mod r`. A word of 32 bytes that is not
//! below r is rejected, never reduced: `x` and `x + r` would be the same element and two
//! statements.

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use serde::Serialize;

use crate::error::StatementError;
use crate::point::{word, write_word};
use crate::{Context, Digest, PrivateInput, TensorSignature, VerifyingKey};

/// The public values of a proof in fold order: all tensors of the signature, one after the other,
/// row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicValues(Vec<Fr>);

impl PublicValues {
    /// Values that are field elements already.
    pub fn new(values: Vec<Fr>) -> PublicValues {
        PublicValues(values)
    }

    /// Signed integers.
    pub fn from_integers(values: impl IntoIterator<Item = i64>) -> PublicValues {
        PublicValues(values.into_iter().map(Fr::from).collect())
    }

    /// Words of 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`StatementError::Words`] when the length is no multiple of 32,
    /// [`StatementError::NotCanonical`] with the first word that is not below r.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicValues, StatementError> {
        let (words, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(StatementError::Words { found: bytes.len() });
        }
        let values = words.iter().enumerate();
        let values = values.map(|(index, bytes)| {
            Fr::from_bigint(word(bytes)).ok_or(StatementError::NotCanonical { index })
        });
        Ok(PublicValues(values.collect::<Result<_, _>>()?))
    }

    /// 32 big-endian bytes per value.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len().saturating_mul(32));
        for value in &self.0 {
            write_word(&mut out, value);
        }
        out
    }

    /// The field elements.
    pub fn as_slice(&self) -> &[Fr] {
        &self.0
    }
}

/// A public tensor with its values, or a committed one with its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicTensor {
    /// What the key says about it.
    #[serde(flatten)]
    pub signature: TensorSignature,
    /// The integers, row-major; none when committed.
    pub values: Vec<i64>,
    /// The digest as 32 big-endian bytes, when committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl PublicTensor {
    /// The real numbers that the integers stand for, row-major.
    pub fn reals(&self) -> Vec<f64> {
        self.values.iter().map(|value| self.signature.real(*value)).collect()
    }

    /// The entries for a reader, row-major; see [`TensorSignature::readable`].
    pub fn readable(&self) -> Vec<String> {
        let entries = self.values.iter().enumerate();
        entries.map(|(index, value)| self.signature.readable(index, *value)).collect()
    }
}

/// What a proof says: this model, run exactly on these public inputs and some private ones, has
/// these outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Name of the model, by the key.
    pub model: String,
    /// Digest of the compiled circuit with all that the key says about its inputs and outputs.
    pub circuit_digest: Digest,
    /// Digest of the verifying key.
    pub vk_digest: Digest,
    /// Whether the key was made by a single machine, which must then be trusted.
    pub development: bool,
    /// What the proof is bound to.
    pub context: Context,
    /// The public tensors in the order of the signature.
    pub tensors: Vec<PublicTensor>,
    /// The inputs that are not shown: whoever proved chose them.
    pub private_inputs: Vec<PrivateInput>,
}

impl Statement {
    /// Reads `values` by the signature of `key`.
    ///
    /// # Errors
    /// [`StatementError::Count`] when there are too few or too many, [`StatementError::OutOfRange`]
    /// with the first value outside the range of its tensor.
    pub fn decode(
        key: &VerifyingKey,
        values: &PublicValues,
        context: Context,
    ) -> Result<Statement, StatementError> {
        let parts = key.parts();
        let count =
            || StatementError::Count { expected: parts.public_values, found: values.0.len() };
        if parts.public_values != values.0.len() as u64 {
            return Err(count());
        }
        let mut left = values.as_slice();
        let mut tensors = Vec::with_capacity(parts.signature.len());
        for signature in &parts.signature {
            let entries =
                signature.public_values().and_then(|entries| usize::try_from(entries).ok());
            let split = entries.and_then(|entries| left.split_at_checked(entries));
            let (head, tail) = split.ok_or_else(count)?;
            left = tail;
            tensors.push(decode_tensor(signature, head)?);
        }
        Ok(Statement {
            model: parts.model.clone(),
            circuit_digest: parts.circuit_digest(),
            vk_digest: key.digest(),
            development: parts.development,
            context,
            tensors,
            private_inputs: parts.private_inputs.clone(),
        })
    }
}

fn decode_tensor(
    signature: &TensorSignature,
    values: &[Fr],
) -> Result<PublicTensor, StatementError> {
    if signature.role.is_committed() {
        let digest = values.first().map(digest_of);
        return Ok(PublicTensor { signature: signature.clone(), values: Vec::new(), digest });
    }
    let values = values.iter().enumerate().map(|(index, value)| {
        signed(value).filter(|value| (signature.low..=signature.high).contains(value)).ok_or_else(
            || StatementError::OutOfRange {
                tensor: signature.name.clone(),
                index,
                low: signature.low,
                high: signature.high,
            },
        )
    });
    Ok(PublicTensor {
        signature: signature.clone(),
        values: values.collect::<Result<_, _>>()?,
        digest: None,
    })
}

fn digest_of(value: &Fr) -> Digest {
    let mut bytes = Vec::with_capacity(32);
    write_word(&mut bytes, value);
    Digest(bytes.try_into().unwrap_or_default())
}

/// The integer of least magnitude in the residue class, when it fits.
#[expect(clippy::arithmetic_side_effects, reason = "negation in the field is total")]
fn signed(value: &Fr) -> Option<i64> {
    if let Some(magnitude) = small(value.into_bigint()) {
        return i64::try_from(magnitude).ok();
    }
    0i64.checked_sub_unsigned(small((-*value).into_bigint())?)
}

fn small(value: BigInt<4>) -> Option<u64> {
    match value.0 {
        [low, 0, 0, 0] => Some(low),
        _ => None,
    }
}
