//! ReLU of an unproven quotient, plain or with a slope on the negative side.
//!
//! One wire `y` for `max(q, 0)` and two constraints an element:
//!
//! ```text
//! y (y - q) = 0            (product)
//! 2y - q in [0, 2^bits)    (range of |q|)
//! ```
//!
//! The product leaves `y = 0` or `y = q`. With `y = 0` the range says `-q >= 0`, with `y = q` it
//! says `q >= 0`; either way `|q|` is a small integer, which proves the quotient too. At `q = 0`
//! both branches give 0. Without the product `y` is free; without the range the sign is.
//!
//! No table of the function is needed: with the remainder's lookup a rescaled ReLU costs three
//! constraints, all lookups are range lookups, and no full-width wire meets the B side. With a
//! slope the result is `slope q + (2^b - slope) y`, a linear form.

use std::sync::Arc;

use lemma_graph::{Leak, LinearMap};

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::Relu`](lemma_graph::Op::Relu).
    pub fn relu(&mut self, x: &B::Form, shift: u32, bits: u32, leak: &Leak) -> B::Form {
        let q = self.quotient(x, shift);
        let y = self.positive_part(&q, bits);
        if *leak == Leak::none() {
            return y;
        }
        let len = self.builder.len(&q);
        let negative: Arc<[i64]> = (0..len).map(|i| leak.slope(i)).collect();
        let positive: Arc<[i64]> =
            negative.iter().map(|slope| (1i64 << leak.bits) - slope).collect();
        let sloped = self.builder.linear(&Arc::new(LinearMap::Diagonal(negative)), &q);
        let rest = self.builder.linear(&Arc::new(LinearMap::Diagonal(positive)), &y);
        self.builder.combine(&[(1, &sloped), (1, &rest)], 0)
    }

    /// `max(q, 0)`; proves that `q` is an integer with `|q| < 2^bits`.
    pub(super) fn positive_part(&mut self, q: &B::Form, bits: u32) -> B::Form {
        self.enter("relu");
        let len = self.builder.len(q);
        let y = self
            .builder
            .witness("positive", len, &[q], |v| v[0].iter().map(|q| (*q).max(0)).collect());
        let negative = self.builder.combine(&[(1, &y), (-1, q)], 0);
        self.builder.enforce("product", &y, &negative, None);
        let magnitude = self.builder.combine(&[(2, &y), (-1, q)], 0);
        self.range(&magnitude, 1 << bits);
        y
    }
}
