//! Matrix products, plain and under a causal mask.
//!
//! The forged cells are made up for by a wire of round 2, chosen in sight of the challenge: x is
//! the challenge, z its fourth power.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use ark_ff::Field;
use lemma_circuits::check::violations;
use lemma_graph::{Causal, Graph, MatMul, Op};

use crate::support::{Case, Forgery, NARROW, compile, graph, int, run};

const LEFT: [i64; 16] = [7, -3, 2, 1, 0, 4, 9, -9, 31, -32, 5, 5, 1, 1, 2, -7];
const RIGHT: [i64; 16] = [2, 5, 1, 1, -8, 3, 3, 0, 12, -1, 6, 4, 8, 15, -2, -2];

fn matrices(dims: MatMul) -> Graph {
    let [left, right, result] = dims.lengths().unwrap();
    graph(NARROW, &[left, right], Op::MatMul(dims), result)
}

/// The product as its definition has it.
fn expected(dims: &MatMul, a: &[i64], b: &[i64]) -> Vec<i64> {
    let MatMul { batch, m, k, n, causal } = *dims;
    let cell = |cell: usize| {
        let (p, i, l) = (cell / (m * n), cell / n % m, cell % n);
        let live = |t: usize| match causal {
            Causal::No => true,
            Causal::Result => l <= i,
            Causal::Left => t <= i,
        };
        (0..k).filter(|t| live(*t)).map(|t| a[(p * m + i) * k + t] * b[(p * k + t) * n + l]).sum()
    };
    (0..batch * m * n).map(cell).collect()
}

fn case(name: &'static str, causal: Causal) -> Case {
    let dims = MatMul { causal, ..MatMul::full(1, 4, 4, 4) };
    Case::new(name, matrices(dims), &[&LEFT, &RIGHT], &expected(&dims, &LEFT, &RIGHT))
}

/// One more in a cell.
fn cell(forgery: Forgery, cell: usize) -> Forgery {
    forgery.wire("matmul.cell", move |v| v[cell] += int(1))
}

/// `sum_i x^i M[first + i step]` for four entries.
fn evaluate(entries: &[i64; 16], first: usize, step: usize, x: Fr) -> Fr {
    (0..4).rev().fold(int(0), |sum, i| sum * x + int(entries[first + i * step]))
}

fn inverse(x: Fr) -> Fr {
    x.inverse().unwrap()
}

pub fn cases() -> Vec<Case> {
    vec![plain(), values(), scores(), batch(), multiplied_out()]
}

fn plain() -> Case {
    case("matrix product", Causal::No)
        .forged("a cell", &["matmul.equation"], |f| cell(f, 3))
        .forged("two cells that keep the sum", &["matmul.equation"], |f| {
            f.wire("matmul.cell", |v| {
                v[0] += int(1);
                v[1] -= int(1)
            })
        })
        .forged("a cell, and a column of the left operand", &["matmul.left"], |f| {
            cell(f, 0)
                .late("matmul.left", 0, |v, x| v[0] += inverse(evaluate(&RIGHT, 0, 1, x.pow([4]))))
        })
        .forged("a cell, and a row of the right operand", &["matmul.right"], |f| {
            cell(f, 0).late("matmul.right", 0, |v, x| v[0] += inverse(evaluate(&LEFT, 0, 4, x)))
        })
        .forged("a cell, and a product", &["matmul.inner"], |f| {
            cell(f, 0).wire("matmul.inner", |v| v[0] += int(1))
        })
        .forged("a cell, and a column of cells", &["matmul.cells by row"], |f| {
            cell(f, 0).wire("matmul.cells by row", |v| v[0] -= int(1))
        })
        .forged("a cell, and the sum of columns", &["matmul.cells by column"], |f| {
            cell(f, 0).wire("matmul.cells by column", |v| v[0] -= int(1))
        })
        .forged(
            "a cell of column 1, and a zero for the columns' variable",
            &["matmul.power"],
            |f| cell(f, 1).wire("matmul.power", |v| v[1] = int(0)),
        )
}

fn values() -> Case {
    case("weighted values under a causal mask", Causal::Left)
        .forged("a cell", &["matmul.equation"], |f| cell(f, 7))
        .forged(
            "a cell of column 1, and a zero for the columns' variable",
            &["matmul.power"],
            |f| cell(f, 1).wire("matmul.power", |v| v[1] = int(0)),
        )
        .forged("a cell, and a term of a column", &["matmul.column"], |f| {
            cell(f, 0).late("matmul.column", 0, |v, x| {
                v[0] += inverse(evaluate(&RIGHT, 0, 1, x.pow([4])))
            })
        })
        // x^2 stands before row 2 of the left operand, which times the right one is its
        // coefficient.
        .forged("a cell, and a power of the rows' variable", &["matmul.column power"], |f| {
            cell(f, 0).late("matmul.column power", 0, |v, x| {
                let row = |l: usize| evaluate(&RIGHT, 4 * l, 1, x.pow([4]));
                v[0] += inverse((0..=2).map(|l| int(LEFT[8 + l]) * row(l)).sum());
            })
        })
}

