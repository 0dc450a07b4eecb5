//! ArgMax: the index of the largest element of a group, the lowest on ties.
//!
//! Wires: the maximum `m` and, for every element but the last, `t_i = 1` from the winner on and 0 before it; the last `t` is the constant 1.
//! With `s_i = t_i - t_(i-1)` (and `t_(-1) = 0`):
//!
//! ```text
//! t_i (1 - t_i) = 0                    (bit)
//! s_i (m - x_i) = 0                    (winner)
//! m - x_i - 1 + t_i in [0, 2^b)        (order)
//! ```
//!
//! The `s_i` sum to 1, so some is not zero and `m` is an element; the order says that no element is larger, and that those with `t = 0`
//! are smaller. A step down, `s_i = -1`, has `t_i = 0`, so `x_i < m`, but the winner's constraint says `x_i = m`: there is none. So `t` steps up
//! exactly once, at an element equal to `m` with only smaller ones before it. The index is the number of zeros, `sum (1 - t_i)`, a linear
//! form.
//!
//! Each is needed: without the bit an intermediate `t = 2` hides a larger element; without the winner `m` is too large or the index is
//! anywhere; without the order a smaller element wins.
//!
//! Cost: three constraints an element when the bounds of `x` span at most one range table.

use std::sync::Arc;

use lemma_quantizer::graph::{Interval, ZERO};

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::ArgMax`](lemma_quantizer::graph::Op::ArgMax). `bounds` are the proven bounds of `x`.
    pub fn argmax(&mut self, x: &B::Form, group: usize, bounds: Interval) -> B::Form {
        self.enter("argmax");
        let len = self.builder.len(x);
        let groups = len / group;
        let maxima = |v: &[&[i64]]| v[0].chunks(group).map(|g| g.iter().copied().max().unwrap_or(0)).collect();
        let m = self.builder.witness("max", groups, &[x], maxima);
        let reached = |v: &[&[i64]]| v[0].chunks(group).flat_map(steps).collect();
        let free = self.builder.witness("reached", groups * (group - 1), &[x], reached);
        let complement = self.negated(&free, 1);
        self.builder.enforce("bit", &free, &complement, None);
        let one = self.ones(1);
        let last = (groups * (group - 1)) as u32;
        let position = |g: usize, k: usize| if k + 1 == group { last } else { (g * (group - 1) + k) as u32 };
        let own: Arc<[u32]> = (0..len).map(|i| position(i / group, i % group)).collect();
        let before: Arc<[u32]> =
            (0..len).map(|i| if i % group == 0 { ZERO } else { position(i / group, i % group - 1) }).collect();
        let own = self.builder.gather(&own, &[&free, &one]);
        let before = self.builder.gather(&before, &[&free, &one]);
        let step = self.builder.combine(&[(1, &own), (-1, &before)], 0);
        let maxima = self.builder.repeat(&m, len);
        let distance = self.builder.combine(&[(1, &maxima), (-1, x)], 0);
        self.builder.enforce("winner", &step, &distance, None);
        let order = self.builder.combine(&[(1, &distance), (1, &own)], -1);
        self.small(&order, bounds.size());
        let index = self.group_sums(&own, group);
        self.negated(&index, group as i64)
    }
}

/// One from the first maximum on, zeros before, without the last element.
fn steps(group: &[i64]) -> Vec<i64> {
    let largest = group.iter().max();
    let first = group.iter().position(|v| Some(v) == largest).unwrap_or(0);
    (0..group.len() - 1).map(|i| i64::from(i >= first)).collect()
}
