//! A function of a rescaled operand.

use std::sync::Arc;

use lemma_graph::{Graph, Interval, Op, Table};

use crate::support::{Case, compile, graph, honest, int};

/// Squares of quarters, from -8 to 8.
fn square() -> Graph {
    let table =
        Arc::new(Table::tabulate("square", Interval { low: -8, high: 8 }, |x| x * x).unwrap());
    graph(Interval { low: -40, high: 40 }, &[2], Op::Table { shift: 2, table }, 2)
}

/// Whether a key is at least zero, as a tree asks at each of its nodes.
fn at_least_zero() -> Graph {
    let table = Arc::new(
        Table::tabulate("at most", Interval { low: -8, high: 7 }, |x| i64::from(x >= 0)).unwrap(),
    );
    graph(Interval { low: -8, high: 7 }, &[2], Op::Table { shift: 0, table }, 2)
}

pub fn cases() -> Vec<Case> {
    let case = Case::new("function table", square(), &[&[12, 5]], &[9, 1])
        .forged("a value off the table", &["lookup.sum"], |f| {
            f.wire("table.value", |v| v[0] += int(1))
        })
        .forged("two values exchanged", &["lookup.sum"], |f| {
            f.wire("table.value", |v| v.swap(0, 1))
        })
        .forged("a key past the table", &["lookup.sum"], |f| f.inputs(&[&[40, 5]]))
        .forged("a neighbouring quotient", &["lookup.sum"], |f| {
            f.wire("quotient.remainder", |v| v[0] += int(4))
        });
    let comparison = Case::new("comparison by a table", at_least_zero(), &[&[0, -1]], &[1, 0])
        .forged("a flag turned off", &["lookup.sum"], |f| f.wire("table.value", |v| v[0] = int(0)))
        .forged("a flag turned on", &["lookup.sum"], |f| f.wire("table.value", |v| v[1] = int(1)))
        .forged("a flag that is neither", &["lookup.sum"], |f| {
            f.wire("table.value", |v| v[1] = int(2))
        });
    vec![case, comparison]
}

#[test]
fn every_key_has_its_value() {
    let c = compile(square());
    for x in -34i64..=33 {
        let q = (x + 2).div_euclid(4);
        if q.abs() <= 8 {
            honest(&c, &[&[x, 0]], &[q * q, 0]);
        }
    }
    assert!(c.infer(&[vec![40, 0]]).is_err());
}
