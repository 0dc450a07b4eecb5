//! Keys whose trapdoor is known, and proofs made with the trapdoor instead of a witness.
//!
//! The simulator of Groth16: with the exponents of a key known, choose A, B and C1 at will and
//! solve the pairing equation for C2. To a verifier such proofs are like any other.

use ark_bn254::{Fq2, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, PrimeField, UniformRand};
use lemma_verifier::challenge::{challenge, fold};
use lemma_verifier::{
    Context, Digest, KeyParts, PrivateInput, Proof, PublicValues, TensorSignature, VerifyingKey,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A generator of random numbers, whose seed is printed.
pub fn rng(seed: u64) -> ChaCha20Rng {
    println!("seed {seed}");
    ChaCha20Rng::seed_from_u64(seed)
}

/// A point of G1 by its exponent.
pub fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

/// A point of G2 by its exponent.
pub fn g2(scalar: Fr) -> G2Affine {
    (G2Affine::generator() * scalar).into_affine()
}

/// Exponents of a key.
#[derive(Clone)]
pub struct Trapdoor {
    /// Of `alpha`.
    pub alpha: Fr,
    /// Of `beta`.
    pub beta: Fr,
    /// Of `gamma`.
    pub gamma: Fr,
    /// Of `delta1`.
    pub delta1: Fr,
    /// Of `delta2`.
    pub delta2: Fr,
    /// Of the public wires.
    pub ic: [Fr; 3],
}

impl Trapdoor {
    /// Random exponents.
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

    /// The contents of a key for `signature`, with [`Trapdoor::private_inputs`].
    pub fn parts(&self, model: &str, signature: Vec<TensorSignature>) -> KeyParts {
        KeyParts {
            model: model.to_string(),
            graph_digest: Digest([7; 32]),
            development: true,
            public_values: signature.iter().filter_map(TensorSignature::public_values).sum(),
            signature,
            private_inputs: Trapdoor::private_inputs(),
            alpha1: g1(self.alpha),
            beta2: g2(self.beta),
            gamma2: g2(self.gamma),
            delta1_2: g2(self.delta1),
            delta2_2: g2(self.delta2),
            ic: self.ic.map(g1),
        }
    }

    /// What is not shown: a mask of three.
    pub fn private_inputs() -> Vec<PrivateInput> {
        vec![PrivateInput {
            name: "mask".to_string(),
            shape: vec![1, 3],
            fractional_bits: 0,
            low: 0,
            high: 1,
        }]
    }

    /// A key with [`Trapdoor::parts`].
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
    [point.x.c1, point.x.c0, point.y.c1, point.y.c0]
        .iter()
        .flat_map(|c| c.into_bigint().to_bytes_be())
        .collect()
}
