//! The checker: do these wires satisfy the constraints, and if not, which one fails?
//!
//! It compares two independent readings of the relation: the rows `A z, B z, C z` that the trace
//! computed from integers, and the rows that the circuit's linear forms give for the traced wires.
//! Then it asks every constraint.

use ark_bn254::Fr;
use ark_ff::PrimeField;
use sha3::{Digest, Keccak256};

use crate::builder::Site;
use crate::compiled::{Compiled, Inference};
use crate::relation::Assignment;
use crate::shape::Circuit;
use crate::trace::Trace;

/// A constraint that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The constraint.
    pub site: Site,
    /// Element of the constraint vector.
    pub element: usize,
    /// Row of the constraint system.
    pub row: usize,
    /// What fails.
    pub kind: ViolationKind,
}

/// What fails at a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViolationKind {
    /// `a * b != c`.
    Unsatisfied,
    /// The trace and the linear forms disagree: a fault of the circuit, not of the witness.
    Mismatch,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.kind {
            ViolationKind::Unsatisfied => "is not satisfied",
            ViolationKind::Mismatch => "is read differently by trace and circuit",
        };
        write!(f, "{}, element {} (row {}) {what}", self.site, self.element, self.row)
    }
}

/// All violated constraints of one inference, in row order.
pub fn violations(compiled: &Compiled, inference: Inference) -> Vec<Violation> {
    let chi = test_challenge(compiled, inference.round1());
    match inference.finish(chi) {
        Some(trace) => audit(compiled.circuit(), &trace),
        None => Vec::new(),
    }
}

/// A challenge that depends on the circuit and on round 1, as the real one does.
fn test_challenge(compiled: &Compiled, round1: &[i64]) -> Fr {
    let mut hash = Keccak256::new();
    hash.update(compiled.digest());
    round1.iter().for_each(|v| hash.update(v.to_be_bytes()));
    Fr::from_be_bytes_mod_order(&hash.finalize())
}

fn audit(circuit: &Circuit, trace: &Trace<'_>) -> Vec<Violation> {
    let forms = circuit.evaluate(&trace.wires());
    let (a, b, c) = trace.rows();
    let mut found = Vec::new();
    for (site, rows) in circuit.sites() {
        let start = rows.start;
        for row in rows {
            let traced = (a.get(row), b.get(row), c.get(row));
            let formed = (forms.a.get(row), forms.b.get(row), forms.c.get(row));
            let kind = match formed {
                _ if traced != formed => ViolationKind::Mismatch,
                (Some(a), Some(b), Some(c)) if *a * b != *c => ViolationKind::Unsatisfied,
                _ => continue,
            };
            found.push(Violation { site: site.clone(), element: row - start, row, kind });
        }
    }
    found
}
