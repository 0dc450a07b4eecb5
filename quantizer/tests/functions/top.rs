//! The places of the largest elements, and the rows that are 1 there.

use lemma_graph::Op as Primitive;
use lemma_model::Op;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::support::{Inputs, agrees, apply, calibrated, model, run, samples};

const WIDTH: usize = 6;

/// Rows of few different whole numbers, so that many are equal.
fn rows() -> Vec<Inputs> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let values: Vec<f32> = (0..40 * 2 * WIDTH).map(|_| rng.gen_range(-3..3) as f32).collect();
    samples(&[2, WIDTH], &values)
}

fn places(row: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|&a, &b| row[b].total_cmp(&row[a]).then(a.cmp(&b)));
    order.truncate(count);
    order
}

#[test]
fn the_largest_come_first_and_the_lower_place_of_equal_ones() {
    for count in [1, 2, 5, WIDTH] {
        let chosen = model(&[2, WIDTH], |model, x| apply(model, Op::Top { count }, &[x]));
        let expected = |x: &[f32]| {
            let rows = x.chunks(WIDTH).flat_map(|row| places(row, count));
            rows.map(|place| place as f64).collect()
        };
        agrees(&chosen, &rows(), expected, 0.0);
    }
}

#[test]
fn rows_of_the_chosen_places_are_made_once() {
    let rows_of = model(&[2, WIDTH], |model, x| {
        let places = apply(model, Op::Top { count: 3 }, &[x]);
        apply(model, Op::Embedding { table: Array2::eye(WIDTH) }, &[places])
    });
    let expected = |x: &[f32]| {
        let places = x.chunks(WIDTH).flat_map(|row| places(row, 3));
        places
            .flat_map(|place| (0..WIDTH).map(move |at| f64::from(u8::from(at == place))))
            .collect()
    };
    let quantized = agrees(&rows_of, &rows(), expected, 0.0);
    let lookups =
        quantized.graph.nodes().iter().filter(|node| matches!(node.op, Primitive::RowGather(_)));
    assert_eq!(lookups.count(), 3);
}

/// An element that was chosen is lower than all that were not, whatever the values are.
#[test]
fn no_place_comes_twice() {
    let all = model(&[1, WIDTH], |model, x| apply(model, Op::Top { count: WIDTH }, &[x]));
    let calibration = samples(&[1, WIDTH], &[-8.0, 8.0, 0.0, 1.0, 2.0, 3.0]);
    let quantized = calibrated(&all, &calibration).unwrap();
    for values in [[7.9f32; WIDTH], [-7.9; WIDTH], [8.0, -8.0, 8.0, -8.0, 8.0, -8.0]] {
        let input = samples(&[1, WIDTH], &values).remove(0);
        let found = run(&quantized, &input).unwrap();
        let expected: Vec<f64> = places(&values, WIDTH).into_iter().map(|at| at as f64).collect();
        assert_eq!(found, expected, "{values:?}");
    }
}
