//! The exponential of a softmax: `f(max(q) - q_i)` inside groups.
//!
//! Wires: the maximum `m` of each group and a selector `s_i` per element but the last, whose selector is `1 - sum s`. Constraints
//!
//! ```text
//! s_i (m - q_i) = 0                 (selected)
//! m in its declared range           (range)
//! (m - q_i, y_i) a row of f         (lookup)
//! ```
//!
//! Keys of `f` start at 0, so every `q_i <= m` and every difference is an integer; `m` is one, so every quotient is proven. The selectors
//! sum to 1, so some `s_i` is not zero and `m = q_i`: the maximum is reached. Selectors need not be bits. Without the selection `m` could be
//! too large; without its range the quotients could all be shifted by a fraction.
//!
//! Cost: one constraint and the lookup's two an element, plus the quotient's; per group the range of `m`.

use std::sync::Arc;

use lemma_quantizer::graph::{Interval, Table};

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::TableBelowMax`](lemma_quantizer::graph::Op::TableBelowMax).
    pub fn table_below_max(&mut self, x: &B::Form, shift: u32, group: usize, range: Interval, table: &Arc<Table>) -> B::Form {
        let q = self.quotient(x, shift);
        self.enter("table below max");
        let len = self.builder.len(&q);
        let groups = len / group;
        let maxima = |v: &[&[i64]]| v[0].chunks(group).map(|g| g.iter().copied().max().unwrap_or(0)).collect();
        let m = self.builder.witness("max", groups, &[&q], maxima);
        let selector = |v: &[&[i64]]| v[0].chunks(group).flat_map(select_first_max).collect();
        let free = self.builder.witness("selector", groups * (group - 1), &[&q], selector);
        let selectors = self.complete_selectors(&free, groups, group);
        let maxima = self.builder.repeat(&m, len);
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
    fn complete_selectors(&mut self, free: &B::Form, groups: usize, group: usize) -> B::Form {
        if group == 1 {
            return self.ones(groups);
        }
        let sums = self.group_sums(free, group - 1);
        let last = self.negated(&sums, 1);
        let total = (groups * (group - 1)) as u32;
        let index: Arc<[u32]> = (0..groups * group)
            .map(|i| {
                let (g, k) = ((i / group) as u32, (i % group) as u32);
                if k + 1 == group as u32 { total + g } else { g * (group as u32 - 1) + k }
            })
            .collect();
        self.builder.gather(&index, &[free, &last])
    }
}

/// One for the first maximum, zeros elsewhere, without the last element.
fn select_first_max(group: &[i64]) -> Vec<i64> {
    let largest = group.iter().max();
    let first = group.iter().position(|v| Some(v) == largest);
    (0..group.len() - 1).map(|i| i64::from(Some(i) == first)).collect()
}
