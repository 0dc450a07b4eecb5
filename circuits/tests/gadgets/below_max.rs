//! The exponential of a softmax.

use std::sync::Arc;

use lemma_graph::{Graph, Interval, Op, Table};

use crate::support::{Case, NARROW, WIDE, compile, graph, honest, int};

/// The exponential of one group of three, halved with each step below the maximum.
fn softmax(range: Interval, shift: u32, groups: &[u32]) -> Graph {
    let table = Arc::new(
        Table::tabulate("decay", Interval { low: 0, high: 63 }, |x| 1000 >> x.min(20)).unwrap(),
    );
    let len = groups.iter().sum::<u32>() as usize;
    graph(
        range,
        &[len],
        Op::TableBelowMax { shift, groups: groups.into(), range: NARROW, table },
        len,
    )
}

pub fn cases() -> Vec<Case> {
    let plain = Case::new(
        "exponential below the maximum",
        softmax(NARROW, 0, &[3]),
        &[&[-3, 2, 0]],
        &[31, 1000, 250],
    )
    .forged("a maximum that is too large", &["table below max.selected"], |f| {
        f.wire("table below max.max", |v| v[0] += int(1))
    })
    .forged("an element that is not the largest", &["lookup.sum"], |f| {
        f.set("table below max.max", &[0]).set("table below max.selector", &[0, 0])
    })
    .forged("a value off the table", &["lookup.sum"], |f| {
        f.wire("table below max.value", |v| v[0] += int(1))
    });
    // 100, 60 and 20 are 6, 4 and 1 sixteens, with remainders of 12, 4 and 12.
    let rescaled = Case::new(
        "exponential of rescaled scores",
        softmax(WIDE, 4, &[3]),
        &[&[100, 60, 20]],
        &[1000, 250, 31],
    )
    .forged(
        "a group shifted by a fraction, less its maximum",
        &["lookup.sum", "table below max.selected"],
        |f| f.wire("quotient.remainder", |v| v.iter_mut().for_each(|e| *e -= int(1))),
    )
    // Quotients of 6.75, 3.75 and 1.75: the second is three below the maximum, not two. Only the
    // range of the maximum refuses it.
    .forged("a group rounded at another offset", &["lookup.sum"], |f| {
        f.set("quotient.remainder", &[0, 8, 0])
            .wire("table below max.max", |v| v[0] = int(27) / int(4))
            .set("table below max.selector", &[1, 0])
    });
    let causal = Case::new(
        "exponential under a causal mask",
        softmax(NARROW, 0, &[1, 2, 3]),
        &[&[-5, 1, 0, 2, 4, 1]],
        &[1000, 1000, 500, 250, 1000, 125],
    )
    .forged("another element selected", &["table below max.selected"], |f| {
        f.wire("table below max.selector", |v| v[0] = int(0))
    })
    .forged("a maximum of another group", &["table below max.selected"], |f| {
        f.wire("table below max.max", |v| v[1] = int(4))
    });
    vec![plain, rescaled, causal]
}

#[test]
fn equal_elements_are_all_at_the_maximum() {
    honest(&compile(softmax(NARROW, 0, &[3])), &[&[5, 5, 5]], &[1000, 1000, 1000]);
}
