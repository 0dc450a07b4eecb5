//! Normalisation.

use lemma_circuits::check::violations;
use lemma_graph::{Energy, Graph, Interval, Op};

use crate::support::{Case, NARROW, compile, graph, honest, int};

/// Energies of the sum of squares, divided by 4 and rounded, and one more.
fn normalize() -> Graph {
    let energy = Energy { group: 3, shift: 2, epsilon: 1, range: Interval { low: 1, high: 300 } };
    graph(NARROW, &[6], Op::Normalize { energy, bits: 20 }, 6)
}

/// Energies of pairs, without an epsilon: a pair of zeros has no root.
fn bare() -> Graph {
    let energy = Energy { group: 2, shift: 0, epsilon: 0, range: Interval { low: 1, high: 300 } };
    graph(NARROW, &[2], Op::Normalize { energy, bits: 20 }, 2)
}

/// 62 / 4 rounds to 16, and 1024 / sqrt(17) to 248; 82 / 4 to 21, and 1024 / sqrt(22) to 218.
pub fn cases() -> Vec<Case> {
    let groups = Case::new(
        "normalisation",
        normalize(),
        &[&[7, -3, 2, 9, 0, 1]],
        &[1736, -744, 496, 1962, 0, 218],
    )
    .forged("another energy within its range", &["normalize.energy"], |f| {
        f.wire("normalize.energy", |v| v[0] += int(1))
    })
    .forged("another remainder within its range", &["normalize.energy"], |f| {
        f.wire("normalize.remainder", |v| v[1] += int(1))
    })
    .forged("another square", &["normalize.energy", "normalize.square"], |f| {
        f.wire("normalize.square", |v| v[0] += int(1))
    })
    .forged("two squares that make up for each other", &["normalize.square"], |f| {
        f.wire("normalize.square", |v| {
            v[0] += int(5);
            v[1] -= int(5);
        })
    })
    .forged("another energy, with a square to match", &["normalize.square"], |f| {
        f.wire("normalize.energy", |v| v[0] += int(1)).wire("normalize.square", |v| v[0] += int(4))
    })
    .forged("the next energy, with its remainder", &["lookup.sum"], |f| {
        f.wire("normalize.energy", |v| v[0] += int(1))
            .wire("normalize.remainder", |v| v[0] -= int(4))
    })
    .forged("the energy before, with its remainder", &["lookup.sum"], |f| {
        f.wire("normalize.energy", |v| v[0] -= int(1))
            .wire("normalize.remainder", |v| v[0] += int(4))
    })
    .forged("another product", &["product.product"], |f| {
        f.wire("product.product", |v| v[0] += int(1))
    })
    .forged("another root", &["lookup.sum"], |f| f.wire("rsqrt.root", |v| v[0] += int(1)));
    let pairs = Case::new("normalisation without epsilon", bare(), &[&[10, -14]], &[590, -826])
        .forged("an energy of zero", &["lookup.sum"], |f| f.inputs(&[&[0, 0]]))
        .forged("an energy past its range", &["lookup.sum"], |f| f.inputs(&[&[31, 31]]));
    vec![groups, pairs]
}

#[test]
fn a_row_of_zeros_has_the_energy_epsilon() {
    honest(&compile(normalize()), &[&[0, 0, 0, -20, 21, 15]], &[0, 0, 0, -1240, 1302, 930]);
    for row in [[0, 0], [31, 31]] {
        assert!(compile(bare()).infer(&[row.to_vec()]).is_err());
    }
}

#[test]
fn normalize_is_exact_where_squares_pass_64_bits() {
    let edge = 1i64 << 55;
    let energy =
        Energy { group: 4, shift: 62, epsilon: 0, range: Interval { low: 1, high: (1 << 51) - 1 } };
    let c = compile(graph(
        Interval { low: -edge, high: edge - 1 },
        &[4],
        Op::Normalize { energy, bits: 58 },
        4,
    ));
    for row in [
        [edge - 1; 4],
        [-edge; 4],
        [-edge, edge - 1, 0, 1],
        [1 << 31, 0, 0, 0],
        [(1 << 54) + 12_345, -7, 1 << 40, -(1 << 53)],
    ] {
        let inference = c.infer(&[row.to_vec()]).unwrap();
        let norm = row.iter().map(|x| (*x as f64).powi(2)).sum::<f64>().sqrt();
        for (x, z) in row.iter().zip(&inference.outputs()[0]) {
            // y has at least 3 bits here, and may be a whole unit too small.
            let exact = *x as f64 / norm * f64::from(60).exp2();
            assert!(
                (*z as f64 - exact).abs() <= exact.abs() / 4.0 + 1.0,
                "{row:?}: {z} for {exact}"
            );
        }
        assert_eq!(violations(&c, inference), []);
    }
}
