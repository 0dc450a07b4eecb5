//! Normalisation: each element of a group times the reciprocal root of the group's energy,
//!
//! ```text
//! e = floor((sum x_i^2 + 2^(s-1)) / 2^s) + epsilon,  y = floor(sqrt(2^bits / e)),  z_i = x_i y.
//! ```
//!
//! Wires of round 1: the rounded sum `q`, its remainder `r`, the root's ([`super::rsqrt`]) and the
//! `z_i`. The squares pass 64 bits and nobody looks them up, so they are wires `t_i` of round 2;
//! `x_i`, which round 1 fixes, leaves no choice for them. Constraints
//!
//! ```text
//! x_i x_i = t_i                               (square)
//! (sum t_i + 2^(s-1) - r) / 2^s = q           (energy)
//! r in [0, 2^s), q + epsilon in its range     (ranges)
//! x_i y = z_i                                 (product)
//! ```
//!
//! All `x_i` are integers with `sum x_i^2 < 2^125`, and `2^s q < 2^124`, so the energy's equation
//! holds over the integers and `q` and `r` are unique. Without a square `t_i` is free; without the
//! equation `q` is, within its range; without the remainder's range `q` is off by one; without
//! `q`'s range the root's operand is no proven positive integer; without the product `z_i` is free.
//!
//! The operand may be wide, up to 2^62 and a sum of squares of 2^125: nothing is rounded before it.
//!
//! Cost: two constraints an element; for each group one, two ranges and the root.

use std::sync::Arc;

use lemma_graph::Energy;

use super::Gadgets;
use crate::builder::{Builder, Values};

/// A sum of squares that waits for the second round.
pub struct Claim<F> {
    layer: Arc<str>,
    group: usize,
    shift: u32,
    x: F,
    quotient: F,
    remainder: Option<F>,
}

impl<B: Builder> Gadgets<B> {
    /// [`Op::Normalize`](lemma_graph::Op::Normalize).
    pub fn normalize(&mut self, x: &B::Form, energy: Energy, bits: u32) -> B::Form {
        self.enter("normalize");
        let Energy { group, shift, epsilon, range } = energy;
        let len = self.builder.len(x);
        let rounded = move |v: &[&[i64]]| -> Vec<(i64, i64)> {
            v[0].chunks(group).map(|group| energy.rounded(Energy::squares(group))).collect()
        };
        let quotient = |v: &[&[i64]]| rounded(v).into_iter().map(|(q, _)| q).collect();
        let q = self.builder.witness("energy", len / group, &[x], quotient);
        let remainder = (shift > 0).then(|| {
            let remainder = |v: &[&[i64]]| rounded(v).into_iter().map(|(_, r)| r).collect();
            self.builder.witness("remainder", len / group, &[x], remainder)
        });
        if let Some(remainder) = &remainder {
            self.range(remainder, 1 << shift);
        }
        let e = self.builder.combine(&[(1, &q)], epsilon);
        self.inside(&e, range);
        self.energies.push(Claim {
            layer: self.layer.clone(),
            group,
            shift,
            x: x.clone(),
            quotient: q,
            remainder,
        });
        let y = self.rsqrt(&e, bits, range);
        let roots = self.builder.repeat(&y, len);
        self.product(x, &roots)
    }

    /// Checks every waiting sum of squares, in round 2.
    pub fn prove_energies(&mut self) {
        for Claim { layer, group, shift, x, quotient, remainder } in
            std::mem::take(&mut self.energies)
        {
            self.layer = layer;
            self.enter("normalize");
            let len = self.builder.len(&x);
            let square =
                |v: &[&Values]| (0..v[0].len()).map(|i| v[0].field(i)).map(|x| x * x).collect();
            let squares = self.builder.late_witness("square", len, &[&x], square);
            self.builder.enforce("square", &x, &x, Some(&squares));
            let mut total = self.group_sums(&squares, group);
            if let Some(remainder) = &remainder {
                let whole =
                    self.builder.combine(&[(1, &total), (-1, remainder)], 1i64 << (shift - 1));
                total = self.builder.divide(&whole, shift);
            }
            let difference = self.builder.combine(&[(1, &total), (-1, &quotient)], 0);
            let ones = self.ones(len / group);
            self.builder.enforce("energy", &difference, &ones, None);
        }
    }
}
