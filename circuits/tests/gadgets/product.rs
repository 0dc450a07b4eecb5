//! The product of two integers.

use lemma_graph::{Interval, Op};

use crate::support::{Case, compile, graph, honest, int};

fn range() -> Interval {
    Interval { low: -16, high: 15 }
}

pub fn cases() -> Vec<Case> {
    let case = Case::new(
        "product",
        graph(range(), &[2, 2], Op::Product, 2),
        &[&[3, 4], &[-5, 6]],
        &[-15, 24],
    )
    .forged("one more", &["product.product"], |f| f.wire("product.product", |v| v[0] += int(1)))
    .forged("two exchanged", &["product.product"], |f| f.wire("product.product", |v| v.swap(0, 1)));
    vec![case]
}

#[test]
fn the_ends_of_the_range_multiply() {
    honest(
        &compile(graph(range(), &[2, 2], Op::Product, 2)),
        &[&[-16, 15], &[-16, 15]],
        &[256, 225],
    );
}
