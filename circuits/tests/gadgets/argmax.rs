//! ArgMax, by selection and by the winner's row.

use std::sync::Arc;

use lemma_graph::{Graph, Interval, LinearMap, Op, Port, Visibility};

use crate::support::{Case, compile, graph, honest, int};

pub fn cases() -> Vec<Case> {
    vec![by_selection(), by_row()]
}

fn selection() -> Graph {
    graph(Interval { low: -16, high: 15 }, &[4], Op::ArgMax { group: 4 }, 1)
}

/// Keys are 4 x + 3 - place: the second 5 has a smaller one than the first.
fn by_selection() -> Case {
    Case::new("argmax by selection", selection(), &[&[1, 5, 5, 2]], &[1])
        .forged("a key larger than all", &["argmax.winner"], |f| {
            f.wire("argmax.max", |v| v[0] += int(1))
        })
        .forged("the selector of the second of equal elements", &["argmax.winner"], |f| {
            f.wire("argmax.selector", |v| v.swap(1, 2))
        })
        .forged("selectors that are no bits", &["argmax.winner"], |f| {
            f.wire("argmax.selector", |v| v[0] = int(1))
        })
        .forged("the second of equal elements, and its key", &["lookup.sum"], |f| {
            f.set("argmax.max", &[21]).set("argmax.selector", &[0, 0, 1])
        })
        .forged("a smaller element, and its key", &["lookup.sum"], |f| {
            f.set("argmax.max", &[7]).set("argmax.selector", &[1, 0, 0])
        })
}

/// Twelve positions of three features, and 16 candidates each: row `v` of the matrix is
/// `v - 8, 1, (v mod 3) - 1`.
fn vocabulary() -> Graph {
    let weight: Arc<[i32]> = (0..16).flat_map(|v| [v - 8, 1, v % 3 - 1]).collect();
    let mut graph = Graph::default();
    let h = graph
        .push("h", Op::Input { range: Interval { low: -8, high: 7 } }, &[], &[12, 3], 0)
        .unwrap();
    let map = Arc::new(LinearMap::Dense { weight, outputs: 16, inputs: 3 });
    let logits = graph.push("logits", Op::Linear(map), &[h], &[12, 16], 0).unwrap();
    let next = graph.push("next", Op::ArgMax { group: 16 }, &[logits], &[12], 0).unwrap();
    graph.inputs.push(Port { name: "h".into(), node: h, visibility: Visibility::Public });
    graph.outputs.push(Port { name: "next".into(), node: next, visibility: Visibility::Public });
    graph
}

/// Position 0 prefers row 15, position 1 row 0, position 2 ties everywhere; position 3 ties rows 2,
/// 5, 8, 11 and 14.
fn by_row() -> Case {
    let mut h = vec![0; 36];
    h[..12].copy_from_slice(&[3, 1, 0, -2, 0, 0, 0, 5, 0, 0, 0, 4]);
    let winners = [15, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut case = Case::new("argmax by the winner's row", vocabulary(), &[&h], &winners);
    for (what, position, other) in [
        ("a smaller element, with its row", 0, 14),
        ("another smaller element, with its row", 1, 1),
        ("the second of equal elements, with its row", 2, 1),
        ("the second of some equal elements, with its row", 3, 5),
    ] {
        case = case.forged(what, &["lookup.sum"], |f| {
            f.wire("argmax.index", move |v| v[position] = int(other))
        });
    }
    case.forged("a row that is none of the table", &["lookup.sum"], |f| {
        f.wire("rows.row", |v| v[0] += int(1))
    })
    .forged("a smaller element, with a row of a larger product", &["lookup.sum"], |f| {
        f.wire("argmax.index", |v| v[0] = int(14)).wire("rows.row", |v| v[0] += int(1))
    })
    .forged(
        "a smaller element, with a product of the prover's choice",
        &["product.product"],
        |f| f.wire("argmax.index", |v| v[0] = int(14)).wire("product.product", |v| v[0] += int(3)),
    )
}

#[test]
fn the_lowest_index_wins() {
    let c = compile(selection());
    for (x, winner) in
        [([1, 5, 5, 2], 1), ([9, 9, 9, 9], 0), ([0, 1, 2, 3], 3), ([-16, -16, -16, 15], 3)]
    {
        honest(&c, &[&x], &[winner]);
    }
}

#[test]
fn the_winners_row_is_taken_where_it_is_cheaper() {
    assert!(compile(vocabulary()).circuit().sites().all(|(site, _)| site.gadget != "argmax"));
}
