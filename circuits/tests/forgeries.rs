//! The dishonest prover, gadget by gadget.
//!
//! A forgery changes one wire vector where it is assigned and follows the gadget honestly from there; only the constraints are asked. Each is
//! listed with the constraints that catch it, which says at once: with these deleted it passes, so they are needed, and no others catch it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::Field;
use lemma_circuits::builder::Values;
use lemma_circuits::check::{ViolationKind, violations};
use lemma_circuits::{Compiled, Plan};
use lemma_quantizer::graph::{
    Causal, Energy, Graph, Interval, Leak, LinearMap, MatMul, NodeId, Op, Port, RowTable, Table, Visibility,
};

/// A graph of one operation on one input, with a public result.
fn graph(range: Interval, len: usize, op: Op, result: usize) -> Graph {
    let mut graph = Graph::default();
    let x = graph.push("in", Op::Input { range }, &[], &[len], 0).unwrap();
    let operands = if matches!(op, Op::Product) { vec![x, x] } else { vec![x] };
    let y = graph.push("layer", op, &operands, &[result], 0).unwrap();
    graph.inputs.push(Port { name: "x".into(), node: x, visibility: Visibility::Private });
    graph.outputs.push(Port { name: "y".into(), node: y, visibility: Visibility::Public });
    graph
}

fn compile(graph: Graph) -> Compiled {
    Compiled::with_plan(graph, Plan { widths: vec![6] }).unwrap()
}

fn honest(compiled: &Compiled, input: &[i64], expected: &[i64]) {
    let inference = compiled.infer(&[input.to_vec()]).unwrap();
    assert_eq!(inference.outputs(), [expected.to_vec()]);
    assert_eq!(violations(compiled, inference), []);
}

