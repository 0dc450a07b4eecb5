//! The contents of a verifying key and their canonical bytes.

use ark_bn254::{G1Affine, G2Affine};

use crate::codec::{Reader, write_count, write_text};
use crate::error::{KeyError, PointError};
use crate::point::{read_g1, read_g2, write_g1, write_g2};
use crate::{Digest, PrivateInput, TensorSignature};

/// Version of the canonical bytes and of the protocol that they are for.
pub const VERSION: u32 = 2;

/// First word of the circuit digest's bytes, zero padded.
const CIRCUIT: [u8; 32] = *b"lemma circuit v1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const MAGIC: [u8; 8] = *b"lemma-vk";

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

    pub(super) fn read(bytes: &[u8]) -> Result<KeyParts, KeyError> {
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

/// Reads the magic bytes and the version.
pub(super) fn expect_header(reader: &mut Reader, magic: [u8; 8]) -> Result<(), KeyError> {
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
