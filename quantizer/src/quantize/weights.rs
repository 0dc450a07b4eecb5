//! Integers of constant weights, made once for each number of fractional bits: a search over
//! placements asks for the same ones again and again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use lemma_model::{Model, NodeId, Op};
use ndarray::Array2;

use super::quantize_values;

/// Integers of all layers together that are kept for later.
const KEPT: usize = 1 << 25;

/// How large the weights of a layer are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    /// Largest magnitude.
    pub(super) largest: f64,
    /// Largest sum of magnitudes over the weights of one result.
    pub(super) heaviest: f64,
}

/// Weights of the layers of a model, as integers.
#[derive(Default)]
pub(super) struct Weights {
    layers: RefCell<BTreeMap<NodeId, Layer>>,
    /// Numbers of fractional bits that are kept of a layer; at least the last one asked for.
    most: usize,
}

#[derive(Default)]
struct Layer {
    size: Option<Size>,
    /// By fractional bits; the last asked for is the last.
    integers: Vec<(i32, Arc<[i32]>)>,
}

impl Weights {
    /// Nothing yet of a model's layers.
    pub(super) fn of(model: &Model) -> Weights {
        let count = |op: &Op| match op {
            Op::Dense { weight, .. } => weight.len(),
            Op::Conv { weight, .. } => weight.len(),
            Op::Embedding { table } => table.len(),
            _ => 0,
        };
        let all: usize = model.nodes.iter().map(|node| count(&node.op)).sum();
        Weights { layers: RefCell::default(), most: (KEPT / all.max(1)).max(1) }
    }

    /// How large the weights of a layer are, which `values` makes: those of one result after those
    /// of the other, `row` each.
    pub(super) fn size(&self, id: NodeId, row: usize, values: impl Fn() -> Vec<f32>) -> Size {
        let mut layers = self.layers.borrow_mut();
        *layers.entry(id).or_default().size.get_or_insert_with(|| size(&values(), row))
    }

    /// The weights of a layer, which `values` makes, with `frac` fractional bits.
    pub(super) fn integers(
        &self,
        id: NodeId,
        frac: i32,
        values: impl Fn() -> Vec<f32>,
    ) -> Arc<[i32]> {
        let mut layers = self.layers.borrow_mut();
        let integers = &mut layers.entry(id).or_default().integers;
        let made = match integers.iter().position(|(bits, _)| *bits == frac) {
            Some(at) => integers.remove(at).1,
            None => {
                let spare = (integers.len() + 1).saturating_sub(self.most.max(1));
                integers.drain(..spare);
                quantize_values(&values(), frac).map(|value| value as i32).collect()
            }
        };
        integers.push((frac, made.clone()));
        made
    }
}

/// The columns of a matrix, one after the other.
pub(super) fn columns(matrix: &Array2<f32>) -> Vec<f32> {
    // Squares by way of one that the fastest cache holds, whatever the length of a row.
    const SIDE: usize = 16;
    let (rows, width) = matrix.dim();
    let Some(values) = matrix.as_slice() else { return matrix.t().iter().copied().collect() };
    let mut turned = vec![0.0; values.len()];
    for (block, part) in values.chunks((SIDE * width).max(1)).enumerate() {
        let height = part.len() / width.max(1);
        for start in (0..width).step_by(SIDE) {
            let mut square = [[0.0; SIDE]; SIDE];
            for (at, row) in part.chunks(width).enumerate() {
                for (column, value) in square.iter_mut().zip(row.iter().skip(start)) {
                    column[at] = *value;
                }
            }
            for (at, column) in square.iter().enumerate().take(width - start) {
                let to = (start + at) * rows + block * SIDE;
                turned[to..to + height].copy_from_slice(&column[..height]);
            }
        }
    }
    turned
}

fn size(values: &[f32], row: usize) -> Size {
    let largest = values.iter().fold(0f64, |m, w| m.max(f64::from(w.abs())));
    let sum = |row: &[f32]| row.iter().map(|w| f64::from(w.abs())).sum();
    let heaviest = values.chunks(row.max(1)).map(sum).fold(0f64, f64::max);
    Size { largest, heaviest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_transpose() {
        for shape in [(1, 1), (3, 70), (65, 33), (32, 64)] {
            let matrix = Array2::from_shape_fn(shape, |(i, j)| (i * 1000 + j) as f32);
            assert!(columns(&matrix).iter().eq(matrix.t().iter()), "{shape:?}");
            let turned = matrix.reversed_axes();
            assert!(columns(&turned).iter().eq(turned.t().iter()), "{shape:?} turned");
        }
    }

    #[test]
    fn integers_are_made_once_and_the_last_ones_stay() {
        let values = || vec![0.5, -0.25, 1.0, 0.0];
        let weights = Weights { most: 2, ..Weights::default() };
        let made = |frac| weights.integers(NodeId(3), frac, values);
        let first = made(2);
        assert_eq!(*first, [2, -1, 4, 0]);
        assert!(Arc::ptr_eq(&first, &made(2)));
        assert_eq!(*made(3), [4, -2, 8, 0]);
        assert!(Arc::ptr_eq(&first, &made(2)));
        // A third number of bits drops what was asked for longest ago: three.
        assert_eq!(*made(4), [8, -4, 16, 0]);
        assert!(Arc::ptr_eq(&first, &made(2)));
        // Another layer has its own.
        assert_eq!(*weights.integers(NodeId(4), 2, || vec![0.25]), [1]);
        assert_eq!(weights.size(NodeId(3), 2, values), Size { largest: 1.0, heaviest: 1.0 });
    }
}
