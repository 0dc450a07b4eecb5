//! Every constraint of every gadget is needed: with it deleted, some forgery passes.
//!
//! The dishonest prover changes one or two elements of one wire vector where it is assigned, in each of a list of ways, and follows the
//! gadget honestly from there. A forgery that violates a single kind of constraint is one that passes without it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ark_bn254::Fr;
use lemma_circuits::builder::{Site, Values};
use lemma_circuits::check::violations;
use lemma_circuits::field::from_integer;
use lemma_circuits::{Compiled, Plan};
use lemma_quantizer::graph::{Causal, Energy, Graph, Interval, Leak, MatMul, Op, Port, RowTable, Table, Visibility};

/// A circuit of one operation with a public result, and honest inputs.
struct Case {
    compiled: Compiled,
    inputs: Vec<Vec<i64>>,
}

fn case(range: Interval, inputs: &[&[i64]], op: Op, result: usize) -> Case {
    let mut graph = Graph::default();
    let mut operands = Vec::new();
    for (i, x) in inputs.iter().enumerate() {
        let node = graph.push("in", Op::Input { range }, &[], &[x.len()], 0).unwrap();
        graph.inputs.push(Port { name: i.to_string(), node, visibility: Visibility::Private });
        operands.push(node);
    }
    let node = graph.push("layer", op, &operands, &[result], 0).unwrap();
    graph.outputs.push(Port { name: "y".into(), node, visibility: Visibility::Public });
    let compiled = Compiled::with_plan(graph, Plan { widths: vec![6] }).unwrap();
    Case { compiled, inputs: inputs.iter().map(|x| x.to_vec()).collect() }
}

const LEFT: [i64; 16] = [7, -3, 2, 1, 0, 4, 9, -9, 31, -32, 5, 5, 1, 1, 2, -7];
const RIGHT: [i64; 16] = [2, 5, 1, 1, -8, 3, 3, 0, 12, -1, 6, 4, 8, 15, -2, -2];

const ENERGY: Energy = Energy { group: 3, shift: 2, epsilon: 1, range: Interval { lo: 1, hi: 300 } };

fn cases() -> Vec<Case> {
    let wide = Interval { lo: -2000, hi: 2000 };
    let narrow = Interval { lo: -32, hi: 31 };
    let table = |hi, f: fn(i64) -> i64| Arc::new(Table::tabulate("f", Interval { lo: 0, hi }, f).unwrap());
    let rows = Arc::new(RowTable::new(3, (0..15).map(|i| i * i - 40).collect::<Vec<i32>>().into()).unwrap());
    let leak = Leak { slopes: [3].into(), bits: 4 };
    let groups = [1, 3].into();
    vec![
        case(wide, &[&[1000, -97, 3]], Op::Requantize { shift: 6, range: narrow }, 3),
        case(wide, &[&[1000, -97, 0]], Op::Relu { shift: 6, bits: 6, leak }, 3),
        case(narrow, &[&[12, 5, 0]], Op::Table { shift: 1, table: table(20, |x| x * x) }, 3),
        case(
            narrow,
            &[&[7, -3, 2, 0]],
            Op::TableBelowMax { shift: 0, groups, range: narrow, table: table(63, |x| 900 >> x.min(9)) },
            4,
        ),
        case(narrow, &[&[7, -3, 2, 9, 9, 1]], Op::Max { shift: 0, group: 3, bits: 6, range: narrow }, 2),
        case(narrow, &[&[7, -3, 7, 2]], Op::ArgMax { group: 4 }, 1),
        case(narrow, &[&[7, -3], &[2, 5]], Op::Product, 2),
        case(narrow, &[&LEFT, &RIGHT], Op::MatMul(MatMul::full(1, 4, 4, 4)), 16),
        case(narrow, &[&LEFT, &RIGHT], Op::MatMul(MatMul { causal: Causal::Result, ..MatMul::full(1, 4, 4, 4) }), 16),
        case(narrow, &[&LEFT, &RIGHT], Op::MatMul(MatMul { causal: Causal::Left, ..MatMul::full(1, 4, 4, 4) }), 16),
        case(Interval { lo: 0, hi: 4 }, &[&[4, 0, 2]], Op::RowGather(rows), 9),
        case(Interval { lo: 1, hi: 64 }, &[&[7, 8]], Op::Reciprocal { bits: 12 }, 2),
        case(narrow, &[&[7, -3, 2, 9, 0, 1]], Op::Normalize { energy: ENERGY, bits: 20 }, 6),
    ]
}

/// Ways to change a vector, given the two positions to touch.
const CHANGES: [fn(&mut [Fr], usize, usize); 8] = [
    |v, i, _| v[i] += from_integer(1),
    |v, i, _| v[i] -= from_integer(1),
    |v, i, _| v[i] += from_integer(64),
    |v, i, _| v[i] = from_integer(0),
    |v, i, _| v[i] = -v[i],
    |v, i, j| v.swap(i, j),
    |v, i, j| {
        v[i] += from_integer(1);
        v[j] -= from_integer(1);
    },
    |v, i, j| v[i] = v[j],
];

