//! The proving key: points of the trapdoor, one per wire and query.
//!
//! With `u_i, v_i, w_i` the QAP polynomials at tau, `K_i = beta u_i + alpha v_i + w_i`, for the
//! wires of each round (delta is delta1 in round 1, delta2 in round 2):
//!
//! | section | points | group |
//! |---|---|---|
//! | `a` | `u_i` where it is not zero, with the wire's index in its round | G1 |
//! | `b` | `v_i` where it is not zero, with the wire's index in its round | G1 and G2 |
//! | `k` | `K_i / delta` | G1 |
//!
//! and once: alpha, beta, delta1, delta2 and `u, v, -w T` of the public wires (G1), beta, delta2
//! and `v` of the public wires (G2), the quotient query `H_j` (G1), one point per element of the
//! domain, and `-w_i T` for the round-1 wires for which it is not zero, with their indices (G1).
//! [setup](mod@crate::setup) defines T and `H_j`. In round 2, `k` is `K_i / delta2 - w_i T`.
//!
//! Size: 64 (wires + A + B + C) + 128 B + 4 (A + B + C) + 64 N bytes, A and B the numbers of wires
//! that occur in the left and right factors of the constraints, C that of round-1 wires in their
//! products, N the domain's size.

use std::fmt;

use ark_bn254::Fr;
use lemma_circuits::relation::{Layout, PUBLIC_WIRES};
use lemma_verifier::{PreparedKey, VerifyingKey};

use crate::array::Array;
use crate::kernel::{Domain, G1, G2, Scalars};

/// A proving key with its verifying key.
pub struct ProvingKey {
    pub(crate) layout: Layout,
    pub(crate) domain: Domain,
    pub(crate) key: PreparedKey,
    pub(crate) material: Material,
}

impl ProvingKey {
    /// The sizes of the circuit.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The verifying key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.key.key()
    }

    /// The verifying key, prepared.
    pub fn prepared_key(&self) -> &PreparedKey {
        &self.key
    }
}

impl fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.verifying_key().digest();
        f.debug_struct("ProvingKey")
            .field("key", &key)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// The points.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) fixed: Fixed,
    pub(crate) round1: Round,
    pub(crate) round2: Round,
    pub(crate) h: Array<G1>,
    pub(crate) c_wires: Vec<u32>,
    pub(crate) c: Array<G1>,
}

/// The points that do not belong to a private wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Fixed {
    pub(crate) alpha: G1,
    pub(crate) beta: G1,
    pub(crate) delta1: G1,
    pub(crate) delta2: G1,
    pub(crate) a: [G1; PUBLIC_WIRES],
    pub(crate) b1: [G1; PUBLIC_WIRES],
    pub(crate) c: [G1; PUBLIC_WIRES],
    pub(crate) beta_2: G2,
    pub(crate) delta2_2: G2,
    pub(crate) b2: [G2; PUBLIC_WIRES],
}

/// The points of the wires of one round. The lists of wires lie in memory: they are indices,
/// checked once.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) a_wires: Vec<u32>,
    pub(crate) a: Array<G1>,
    pub(crate) b_wires: Vec<u32>,
    pub(crate) b1: Array<G1>,
    pub(crate) b2: Array<G2>,
    pub(crate) k: Array<G1>,
}

/// The values of the wires of one round.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wires<'a> {
    Small(&'a [i64]),
    Field(&'a [Fr]),
}

impl<'a> Wires<'a> {
    /// One scalar per wire.
    pub(crate) fn all(self) -> Scalars<'a> {
        match self {
            Wires::Small(values) => Scalars::Small(values),
            Wires::Field(values) => Scalars::Field(values),
        }
    }

    /// The scalars of the wires `indices`.
    pub(crate) fn at(self, indices: &'a [u32]) -> Scalars<'a> {
        match self {
            Wires::Small(values) => Scalars::SmallAt { values, indices },
            Wires::Field(values) => Scalars::FieldAt { values, indices },
        }
    }
}
