//! Rows of a constant table chosen by an id: an embedding.
//!
//! The row's values are wires, and one lookup of the whole row proves them ([`super::lookup`]): a
//! row is compressed with powers of the challenge, and rows of the table are linear forms of the
//! same powers. Cost: `width` constraints and one lookup a row, and one constraint per row of the
//! table.

use std::sync::Arc;

use lemma_graph::RowTable;

use super::Gadgets;
use crate::builder::Builder;

impl<B: Builder> Gadgets<B> {
    /// [`Op::RowGather`](lemma_graph::Op::RowGather).
    pub fn row_gather(&mut self, ids: &B::Form, table: &Arc<RowTable>) -> B::Form {
        self.enter("rows");
        let len = self.builder.len(ids) * table.width();
        let row = |id: &i64| -> Vec<i64> {
            table.row(*id).map_or_else(
                || vec![0; table.width()],
                |row| row.iter().map(|v| (*v).into()).collect(),
            )
        };
        let values =
            self.builder.witness("row", len, &[ids], |v| v[0].iter().flat_map(row).collect());
        self.lookup_rows(table, ids, &values);
        values
    }
}
