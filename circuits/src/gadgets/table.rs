//! A function of an unproven quotient, by one lookup of `(q, f(q))`.
//!
//! The row proves both: `q` is one of the table's keys, hence an integer, and the value is that
//! key's. Cost: two constraints an element, and the table's rows once per circuit.

use std::sync::Arc;

use lemma_graph::Table;

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::Table`](lemma_graph::Op::Table).
    pub fn table(&mut self, x: &B::Form, shift: u32, table: &Arc<Table>) -> B::Form {
        let q = self.quotient(x, shift);
        self.enter("table");
        let len = self.builder.len(&q);
        let value = self.builder.witness("value", len, &[&q], |v| {
            v[0].iter().map(|q| table.get(*q).unwrap_or(0)).collect()
        });
        self.lookup_function(table, &q, &value);
        value
    }
}
