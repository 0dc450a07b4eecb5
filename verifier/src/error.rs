//! Everything that can be wrong with what a verifier is given.
//!
//! Each variant says what was expected and what came. None of them is a panic.

use thiserror::Error;

use crate::Digest;
use crate::generation::GenerationError;

/// Why 64 or 128 bytes are not a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PointError {
    /// A coordinate is not below the base field's modulus.
    #[error("a coordinate is not below the field modulus")]
    NotCanonical,
    /// All coordinates are zero: the point at infinity.
    #[error("it is the point at infinity")]
    Infinity,
    /// The coordinates do not satisfy the curve equation.
    #[error("it is not on the curve")]
    OffCurve,
    /// On the curve over the extension field, outside the subgroup of order r.
    #[error("it is outside the subgroup of order r")]
    WrongSubgroup,
}

/// Why bytes are not a proof.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// A proof has one length.
    #[error("a proof is {expected} bytes, these are {found}")]
    Length {
        /// [`crate::Proof::BYTES`].
        expected: usize,
        /// What came.
        found: usize,
    },
    /// One of the four points is unusable.
    #[error("point {point} of the proof is invalid: {reason}")]
    Point {
        /// `A`, `B`, `C1` or `C2`.
        point: &'static str,
        /// What is wrong with it.
        reason: PointError,
    },
}

/// A rule for keys in docs/protocol.md that a key breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LintError {
    /// A point is off its curve, outside its subgroup or at infinity.
    #[error("{point} is invalid: {reason}")]
    Point {
        /// Name of the point.
        point: &'static str,
        /// What is wrong with it.
        reason: PointError,
    },
    /// Two points that must be independent are equal, or opposite.
    #[error(
        "{first} and {second} are equal up to sign: whoever knows this relation can forge proofs; \
         this key did not come from a complete setup"
    )]
    Related {
        /// Name of the first point.
        first: &'static str,
        /// Name of the second point.
        second: &'static str,
    },
    /// The key's count of public values is not the number of entries of its tensors.
    #[error("the key declares {declared} public values, its tensors have {tensors}")]
    PublicValueCount {
        /// The count in the key.
        declared: u64,
        /// The sum over the signature.
        tensors: u64,
    },
    /// The model has no name.
    #[error("the key names no model")]
    UnnamedModel,
    /// A tensor has no name.
    #[error("tensor {index} has no name")]
    UnnamedTensor {
        /// Position in the signature; private inputs follow.
        index: usize,
    },
    /// Two tensors of one side share a name.
    #[error("two {role} tensors are called `{name}`")]
    DuplicateTensor {
        /// `input` or `output`.
        role: &'static str,
        /// The name.
        name: String,
    },
    /// The number of entries of a tensor does not fit.
    #[error("tensor `{tensor}` has more than {limit} entries")]
    TensorTooLarge {
        /// Name of the tensor.
        tensor: String,
        /// [`crate::signature::MAX_ENTRIES`].
        limit: u64,
    },
    /// A scale that no model has.
    #[error(
        "tensor `{tensor}` has {found} fractional bits; {limit} is the most in either direction"
    )]
    FractionalBits {
        /// Name of the tensor.
        tensor: String,
        /// What the key says.
        found: i32,
        /// [`crate::signature::MAX_FRACTIONAL_BITS`].
        limit: i32,
    },
    /// An empty range.
    #[error("tensor `{tensor}` has the empty range {low}..={high}")]
    EmptyRange {
        /// Name of the tensor.
        tensor: String,
        /// Least value.
        low: i64,
        /// Greatest value.
        high: i64,
    },
    /// The labels do not fit the tensor.
    #[error("public tensor `{tensor}` has {found} labels where {expected} are needed")]
    LabelCount {
        /// Name of the tensor.
        tensor: String,
        /// Last dimension, or size of the range.
        expected: u64,
        /// What the key says.
        found: usize,
    },
    /// Labels of values, on a tensor whose values are not indices.
    #[error(
        "public tensor `{tensor}` labels its values, so they must be integers from 0: found {low}, \
            {fractional_bits} fractional bits"
    )]
    LabelledValues {
        /// Name of the tensor.
        tensor: String,
        /// Least value.
        low: i64,
        /// Fractional bits.
        fractional_bits: i32,
    },
}

