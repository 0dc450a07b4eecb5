//! Ranges, by those of inputs: over one table of 6 bits each kind of size has its own way.

use ark_ff::Field;
use lemma_graph::{Graph, Interval, Op};

use crate::support::{Case, compile, graph, honest, int, refused};

/// An input of `0..n`, and its double.
fn input(n: i64) -> Graph {
    graph(Interval { low: 0, high: n - 1 }, &[1], Op::Sum([2].into()), 1)
}

pub fn cases() -> Vec<Case> {
    // 14 bits: limbs of 6 and 6 and a top of 2, which is checked to its own width.
    let mut limbs = Case::new("range of 2^14", input(1 << 14), &[&[12_345]], &[24_690]).forged(
        "a value past the end, all of it in the first limb",
        &["lookup.sum"],
        |f| f.inputs(&[&[1 << 14]]).set("range.limb", &[1 << 14]),
    );
    for (what, change) in [
        ("a limb one turn too high", int(64)),
        ("a limb one turn too low", int(-64)),
        ("a limb off by one", int(1)),
        ("a limb that is a fraction", int(64).inverse().unwrap()),
    ] {
        limbs =
            limbs.forged(what, &["lookup.sum"], |f| f.wire("range.limb", move |v| v[0] += change));
    }
    // Two lookups in the one table; one; a wider power of two twice.
    let within = Case::new("range of 37", input(37), &[&[36]], &[72]);
    let exact = Case::new("range of 64", input(64), &[&[63]], &[126]);
    let wide = Case::new("range of 5000", input(5000), &[&[4999]], &[9998]);
    let ends = |case: Case, n: i64| {
        case.forged("a value below the start", &["lookup.sum"], |f| f.inputs(&[&[-1]])).forged(
            "a value past the end",
            &["lookup.sum"],
            move |f| f.inputs(&[&[n]]),
        )
    };
    vec![ends(limbs, 1 << 14), ends(within, 37), ends(exact, 64), ends(wide, 5000)]
}

#[test]
fn every_range_size_is_exact() {
    for n in (1..70).chain([127, 128, 129, 1000, 4095, 4096, 4097, 262_144, 300_000]) {
        let range = Interval { low: -7, high: n - 8 };
        let wide = Interval { low: -8, high: n - 7 };
        let c = compile(graph(wide, &[1], Op::Rescale { shift: 0, range }, 1));
        for edge in [range.low, range.high] {
            honest(&c, &[&[edge]], &[edge]);
        }
        for outside in [wide.low, wide.high] {
            assert!(refused(&c, &[&[outside]]), "{outside} passes as one of {range:?}");
        }
    }
}
