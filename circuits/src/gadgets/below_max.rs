//! The exponential of a softmax: `f(max(q) - q_i)` inside groups.
//!
//! Wires: the maximum `m` of each group and a selector `s_i` per element but the last, whose
//! selector is `1 - sum s`. Constraints
//!
//! ```text
//! s_i (m - q_i) = 0                 (selected)
//! m in its declared range           (range)
//! (m - q_i, y_i) a row of f         (lookup)
//! ```
//!
//! Keys of `f` start at 0, so every `q_i <= m` and every difference is an integer; `m` is one, so
//! every quotient is proven. The selectors sum to 1, so some `s_i` is not zero and `m = q_i`: the
//! maximum is reached. Selectors need not be bits. Without the selection `m` could be too large;
//! without its range the quotients could all be shifted by a fraction.
//!
//! Cost: one constraint and the lookup's two an element, plus the quotient's; per group the range
//! of `m`.

use std::sync::Arc;

use lemma_graph::{Interval, Table, split};

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::TableBelowMax`](lemma_graph::Op::TableBelowMax).
    pub fn table_below_max(
        &mut self,
        x: &B::Form,
        shift: u32,
        groups: &[u32],
        range: Interval,
        table: &Arc<Table>,
    ) -> B::Form {
        let q = self.quotient(x, shift);
        self.enter("table below max");
        let len = self.builder.len(&q);
        let maxima = |v: &[&[i64]]| {
            split(v[0], groups).map(|g| g.iter().copied().max().unwrap_or(0)).collect()
        };
        let m = self.builder.witness("max", groups.len(), &[&q], maxima);
        let selector = |v: &[&[i64]]| split(v[0], groups).flat_map(select_first_max).collect();
        let free = self.builder.witness("selector", len - groups.len(), &[&q], selector);
        let selectors = self.complete_selectors(&free, groups);
        let maxima = self
            .pick(&m, (0..groups.len()).flat_map(|g| std::iter::repeat_n(g, groups[g] as usize)));
        let distance = self.builder.combine(&[(1, &maxima), (-1, &q)], 0);
        self.builder.enforce("selected", &selectors, &distance, None);
        self.inside(&m, range);
        self.enter("table below max");
        let values = |v: &[&[i64]]| v[0].iter().map(|d| table.get(*d).unwrap_or(0)).collect();
        let value = self.builder.witness("value", len, &[&distance], values);
        self.lookup_function(table, &distance, &value);
        value
    }

    /// Selectors of every element from those of all but the last of each group: they sum to 1.
    pub(super) fn complete_selectors(&mut self, free: &B::Form, groups: &[u32]) -> B::Form {
        let longest = groups.iter().copied().max().unwrap_or(1);
        if longest == 1 {
            return self.ones(groups.len());
        }
        let total = self.builder.len(free) as u32;
        let mut complete = Vec::new();
        let mut start = 0;
        for (g, n) in groups.iter().enumerate() {
            complete.extend((0..n - 1).map(|i| start + i).chain([total + g as u32]));
            start += n - 1;
        }
        let others: Vec<u32> = groups.iter().map(|n| n - 1).collect();
        let sums = self.sums(free, &others);
        let last = self.negated(&sums, 1);
        self.builder.gather(&complete.into(), &[free, &last])
    }
}

/// One for the first maximum, zeros elsewhere, without the last element.
fn select_first_max(group: &[i64]) -> Vec<i64> {
    let largest = group.iter().max();
    let first = group.iter().position(|v| Some(v) == largest);
    (0..group.len() - 1).map(|i| i64::from(Some(i) == first)).collect()
}
