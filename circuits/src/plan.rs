//! The choice of range tables.
//!
//! A table of `2^w` rows costs `2^w` constraints once and saves limbs on every wider range. The count builder prices each choice of one or
//! two widths exactly; the cheapest wins, ties going to fewer and narrower tables.

use lemma_quantizer::graph::Graph;

use crate::count::{Cost, Count};
use crate::gadgets::Plan;
use crate::lower;

/// Widths that are tried, in bits.
const WIDTHS: std::ops::RangeInclusive<u32> = 4..=20;

/// The cheapest plan.
pub fn cheapest(graph: &Graph) -> Plan {
    let singles = WIDTHS.map(|w| vec![w]);
    let pairs = WIDTHS.flat_map(|a| (a + 1..=*WIDTHS.end()).map(move |b| vec![a, b]));
    let price = |widths: &Vec<u32>| count(graph, &Plan { widths: widths.clone() }).total().constraints;
    let widths = singles.chain(pairs).min_by_key(price);
    Plan { widths: widths.unwrap_or_else(|| vec![*WIDTHS.start()]) }
}

/// What a graph costs under a plan.
pub fn count(graph: &Graph, plan: &Plan) -> Count {
    lower::round1(graph, plan, Count::default(), &[], &[]).round2()
}

/// What a graph costs under its cheapest plan.
pub fn cost(graph: &Graph) -> Cost {
    count(graph, &cheapest(graph)).total()
}
