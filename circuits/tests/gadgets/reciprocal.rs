//! The reciprocal.

use lemma_graph::{Graph, Interval, Op};

use crate::support::{Case, compile, graph, honest, int};

fn reciprocal() -> Graph {
    graph(Interval { low: 1, high: 64 }, &[1], Op::Reciprocal { bits: 12 }, 1)
}

pub fn cases() -> Vec<Case> {
    let wire = "reciprocal.reciprocal";
    let seventh = Case::new("reciprocal", reciprocal(), &[&[7]], &[585])
        .forged("one higher", &["lookup.sum"], |f| f.wire(wire, |v| v[0] += int(1)))
        .forged("one lower", &["lookup.sum"], |f| f.wire(wire, |v| v[0] -= int(1)))
        // It has no remainder, and only its own range refuses it.
        .forged("a fraction of the field", &["lookup.sum"], |f| {
            f.wire(wire, |v| v[0] = int(4096) / int(7)).set("reciprocal.product", &[4096])
        })
        .forged("one higher, with the product of the right one", &["reciprocal.product"], |f| {
            f.wire(wire, |v| v[0] += int(1)).set("reciprocal.product", &[7 * 585])
        });
    // One less leaves a remainder that is the divisor.
    let eighth = Case::new("reciprocal of a divisor", reciprocal(), &[&[8]], &[512]).forged(
        "one lower",
        &["lookup.sum"],
        |f| f.wire(wire, |v| v[0] -= int(1)),
    );
    vec![seventh, eighth]
}

#[test]
fn every_reciprocal_is_rounded_down() {
    let c = compile(reciprocal());
    for x in 1..=64 {
        honest(&c, &[&[x]], &[4096 / x]);
    }
}
