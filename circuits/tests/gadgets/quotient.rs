//! The rescale.

use lemma_graph::{Graph, Op};

use crate::support::{Case, NARROW, WIDE, compile, graph, honest, int};

fn rescale() -> Graph {
    graph(WIDE, &[3], Op::Rescale { shift: 6, range: NARROW }, 3)
}

pub fn cases() -> Vec<Case> {
    let case = Case::new("rescale", rescale(), &[&[1000, -97, 5]], &[16, -2, 0])
        .forged("one lower, with its remainder", &["lookup.sum"], |f| {
            f.wire("quotient.remainder", |v| v[0] += int(64))
        })
        .forged("one higher, with its remainder", &["lookup.sum"], |f| {
            f.wire("quotient.remainder", |v| v[1] -= int(64))
        })
        // A remainder inside its range makes the quotient a fraction, which the quotient's own
        // range refuses.
        .forged("a fraction", &["lookup.sum"], |f| f.wire("quotient.remainder", |v| v[0] += int(1)))
        .forged("another fraction", &["lookup.sum"], |f| {
            f.wire("quotient.remainder", |v| v[2] = int(0))
        })
        .forged("a quotient past its range", &["lookup.sum"], |f| {
            f.inputs(&[&[2000, -97, 5]]).wire("quotient.remainder", |v| v[0] -= int(64))
        });
    vec![case]
}

#[test]
fn halves_round_up() {
    let c = compile(rescale());
    honest(&c, &[&[1000, -97, 2000]], &[16, -2, 31]);
    honest(&c, &[&[32, 31, -32]], &[1, 0, 0]);
}