/// Calls `forge` for the `wanted`-th wire vector only.
fn forged(case: &Case, wanted: usize, mut forge: impl FnMut(&Site, &mut Vec<Fr>) + Send + 'static) -> BTreeSet<String> {
    let mut vector = 0;
    let forger = Box::new(move |site: &Site, values: &Values| {
        vector += 1;
        (vector - 1 == wanted).then(|| {
            let mut elements = values.to_field();
            forge(site, &mut elements);
            Values::Field(Arc::new(elements))
        })
    });
    let found = violations(&case.compiled, case.compiled.infer_forged(&case.inputs, forger));
    found.iter().map(|v| format!("{}.{}", v.site.gadget, v.site.name)).collect()
}

/// Lengths of the wire vectors in the order of their assignment.
fn vectors(case: &Case) -> Vec<usize> {
    let (send, lengths) = std::sync::mpsc::channel();
    let listener = Box::new(move |_: &Site, values: &Values| {
        send.send(values.len()).unwrap();
        None
    });
    assert_eq!(violations(&case.compiled, case.compiled.infer_forged(&case.inputs, listener)), []);
    lengths.iter().collect()
}

/// Constraints that only a forgery of two vectors at once, or of the statement, gets past.
const IN_CONCERT: [(&str, &str); 4] = [
    ("lookup.product", "forgeries.rs: a product makes up for a wrong value"),
    ("lookup.row power", "below"),
    ("matmul.column power", "below"),
    ("fold.statement", "the prover's and the program's tests: an altered public value verifies without it"),
];

/// Another value in a row, and a power of the challenge that makes up for it.
#[test]
fn a_free_power_lets_another_row_pass() {
    let rows = Arc::new(RowTable::new(3, (0..15).map(|i| i * i - 40).collect::<Vec<i32>>().into()).unwrap());
    let case = case(Interval { lo: 0, hi: 4 }, &[&[4]], Op::RowGather(rows), 3);
    let forger = Box::new(|site: &Site, values: &Values| {
        let mut elements = values.to_field();
        match (site.gadget, site.name) {
            // Row 4 is 104, 129, 156.
            ("rows", "row") => elements[1] += from_integer(1),
            ("lookup", "row power") => elements[1] *= from_integer(130) / from_integer(129),
            _ => return None,
        }
        Some(Values::Field(Arc::new(elements)))
    });
    let found = violations(&case.compiled, case.compiled.infer_forged(&case.inputs, forger));
    assert_eq!(found.iter().map(|v| v.site.name).collect::<BTreeSet<_>>(), BTreeSet::from(["row power"]));
}

/// A wrong cell of a masked product, and a power of the challenge, chosen after it, that makes up for it.
#[test]
fn a_free_power_lets_a_wrong_cell_pass() {
    let op = Op::MatMul(MatMul { causal: Causal::Left, ..MatMul::full(1, 4, 4, 4) });
    let case = case(Interval { lo: -32, hi: 31 }, &[&LEFT, &RIGHT], op, 16);
    let forger = Box::new(|site: &Site, values: &Values| {
        let mut elements = values.to_field();
        match (site.gadget, site.name) {
            // The cell in the corner, whose monomial is 1.
            ("matmul", "cell") => elements[0] += from_integer(1),
            ("matmul", "column power") => {
                let z = elements[0] * elements[0];
                let entry = |l: usize, j: usize| from_integer(RIGHT[4 * l + j]);
                let row = |l: usize| (0..4).rev().fold(from_integer(0), |sum, j| sum * z + entry(l, j));
                let coefficient: Fr = (0..=2).map(|l| from_integer(LEFT[8 + l]) * row(l)).sum();
                elements[0] += from_integer(1) / coefficient;
            }
            _ => return None,
        }
        Some(Values::Field(Arc::new(elements)))
    });
    let found = violations(&case.compiled, case.compiled.infer_forged(&case.inputs, forger));
    assert_eq!(found.iter().map(|v| v.site.name).collect::<BTreeSet<_>>(), BTreeSet::from(["column power"]));
}

#[test]
fn every_constraint_is_the_only_one_that_catches_some_forgery() {
    let mut constraints = BTreeSet::new();
    let mut caught_alone: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        constraints.extend(case.compiled.circuit().sites().map(|(site, _)| format!("{}.{}", site.gadget, site.name)));
        for (vector, len) in vectors(&case).into_iter().enumerate() {
            for change in CHANGES {
                // The first, the second, a middle and the last element, with a neighbour.
                for i in BTreeSet::from([0, 1.min(len - 1), len / 2, len - 1]) {
                    let found = forged(&case, vector, move |_, v| change(v, i, (i + 1) % len));
                    if let Some(only) = found.first().filter(|_| found.len() == 1) {
                        *caught_alone.entry(only.clone()).or_default() += 1;
                    }
                }
            }
        }
    }
    println!("forgeries that one kind of constraint alone catches: {caught_alone:#?}");
    let elsewhere = IN_CONCERT.map(|(name, _)| name.to_owned()).into();
    let needed: BTreeSet<String> = caught_alone.into_keys().collect();
    assert_eq!(constraints.difference(&needed).cloned().collect::<BTreeSet<_>>(), elsewhere);
}
