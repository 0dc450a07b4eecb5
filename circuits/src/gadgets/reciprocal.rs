//! Reciprocal: `y = floor(2^bits / x)` for a proven `x >= 1`.
//!
//! One wire `y` and the constraint that defines the remainder `e = 2^bits - x y` as a linear form
//! of a product wire `p`:
//!
//! ```text
//! x y = p                              (product)
//! y in its range                       (range)
//! e >= 0 and x - 1 - e >= 0            (remainder, divisor)
//! ```
//!
//! The ranges make all terms small integers, so `0 <= 2^bits - x y < x` holds over the integers and
//! `y` is the quotient. Without the product `p` is free; without the range of `y` a field fraction
//! passes; without one side of the remainder `y` is off by one.
//!
//! Cost: one constraint and three range checks an element.

use lemma_graph::Interval;

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::Reciprocal`](lemma_graph::Op::Reciprocal). `bounds` are the proven bounds of `x`,
    /// positive.
    pub fn reciprocal(&mut self, x: &B::Form, bits: u32, bounds: Interval) -> B::Form {
        self.enter("reciprocal");
        let numerator = 1i64 << bits;
        let len = self.builder.len(x);
        let divide =
            |v: &[&[i64]]| v[0].iter().map(|x| numerator.checked_div(*x).unwrap_or(0)).collect();
        let y = self.builder.witness("reciprocal", len, &[x], divide);
        let multiply =
            |v: &[&[i64]]| v[0].iter().zip(v[1]).map(|(x, y)| x.wrapping_mul(*y)).collect();
        let p = self.builder.witness("product", len, &[x, &y], multiply);
        self.builder.enforce("product", x, &y, Some(&p));
        self.small(&y, (numerator / bounds.low) as u64 + 1);
        let remainder = self.negated(&p, numerator);
        let room = bounds.high as u64;
        self.small(&remainder, room);
        let rest = self.builder.combine(&[(1, x), (-1, &remainder)], -1);
        self.small(&rest, room);
        y
    }
}
