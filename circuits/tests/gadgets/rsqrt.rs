//! The reciprocal root, by a normalisation of one element.

use lemma_graph::{Energy, Graph, Interval, Op};

use crate::support::{Case, compile, graph, honest, int};

/// The energy of a single 1, and an epsilon; the result is the root itself.
fn root(energy: i64) -> Graph {
    let energy =
        Energy { group: 1, shift: 0, epsilon: energy - 1, range: Interval { low: 1, high: 300 } };
    graph(Interval { low: 0, high: 1 }, &[1], Op::Normalize { energy, bits: 20 }, 1)
}

pub fn cases() -> Vec<Case> {
    // 387^2 7 <= 2^20 < 388^2 7.
    let seventh = Case::new("reciprocal root", root(7), &[&[1]], &[387])
        .forged("one higher", &["lookup.sum"], |f| f.set("rsqrt.root", &[388]))
        .forged("one lower", &["lookup.sum"], |f| f.set("rsqrt.root", &[386]))
        .forged("the negative", &["lookup.sum"], |f| f.set("rsqrt.root", &[-387]))
        .forged("one higher, with the square of the right one", &["rsqrt.square"], |f| {
            f.set("rsqrt.root", &[388]).set("rsqrt.square", &[387 * 387])
        })
        .forged("one higher, with the product of the right one", &["rsqrt.product"], |f| {
            f.set("rsqrt.root", &[388]).set("rsqrt.product", &[387 * 387 * 7])
        })
        .forged("one lower, with a linear term that makes up for it", &["rsqrt.linear"], |f| {
            f.set("rsqrt.root", &[386]).set("rsqrt.linear", &[2900])
        });
    // 1 / sqrt(4) is 512; 1023 / 2 squared times 4 is 1023^2 <= 2^20 < 1025^2.
    let half = int(1023) / int(2);
    let fourth = Case::new("reciprocal root of a square", root(4), &[&[1]], &[512])
        .forged("a fraction", &["lookup.sum"], move |f| {
            f.wire("rsqrt.root", move |v| v[0] = half)
                .wire("rsqrt.square", move |v| v[0] = half * half)
                .set("rsqrt.product", &[1023 * 1023])
                .set("rsqrt.linear", &[2046])
                .wire("product.product", move |v| v[0] = half)
        })
        .forged("one lower", &["lookup.sum"], |f| f.set("rsqrt.root", &[511]));
    vec![seventh, fourth]
}

#[test]
fn every_root_is_rounded_down() {
    for e in 1..=300i64 {
        let y = (0..).take_while(|y| y * y * e <= 1 << 20).last().unwrap();
        honest(&compile(root(e)), &[&[1]], &[y]);
    }
}
