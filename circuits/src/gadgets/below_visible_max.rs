//! The exponential of a softmax under a mask that an input decides: `f(max(q) - q_i)` over the
//! visible elements of each group.
//!
//! `h_i` is proven to be 0 or 1, 1 where an element is hidden. Wires: the maximum `m` of each
//! group, a selector `s_i` and a distance `d_i` per element. With `a = 1 - sum s_i`, constraints
//!
//! ```text
//! (1 - h_i) (m - q_i) = d_i         (distance)
//! s_i (d_i + h_i) = 0               (selected)
//! a sum_i (1 - h_i) = 0             (empty)
//! m in its declared range           (range)
//! (d_i, y_i) a row of f             (lookup)
//! ```
//!
//! and the result is `y_i - f(0) (h_i - a)`, a linear form. A hidden element has the distance 0, so
//! nothing is asked of its score, `y_i = f(0)`, and the result is 0; its selector is 0, so the
//! maximum is one of the visible elements, to which everything that the table without a mask says
//! applies (`below_max.rs`). In a group without visible elements all selectors are 0, so `a = 1`
//! and every result is `f(0)`; in any other `a = 0`.
//!
//! Without the distance's constraint a score is hidden or shown as the prover likes; without the
//! selection `m` could be too large or the score of a hidden element; without the third a group
//! with visible elements could do without a maximum, its results all larger by `f(0)`.
//!
//! Cost: two constraints and the lookup's two an element, plus the quotient's; per group one and
//! the range of `m`.

use std::sync::Arc;

use lemma_graph::{Interval, Table, below_max};

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::TableBelowMax`](lemma_graph::Op::TableBelowMax) with a second operand.
    pub fn table_below_visible_max(
        &mut self,
        x: &B::Form,
        hidden: &B::Form,
        (shift, groups): (u32, &[u32]),
        range: Interval,
        table: &Arc<Table>,
    ) -> B::Form {
        let q = self.quotient(x, shift);
        self.enter("table below visible max");
        let len = self.builder.len(&q);
        let anywhere = range.low.max(0).min(range.high);
        let maxima = |v: &[&[i64]]| {
            below_max(v[0], v[1], groups).0.into_iter().map(|m| m.unwrap_or(anywhere)).collect()
        };
        let m = self.builder.witness("max", groups.len(), &[&q, hidden], maxima);
        let selectors = self
            .builder
            .witness("selector", len, &[&q, hidden], |v| select_first_visible(v[0], v[1], groups));
        let visible = self.negated(hidden, 1);
        let of_elements: Vec<usize> =
            (0..groups.len()).flat_map(|g| std::iter::repeat_n(g, groups[g] as usize)).collect();
        let maxima = self.pick(&m, of_elements.iter().copied());
        let below = self.builder.combine(&[(1, &maxima), (-1, &q)], 0);
        let product = |v: &[&[i64]]| {
            v[0].iter().zip(v[1]).map(|(visible, below)| visible.wrapping_mul(*below)).collect()
        };
        let distance = self.builder.witness("distance", len, &[&visible, &below], product);
        self.builder.enforce("distance", &visible, &below, Some(&distance));
        let unselected = self.builder.combine(&[(1, &distance), (1, hidden)], 0);
        self.builder.enforce("selected", &selectors, &unselected, None);
        let chosen = self.sums(&selectors, groups);
        let empty = self.negated(&chosen, 1);
        let count = self.sums(&visible, groups);
        self.builder.enforce("empty", &empty, &count, None);
        self.inside(&m, range);
        self.enter("table below visible max");
        let values = |v: &[&[i64]]| v[0].iter().map(|d| table.get(*d).unwrap_or(0)).collect();
        let value = self.builder.witness("value", len, &[&distance], values);
        self.lookup_function(table, &distance, &value);
        let first = table.get(0).unwrap_or(0);
        let empty = self.pick(&empty, of_elements.into_iter());
        self.builder.combine(&[(1, &value), (-first, hidden), (first, &empty)], 0)
    }
}

/// One for the first visible maximum of each group, zeros elsewhere.
fn select_first_visible(q: &[i64], hidden: &[i64], groups: &[u32]) -> Vec<i64> {
    let (maxima, distances) = below_max(q, hidden, groups);
    let mut selectors = vec![0; q.len()];
    let mut start = 0;
    for (n, maximum) in groups.iter().zip(maxima) {
        let places = start..start + *n as usize;
        let first =
            places.clone().find(|i| maximum.is_some() && distances.get(*i) == Some(&Some(0)));
        first.and_then(|i| selectors.get_mut(i)).into_iter().for_each(|selector| *selector = 1);
        start = places.end;
    }
    selectors
}
