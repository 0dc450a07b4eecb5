//! ArgMax: the index of the largest element of a group, the lowest on ties.
//!
//! Elements get distinct keys that order them by value and then by place, `2^k > i`:
//!
//! ```text
//! y_i = 2^k x_i + (2^k - 1 - i)
//! ```
//!
//! **By selection.** Wires: the largest key `m` and a selector `s_i` for every element but the
//! last, whose selector is `1 - sum s`.
//!
//! ```text
//! s_i (m - y_i) = 0             (winner)
//! m - y_i in [0, 2^b)           (order)
//! ```
//!
//! Selectors sum to 1, so one is not zero and `m` is its key. Keys are distinct, so all other
//! selectors are zero and that one is 1: the index `sum i s_i` is the winner's. The order says that
//! no key is larger. Cost: one constraint an element and its range check.
//!
//! **By the winner's row**, where `x = W h` and `W` is a constant matrix of many rows: the wire is
//! the index `w`, one lookup gives row `w` of `W` ([`super::rows`]) and a dot product with `h` its
//! element `x_w`.
//!
//! ```text
//! 2^k (x_w - x_i) + i - w in [0, 2^b)     (order)
//! ```
//!
//! A larger element makes this negative, and so does an equal one before `w`. Cost: the range check
//! an element; for each group two constraints a column of `W`; one for each row of `W` once.
//!
//! Each constraint is needed: without the winner's, or the row, `m` is too large or the index is
//! anywhere; without the order a smaller element wins.

use std::sync::Arc;

use lemma_graph::{Interval, LinearMap, RowTable};

use super::Gadgets;
use crate::builder::Builder;

/// Bits that hold a place in a group.
pub fn place_bits(group: usize) -> u32 {
    group.next_power_of_two().trailing_zeros()
}

/// Whether the winner's row is cheaper than selectors, for `groups` products with the rows of
/// `table`.
pub fn row_is_cheaper(groups: usize, table: &RowTable) -> bool {
    groups * (2 * table.width() + 1) + table.rows() + table.width() < groups * table.rows()
}

impl<B: Builder> Gadgets<B> {
    /// [`Op::ArgMax`](lemma_graph::Op::ArgMax) by selection. `bounds` are the proven bounds of `x`.
    pub fn argmax(&mut self, x: &B::Form, group: usize, bounds: Interval) -> B::Form {
        self.enter("argmax");
        let len = self.builder.len(x);
        let groups = len / group;
        let bits = place_bits(group);
        let place = (0..len).map(|i| (1i64 << bits) - 1 - (i % group) as i64);
        let places = self.builder.constant(len, || place.collect());
        let keys = self.builder.combine(&[(1 << bits, x), (1, &places)], 0);
        let maxima = |v: &[&[i64]]| {
            v[0].chunks(group).map(|g| g.iter().copied().max().unwrap_or(0)).collect()
        };
        let m = self.builder.witness("max", groups, &[&keys], maxima);
        let select = |v: &[&[i64]]| v[0].chunks(group).flat_map(select_largest).collect();
        let free = self.builder.witness("selector", groups * (group - 1), &[&keys], select);
        let selectors = self.complete_selectors(&free, &vec![group as u32; groups]);
        let maxima = self.builder.repeat(&m, len);
        let distance = self.builder.combine(&[(1, &maxima), (-1, &keys)], 0);
        self.builder.enforce("winner", &selectors, &distance, None);
        self.small(&distance, bounds.size() << bits);
        let indices =
            LinearMap::Dense { weight: (0..group as i32).collect(), outputs: 1, inputs: group };
        self.builder.linear(&Arc::new(indices), &selectors)
    }

    /// [`Op::ArgMax`](lemma_graph::Op::ArgMax) of `x = W h`, by the winner's row; `table` holds the
    /// rows of `W`.
    pub fn argmax_by_row(
        &mut self,
        x: &B::Form,
        h: &B::Form,
        table: &Arc<RowTable>,
        bounds: Interval,
    ) -> B::Form {
        self.enter("argmax");
        let group = table.rows();
        let len = self.builder.len(x);
        let bits = place_bits(group);
        let winner = |v: &[&[i64]]| v[0].chunks(group).map(first_largest).collect();
        let w = self.builder.witness("index", len / group, &[x], winner);
        let row = self.row_gather(&w, table);
        let products = self.product(h, &row);
        let m = self.group_sums(&products, table.width());
        self.enter("argmax");
        let [m, winners] = [&m, &w].map(|each| self.builder.repeat(each, len));
        let places = self.builder.constant(len, || (0..len).map(|i| (i % group) as i64).collect());
        let order = self
            .builder
            .combine(&[(1 << bits, &m), (-1 << bits, x), (1, &places), (-1, &winners)], 0);
        self.small(&order, bounds.size() << bits);
        w
    }
}

/// The place of the first of the largest elements.
fn first_largest(group: &[i64]) -> i64 {
    let largest = group.iter().max();
    group.iter().position(|v| Some(v) == largest).unwrap_or(0) as i64
}

/// One for the largest, zeros elsewhere, without the last element.
fn select_largest(group: &[i64]) -> Vec<i64> {
    let winner = first_largest(group);
    (0..group.len() as i64 - 1).map(|i| i64::from(i == winner)).collect()
}
