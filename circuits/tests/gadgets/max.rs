//! The maximum of groups.

use lemma_graph::Op;

use crate::support::{Case, NARROW, WIDE, compile, graph, honest, int};

pub fn cases() -> Vec<Case> {
    let op = |shift, group| Op::Max { shift, group, bits: 6, range: NARROW };
    let plain =
        Case::new("max", graph(NARROW, &[6], op(0, 3), 2), &[&[7, -3, 2, 9, 9, 1]], &[7, 9])
            .forged("more than the larger", &["relu.product"], |f| {
                f.wire("relu.positive", |v| v[0] += int(1))
            })
            .forged("the smaller", &["lookup.sum"], |f| f.wire("relu.positive", |v| v[0] = int(0)));
    let rescaled = Case::new(
        "max of rescaled elements",
        graph(WIDE, &[2], op(6, 2), 1),
        &[&[640, 100]],
        &[10],
    )
    // Differences stay; only the winner's own range is left.
    .forged("a group shifted by a fraction", &["lookup.sum"], |f| {
        f.wire("quotient.remainder", |v| v.iter_mut().for_each(|e| *e -= int(1)))
    });
    vec![plain, rescaled]
}

#[test]
fn groups_of_every_size_have_their_maxima() {
    for group in 2..=7usize {
        let c = compile(graph(
            NARROW,
            &[2 * group],
            Op::Max { shift: 0, group, bits: 6, range: NARROW },
            2,
        ));
        let x: Vec<i64> = (0..2 * group as i64).map(|i| (i * 17 + 5) % 40 - 20).collect();
        let expected: Vec<i64> = x.chunks(group).map(|g| *g.iter().max().unwrap()).collect();
        honest(&c, &[&x], &expected);
    }
}
