//! The lookup argument, by a table of one function.

use std::sync::Arc;

use ark_ff::Field;
use lemma_graph::{Interval, Op, Table};

use crate::support::{Case, graph, int};

/// Key 3 is row 11 of the squares of -8 to 8. Its table comes after the range table of the input,
/// its lookup after the two of the input's range.
pub fn cases() -> Vec<Case> {
    let range = Interval { low: -8, high: 8 };
    let square = Arc::new(Table::tabulate("square", range, |x| x * x).unwrap());
    let case = Case::new(
        "lookup",
        graph(range, &[1], Op::Table { shift: 0, table: square }, 1),
        &[&[3]],
        &[9],
    )
    .forged("a wrong value", &["lookup.sum"], |f| f.set("table.value", &[10]))
    .forged("moved multiplicities", &["lookup.sum"], |f| {
        f.wire("lookup.multiplicity", |v| {
            v[3] += int(1);
            v[4] -= int(1)
        })
    })
    .forged("one more multiplicity", &["lookup.sum"], |f| {
        f.wire("lookup.multiplicity", |v| v[0] += int(1))
    })
    .forged("a share", &["lookup.row", "lookup.sum"], |f| {
        f.wire("lookup.share", |v| v[0] += int(1))
    })
    .forged("an inverse", &["lookup.inverse", "lookup.sum"], |f| {
        f.wire("lookup.inverse", |v| v[0] += int(1))
    })
    .forged("two shares that keep the sum", &["lookup.row"], |f| {
        f.wire("lookup.share", |v| {
            v[0] += int(1);
            v[1] -= int(1)
        })
    })
    // The denominator of the right row is that of the wrong one plus X^2.
    .forged("a wrong value, and an inverse that makes up for it", &["lookup.inverse"], |f| {
        f.set("table.value", &[10]).late("lookup.inverse", 2, |v, chi| {
            v[0] = (v[0].inverse().unwrap() + chi.square()).inverse().unwrap();
        })
    })
    .forged("a wrong value, and a share that makes up for it", &["lookup.row"], |f| {
        f.set("table.value", &[10]).late("lookup.share", 1, |v, chi| {
            v[11] = (v[11].inverse().unwrap() - chi.square()).inverse().unwrap();
        })
    })
    .forged("a wrong value, and a product that makes up for it", &["lookup.product"], |f| {
        f.set("table.value", &[10]).wire("lookup.product", |v| v[0] *= int(9) / int(10))
    })
    .forged(
        "a wrong value, and a square of the challenge that weighs it with zero",
        &["lookup.power"],
        |f| f.set("table.value", &[10]).wire("lookup.power", |v| v[0] = int(0)),
    )
    .forged("a pole of the prover's choice", &["lookup.power"], |f| {
        f.wire("lookup.power", |v| {
            v.iter_mut().last().into_iter().for_each(|pole| *pole = int(12_345))
        })
    });
    vec![case]
}
