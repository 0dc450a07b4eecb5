//! The proof file: JSON that a person can read.
//!
//! ```text
//! {
//!   "format": "lemma-proof-2",
//!   "model": "digits",
//!   "verifying_key": "0x...",                     32 bytes, the key's digest
//!   "context": "0x...",                           the caller's bytes, "0x" when there are none
//!   "tensors": [
//!     { "name": "image", "role": "input", "shape": [1, 2], "fractional_bits": 8,
//!       "values": [128, -64],                     the integers that are proven
//!       "decoded": ["0.5", "-0.25"] },            what they mean, with the key's labels
//!     { "name": "scores", "role": "committed output", "shape": [1, 4], "fractional_bits": 8,
//!       "values": [], "decoded": [],
//!       "digest": "0x..." }                       32 bytes instead of values
//!   ],
//!   "private_inputs": [                           not shown: whoever proved chose them
//!     { "name": "mask", "shape": [1, 2], "fractional_bits": 0, "low": 0, "high": 1 } ],
//!   "proof": "0x..."                              320 bytes
//! }
//! ```
//!
//! Only `values`, `digest`, `context` and `proof` carry information; everything else is there for
//! the reader and is compared with the key when the file is opened. A file whose readable part says
//! something else than its proof is rejected.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{FileError, StatementError, VerifyError};
use crate::generation::{Generation, split_context};
use crate::{
    Context, Labels, PreparedKey, PrivateInput, Proof, PublicTensor, PublicValues, Role, Statement,
    TensorSignature, Verified, VerifyingKey,
};

/// The format that this build writes and reads.
pub const FORMAT: &str = "lemma-proof-2";

/// A proof file as it stands on disk: nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    /// [`FORMAT`].
    pub format: String,
    /// Name of the model.
    pub model: String,
    /// Digest of the verifying key.
    pub verifying_key: String,
    /// The caller's bytes.
    pub context: String,
    /// The public tensors.
    #[serde(deserialize_with = "objects")]
    pub tensors: Vec<FileTensor>,
    /// The inputs that are not shown.
    #[serde(deserialize_with = "objects")]
    pub private_inputs: Vec<PrivateInput>,
    /// The proof.
    pub proof: String,
}

