//! Keys whose trapdoor is known, proofs made with the trapdoor instead of a witness, the Solidity
//! compiler, and the example consumers.
//!
//! The simulator of Groth16: with the exponents of a key known, choose A, B and C1 at will and
//! solve the pairing equation for C2. To a verifier such proofs are like any other.
#![allow(dead_code)]

pub mod compiler;
pub mod consumer;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand};
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::{
    Context, Digest, KeyParts, Labels, PrivateInput, Proof, PublicValues, Role, TensorSignature,
    VerifyingKey,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

pub fn rng(seed: u64) -> ChaCha20Rng {
    println!("seed {seed}");
    ChaCha20Rng::seed_from_u64(seed)
}

pub fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

pub fn g2(scalar: Fr) -> G2Affine {
    (G2Affine::generator() * scalar).into_affine()
}

/// Exponents of a key.
#[derive(Clone)]
pub struct Trapdoor {
    pub alpha: Fr,
    pub beta: Fr,
    pub gamma: Fr,
    pub delta1: Fr,
    pub delta2: Fr,
    pub ic: [Fr; 3],
}

impl Trapdoor {
    pub fn random(rng: &mut ChaCha20Rng) -> Trapdoor {
        Trapdoor {
            alpha: Fr::rand(rng),
            beta: Fr::rand(rng),
            gamma: Fr::rand(rng),
            delta1: Fr::rand(rng),
            delta2: Fr::rand(rng),
            ic: [Fr::rand(rng), Fr::rand(rng), Fr::rand(rng)],
        }
    }

    pub fn parts(&self, model: &str, signature: Vec<TensorSignature>) -> KeyParts {
        KeyParts {
            model: model.to_string(),
            graph_digest: Digest([7; 32]),
            development: true,
            public_values: signature.iter().filter_map(TensorSignature::public_values).sum(),
            signature,
            private_inputs: private_inputs(),
            alpha1: g1(self.alpha),
            beta2: g2(self.beta),
            gamma2: g2(self.gamma),
            delta1_2: g2(self.delta1),
            delta2_2: g2(self.delta2),
            ic: self.ic.map(g1),
        }
    }

    pub fn key(&self, model: &str, signature: Vec<TensorSignature>) -> VerifyingKey {
        VerifyingKey::new(self.parts(model, signature)).expect("a random key is good")
    }

    /// A proof of any statement for the key with digest `key`.
    pub fn simulate(
        &self,
        key: Digest,
        values: &PublicValues,
        context: Context,
        rng: &mut ChaCha20Rng,
    ) -> Proof {
        let (a, b, c1) = (Fr::rand(rng), Fr::rand(rng), Fr::rand(rng));
        let chi = challenge(key, context, values.as_slice(), &g1(c1));
        let phi = fold(values.as_slice(), chi);
        let public = self.ic[0] + self.ic[1] * chi + self.ic[2] * phi;
        let rest = a * b - self.alpha * self.beta - public * self.gamma - c1 * self.delta1;
        let c2 = rest * self.delta2.inverse().expect("delta2 is not zero");
        Proof::new(g1(a), g2(b), g1(c1), g1(c2)).expect("random points are good")
    }
}

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

/// What is not shown.
pub fn private_inputs() -> Vec<PrivateInput> {
    vec![PrivateInput {
        name: "mask".to_string(),
        shape: vec![1, 3],
        fractional_bits: 0,
        low: 0,
        high: 1,
    }]
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
