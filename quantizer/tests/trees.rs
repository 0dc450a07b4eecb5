//! Ensembles of trees: the integers come to the leaves that the float model comes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use lemma_model::{Branch, Model, Op, Split, Trees};
use lemma_quantizer::calibrate::{Method, Ranges};
use lemma_quantizer::quantize::{Options, quantize};
use lemma_quantizer::report::Reporter;
use ndarray::ArrayD;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Inputs = BTreeMap<String, ArrayD<f32>>;

/// A share, an income, a year, a flag and a column that never changes.
fn row(rng: &mut ChaCha8Rng) -> [f32; 5] {
    [
        rng.gen_range(0.0..0.1),
        rng.gen_range(0.0..1e5),
        rng.gen_range(1990..2027) as f32,
        rng.gen_range(0..2) as f32,
        3.0,
    ]
}

fn sample(row: [f32; 5]) -> Inputs {
    BTreeMap::from([("x".to_owned(), ndarray::arr2(&[row]).into_dyn())])
}

/// A tree whose bounds lie midway between two of `rows`, `depth` deep to one side.
fn grow(rng: &mut ChaCha8Rng, trees: &mut Trees, rows: &[[f32; 5]], depth: usize) -> Branch {
    if depth == 0 {
        trees.leaves += 1;
        return Branch::Leaf(trees.leaves - 1);
    }
    let column = rng.gen_range(0..5);
    let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
    values.sort_by(f32::total_cmp);
    let at = rng.gen_range(1..values.len());
    let here = trees.splits.len();
    let bound = (values[at - 1] + values[at]) / 2.0;
    trees.splits.push(Split { column, bound, at_most: Branch::Leaf(0), above: Branch::Leaf(0) });
    let short = rng.gen_range(0..depth.min(4));
    let (at_most, above) = if rng.r#gen() { (depth - 1, short) } else { (short, depth - 1) };
    let at_most = grow(rng, trees, rows, at_most);
    let above = grow(rng, trees, rows, above);
    trees.splits[here] = Split { column, bound, at_most, above };
    Branch::Split(here)
}

/// Trees over an input, or over a scaled one.
fn model(trees: Trees, scaled: bool) -> Model {
    let mut model = Model::default();
    let mut x = model.push_input("x", Op::Input, &[1, 5]).unwrap();
    if scaled {
        let factors = Op::Constant(ndarray::arr2(&[[1.0, 1.0, 1.0, 1.0, 0.37]]).into_dyn());
        let factors = model.push("factors", factors, &[]).unwrap();
        x = model.push("scaled", Op::Mul, &[x, factors]).unwrap();
    }
    let leaves = model.push("leaves", Op::Trees(Arc::new(trees)), &[x]).unwrap();
    model.outputs.push(("leaves".into(), leaves));
    model
}

fn agrees(model: &Model, rows: &[[f32; 5]]) -> bool {
    let options = Options::default();
    let ranges = Ranges::observe(model, rows.iter().map(|row| sample(*row)), Method::Max).unwrap();
    let quantized = quantize(model, &ranges, &options).unwrap();
    let mut reporter = Reporter::new(model, &quantized);
    rows.iter().for_each(|row| reporter.add(&sample(*row), None).unwrap());
    let report = reporter.finish(options.bits, options.headroom);
    assert_eq!(report.out_of_range, 0, "{report}");
    report.outputs[0].largest_error == 0.0
}

#[test]
fn integers_come_to_the_leaves_of_the_float_model() {
    for seed in 0..6 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows: Vec<[f32; 5]> = (0..24).map(|_| row(&mut rng)).collect();
        let mut trees = Trees { roots: vec![], splits: vec![], leaves: 0 };
        for depth in [1, 3, 8, 40] {
            let root = grow(&mut rng, &mut trees, &rows, depth);
            trees.roots.push(root);
        }
        assert!(agrees(&model(trees, false), &rows), "seed {seed}");
    }
}

/// A sample that is a bound, off every column's steps, falls on the side where the float model has
/// it.
#[test]
fn samples_at_bounds_are_on_their_side() {
    let rows = [0.0f32, 0.1, 0.3, 0.7, 1.0].map(|x| [x, 0.0, 0.0, 0.0, 0.0]);
    for bound in [0.1f32, 0.1f32.next_down(), 0.3, 0.7, 0.7f32.next_down(), 0.7f32.next_up()] {
        let split = Split { column: 0, bound, at_most: Branch::Leaf(0), above: Branch::Leaf(1) };
        let trees = Trees { roots: vec![Branch::Split(0)], splits: vec![split], leaves: 2 };
        assert!(agrees(&model(trees.clone(), false), &rows), "{bound}");
        assert!(agrees(&model(trees, true), &rows), "{bound} of scaled columns");
    }
}

/// Rows that are like no sample come to their leaves too, and so do sums of leaves that no sample
/// had.
#[test]
fn strangers_are_accepted() {
    for seed in 0..4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows: Vec<[f32; 5]> = (0..24).map(|_| row(&mut rng)).collect();
        let mut trees = Trees { roots: vec![], splits: vec![], leaves: 0 };
        for depth in [2, 5, 9] {
            let root = grow(&mut rng, &mut trees, &rows, depth);
            trees.roots.push(root);
        }
        let leaves = trees.leaves;
        let mut model = model(trees, seed % 2 == 1).simplify().unwrap();
        let weight = ndarray::Array2::from_shape_fn((leaves, 2), |_| rng.gen_range(-3.0..30.0));
        let scores = Op::Dense { weight, bias: None };
        let sum = model.push("scores", scores, &[model.outputs[0].1]).unwrap();
        let class = model.push("class", Op::ArgMax, &[sum]).unwrap();
        model.outputs.push(("scores".into(), sum));
        model.outputs.push(("class".into(), class));
        let ranges =
            Ranges::observe(&model, rows.iter().map(|row| sample(*row)), Method::Max).unwrap();
        let options = Options::default();
        let quantized = quantize(&model, &ranges, &options).unwrap();
        let mut reporter = Reporter::new(&model, &quantized);
        for factor in [-900.0f32, -3.0, 0.0, 3.0, 900.0] {
            for column in 0..5 {
                let mut stranger = rows[0];
                stranger[column] *= factor;
                reporter.add(&sample(stranger), None).unwrap();
            }
        }
        let report = reporter.finish(options.bits, options.headroom);
        assert_eq!(report.out_of_range, 0, "seed {seed}: {report}");
        assert_eq!(report.outputs[0].largest_error, 0.0, "seed {seed}: {report}");
    }
}
