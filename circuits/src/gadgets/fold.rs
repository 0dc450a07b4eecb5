//! The statement: all public values folded into the one public wire `phi`.
//!
//! `phi = sum_i p_i chi^i` for `i = 1..n` by Horner: with `h_(n+1) = 0`,
//!
//! ```text
//! (p_i + h_(i+1)) * chi = h_i,        h_1 = phi.
//! ```
//!
//! The verifier computes the same sum from the values it was given. The `p_i` are linear forms of round-1 wires, fixed before `chi`, so
//! equality of the sums means equality of the values but for probability `n / r`. Cost: one constraint and one wire per public value.
//! Each constraint is needed: a free `h_i` frees every later value.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use lemma_quantizer::graph::ZERO;

use super::Gadgets;
use crate::builder::{Builder, Values};

/// `sum_i values[i] chi^(i+1)`.
pub fn fold(values: &[Fr], chi: Fr) -> Fr {
    values.iter().rev().fold(Fr::ZERO, |h, p| (h + p) * chi)
}

impl<B: Builder> Gadgets<B> {
    /// Binds the public values, in order.
    pub fn fold_statement(&mut self, public: &[B::Form]) {
        self.layer = "statement".into();
        self.enter("fold");
        let phi = self.builder.phi();
        let n: usize = public.iter().map(|p| self.builder.len(p)).sum();
        if n == 0 {
            let one = self.ones(1);
            self.builder.enforce("empty", &phi, &one, None);
            return;
        }
        let chi = self.builder.chi();
        let all: Arc<[u32]> = (0..n as u32).collect();
        let values = self.builder.gather(&all, &public.iter().collect::<Vec<_>>());
        let horner = |v: &[&Values]| {
            let chi = v[1].field(0);
            let mut h = Fr::ZERO;
            let mut partial: Vec<Fr> = (1..v[0].len())
                .rev()
                .map(|i| {
                    h = (h + v[0].field(i)) * chi;
                    h
                })
                .collect();
            partial.reverse();
            partial
        };
        let partial = self.builder.late_witness("partial", n - 1, &[&values, &chi], horner);
        let next: Arc<[u32]> = (0..n as u32 - 1).chain([ZERO]).collect();
        let next = self.builder.gather(&next, &[&partial]);
        let sums = self.builder.combine(&[(1, &values), (1, &next)], 0);
        let result = self.builder.gather(&all, &[&phi, &partial]);
        let chi = self.builder.repeat(&chi, n);
        self.builder.enforce("horner", &sums, &chi, Some(&result));
    }
}
