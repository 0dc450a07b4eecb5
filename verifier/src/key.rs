//! The verifying key, its canonical bytes and its file.
//!
//! Canonical bytes; integers big-endian, points as in [`crate::proof`], text as UTF-8 behind its
//! length (u32):
//!
//! ```text
//! offset  bytes
//!      0      8  magic "lemma-vk"
//!      8      4  version (u32)
//!     12      1  1 for a development key, else 0
//!     13     32  graph digest: of the integer graph, its tables and the lowering
//!     45     64  alpha1            G1
//!    109    128  beta2             G2
//!    237    128  gamma2            G2
//!    365    128  delta1_2          G2
//!    493    128  delta2_2          G2
//!    621    192  ic0 ic1 ic2       G1
//!    813      8  number of public values (u64)
//!    821         model name (text)
//!             4  number of public tensors (u32), then for each
//!                    name (text), role (u8: 0 input, 1 output, 2 committed
//!                    input, 3 committed output), rank (u32), dimensions (u64 each),
//!                    fractional bits (i32), least and greatest value (i64 each), kind of labels
//!                    (u8: 0 none, 1 of entries, 2 of values) and unless 0 their number (u32) and each (text)
//!             4  number of private inputs (u32), then for each
//!                    name (text), rank (u32), dimensions (u64 each), fractional bits (i32), least and greatest value (i64 each)
//! ```
//!
//! The key's digest is keccak256 of these bytes. It enters every challenge, so a proof is bound to
//! each of them.
//!
//! The circuit digest is keccak256 of the word "lemma circuit v1", the graph digest, and the bytes
//! above from the number of public tensors on. A key does not hold it: it follows. So whoever knows
//! the circuit digest of a model, from compiling it or from someone trusted, knows that a key with
//! this digest names every input, every range and every label as the compilation did, though the
//! key came from elsewhere.
//!
//! The file `verifying.key` is
//!
//! ```text
//!      0      8  magic "lemma.vk"
//!      8      4  version (u32)
//!     12      8  length of the canonical bytes (u64)
//!     20         canonical bytes
//!            32  their keccak256
//! ```

use ark_bn254::{G1Affine, G2Affine};

use crate::codec::{Reader, write_count, write_text};
use crate::error::{KeyError, PointError};
use crate::lint::lint;
use crate::point::{read_g1, read_g2, write_g1, write_g2};
use crate::{Digest, PrivateInput, TensorSignature};

/// Version of the canonical bytes and of the protocol that they are for.
pub const VERSION: u32 = 2;

/// First word of the circuit digest's bytes, zero padded.
const CIRCUIT: [u8; 32] = *b"lemma circuit v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const MAGIC: [u8; 8] = *b"lemma-vk";
const FILE_MAGIC: [u8; 8] = *b"lemma.vk";

/// The contents of a verifying key, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyParts {
    /// Name of the model.
    pub model: String,
    /// Digest of the integer graph, its tables and the lowering.
    pub graph_digest: Digest,
    /// Whether a single machine made the key and must be trusted to have forgotten the trapdoor.
    pub development: bool,
    /// Number of values folded into `phi`.
    pub public_values: u64,
    /// The public tensors in fold order.
    pub signature: Vec<TensorSignature>,
    /// The inputs that a statement does not show.
    pub private_inputs: Vec<PrivateInput>,
    /// `[alpha]`.
    pub alpha1: G1Affine,
    /// `[beta]`.
    pub beta2: G2Affine,
    /// `[gamma]`.
    pub gamma2: G2Affine,
    /// `[delta1]`, of round 1.
    pub delta1_2: G2Affine,
    /// `[delta2]`, of round 2.
    pub delta2_2: G2Affine,
    /// `[K_j(tau) / gamma]` for the public wires 1, chi and phi.
    pub ic: [G1Affine; 3],
}

impl KeyParts {
    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.push(u8::from(self.development));
        out.extend_from_slice(&self.graph_digest.0);
        write_g1(&mut out, &self.alpha1);
        for point in [&self.beta2, &self.gamma2, &self.delta1_2, &self.delta2_2] {
            write_g2(&mut out, point);
        }
        for point in &self.ic {
            write_g1(&mut out, point);
        }
        out.extend_from_slice(&self.public_values.to_be_bytes());
        write_text(&mut out, &self.model);
        write_interface(&mut out, &self.signature, &self.private_inputs);
        out
    }

    /// Digest of the graph and of what the key says about its inputs and outputs.
    pub fn circuit_digest(&self) -> Digest {
        circuit_digest(self.graph_digest, &self.signature, &self.private_inputs)
    }

    /// keccak256 of the canonical bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    fn read(bytes: &[u8]) -> Result<KeyParts, KeyError> {
        let mut reader = Reader::new(bytes);
        expect_header(&mut reader, MAGIC)?;
        let development = reader.choice(1, "the development flag")? == 1;
        let graph_digest = Digest(reader.array("the graph digest")?);
        let alpha1 = reader.array("alpha1")?;
        let [beta2, gamma2] = [reader.array("beta2")?, reader.array("gamma2")?];
        let [delta1_2, delta2_2] = [reader.array("delta1_2")?, reader.array("delta2_2")?];
        let [ic0, ic1, ic2] = [reader.array("ic0")?, reader.array("ic1")?, reader.array("ic2")?];
        let public_values = reader.u64("the number of public values")?;
        let model = reader.text("the model's name")?;
        let mut signature = Vec::new();
        for _ in 0..reader.u32("the number of public tensors")? {
            signature.push(TensorSignature::read(&mut reader)?);
        }
        let mut private_inputs = Vec::new();
        for _ in 0..reader.u32("the number of private inputs")? {
            private_inputs.push(PrivateInput::read(&mut reader)?);
        }
        reader.end()?;
        // The points last, since they are what takes time.
        Ok(KeyParts {
            model,
            graph_digest,
            development,
            public_values,
            signature,
            private_inputs,
            alpha1: g1(&alpha1, "alpha1")?,
            ic: [g1(&ic0, "ic0")?, g1(&ic1, "ic1")?, g1(&ic2, "ic2")?],
            beta2: g2(&beta2, "beta2")?,
            gamma2: g2(&gamma2, "gamma2")?,
            delta1_2: g2(&delta1_2, "delta1_2")?,
            delta2_2: g2(&delta2_2, "delta2_2")?,
        })
    }
}