/// A public tensor in a [`ProofFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTensor {
    /// Name in the model.
    pub name: String,
    /// Input or output, public or committed.
    pub role: Role,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// An integer `v` means `v / 2^fractional_bits`.
    pub fractional_bits: i32,
    /// The integers, row-major; none when committed.
    pub values: Vec<i64>,
    /// The entries for a reader, row-major.
    pub decoded: Vec<String>,
    /// The digest, when committed.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl ProofFile {
    /// The file for a proof; `context` are the bytes behind [`Context::of`].
    ///
    /// # Errors
    /// When `values` do not fit the signature of `key`.
    pub fn new(
        key: &VerifyingKey,
        values: &PublicValues,
        context: &[u8],
        proof: &Proof,
    ) -> Result<ProofFile, StatementError> {
        let statement = Statement::decode(key, values, Context::of(context))?;
        Ok(ProofFile {
            format: FORMAT.to_string(),
            model: statement.model,
            verifying_key: statement.vk_digest.to_string(),
            context: format!("0x{}", hex::encode(context)),
            tensors: statement.tensors.into_iter().map(FileTensor::from).collect(),
            private_inputs: statement.private_inputs,
            proof: format!("0x{}", hex::encode(proof.to_bytes())),
        })
    }

    /// Most bytes of a file that is read without its key: more values than any chain takes.
    pub const MAX_BYTES: u64 = 1 << 24;

    /// Most bytes of a file for `key`: its names and labels escaped, its values and numbers at
    /// their longest, and 2 MiB for the context and the space between.
    pub fn max_bytes(key: &VerifyingKey) -> u64 {
        const BESIDE: u64 = 1 << 21;
        const FIELDS: u64 = 1 << 10;
        const PER_VALUE: u64 = 128;
        let text = |text: &String| (text.len() as u64).saturating_mul(6);
        let tensor = |tensor: &TensorSignature| {
            let label = match &tensor.labels {
                Labels::None => 0,
                Labels::Entries(names) | Labels::Values(names) => {
                    names.iter().map(text).max().unwrap_or(0)
                }
            };
            let values =
                tensor.public_values().unwrap_or(0).saturating_mul(PER_VALUE.saturating_add(label));
            let shape = (tensor.shape.len() as u64).saturating_mul(PER_VALUE);
            FIELDS.saturating_add(text(&tensor.name)).saturating_add(shape).saturating_add(values)
        };
        let parts = key.parts();
        let private = |input: &PrivateInput| {
            let shape = (input.shape.len() as u64).saturating_mul(PER_VALUE);
            FIELDS.saturating_add(text(&input.name)).saturating_add(shape)
        };
        let tensors =
            parts.signature.iter().map(tensor).chain(parts.private_inputs.iter().map(private));
        tensors.fold(BESIDE.saturating_add(text(&parts.model)), u64::saturating_add)
    }

    /// Parses JSON.
    ///
    /// # Errors
    /// [`FileError::Json`] when a field is missing, unknown, given without its name or of another
    /// type; [`FileError::Format`] for another format.
    pub fn from_json(bytes: &[u8]) -> Result<ProofFile, FileError> {
        let Object(file) = serde_json::from_slice::<Object<ProofFile>>(bytes)?;
        if file.format != FORMAT {
            return Err(FileError::Format { expected: FORMAT, found: file.format });
        }
        Ok(file)
    }

    /// The file as JSON, indented.
    ///
    /// # Errors
    /// None for a file of strings and integers; the signature is that of the serialiser.
    pub fn to_json(&self) -> Result<String, FileError> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Compares everything readable with `key` and returns what is to be verified.
    ///
    /// # Errors
    /// The first field that does not fit the key.
    pub fn open(&self, key: &VerifyingKey) -> Result<(PublicValues, Context, Proof), FileError> {
        let parts = key.parts();
        if bytes(&self.verifying_key, "verifying_key")? != key.digest().0 {
            return Err(FileError::OtherKey {
                expected: key.digest(),
                found: self.verifying_key.clone(),
            });
        }
        if self.model != parts.model {
            return Err(FileError::OtherModel {
                expected: parts.model.clone(),
                found: self.model.clone(),
            });
        }
        if self.tensors.len() != parts.signature.len() {
            return Err(FileError::TensorCount {
                expected: parts.signature.len(),
                found: self.tensors.len(),
            });
        }
        if self.private_inputs != parts.private_inputs {
            let expected = parts.private_inputs.iter().map(|input| input.name.clone()).collect();
            return Err(FileError::PrivateInputs { expected });
        }
        for (index, (tensor, signature)) in self.tensors.iter().zip(&parts.signature).enumerate() {
            tensor.matches(index, signature)?;
        }
        self.contents()
    }

    /// What the file holds, compared with no key: enough to pass it on, not to believe it.
    ///
    /// # Errors
    /// Text that is not hexadecimal, a digest that is no field element, or bytes that are no proof.
    pub fn contents(&self) -> Result<(PublicValues, Context, Proof), FileError> {
        let mut values = Vec::new();
        for tensor in &self.tensors {
            match &tensor.digest {
                Some(digest) => {
                    let word = bytes(digest, "digest")?;
                    if word.len() != 32 {
                        return Err(FileError::Hex { field: "digest" });
                    }
                    let index = values.len();
                    let word = PublicValues::from_bytes(&word)
                        .map_err(|_| StatementError::NotCanonical { index })?;
                    values.extend_from_slice(word.as_slice());
                }
                None => values.extend_from_slice(
                    PublicValues::from_integers(tensor.values.iter().copied()).as_slice(),
                ),
            }
        }
        let context = Context::of(&bytes(&self.context, "context")?);
        let proof = Proof::from_bytes(&bytes(&self.proof, "proof")?)?;
        Ok((PublicValues::new(values), context, proof))
    }

    /// Opens the file, verifies its proof, and checks that it is what the caller asks for: the one
    /// way from a file to something to rely on.
    ///
    /// # Errors
    /// [`VerifyError::File`] when the file does not fit the key; as [`PreparedKey::verify`];
    /// [`VerifyError::Generation`] when its context claims a generation that the statement is not;
    /// [`VerifyError::NoGeneration`] and [`VerifyError::OtherContext`] when it is not what is
    /// demanded.
    pub fn verify(&self, key: &PreparedKey, demand: &Demand) -> Result<Accepted, VerifyError> {
        let (values, context, proof) = self.open(key.key())?;
        let verified = key.verify(&values, context, &proof)?;
        let bytes = bytes(&self.context, "context")?;
        let generation = Generation::of(&verified, &bytes)?;
        let caller = split_context(&bytes)?.map_or(bytes.as_slice(), |parts| parts.caller).to_vec();
        if demand.generation && generation.is_none() {
            return Err(VerifyError::NoGeneration);
        }
        match demand.context {
            Some(wanted) if wanted != caller => Err(VerifyError::OtherContext {
                wanted: format!("0x{}", hex::encode(wanted)),
                found: format!("0x{}", hex::encode(caller)),
            }),
            _ => Ok(Accepted { verified, generation, caller }),
        }
    }
}

