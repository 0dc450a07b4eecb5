//! The statement.

use lemma_graph::{Interval, Op, Visibility};

use crate::support::{Case, NARROW, graph, int};

pub fn cases() -> Vec<Case> {
    let doubled = || graph(NARROW, &[3], Op::Sum([2].into()), 3);
    let statement = Case::new("statement", doubled(), &[&[1, -2, 3]], &[2, -4, 6])
        .forged("a partial sum", &["fold.horner", "fold.statement"], |f| {
            f.wire("fold.horner", |v| v[0] += int(1))
        })
        .forged("a later partial sum", &["fold.horner"], |f| {
            f.wire("fold.horner", |v| v[1] += int(1))
        })
        .forged("another last value", &["fold.statement"], |f| {
            f.claim(|values| values[5] += int(1))
        })
        .forged(
            "another second value, and a partial sum that makes up for it",
            &["fold.horner"],
            |f| f.claim(|values| values[1] += int(1)).late("fold.horner", 0, |v, chi| v[0] += chi),
        );
    let mut private = graph(Interval { low: 0, high: 63 }, &[1], Op::Sum([2].into()), 1);
    private.inputs[0].visibility = Visibility::Private;
    private.outputs[0].visibility = Visibility::Private;
    let empty = Case::new("statement without values", private, &[&[5]], &[10]).forged(
        "a value where the statement has none",
        &["fold.empty"],
        |f| f.claim(|values| values.push(int(5))),
    );
    vec![statement, empty]
}
