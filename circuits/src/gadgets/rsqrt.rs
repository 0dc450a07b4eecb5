//! Reciprocal square root: `y = floor(sqrt(2^bits / x))` for a proven `x >= 1`, by its inequality
//!
//! ```text
//! y^2 x <= 2^bits < (y + 1)^2 x.
//! ```
//!
//! Wires `y`, `s = y y`, `p = s x`, `t = y x` and constraints
//!
//! ```text
//! y y = s,  s x = p,  y x = t                       (square, product, linear)
//! y in its range                                    (range)
//! 2^bits - p >= 0,  p + 2t + x - 2^bits - 1 >= 0    (below, above)
//! ```
//!
//! The range of `y` keeps every term a small integer, so both inequalities hold over the integers
//! and `y` is unique. Both slacks add up to `(2y + 1) x - 1`, so they fit the range of
//! `2 sqrt(2^bits x) + x`. Without a product the slack is free; without the range of `y` a field
//! element passes; without one inequality `y` is off by one.
//!
//! Cost: three constraints and three range checks an element.

use lemma_graph::{Interval, rsqrt};

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// The reciprocal root of each element of `x`, whose proven bounds are positive.
    pub(super) fn rsqrt(&mut self, x: &B::Form, bits: u32, bounds: Interval) -> B::Form {
        self.enter("rsqrt");
        let len = self.builder.len(x);
        let numerator = 1i64 << bits;
        let y = self
            .builder
            .witness("root", len, &[x], |v| v[0].iter().map(|x| rsqrt(*x, bits)).collect());
        let square = self.multiplied("square", &y, &y);
        let product = self.multiplied("product", &square, x);
        let linear = self.multiplied("linear", &y, x);
        let largest = rsqrt(bounds.low, bits);
        self.small(&y, largest as u64 + 1);
        let room =
            2 * ((numerator as u128 * bounds.high as u128).isqrt() as u64 + 1) + bounds.high as u64;
        let below = self.negated(&product, numerator);
        self.small(&below, room);
        let above = self.builder.combine(&[(1, &product), (2, &linear), (1, x)], -numerator - 1);
        self.small(&above, room);
        y
    }

    /// A wire for `a b`.
    #[track_caller]
    fn multiplied(&mut self, name: &'static str, a: &B::Form, b: &B::Form) -> B::Form {
        self.enter("rsqrt");
        let len = self.builder.len(a);
        let multiply =
            |v: &[&[i64]]| v[0].iter().zip(v[1]).map(|(a, b)| a.wrapping_mul(*b)).collect();
        let c = self.builder.witness(name, len, &[a, b], multiply);
        self.builder.enforce(name, a, b, Some(&c));
        c
    }
}
