//! What a proof system needs to know of a circuit, and nothing more.
//!
//! Wire order: `z = [1 | chi, phi | round 1 | round 2]` (docs/protocol.md).

use ark_bn254::Fr;

/// Number of public wires: the constant one, the challenge `chi`, the folded statement `phi`.
pub const PUBLIC_WIRES: usize = 3;

/// Sizes of a constraint system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of A, B and C, without the rows that the proof system adds for the public wires.
    pub constraints: usize,
    /// Wires assigned before the challenge.
    pub round1: usize,
    /// Wires assigned after the challenge.
    pub round2: usize,
    /// Number of public values folded into `phi`.
    pub public_values: usize,
}

impl Layout {
    /// All wires, the public ones included.
    pub fn wires(&self) -> usize {
        PUBLIC_WIRES + self.round1 + self.round2
    }
}

/// `A^T l`, `B^T l` and `C^T l` for a vector `l` over the constraint rows; each has one entry per
/// wire.
pub struct Columns {
    /// `A^T l`.
    pub a: Vec<Fr>,
    /// `B^T l`.
    pub b: Vec<Fr>,
    /// `C^T l`.
    pub c: Vec<Fr>,
}

/// A rank-1 constraint system `(A z) o (B z) = C z` with its two-round wire order.
pub trait Relation: Sync {
    /// The sizes.
    fn layout(&self) -> Layout;
    /// The transposed matrices applied to `rows` (`rows.len() == layout().constraints`).
    /// With `rows[j] = L_j(tau)` this evaluates every QAP polynomial at `tau`.
    fn columns(&self, rows: &[Fr]) -> Columns;
}

/// An assignment that is filled in two rounds.
pub trait Assignment: Send {
    /// The statement, in fold order.
    fn public_values(&self) -> &[Fr];
    /// Values of the round-1 wires; all are small integers.
    fn round1(&self) -> &[i64];
    /// Fills round 2 for the challenge.
    fn round2(&mut self, chi: Fr) -> Round2;
}

/// What the second round adds.
pub struct Round2 {
    /// The folded statement.
    pub phi: Fr,
    /// Values of the round-2 wires.
    pub wires: Vec<Fr>,
    /// `A z`, one entry per constraint.
    pub a: Vec<Fr>,
    /// `B z`, one entry per constraint.
    pub b: Vec<Fr>,
    /// `C z`, one entry per constraint.
    pub c: Vec<Fr>,
}
