//! Product of two proven integers, element by element: one wire and the constraint `a b = c`.
//!
//! The bounds of the operands are proven, so the product is an integer far below r. Without the
//! constraint `c` is free.

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::Product`](lemma_graph::Op::Product).
    pub fn product(&mut self, a: &B::Form, b: &B::Form) -> B::Form {
        self.enter("product");
        let len = self.builder.len(a);
        let multiply =
            |v: &[&[i64]]| v[0].iter().zip(v[1]).map(|(a, b)| a.wrapping_mul(*b)).collect();
        let c = self.builder.witness("product", len, &[a, b], multiply);
        self.builder.enforce("product", a, b, Some(&c));
        c
    }
}