/// The constraints, as `gadget.name`, that a forgery of one wire vector violates.
fn caught(compiled: &Compiled, input: &[i64], wire: &'static str, forge: fn(&mut Vec<Fr>)) -> BTreeSet<String> {
    let (gadget, name) = wire.split_once('.').unwrap();
    let (gadget, name) = (gadget.to_owned(), name.to_owned());
    let mut done = false;
    let forger = Box::new(move |site: &lemma_circuits::builder::Site, values: &Values| {
        if done || site.gadget != gadget || site.name != name {
            return None;
        }
        done = true;
        let mut forged = values.to_field();
        forge(&mut forged);
        Some(Values::Field(Arc::new(forged)))
    });
    let found = violations(compiled, compiled.infer_forged(&[input.to_vec()], forger));
    assert!(found.iter().all(|v| v.kind == ViolationKind::Unsatisfied), "{found:?}");
    found.iter().map(|v| format!("{}.{}", v.site.gadget, v.site.name)).collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

const WIDE: Interval = Interval { lo: -2000, hi: 2000 };

fn int(x: i64) -> Fr {
    lemma_circuits::field::from_integer(x)
}

#[test]
fn quotient_rejects_a_neighbour_with_matching_remainder() {
    let op = Op::Requantize { shift: 6, range: Interval { lo: -32, hi: 31 } };
    let c = compile(graph(WIDE, 3, op, 3));
    honest(&c, &[1000, -97, 2000], &[16, -2, 31]);
    honest(&c, &[32, 31, -32], &[1, 0, 0]);
    // remainder + 2^s gives quotient - 1; remainder - 2^s gives quotient + 1.
    assert_eq!(caught(&c, &[1000, -97, 5], "quotient.remainder", |v| v[0] += int(64)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &[1000, -97, 5], "quotient.remainder", |v| v[1] -= int(64)), set(["lookup.sum"]));
    // A remainder inside its range makes the quotient a fraction, which the quotient's own range refuses.
    assert_eq!(caught(&c, &[1000, -97, 5], "quotient.remainder", |v| v[0] += int(1)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &[1000, -97, 5], "quotient.remainder", |v| v[2] = int(0)), set(["lookup.sum"]));
}

#[test]
fn range_rejects_a_wrapped_limb() {
    // 14 bits over tables of 6: limbs of 6, 6 and a top of 2 bits that is checked to its own width.
    let op = Op::Requantize { shift: 0, range: Interval { lo: 0, hi: (1 << 14) - 1 } };
    let range = Interval { lo: -1, hi: 1 << 14 };
    let c = compile(graph(range, 1, op, 1));
    honest(&c, &[(1 << 14) - 1], &[(1 << 14) - 1]);
    honest(&c, &[0], &[0]);
    assert!(c.infer(&[vec![1 << 14]]).is_err());
    let forgeries: [fn(&mut Vec<Fr>); 4] =
        [|v| v[0] += int(64), |v| v[0] -= int(64), |v| v[0] += int(1), |v| v[0] += int(64).inverse().unwrap()];
    for forge in forgeries {
        assert_eq!(caught(&c, &[12345], "range.limb", forge), set(["lookup.sum"]));
    }
    // A value just past either end, with honest limbs.
    for value in [-1, 1 << 14] {
        let found = violations(&c, c.infer_forged(&[vec![value]], Box::new(|_, _| None)));
        assert_eq!(found.iter().map(|v| v.site.name).collect::<Vec<_>>(), ["sum"], "{value}");
    }
}

#[test]
fn every_range_size_is_exact() {
    for n in (1..70).chain([127, 128, 129, 1000, 4095, 4096, 4097, 262_144, 300_000]) {
        let range = Interval { lo: -7, hi: n - 8 };
        let wide = Interval { lo: -8, hi: n - 7 };
        let op = Op::Requantize { shift: 0, range };
        let c = compile(graph(wide, 1, op, 1));
        for edge in [range.lo, range.hi] {
            honest(&c, &[edge], &[edge]);
        }
        for outside in [wide.lo, wide.hi] {
            let found = violations(&c, c.infer_forged(&[vec![outside]], Box::new(|_, _| None)));
            assert!(!found.is_empty(), "{outside} passes as one of {range:?}");
        }
    }
}

#[test]
fn relu_rejects_the_other_branch_and_both_signs_of_zero_agree() {
    let op = Op::Relu { shift: 0, bits: 6, leak: Leak::none() };
    let c = compile(graph(Interval { lo: -64, hi: 64 }, 2, op, 2));
    for x in -63..=63 {
        honest(&c, &[x, -x], &[x.max(0), (-x).max(0)]);
    }
    // The negative side taken for the positive one, and the reverse: only the range sees it.
    assert_eq!(caught(&c, &[-5, 7], "relu.positive", |v| v[0] = int(-5)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &[-5, 7], "relu.positive", |v| v[1] = int(0)), set(["lookup.sum"]));
    // A value between: only the product sees it.
    assert_eq!(caught(&c, &[-5, 7], "relu.positive", |v| v[1] = int(8)), set(["relu.product"]));
    assert_eq!(caught(&c, &[0, 7], "relu.positive", |v| v[0] = int(1)), set(["relu.product"]));
    // Outside the declared width.
    for x in [64, -64] {
        assert!(c.infer(&[vec![x, 0]]).is_err());
        assert_eq!(violations(&c, c.infer_forged(&[vec![x, 0]], Box::new(|_, _| None))).len(), 1);
    }
}

#[test]
fn rescaled_relu_rejects_a_quotient_one_too_high() {
    let op = Op::Relu { shift: 6, bits: 6, leak: Leak { slopes: [3].into(), bits: 4 } };
    let c = compile(graph(WIDE, 3, op, 3));
    honest(&c, &[1000, -97, 31], &[16 * 16, -2 * 3, 0]);
    for forge in [(|v| v[0] += int(64)) as fn(&mut Vec<Fr>), |v| v[0] -= int(64), |v| v[0] += int(1)] {
        let caught = caught(&c, &[1000, -97, 31], "quotient.remainder", forge);
        assert!(caught.contains("lookup.sum"), "{caught:?}");
    }
}

fn square() -> Arc<Table> {
    Arc::new(Table::tabulate("square", Interval { lo: -8, hi: 8 }, |x| x * x).unwrap())
}

#[test]
fn table_rejects_a_value_off_the_table() {
    let c = compile(graph(Interval { lo: -40, hi: 40 }, 2, Op::Table { shift: 2, table: square() }, 2));
    for x in -34i64..=33 {
        let q = (x + 2).div_euclid(4);
        if q.abs() <= 8 {
            honest(&c, &[x, 0], &[q * q, 0]);
        }
    }
    assert_eq!(caught(&c, &[12, 5], "table.value", |v| v[0] += int(1)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &[12, 5], "table.value", |v| v.swap(0, 1)), set(["lookup.sum"]));
    assert!(c.infer(&[vec![40, 0]]).is_err());
    assert_eq!(violations(&c, c.infer_forged(&[vec![40, 0]], Box::new(|_, _| None))).len(), 1);
}

#[test]
fn lookups_reject_moved_multiplicities_and_free_wires() {
    let c = compile(graph(Interval { lo: -40, hi: 40 }, 2, Op::Table { shift: 2, table: square() }, 2));
    let x = [12, 5];
    assert_eq!(
        caught(&c, &x, "lookup.multiplicity", |v| {
            v[3] += int(1);
            v[4] -= int(1)
        }),
        set(["lookup.sum"])
    );
    assert_eq!(caught(&c, &x, "lookup.multiplicity", |v| v[0] += int(1)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &x, "lookup.share", |v| v[0] += int(1)), set(["lookup.row", "lookup.sum"]));
    assert_eq!(caught(&c, &x, "lookup.inverse", |v| v[0] += int(1)), set(["lookup.inverse", "lookup.sum"]));
    // Two inverses changed against each other keep the sum.
    assert_eq!(
        caught(&c, &x, "lookup.inverse", |v| {
            v[0] += int(1);
            v[1] -= int(1)
        }),
        set(["lookup.inverse"])
    );
    assert_eq!(
        caught(&c, &x, "lookup.share", |v| {
            v[0] += int(1);
            v[1] -= int(1)
        }),
        set(["lookup.row"])
    );
    // A product that hides a wrong value, and a pole of the prover's choice.
    assert!(caught(&c, &x, "lookup.product", |v| v[0] += int(1)).contains("lookup.product"));
    assert_eq!(
        caught(&c, &x, "lookup.power", |v| {
            v.pop();
            v.push(int(12345))
        }),
        set(["lookup.power"])
    );
    assert!(caught(&c, &x, "lookup.power", |v| v[0] = int(3)).contains("lookup.power"));
}

/// A wrong value and a product that makes up for it: only the product's constraint is left.
#[test]
fn the_product_of_a_lookup_binds_its_value() {
    let c = compile(graph(Interval { lo: -8, hi: 8 }, 1, Op::Table { shift: 0, table: square() }, 1));
    let forger = Box::new(move |site: &lemma_circuits::builder::Site, values: &Values| match (site.gadget, site.name) {
        ("table", "value") => Some(Values::Integer(Arc::new(vec![10]))),
        ("lookup", "product") => Some(Values::Field(Arc::new(vec![values.field(0) * int(9) / int(10)]))),
        _ => None,
    });
    let found = violations(&c, c.infer_forged(&[vec![3]], forger));
    assert_eq!(found.iter().map(|v| (v.site.gadget, v.site.name)).collect::<Vec<_>>(), [("lookup", "product")]);
}

#[test]
fn max_rejects_one_that_is_not_the_max() {
    let range = Interval { lo: -32, hi: 31 };
    for group in 2..=7usize {
        let op = Op::Max { shift: 0, group, bits: 6, range };
        let c = compile(graph(range, 2 * group, op, 2));
        let x: Vec<i64> = (0..2 * group as i64).map(|i| (i * 17 + 5) % 40 - 20).collect();
        let expected: Vec<i64> = x.chunks(group).map(|g| *g.iter().max().unwrap()).collect();
        honest(&c, &x, &expected);
        assert_eq!(caught(&c, &x, "relu.positive", |v| v[0] += int(1)), set(["relu.product"]));
        let swapped = caught(&c, &x, "relu.positive", |v| v[0] = if v[0] == int(0) { int(-17) } else { int(0) });
        assert!(swapped == set(["lookup.sum"]) || swapped == set(["relu.product"]), "{swapped:?}");
    }
}

#[test]
fn rescaled_max_rejects_a_group_shifted_by_a_fraction() {
    let range = Interval { lo: -32, hi: 31 };
    let c = compile(graph(WIDE, 2, Op::Max { shift: 6, group: 2, bits: 6, range }, 1));
    honest(&c, &[640, 100], &[10]);
    // Both remainders moved alike: differences stay, only the winner's own range is left.
    assert_eq!(caught(&c, &[640, 100], "quotient.remainder", |v| v.iter_mut().for_each(|e| *e -= int(1))), set(["lookup.sum"]));
}

#[test]
fn argmax_rejects_ties_broken_the_other_way_and_wrong_winners() {
    let c = compile(graph(Interval { lo: -16, hi: 15 }, 4, Op::ArgMax { group: 4 }, 1));
    honest(&c, &[1, 5, 5, 2], &[1]);
    honest(&c, &[9, 9, 9, 9], &[0]);
    honest(&c, &[0, 1, 2, 3], &[3]);
    honest(&c, &[-16, -16, -16, 15], &[3]);
    let tie = [1, 5, 5, 2];
    // Keys are 4 x + 3 - place: the second 5 has a smaller one than the first.
    assert_eq!(caught(&c, &tie, "argmax.max", |v| v[0] += int(1)), set(["argmax.winner"]));
    assert_eq!(caught(&c, &tie, "argmax.selector", |v| v.swap(1, 2)), set(["argmax.winner"]));
    assert_eq!(caught(&c, &tie, "argmax.selector", |v| v[0] = int(1)), set(["argmax.winner"]));
    // The later of two equal elements, and a smaller one: only the order refuses them.
    for (key, selectors) in [(21, [0, 0, 1]), (7, [1, 0, 0])] {
        let forger = Box::new(move |site: &lemma_circuits::builder::Site, _: &Values| match site.name {
            "max" => Some(Values::Integer(Arc::new(vec![key]))),
            "selector" => Some(Values::Integer(Arc::new(selectors.to_vec()))),
            _ => None,
        });
        let found: BTreeSet<_> = violations(&c, c.infer_forged(&[tie.to_vec()], forger)).iter().map(|v| v.site.name).collect();
        assert_eq!(found, BTreeSet::from(["sum"]));
    }
}

/// Two positions of three features, and 16 candidates each: row `v` of the matrix is `v - 8, 1, (v mod 3) - 1`.
fn vocabulary() -> Compiled {
    let weight: Arc<[i32]> = (0..16).flat_map(|v| [v - 8, 1, v % 3 - 1]).collect();
    let mut graph = Graph::default();
    let h = graph.push("h", Op::Input { range: Interval { lo: -8, hi: 7 } }, &[], &[12, 3], 0).unwrap();
    let map = Arc::new(LinearMap::Dense { weight, outputs: 16, inputs: 3 });
    let logits = graph.push("logits", Op::Linear(map), &[h], &[12, 16], 0).unwrap();
    let next = graph.push("next", Op::ArgMax { group: 16 }, &[logits], &[12], 0).unwrap();
    graph.inputs.push(Port { name: "h".into(), node: h, visibility: Visibility::Private });
    graph.outputs.push(Port { name: "next".into(), node: next, visibility: Visibility::Public });
    compile(graph)
}

#[test]
fn argmax_by_the_winners_row_rejects_ties_broken_the_other_way_and_wrong_winners() {
    let c = vocabulary();
    // Position 0 prefers row 15, position 1 row 0, position 2 ties everywhere; position 3 ties rows 2, 5, 8, 11 and 14.
    let mut h = vec![0; 36];
    h[..12].copy_from_slice(&[3, 1, 0, -2, 0, 0, 0, 5, 0, 0, 0, 4]);
    let mut expected = vec![0; 12];
    expected[..4].copy_from_slice(&[15, 0, 0, 2]);
    honest(&c, &h, &expected);
    assert!(c.circuit().sites().all(|(site, _)| site.gadget != "argmax"), "the winner's row is cheaper here");
    // Another winner with its honest row: only the order refuses it.
    for (position, other) in [(0, 14), (1, 1), (2, 1), (3, 5)] {
        let mut winners = expected.clone();
        winners[position] = other;
        let forger = Box::new(move |site: &lemma_circuits::builder::Site, _: &Values| {
            (site.name == "index").then(|| Values::Integer(Arc::new(winners.clone())))
        });
        let found: BTreeSet<_> = violations(&c, c.infer_forged(&[h.clone()], forger)).iter().map(|v| v.site.name).collect();
        assert_eq!(found, BTreeSet::from(["sum"]), "{position}");
    }
    // The row of another winner, and a dot product of the prover's choice.
    assert_eq!(caught(&c, &h, "rows.row", |v| v[0] += int(1)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &h, "product.product", |v| v[0] += int(1)), set(["product.product"]));
}

#[test]
fn product_rejects_any_other_value() {
    let c = compile(graph(Interval { lo: -16, hi: 15 }, 2, Op::Product, 2));
    honest(&c, &[-16, 15], &[256, 225]);
    assert_eq!(caught(&c, &[3, 4], "product.product", |v| v[0] += int(1)), set(["product.product"]));
}

#[test]
fn reciprocal_rejects_one_off_by_one() {
    let c = compile(graph(Interval { lo: 1, hi: 64 }, 1, Op::Reciprocal { bits: 12 }, 1));
    for x in 1..=64 {
        honest(&c, &[x], &[4096 / x]);
    }
    assert!(caught(&c, &[7], "reciprocal.reciprocal", |v| v[0] += int(1)).contains("lookup.sum"));
    assert!(caught(&c, &[7], "reciprocal.reciprocal", |v| v[0] -= int(1)).contains("lookup.sum"));
    // An exact divisor: one less leaves the remainder equal to the divisor.
    assert!(caught(&c, &[8], "reciprocal.reciprocal", |v| v[0] -= int(1)).contains("lookup.sum"));
    // 2^12 / 7 in the field has remainder zero; only the reciprocal's own range refuses it.
    let forger = Box::new(|site: &lemma_circuits::builder::Site, _: &Values| match (site.gadget, site.name) {
        ("reciprocal", "reciprocal") => Some(Values::Field(Arc::new(vec![int(4096) / int(7)]))),
        ("reciprocal", "product") => Some(Values::Integer(Arc::new(vec![4096]))),
        _ => None,
    });
    let found: BTreeSet<_> = violations(&c, c.infer_forged(&[vec![7]], forger)).iter().map(|v| v.site.name).collect();
    assert_eq!(found, BTreeSet::from(["sum"]));
    assert!(caught(&c, &[7], "reciprocal.product", |v| v[0] += int(1)).contains("reciprocal.product"));
}

fn decay() -> Arc<Table> {
    Arc::new(Table::tabulate("decay", Interval { lo: 0, hi: 63 }, |x| 1000 >> x.min(20)).unwrap())
}

#[test]
fn exponential_below_the_max_rejects_another_max() {
    let range = Interval { lo: -32, hi: 31 };
    let op = |shift| Op::TableBelowMax { shift, groups: [3].into(), range, table: decay() };
    let c = compile(graph(range, 3, op(0), 3));
    honest(&c, &[-3, 2, 0], &[31, 1000, 250]);
    honest(&c, &[5, 5, 5], &[1000, 1000, 1000]);
    // One too large: only the selection refuses it.
    let found = caught(&c, &[-3, 2, 0], "table below max.max", |v| v[0] += int(1));
    assert_eq!(found, set(["table below max.selected"]));
    // One that is reached but not the largest: its distance to the largest is negative.
    let forger = Box::new(|site: &lemma_circuits::builder::Site, _: &Values| match site.name {
        "max" => Some(Values::Integer(Arc::new(vec![0]))),
        "selector" => Some(Values::Integer(Arc::new(vec![0, 0]))),
        _ => None,
    });
    let found: BTreeSet<_> = violations(&c, c.infer_forged(&[vec![-3, 2, 0]], forger)).iter().map(|v| v.site.name).collect();
    assert_eq!(found, BTreeSet::from(["sum"]));
    // A whole group shifted by a fraction: only the range of the maximum refuses it.
    let c = compile(graph(WIDE, 3, op(4), 3));
    honest(&c, &[100, 60, 20], &[1000, 250, 31]);
    let found = caught(&c, &[100, 60, 20], "quotient.remainder", |v| v.iter_mut().for_each(|e| *e -= int(1)));
    assert!(found.contains("lookup.sum"), "{found:?}");
}

#[test]
fn the_statement_binds_every_public_value() {
    let op = Op::Requantize { shift: 0, range: Interval { lo: -32, hi: 31 } };
    let c = compile(graph(Interval { lo: -32, hi: 31 }, 3, op, 3));
    honest(&c, &[1, -2, 3], &[1, -2, 3]);
    let found = caught(&c, &[1, -2, 3], "fold.horner", |v| v[0] += int(1));
    assert_eq!(found, set(["fold.horner", "fold.statement"]));
    assert_eq!(caught(&c, &[1, -2, 3], "fold.horner", |v| v[1] += int(1)), set(["fold.horner"]));
}

#[test]
fn unused_nodes_change_the_digest() {
    let op = Op::Relu { shift: 0, bits: 6, leak: Leak::none() };
    let base = graph(Interval { lo: -32, hi: 31 }, 2, op.clone(), 2);
    let mut other = base.clone();
    other.push("extra", Op::Sum([2].into()), &[NodeId(0)], &[2], 0).unwrap();
    assert_ne!(compile(base.clone()).digest(), compile(other).digest());
    assert_eq!(compile(base.clone()).digest(), compile(base).digest());
}

/// Two inputs and a product of matrices.
fn matrices(dims: MatMul) -> Compiled {
    let mut graph = Graph::default();
    let range = Interval { lo: -32, hi: 31 };
    let [left, right, result] = dims.lengths().unwrap();
    let a = graph.push("a", Op::Input { range }, &[], &[left], 0).unwrap();
    let b = graph.push("b", Op::Input { range }, &[], &[right], 0).unwrap();
    let c = graph.push("layer", Op::MatMul(dims), &[a, b], &[result], 0).unwrap();
    graph.inputs.push(Port { name: "a".into(), node: a, visibility: Visibility::Private });
    graph.inputs.push(Port { name: "b".into(), node: b, visibility: Visibility::Private });
    graph.outputs.push(Port { name: "c".into(), node: c, visibility: Visibility::Public });
    compile(graph)
}

fn caught_in(compiled: &Compiled, inputs: &[Vec<i64>], wire: &'static str, forge: fn(&mut Vec<Fr>)) -> BTreeSet<String> {
    let (gadget, name) = wire.split_once('.').unwrap();
    let forger = Box::new(move |site: &lemma_circuits::builder::Site, values: &Values| {
        (site.gadget == gadget && site.name == name).then(|| {
            let mut forged = values.to_field();
            forge(&mut forged);
            Values::Field(Arc::new(forged))
        })
    });
    let found = violations(compiled, compiled.infer_forged(inputs, forger));
    found.iter().map(|v| format!("{}.{}", v.site.gadget, v.site.name)).collect()
}

#[test]
fn matmul_rejects_one_wrong_cell() {
    let full = [(1, 3, 4, 5), (2, 4, 3, 4), (3, 1, 2, 2), (2, 5, 7, 1), (1, 6, 1, 6)].map(|d| MatMul::full(d.0, d.1, d.2, d.3));
    let masked = [(1, 1, 3), (2, 2, 2), (2, 5, 3), (3, 7, 4), (1, 6, 1), (1, 1, 1), (2, 3, 9)];
    let scores = masked.map(|(batch, m, k)| MatMul { causal: Causal::Result, ..MatMul::full(batch, m, k, m) });
    let values = masked.map(|(batch, m, n)| MatMul { causal: Causal::Left, ..MatMul::full(batch, m, m, n) });
    for dims in full.into_iter().chain(scores).chain(values) {
        let [left, right, result] = dims.lengths().unwrap();
        let c = matrices(dims);
        let values = |n: usize, step: i64| (0..n as i64).map(|i| (i * step + 3) % 64 - 32).collect::<Vec<_>>();
        let inputs = [values(left, 13), values(right, 29)];
        let inference = c.infer(&inputs).unwrap();
        let expected: Vec<i64> = (0..result)
            .map(|i| {
                let (p, r, col) = (i / (dims.m * dims.n), i / dims.n % dims.m, i % dims.n);
                let live = |t: usize| match dims.causal {
                    Causal::No => true,
                    Causal::Result => col <= r,
                    Causal::Left => t <= r,
                };
                let cell = |t: usize| {
                    let product = inputs[0][(p * dims.m + r) * dims.k + t] * inputs[1][(p * dims.k + t) * dims.n + col];
                    if live(t) { product } else { 0 }
                };
                (0..dims.k).map(cell).sum()
            })
            .collect();
        assert_eq!(inference.outputs(), [expected]);
        assert_eq!(violations(&c, inference), [], "{dims:?}");
    }
    let c = matrices(MatMul::full(2, 5, 6, 4));
    let inputs = [vec![7; 60], vec![-3; 48]];
    // One cell, two cells that keep the sum, and two cells of different matrices: the equation sees each.
    assert_eq!(caught_in(&c, &inputs, "matmul.cell", |v| v[3] += int(1)), set(["matmul.equation"]));
    assert_eq!(
        caught_in(&c, &inputs, "matmul.cell", |v| {
            v[0] += int(1);
            v[1] -= int(1)
        }),
        set(["matmul.equation"])
    );
    assert_eq!(
        caught_in(&c, &inputs, "matmul.cell", |v| {
            v[0] += int(1);
            v[20] -= int(1)
        }),
        set(["matmul.equation"])
    );
    // A free inner evaluation could make up for it.
    for wire in ["matmul.left", "matmul.right", "matmul.inner", "matmul.cells by row", "matmul.cells by column"] {
        let found = caught_in(&c, &inputs, wire, |v| v[0] += int(1));
        assert!(found.contains(wire), "{wire}: {found:?}");
    }
}

#[test]
fn causal_products_reject_one_wrong_cell_in_any_place() {
    let inputs = [(0..64).map(|i| i * 7 % 41 - 20).collect(), (0..64).map(|i| i * 11 % 37 - 18).collect::<Vec<i64>>()];
    for causal in [Causal::Result, Causal::Left] {
        let dims = MatMul { causal, ..MatMul::full(1, 8, 8, 8) };
        let c = matrices(dims);
        let cells = if causal == Causal::Result { 36 } else { 64 };
        for cell in 0..cells {
            let forger = Box::new(move |site: &lemma_circuits::builder::Site, values: &Values| {
                (site.gadget == "matmul" && site.name == "cell").then(|| {
                    let mut forged = values.to_field();
                    assert_eq!(forged.len(), cells);
                    forged[cell] += int(1);
                    Values::Field(Arc::new(forged))
                })
            });
            let found = violations(&c, c.infer_forged(&inputs, forger));
            let names: BTreeSet<_> = found.iter().map(|v| v.site.name).collect();
            assert_eq!(names, BTreeSet::from(["equation"]), "{causal:?} {cell}");
        }
        // What the mask hides of the left operand changes nothing.
        let mut other = inputs.clone();
        other[0][7] = 19;
        let [first, second] = [&inputs, &other].map(|inputs| c.infer(inputs).unwrap().outputs().to_vec());
        assert_eq!(first == second, causal == Causal::Left);
    }
    for wire in ["matmul.right", "matmul.inner", "matmul.cells by column", "matmul.rows", "matmul.score power"] {
        let c = matrices(MatMul { causal: Causal::Result, ..MatMul::full(1, 8, 8, 8) });
        assert!(caught_in(&c, &inputs, wire, |v| v[0] += int(1)).contains(wire), "{wire}");
    }
    for wire in ["matmul.left", "matmul.right", "matmul.inner", "matmul.column power"] {
        let c = matrices(MatMul { causal: Causal::Left, ..MatMul::full(1, 8, 8, 8) });
        assert!(caught_in(&c, &inputs, wire, |v| v[0] += int(1)).contains(wire), "{wire}");
    }
}

#[test]
fn row_gather_rejects_another_row() {
    let values: Vec<i32> = (0..40).map(|i| i * i - 300).collect();
    let table = Arc::new(RowTable::new(4, values.clone().into()).unwrap());
    let c = compile(graph(Interval { lo: 0, hi: 9 }, 3, Op::RowGather(table), 12));
    let row = |id: usize| values[4 * id..4 * id + 4].iter().map(|v| i64::from(*v)).collect::<Vec<_>>();
    honest(&c, &[9, 0, 4], &[row(9), row(0), row(4)].concat());
    assert_eq!(caught(&c, &[9, 0, 4], "rows.row", |v| v[5] += int(1)), set(["lookup.sum"]));
    // The values of row 0 for the id 9, and two values of a row exchanged.
    assert_eq!(caught(&c, &[9, 0, 4], "rows.row", |v| v.copy_within(4..8, 0)), set(["lookup.sum"]));
    assert_eq!(caught(&c, &[9, 0, 4], "rows.row", |v| v.swap(0, 1)), set(["lookup.sum"]));
    assert!(caught(&c, &[9, 0, 4], "lookup.row", |v| v[0] += int(1)).contains("lookup.row"));
    assert!(caught(&c, &[9, 0, 4], "lookup.row power", |v| v[1] += int(1)).contains("lookup.row power"));
    assert!(c.infer(&[vec![10, 0, 0]]).is_err());
}

#[test]
fn rsqrt_rejects_one_off_by_one() {
    // The energy of a single 1, and an epsilon.
    let root = |energy: i64| {
        let energy = Energy { group: 1, shift: 0, epsilon: energy - 1, range: Interval { lo: 1, hi: 300 } };
        compile(graph(Interval { lo: 0, hi: 1 }, 1, Op::Normalize { energy, bits: 20 }, 1))
    };
    for e in 1..=300i64 {
        let y = (0..).take_while(|y| y * y * e <= 1 << 20).last().unwrap();
        honest(&root(e), &[1], &[y]);
    }
    let c = root(7);
    for forge in [(|v| v[0] += int(1)) as fn(&mut Vec<Fr>), |v| v[0] -= int(1), |v| v[0] = -v[0]] {
        assert!(caught(&c, &[1], "rsqrt.root", forge).contains("lookup.sum"));
    }
    for wire in ["rsqrt.square", "rsqrt.product", "rsqrt.linear"] {
        assert!(caught(&c, &[1], wire, |v| v[0] += int(1)).contains(wire), "{wire}");
    }
    // The exact case: 2^20 / 256 = 64^2.
    assert!(caught(&root(256), &[1], "rsqrt.root", |v| v[0] -= int(1)).contains("lookup.sum"));
}

#[test]
fn groups_of_a_causal_mask_have_their_own_maxima() {
    let range = Interval { lo: -32, hi: 31 };
    let op = Op::TableBelowMax { shift: 0, groups: [1, 2, 3].into(), range, table: decay() };
    let c = compile(graph(range, 6, op, 6));
    honest(&c, &[-5, 1, 0, 2, 4, 1], &[1000, 1000, 500, 250, 1000, 125]);
    let found = caught(&c, &[-5, 1, 0, 2, 4, 1], "table below max.selector", |v| v[0] = int(0));
    assert_eq!(found, set(["table below max.selected"]));
}

/// Energies of 3^2 + 1 = 10 and so on: the sum of squares, divided by 4 and rounded, and one more.
fn normalize() -> Op {
    Op::Normalize { energy: Energy { group: 3, shift: 2, epsilon: 1, range: Interval { lo: 1, hi: 300 } }, bits: 20 }
}

#[test]
fn normalize_rejects_another_energy_root_or_square() {
    let c = compile(graph(Interval { lo: -32, hi: 31 }, 6, normalize(), 6));
    // 62 / 4 rounds to 16, and 1024 / sqrt(17) to 248; 82 / 4 to 21, and 1024 / sqrt(22) to 218.
    honest(&c, &[7, -3, 2, 9, 0, 1], &[1736, -744, 496, 1962, 0, 218]);
    // A row of zeros has the energy epsilon.
    honest(&c, &[0, 0, 0, -20, 21, 15], &[0, 0, 0, -1240, 1302, 930]);
    let input = [7, -3, 2, 9, 0, 1];
    let neighbours: [fn(&mut Vec<Fr>); 2] = [|v| v[0] += int(1), |v| v[1] -= int(1)];
    for forge in neighbours {
        // Within its range the energy is bound by the squares alone.
        assert_eq!(caught(&c, &input, "normalize.energy", forge), set(["normalize.energy"]));
        assert_eq!(caught(&c, &input, "product.product", forge), set(["product.product"]));
        assert!(caught(&c, &input, "rsqrt.root", forge).contains("lookup.sum"));
        // A wrong square also breaks the energy that it was to prove.
        assert_eq!(caught(&c, &input, "normalize.square", forge), set(["normalize.energy", "normalize.square"]));
    }
    // Both remainders are 0, so one more is inside their range.
    assert_eq!(caught(&c, &input, "normalize.remainder", |v| v[1] += int(1)), set(["normalize.energy"]));
    // Two squares that make up for each other: only their own constraints object.
    let moved = |v: &mut Vec<Fr>| {
        v[0] += int(5);
        v[1] -= int(5);
    };
    assert_eq!(caught(&c, &input, "normalize.square", moved), set(["normalize.square"]));
}

#[test]
fn normalize_rejects_a_neighbouring_energy_with_matching_remainder() {
    let c = compile(graph(Interval { lo: -32, hi: 31 }, 6, normalize(), 6));
    for sign in [1, -1] {
        let forger = Box::new(move |site: &lemma_circuits::builder::Site, values: &Values| {
            let mut forged = values.to_field();
            match (site.gadget, site.name) {
                ("normalize", "energy") => forged[0] += int(sign),
                ("normalize", "remainder") => forged[0] -= int(4 * sign),
                _ => return None,
            }
            Some(Values::Field(Arc::new(forged)))
        });
        let found = violations(&c, c.infer_forged(&[vec![7, -3, 2, 9, 0, 1]], forger));
        assert_eq!(found.iter().map(|v| v.site.name).collect::<Vec<_>>(), ["sum"], "{sign}");
    }
}

#[test]
fn normalize_rejects_an_energy_out_of_its_range() {
    // Without epsilon a row of zeros has no root; a row of large elements passes the range.
    let energy = Energy { group: 2, shift: 0, epsilon: 0, range: Interval { lo: 1, hi: 300 } };
    let c = compile(graph(Interval { lo: -32, hi: 31 }, 2, Op::Normalize { energy, bits: 20 }, 2));
    honest(&c, &[10, -14], &[590, -826]);
    for row in [[0, 0], [31, 31]] {
        assert!(c.infer(&[row.to_vec()]).is_err());
        let found = violations(&c, c.infer_forged(&[row.to_vec()], Box::new(|_, _| None)));
        assert!(!found.is_empty(), "{row:?} passes");
    }
}

#[test]
fn normalize_is_exact_where_squares_pass_64_bits() {
    let edge = 1i64 << 55;
    let energy = Energy { group: 4, shift: 62, epsilon: 0, range: Interval { lo: 1, hi: (1 << 51) - 1 } };
    let c = compile(graph(Interval { lo: -edge, hi: edge - 1 }, 4, Op::Normalize { energy, bits: 58 }, 4));
    for row in
        [[edge - 1; 4], [-edge; 4], [-edge, edge - 1, 0, 1], [1 << 31, 0, 0, 0], [(1 << 54) + 12_345, -7, 1 << 40, -(1 << 53)]]
    {
        let inference = c.infer(&[row.to_vec()]).unwrap();
        let norm = row.iter().map(|x| (*x as f64).powi(2)).sum::<f64>().sqrt();
        for (x, z) in row.iter().zip(&inference.outputs()[0]) {
            // y has at least 3 bits here, and may be a whole unit too small.
            let exact = *x as f64 / norm * f64::from(60).exp2();
            assert!((*z as f64 - exact).abs() <= exact.abs() / 4.0 + 1.0, "{row:?}: {z} for {exact}");
        }
        assert_eq!(violations(&c, inference), []);
    }
}