/// Why bytes are not a usable verifying key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The file does not start with the magic bytes.
    #[error("this is not a verifying key file")]
    Magic,
    /// A version that this build does not read.
    #[error(
        "the key has format version {found}, this build reads {expected}: run `lemma setup` again"
    )]
    Version {
        /// [`crate::key::VERSION`].
        expected: u32,
        /// What came.
        found: u32,
    },
    /// The bytes end too early.
    #[error("the key ends inside {field}: {needed} bytes needed, {left} left")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        left: usize,
    },
    /// There is more after the last field.
    #[error("{bytes} bytes follow the end of the key")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The file's checksum does not fit its contents.
    #[error("the key file is damaged: its checksum is {expected}, its contents have {found}")]
    Checksum {
        /// In the file.
        expected: Digest,
        /// Of the contents.
        found: Digest,
    },
    /// A point that does not parse.
    #[error("{point} of the key is invalid: {reason}")]
    Point {
        /// Name of the point.
        point: &'static str,
        /// What is wrong with it.
        reason: PointError,
    },
    /// A byte with few legal values has another one.
    #[error("{field} is {found}, expected at most {limit}")]
    Choice {
        /// What was being read.
        field: &'static str,
        /// Greatest legal value.
        limit: u8,
        /// What came.
        found: u8,
    },
    /// A string that is not UTF-8.
    #[error("{field} is not UTF-8")]
    Text {
        /// What was being read.
        field: &'static str,
    },
    /// The key parses and breaks a rule.
    #[error("the key is refused: {0}")]
    Lint(#[from] LintError),
    /// The key is for another circuit than the one at hand.
    #[error(
        "the key is for circuit {found}, the compiled model has circuit {expected}: run `lemma \
            setup` again"
    )]
    OtherCircuit {
        /// Digest of the compiled circuit.
        expected: Digest,
        /// Digest in the key.
        found: Digest,
    },
}

/// Why values are not a statement about the model of a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StatementError {
    /// A 32-byte word that is not below r.
    #[error("public value {index} is not below the field modulus r")]
    NotCanonical {
        /// Position in the statement.
        index: usize,
    },
    /// Bytes that are not whole words.
    #[error("public values are words of 32 bytes, {found} bytes came")]
    Words {
        /// What came.
        found: usize,
    },
    /// Too few or too many values.
    #[error("the key expects {expected} public values, {found} came")]
    Count {
        /// By the key.
        expected: u64,
        /// What came.
        found: usize,
    },
    /// A value outside the range that the key declares.
    #[error("entry {index} of public tensor `{tensor}` is outside its range {low}..={high}")]
    OutOfRange {
        /// Name of the tensor.
        tensor: String,
        /// Position in the tensor.
        index: usize,
        /// Least value.
        low: i64,
        /// Greatest value.
        high: i64,
    },
}

/// Why a file is not a proof file for a key.
#[derive(Debug, Error)]
pub enum FileError {
    /// The JSON does not parse or lacks a field.
    #[error("the proof file is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// A format that this build does not read.
    #[error("the proof file has format `{found}`, this build reads `{expected}`")]
    Format {
        /// [`crate::file::FORMAT`].
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// A field that must be hexadecimal with a leading `0x`.
    #[error("field `{field}` of the proof file is not hexadecimal with a leading 0x")]
    Hex {
        /// Name of the field.
        field: &'static str,
    },
    /// The proof bytes do not parse.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The proof was made with another key.
    #[error("the proof file was made with key {found}, this key is {expected}")]
    OtherKey {
        /// Digest of the key at hand.
        expected: Digest,
        /// What the file names.
        found: String,
    },
    /// The file names another model than the key.
    #[error("the proof file names model `{found}`, the key is for `{expected}`")]
    OtherModel {
        /// By the key.
        expected: String,
        /// By the file.
        found: String,
    },
    /// A wrong number of tensors.
    #[error("the key has {expected} public tensors, the proof file {found}")]
    TensorCount {
        /// By the key.
        expected: usize,
        /// By the file.
        found: usize,
    },
    /// The private inputs are described otherwise than in the key.
    #[error("the proof file does not name the private inputs of the key: {expected:?}")]
    PrivateInputs {
        /// Their names by the key.
        expected: Vec<String>,
    },
    /// A tensor is described otherwise than in the key.
    #[error(
        "public tensor {index} of the proof file has another {field} than `{tensor}` of the key"
    )]
    Signature {
        /// Position.
        index: usize,
        /// Name by the key.
        tensor: String,
        /// `name`, `role`, `shape`, `fractional bits` or `digest` (there or not).
        field: &'static str,
    },
    /// A tensor with too few or too many values.
    #[error("public tensor `{tensor}` has {expected} entries, the proof file {found}")]
    ValueCount {
        /// Name of the tensor.
        tensor: String,
        /// By the key.
        expected: u64,
        /// By the file.
        found: usize,
    },
    /// The readable form of an entry is not what its integer decodes to.
    #[error(
        "entry {index} of public tensor `{tensor}` reads `{found}` in the proof file, its integer \
            means `{expected}`"
    )]
    Decoded {
        /// Name of the tensor.
        tensor: String,
        /// Position in the tensor.
        index: usize,
        /// What the integer means.
        expected: String,
        /// What the file says, empty when it says nothing.
        found: String,
    },
    /// The values are no statement about the key's model.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// Why a statement is not proven.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The values are no statement about the key's model.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The proof file does not fit the key.
    #[error(transparent)]
    File(#[from] FileError),
    /// The context claims a generation that the statement is not.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// A generation was asked for.
    #[error("this proof is none of a generation, and one is asked for")]
    NoGeneration,
    /// Another context was asked for.
    #[error("the proof is bound to the context {found}, and {wanted} is asked for")]
    OtherContext {
        /// The bytes asked for.
        wanted: String,
        /// The bytes of the proof.
        found: String,
    },
    /// The pairing equation does not hold.
    #[error("the proof does not prove this statement under this key and context")]
    Rejected,
}