/// A verifying key that has passed [`lint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    parts: KeyParts,
    digest: Digest,
}

impl VerifyingKey {
    /// Checks `parts`.
    ///
    /// # Errors
    /// [`KeyError::Lint`] with the first rule that they break.
    pub fn new(parts: KeyParts) -> Result<VerifyingKey, KeyError> {
        lint(&parts)?;
        let digest = parts.digest();
        Ok(VerifyingKey { parts, digest })
    }

    /// Parses and checks the canonical bytes.
    ///
    /// # Errors
    /// The first field that does not parse, or the first rule that the key breaks.
    pub fn from_bytes(bytes: &[u8]) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::new(KeyParts::read(bytes)?)
    }

    /// Parses and checks the contents of a `verifying.key` file.
    ///
    /// # Errors
    /// [`KeyError::Checksum`] when the file is damaged, else as [`VerifyingKey::from_bytes`].
    pub fn from_file(bytes: &[u8]) -> Result<VerifyingKey, KeyError> {
        let mut reader = Reader::new(bytes);
        expect_header(&mut reader, FILE_MAGIC)?;
        let length = reader.u64("the length of the key")?;
        let body = reader.take(length, "the key")?;
        let expected = Digest(reader.array("the checksum")?);
        reader.end()?;
        let found = Digest::of(body);
        if expected != found {
            return Err(KeyError::Checksum { expected, found });
        }
        VerifyingKey::from_bytes(body)
    }

    /// The contents of a `verifying.key` file.
    pub fn to_file(&self) -> Vec<u8> {
        let body = self.to_bytes();
        let mut out = Vec::with_capacity(body.len().saturating_add(52));
        out.extend_from_slice(&FILE_MAGIC);
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&self.digest.0);
        out
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.parts.to_bytes()
    }

    /// keccak256 of the canonical bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The contents.
    pub fn parts(&self) -> &KeyParts {
        &self.parts
    }

    /// Checks that the key is for the circuit with digest `circuit`.
    ///
    /// # Errors
    /// [`KeyError::OtherCircuit`] when it is not.
    pub fn expect_circuit(&self, circuit: Digest) -> Result<(), KeyError> {
        let found = self.parts.circuit_digest();
        if found != circuit {
            return Err(KeyError::OtherCircuit { expected: circuit, found });
        }
        Ok(())
    }
}

/// The circuit digest of a graph whose inputs and outputs are described so.
pub fn circuit_digest(
    graph: Digest,
    signature: &[TensorSignature],
    private_inputs: &[PrivateInput],
) -> Digest {
    let mut bytes = [CIRCUIT, graph.0].concat();
    write_interface(&mut bytes, signature, private_inputs);
    Digest::of(&bytes)
}

fn write_interface(
    out: &mut Vec<u8>,
    signature: &[TensorSignature],
    private_inputs: &[PrivateInput],
) {
    write_count(out, signature.len());
    signature.iter().for_each(|tensor| tensor.write(out));
    write_count(out, private_inputs.len());
    private_inputs.iter().for_each(|input| input.write(out));
}

fn expect_header(reader: &mut Reader, magic: [u8; 8]) -> Result<(), KeyError> {
    if reader.array("the magic bytes")? != magic {
        return Err(KeyError::Magic);
    }
    let found = reader.u32("the version")?;
    if found != VERSION {
        return Err(KeyError::Version { expected: VERSION, found });
    }
    Ok(())
}

fn g1(bytes: &[u8; 64], point: &'static str) -> Result<G1Affine, KeyError> {
    read_g1(bytes).map_err(named(point))
}

fn g2(bytes: &[u8; 128], point: &'static str) -> Result<G2Affine, KeyError> {
    read_g2(bytes).map_err(named(point))
}

fn named(point: &'static str) -> impl Fn(PointError) -> KeyError {
    move |reason| KeyError::Point { point, reason }
}
