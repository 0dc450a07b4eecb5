//! The proof: three points of G1 and one of G2.
//!
//! ```text
//! offset  words
//!      0  A.x     A.y
//!     64  B.x.c1  B.x.c0  B.y.c1  B.y.c0
//!    192  C1.x    C1.y
//!    256  C2.x    C2.y
//! ```
//!
//! Ten 32-byte big-endian words, in the layout of the EVM precompiles. The encoding is canonical:
//! each proof has one byte string, and every byte string is a proof or an error.

use ark_bn254::{G1Affine, G2Affine};

use crate::error::{PointError, ProofError};
use crate::point::{check_g1, check_g2, read_g1, read_g2, write_g1, write_g2};

/// A proof whose points are on their curves, in their groups and not at infinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    a: G1Affine,
    b: G2Affine,
    c1: G1Affine,
    c2: G1Affine,
}

impl Proof {
    /// Length of the encoding.
    pub const BYTES: usize = 320;

    /// Checks the four points.
    ///
    /// # Errors
    /// [`ProofError::Point`] with the first bad point.
    pub fn new(a: G1Affine, b: G2Affine, c1: G1Affine, c2: G1Affine) -> Result<Proof, ProofError> {
        check_g1(&a).map_err(named("A"))?;
        check_g2(&b).map_err(named("B"))?;
        check_g1(&c1).map_err(named("C1"))?;
        check_g1(&c2).map_err(named("C2"))?;
        Ok(Proof { a, b, c1, c2 })
    }

    /// Parses the canonical encoding.
    ///
    /// # Errors
    /// [`ProofError::Length`] unless there are [`Proof::BYTES`] bytes; [`ProofError::Point`] with a
    /// bad point.
    pub fn from_bytes(bytes: &[u8]) -> Result<Proof, ProofError> {
        let length = || ProofError::Length { expected: Proof::BYTES, found: bytes.len() };
        let (a, rest) = bytes.split_first_chunk::<64>().ok_or_else(length)?;
        let (b, rest) = rest.split_first_chunk::<128>().ok_or_else(length)?;
        let (c1, rest) = rest.split_first_chunk::<64>().ok_or_else(length)?;
        let c2: &[u8; 64] = rest.try_into().map_err(|_| length())?;
        let [a, c1, c2] = [(a, "A"), (c1, "C1"), (c2, "C2")]
            .map(|(bytes, point)| read_g1(bytes).map_err(named(point)));
        // B last: its subgroup is what takes time.
        Ok(Proof { a: a?, c1: c1?, c2: c2?, b: read_g2(b).map_err(named("B"))? })
    }

    /// The canonical encoding, [`Proof::BYTES`] long.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Proof::BYTES);
        write_g1(&mut out, &self.a);
        write_g2(&mut out, &self.b);
        write_g1(&mut out, &self.c1);
        write_g1(&mut out, &self.c2);
        out
    }

    /// A.
    pub fn a(&self) -> G1Affine {
        self.a
    }

    /// B.
    pub fn b(&self) -> G2Affine {
        self.b
    }

    /// The commitment to round 1.
    pub fn c1(&self) -> G1Affine {
        self.c1
    }

    /// The commitment to round 2.
    pub fn c2(&self) -> G1Affine {
        self.c2
    }
}

fn named(point: &'static str) -> impl Fn(PointError) -> ProofError {
    move |reason| ProofError::Point { point, reason }
}
