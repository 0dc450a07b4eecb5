//! The exponential of a softmax under a mask that an input decides.

use std::sync::Arc;

use lemma_graph::{Graph, Interval, Op, Port, Table, Visibility};

use crate::support::{Case, NARROW, WIDE, compile, honest, int, refused};

/// Groups of three, one and two scores, and flags that hide some of them.
fn masked(shift: u32) -> Graph {
    let mut graph = Graph::default();
    let mut operands = Vec::new();
    for (name, range) in [("scores", WIDE), ("hidden", Interval { low: 0, high: 1 })] {
        let node = graph.push("in", Op::Input { range }, &[], &[6], 0).unwrap();
        graph.inputs.push(Port { name: name.into(), node, visibility: Visibility::Public });
        operands.push(node);
    }
    let table = Arc::new(
        Table::tabulate("decay", Interval { low: 0, high: 63 }, |x| 1000 >> x.min(20)).unwrap(),
    );
    let op = Op::TableBelowMax { shift, groups: [3, 1, 2].into(), range: NARROW, table };
    let node = graph.push("layer", op, &operands, &[6], 0).unwrap();
    graph.outputs.push(Port { name: "y".into(), node, visibility: Visibility::Public });
    graph
}

pub fn cases() -> Vec<Case> {
    let hidden: [&[i64]; 2] = [&[1, 5, 3, -20, 4, 2], &[0, 1, 0, 0, 1, 1]];
    let plain = Case::new(
        "exponential below the visible maximum",
        masked(0),
        &hidden,
        &[250, 0, 1000, 1000, 1000, 1000],
    )
    .forged("a weight for a hidden score", &["table below visible max.distance"], |f| {
        f.wire("table below visible max.distance", |v| v[1] = int(2))
    })
    .forged("a visible score pushed down", &["table below visible max.distance"], |f| {
        f.wire("table below visible max.distance", |v| v[0] = int(60))
    })
    .forged("the hidden score as the maximum", &["table below visible max.selected"], |f| {
        f.wire("table below visible max.max", |v| v[0] = int(5))
            .wire("table below visible max.selector", |v| v.swap(1, 2))
    })
    .forged("a maximum that is too large", &["table below visible max.selected"], |f| {
        f.wire("table below visible max.max", |v| v[0] += int(1))
    })
    .forged("no maximum, as if all were hidden", &["table below visible max.empty"], |f| {
        f.wire("table below visible max.selector", |v| v[2] = int(0))
    })
    .forged("a selection where all are hidden", &["table below visible max.selected"], |f| {
        f.wire("table below visible max.selector", |v| v[4] = int(1))
    })
    .forged("an element that is not the largest", &["lookup.sum"], |f| {
        f.wire("table below visible max.max", |v| v[0] = int(1))
            .wire("table below visible max.selector", |v| v.swap(0, 2))
    })
    .forged("a value off the table", &["lookup.sum"], |f| {
        f.wire("table below visible max.value", |v| v[0] += int(1))
    });
    // As without a mask: quotients of 6.75, 3.75 and 1.75. The second score is hidden, so its
    // remainder says nothing.
    let scores: [&[i64]; 2] = [&[100, 900, 60, 20, 0, 16], &[0, 1, 0, 0, 0, 0]];
    let rescaled = Case::new(
        "exponential of rescaled scores under a mask",
        masked(4),
        &scores,
        &[1000, 0, 250, 1000, 500, 1000],
    )
    .forged("a group rounded at another offset", &["lookup.sum"], |f| {
        f.wire("quotient.remainder", |v| (v[0], v[1], v[2]) = (int(0), int(0), int(8)))
            .wire("table below visible max.max", |v| v[0] = int(27) / int(4))
            .wire("table below visible max.selector", |v| v[0] = int(1))
    });
    vec![plain, rescaled]
}

#[test]
fn hidden_scores_have_no_part_whatever_they_are() {
    let c = compile(masked(0));
    let flags = [0, 1, 0, 0, 1, 0];
    for hidden in [-3, 2, 31, 40, WIDE.high, WIDE.low] {
        honest(&c, &[&[1, hidden, 3, -20, hidden, 2], &flags], &[250, 0, 1000, 1000, 0, 1000]);
    }
    honest(
        &c,
        &[&[1, 900, 3, 900, -700, 800], &[0, 1, 0, 1, 1, 1]],
        &[250, 0, 1000, 1000, 1000, 1000],
    );
    // Visible ones must fit, and flags be flags.
    assert!(c.infer(&[vec![1, 900, 3, 900, 0, 0], flags.to_vec()]).is_err());
    assert!(refused(&c, &[&[1, 900, 3, 900, 0, 0], &flags]));
    for flag in [2, -1] {
        assert!(refused(&c, &[&[1, 5, 3, -20, 4, 2], &[0, flag, 0, 0, 1, 0]]), "{flag}");
    }
}
