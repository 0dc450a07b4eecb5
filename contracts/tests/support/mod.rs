//! Proofs made with a trapdoor, the Solidity compiler, and the example consumers.
#![allow(dead_code)]

pub mod compiler;
pub mod consumer;

pub use lemma_testkit::simulator::{Trapdoor, rng};

use lemma_verifier::{Context, Labels, Proof, PublicValues, Role, TensorSignature, VerifyingKey};
use rand_chacha::ChaCha20Rng;

/// A tensor without labels.
pub fn tensor(name: &str, role: Role, shape: &[usize], low: i64, high: i64) -> TensorSignature {
    TensorSignature {
        name: name.to_string(),
        role,
        shape: shape.to_vec(),
        fractional_bits: 8,
        low,
        high,
        labels: Labels::None,
    }
}

/// Two inputs of three and a score: seven values with three ranges.
pub fn signature() -> Vec<TensorSignature> {
    vec![
        tensor("bytes", Role::Input, &[1, 3], 0, 255),
        tensor("offsets", Role::Input, &[3], i64::MIN, i64::MAX),
        tensor("score", Role::Output, &[], -1000, -5),
    ]
}

pub const INTEGERS: [i64; 7] = [0, 255, 17, i64::MIN, -1, i64::MAX, -5];

pub fn values() -> PublicValues {
    PublicValues::from_integers(INTEGERS)
}

/// A key, a context and a proof of [`values`] for them.
pub struct Scene {
    pub trapdoor: Trapdoor,
    pub key: VerifyingKey,
    pub context: Context,
    pub proof: Proof,
    pub rng: ChaCha20Rng,
}

pub fn scene(seed: u64) -> Scene {
    let mut rng = rng(seed);
    let trapdoor = Trapdoor::random(&mut rng);
    let key = trapdoor.key("toy", signature());
    let context = Context::of(b"nonce 1");
    let proof = trapdoor.simulate(key.digest(), &values(), context, &mut rng);
    Scene { trapdoor, key, context, proof, rng }
}