/// Cells stand row by row, those above the diagonal left out: (0, 0), (1, 0), (1, 1), (2, 0) and so
/// on.
fn scores() -> Case {
    case("scores under a causal mask", Causal::Result)
        .forged("a cell", &["matmul.score equation"], |f| cell(f, 6))
        .forged(
            "the cell (1, 1), and a zero for the columns' variable",
            &["matmul.score base"],
            |f| cell(f, 2).wire("matmul.score base", |v| v[1] = int(0)),
        )
        .forged(
            "the cell (3, 2), and a zero for the variable of its column",
            &["matmul.score power"],
            |f| cell(f, 8).wire("matmul.score power", |v| v[0] = int(0)),
        )
        .forged(
            "the cell (3, 0), and the last term of a row of the right operand",
            &["matmul.score column"],
            |f| cell(f, 6).wire("matmul.score column", |v| v[2] += inverse(int(LEFT[12]))),
        )
        .forged("the cell (3, 0), and a product of its row", &["matmul.score inner"], |f| {
            cell(f, 6).wire("matmul.score inner", |v| v[12] += int(1))
        })
        .forged("the cell (1, 1), and its term", &["matmul.score cell"], |f| {
            cell(f, 2).late("matmul.score cell", 0, |v, x| v[0] -= x.pow([4]))
        })
        .forged("the cell (0, 0), and the sum of rows", &["matmul.score row"], |f| {
            cell(f, 0).wire("matmul.score row", |v| v[0] += int(1))
        })
}

/// Two products side by side, of 3 rows, 4 terms and 2 columns.
fn batch() -> Case {
    let dims = MatMul::full(2, 3, 4, 2);
    let (left, right) = (counted(24, 13), counted(16, 29));
    Case::new(
        "matrix products of a batch",
        matrices(dims),
        &[&left, &right],
        &expected(&dims, &left, &right),
    )
    .forged(
        "two cells that make up for each other across the batch",
        &["matmul.equation"],
        |f| {
            f.wire("matmul.cell", |v| {
                v[0] += int(1);
                v[6] -= int(1)
            })
        },
    )
}

/// Where Freivalds is no cheaper.
fn multiplied_out() -> Case {
    let dims = MatMul::full(1, 1, 3, 2);
    let (left, right) = (counted(3, 13), counted(6, 29));
    Case::new(
        "matrix product multiplied out",
        matrices(dims),
        &[&left, &right],
        &expected(&dims, &left, &right),
    )
    .forged("a term", &["product.product"], |f| f.wire("product.product", |v| v[0] += int(1)))
}

fn counted(n: usize, step: i64) -> Vec<i64> {
    (0..n as i64).map(|i| (i * step + 3) % 64 - 32).collect()
}

#[test]
fn products_of_every_form_are_those_of_the_definition() {
    let full = [(1, 3, 4, 5), (2, 4, 3, 4), (3, 1, 2, 2), (2, 5, 7, 1), (1, 6, 1, 6)]
        .map(|d| MatMul::full(d.0, d.1, d.2, d.3));
    let masked = [(1, 1, 3), (2, 2, 2), (2, 5, 3), (3, 7, 4), (1, 6, 1), (1, 1, 1), (2, 3, 9)];
    let scores = masked
        .map(|(batch, m, k)| MatMul { causal: Causal::Result, ..MatMul::full(batch, m, k, m) });
    let values =
        masked.map(|(batch, m, n)| MatMul { causal: Causal::Left, ..MatMul::full(batch, m, m, n) });
    for dims in full.into_iter().chain(scores).chain(values) {
        let [left, right, _] = dims.lengths().unwrap();
        let c = compile(matrices(dims));
        let inputs = [counted(left, 13), counted(right, 29)];
        let inference = c.infer(&inputs).unwrap();
        assert_eq!(inference.outputs(), [expected(&dims, &inputs[0], &inputs[1])]);
        assert_eq!(violations(&c, inference), [], "{dims:?}");
    }
}

/// Every cell, and two cells of a batch against each other.
#[test]
fn one_wrong_cell_is_refused_in_any_place() {
    for (causal, cells) in [(Causal::No, 64), (Causal::Result, 36), (Causal::Left, 64)] {
        let dims = MatMul { causal, ..MatMul::full(1, 8, 8, 8) };
        let inputs = [counted(64, 7), counted(64, 11)];
        let inputs: Vec<&[i64]> = inputs.iter().map(Vec::as_slice).collect();
        for wrong in 0..cells {
            let equation =
                if causal == Causal::Result { "matmul.score equation" } else { "matmul.equation" };
            let case = Case::new("product", matrices(dims), &inputs, &[]).forged(
                "a cell",
                &[equation],
                |f| cell(f, wrong),
            );
            assert_eq!(
                run(&case, case.forgeries.first(), None).violated,
                BTreeSet::from([equation.to_owned()]),
                "{causal:?} {wrong}"
            );
        }
    }
    let inputs = [vec![7; 60], vec![-3; 48]];
    let inputs: Vec<&[i64]> = inputs.iter().map(Vec::as_slice).collect();
    let case = Case::new("batch", matrices(MatMul::full(2, 5, 6, 4)), &inputs, &[]).forged(
        "two cells",
        &[],
        |f| {
            f.wire("matmul.cell", |v| {
                v[0] += int(1);
                v[20] -= int(1)
            })
        },
    );
    assert_eq!(
        run(&case, case.forgeries.first(), None).violated,
        BTreeSet::from(["matmul.equation".to_owned()])
    );
}

#[test]
fn what_a_mask_hides_of_the_left_operand_changes_nothing() {
    for causal in [Causal::Result, Causal::Left] {
        let c = compile(matrices(MatMul { causal, ..MatMul::full(1, 8, 8, 8) }));
        let inputs = [counted(64, 7), counted(64, 11)];
        let mut other = inputs.clone();
        other[0][7] += 1;
        let [first, second] =
            [&inputs, &other].map(|inputs| c.infer(inputs).unwrap().outputs().to_vec());
        assert_eq!(first == second, causal == Causal::Left);
    }
}
