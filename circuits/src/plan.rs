//! The choice of range tables.
//!
//! A table of `2^w` rows costs `2^w` constraints once and saves limbs on every wider range. The
//! gadgets' ranges do not depend on the tables, so they are collected once and priced, by the count
//! builder, under each choice of one or two widths; the cheapest wins, ties going to fewer and
//! narrower tables.

use lemma_graph::Graph;

use crate::count::{Cost, Count};
use crate::gadgets::{Gadgets, Plan};
use crate::lower;

/// Widths that are tried, in bits.
const WIDTHS: std::ops::RangeInclusive<u32> = 4..=20;

/// The cheapest plan.
pub fn cheapest(graph: &Graph) -> Plan {
    let singles = WIDTHS.map(|w| vec![w]);
    let pairs = WIDTHS.flat_map(|a| (a + 1..=*WIDTHS.end()).map(move |b| vec![a, b]));
    let narrowest = || Plan { widths: vec![*WIDTHS.start()] };
    let collected = lower::round1(graph, &narrowest(), Count::default(), &[], &[]);
    let price = |plan: &Plan| {
        let mut gadgets = Gadgets::new(Count::default(), plan);
        for (wanted, len) in collected.ranges() {
            if wanted.exact {
                gadgets.range(len, wanted.n);
            } else {
                gadgets.small(len, wanted.n);
            }
        }
        gadgets.count_lookups();
        gadgets.prove_lookups();
        gadgets.builder.total().constraints
    };
    singles.chain(pairs).map(|widths| Plan { widths }).min_by_key(price).unwrap_or_else(narrowest)
}

/// What a graph costs under a plan.
pub fn count(graph: &Graph, plan: &Plan) -> Count {
    lower::round1(graph, plan, Count::default(), &[], &[]).round2()
}

/// What a graph costs under its cheapest plan.
pub fn cost(graph: &Graph) -> Cost {
    count(graph, &cheapest(graph)).total()
}
