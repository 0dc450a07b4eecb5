//! A key whose trapdoor is known, and proofs made with the trapdoor instead of a witness.
//!
//! The simulator of Groth16: with the exponents of a key known, choose A, B and C1 at will and
//! solve the pairing equation for C2. To the verifier such proofs are like any other.
#![allow(dead_code)]

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
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

    pub fn parts(&self) -> KeyParts {
        let signature = signature();
        KeyParts {
            model: "toy".to_string(),
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

    pub fn key(&self) -> VerifyingKey {
        VerifyingKey::new(self.parts()).expect("a random key is good")
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

/// An image of three pixels, four scores, one class: eight public values.
pub fn signature() -> Vec<TensorSignature> {
    vec![
        TensorSignature {
            name: "image".to_string(),
            role: Role::Input,
            shape: vec![1, 3],
            fractional_bits: 8,
            low: -256,
            high: 256,
            labels: Labels::None,
        },
        TensorSignature {
            name: "scores".to_string(),
            role: Role::Output,
            shape: vec![2, 2],
            fractional_bits: 4,
            low: -1000,
            high: 1000,
            labels: Labels::Entries(vec!["cat".to_string(), "dog".to_string()]),
        },
        TensorSignature {
            name: "class".to_string(),
            role: Role::Output,
            shape: vec![],
            fractional_bits: 0,
            low: 0,
            high: 1,
            labels: Labels::Values(vec!["cat".to_string(), "dog".to_string()]),
        },
    ]
}

/// What is not shown: a mask over the image.
pub fn private_inputs() -> Vec<PrivateInput> {
    vec![PrivateInput {
        name: "mask".to_string(),
        shape: vec![1, 3],
        fractional_bits: 0,
        low: 0,
        high: 1,
    }]
}

pub const INTEGERS: [i64; 8] = [0, -128, 256, 17, -5, 999, -1000, 1];

pub fn values() -> PublicValues {
    PublicValues::from_integers(INTEGERS)
}

/// r, the order of the groups, as a big-endian word.
pub fn order() -> [u8; 32] {
    use ark_ff::{BigInteger, PrimeField};
    Fr::MODULUS.to_bytes_be().try_into().expect("32 bytes")
}

/// q, the modulus of the coordinates, as a big-endian word.
pub fn modulus() -> [u8; 32] {
    use ark_ff::{BigInteger, PrimeField};
    Fq::MODULUS.to_bytes_be().try_into().expect("32 bytes")
}

/// `x + y` of two big-endian words; `None` when it needs a 33rd byte.
pub fn add_words(x: &[u8], y: &[u8; 32]) -> Option<[u8; 32]> {
    let mut sum = [0u8; 32];
    let mut carry = 0u16;
    for at in (0..32).rev() {
        carry += u16::from(x[at]) + u16::from(y[at]);
        sum[at] = carry as u8;
        carry >>= 8;
    }
    (carry == 0).then_some(sum)
}

/// A point of the curve over the extension field whose order is not r.
pub fn outside_subgroup(rng: &mut ChaCha20Rng) -> G2Affine {
    loop {
        let point = G2Affine::get_point_from_x_unchecked(Fq2::rand(rng), true);
        if let Some(point) = point.filter(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        {
            return point;
        }
    }
}

/// The EVM words of a point of G2, whatever group it is in.
pub fn g2_bytes(point: &G2Affine) -> Vec<u8> {
    use ark_ff::{BigInteger, PrimeField};
    [point.x.c1, point.x.c0, point.y.c1, point.y.c0]
        .iter()
        .flat_map(|c| c.into_bigint().to_bytes_be())
        .collect()
}
