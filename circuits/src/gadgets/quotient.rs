//! Quotient: `q = floor((x + 2^(s-1)) / 2^s)`, the rounding of every rescale.
//!
//! One wire, the remainder `e` in `[0, 2^s)` by a range check; `q = (x + 2^(s-1) - e) / 2^s` is a
//! linear form. In the field such a `q` exists for every `e`, so the quotient is *unproven* until
//! something shows that it is a small integer: then `q 2^s + e = x + 2^(s-1)` holds over the
//! integers (both sides are far below r), and `q`, `e` are unique. Every gadget that takes a
//! quotient proves that; [`Gadgets::rescale`] does nothing else.
//!
//! Cost: the range check of `s` bits.

use lemma_graph::Interval;

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// The unproven quotient of `x` by `2^shift`.
    pub(super) fn quotient(&mut self, x: &B::Form, shift: u32) -> B::Form {
        if shift == 0 {
            return x.clone();
        }
        self.enter("quotient");
        let half = 1i64 << (shift - 1);
        let mask = (1i64 << shift) - 1;
        let len = self.builder.len(x);
        let remainder = self.builder.witness("remainder", len, &[x], |v| {
            v[0].iter().map(|x| x.wrapping_add(half) & mask).collect()
        });
        self.range(&remainder, 1 << shift);
        let difference = self.builder.combine(&[(1, x), (-1, &remainder)], half);
        self.builder.divide(&difference, shift)
    }

    /// The quotient of `x` by `2^shift`, proven to lie in `range`. Cost: the quotient and the range
    /// check.
    pub fn rescale(&mut self, x: &B::Form, shift: u32, range: Interval) -> B::Form {
        let q = self.quotient(x, shift);
        self.inside(&q, range);
        q
    }

    /// Every element of `x` is an integer of `range`.
    #[track_caller]
    pub(crate) fn inside(&mut self, x: &B::Form, range: Interval) {
        let offset = self.builder.combine(&[(1, x)], -range.low);
        self.range(&offset, range.size());
    }
}