/// What a caller asks of a proof file besides its proof.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demand<'a> {
    /// The bytes that the proof must be bound to; any when `None`. Of a generation, those behind
    /// its lengths.
    pub context: Option<&'a [u8]>,
    /// Whether it must be a generation.
    pub generation: bool,
}

/// A proof file that holds and is what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// What was proven.
    pub verified: Verified,
    /// The generated text, when the context says that it is one.
    pub generation: Option<Generation>,
    /// The caller's bytes of the context.
    pub caller: Vec<u8>,
}

impl FileTensor {
    fn matches(&self, index: usize, signature: &TensorSignature) -> Result<(), FileError> {
        let fields = [
            ("name", self.name == signature.name),
            ("role", self.role == signature.role),
            ("shape", self.shape == signature.shape),
            ("fractional bits", self.fractional_bits == signature.fractional_bits),
            ("digest", self.digest.is_some() == signature.role.is_committed()),
        ];
        if let Some((field, _)) = fields.into_iter().find(|(_, same)| !same) {
            return Err(FileError::Signature { index, tensor: signature.name.clone(), field });
        }
        let expected =
            if signature.role.is_committed() { 0 } else { signature.entries().unwrap_or(u64::MAX) };
        for found in [self.values.len(), self.decoded.len()] {
            if expected != found as u64 {
                return Err(FileError::ValueCount {
                    tensor: signature.name.clone(),
                    expected,
                    found,
                });
            }
        }
        for (index, (value, found)) in self.values.iter().zip(&self.decoded).enumerate() {
            let expected = signature.readable(index, *value);
            if *found != expected {
                let (tensor, found) = (signature.name.clone(), found.clone());
                return Err(FileError::Decoded { tensor, index, expected, found });
            }
        }
        Ok(())
    }
}

impl From<PublicTensor> for FileTensor {
    fn from(tensor: PublicTensor) -> FileTensor {
        let decoded = tensor.readable();
        let TensorSignature { name, role, shape, fractional_bits, .. } = tensor.signature;
        FileTensor {
            name,
            role,
            shape,
            fractional_bits,
            values: tensor.values,
            decoded,
            digest: tensor.digest.map(|digest| digest.to_string()),
        }
    }
}

/// A structure that is written as an object: a list of its fields without their names is another
/// spelling, and refused.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_map(Named(PhantomData)).map(Object)
    }
}

struct Named<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Named<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// A field that is left out or has a value, but is not null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

fn bytes(text: &str, field: &'static str) -> Result<Vec<u8>, FileError> {
    let digits = text.strip_prefix("0x").ok_or(FileError::Hex { field })?;
    hex::decode(digits).map_err(|_| FileError::Hex { field })
}
