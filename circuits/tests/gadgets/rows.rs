//! Rows of a table.

use std::sync::Arc;

use lemma_graph::{Graph, Interval, Op, RowTable};

use crate::support::{Case, compile, graph, honest, int};

fn value(i: usize) -> i64 {
    (i * i) as i64 - 300
}

/// Rows of four values each for ten ids.
fn gather(ids: usize) -> Graph {
    let values: Arc<[i32]> = (0..40).map(|i| value(i) as i32).collect();
    let table = Arc::new(RowTable::new(4, values).unwrap());
    graph(Interval { low: 0, high: 9 }, &[ids], Op::RowGather(table), 4 * ids)
}

fn rows(ids: &[i64]) -> Vec<i64> {
    ids.iter().flat_map(|id| (0..4).map(move |j| value(4 * *id as usize + j))).collect()
}

pub fn cases() -> Vec<Case> {
    let three = Case::new("rows", gather(3), &[&[9, 0, 4]], &rows(&[9, 0, 4]))
        .forged("another value", &["lookup.sum"], |f| f.wire("rows.row", |v| v[5] += int(1)))
        .forged("the row of another id", &["lookup.sum"], |f| {
            f.wire("rows.row", |v| v.copy_within(4..8, 0))
        })
        .forged("two values of a row exchanged", &["lookup.sum"], |f| {
            f.wire("rows.row", |v| v.swap(0, 1))
        })
        .forged("an id past the table", &["lookup.sum"], |f| f.inputs(&[&[10, 0, 4]]));
    let (second, more) = (value(17), value(17) + 1);
    let one = Case::new("one row", gather(1), &[&[4]], &rows(&[4]))
        .forged(
            "another value, and a partial sum that makes up for it",
            &["lookup.row values"],
            |f| {
                f.wire("rows.row", |v| v[1] += int(1))
                    .late("lookup.row values", 0, |v, chi| v[0] -= chi)
            },
        )
        .forged(
            "another value, and a power of the challenge that makes up for it",
            &["lookup.row power"],
            move |f| {
                f.wire("rows.row", |v| v[1] += int(1))
                    .wire("lookup.row power", move |v| v[1] *= int(more) / int(second))
            },
        );
    vec![three, one]
}

#[test]
fn ids_past_the_table_have_no_row() {
    let c = compile(gather(3));
    honest(&c, &[&[0, 9, 9]], &rows(&[0, 9, 9]));
    assert!(c.infer(&[vec![10, 0, 0]]).is_err());
}
