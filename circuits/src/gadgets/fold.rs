//! The statement: all public values folded into the one public wire `phi`.
//!
//! `phi = sum_i p_i chi^i` for `i = 1..n`: the Horner evaluation (`horner.rs`) of the values, times
//! `chi`.
//!
//! The verifier computes the same sum from the values it was given. The `p_i` are linear forms of
//! round-1 wires, fixed before `chi`, so equality of the sums means equality of the values but for
//! probability `n / r`. Cost: one constraint and one wire per public value. Each constraint is
//! needed: a free partial sum frees every later value.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

use super::Gadgets;
use crate::builder::Builder;

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
        let polynomial = self.horner("horner", &values, 1, &chi);
        self.builder.enforce("statement", &polynomial, &chi, Some(&phi));
    }
}
