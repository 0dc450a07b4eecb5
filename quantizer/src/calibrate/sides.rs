//! Samples at the bounds of trees.

use std::collections::BTreeMap;

use ndarray::ArrayViewD;

use lemma_model::Trees;

/// What samples had on either side of the bounds of an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    /// Smallest and largest value of each column that is compared.
    pub columns: BTreeMap<usize, (f32, f32)>,
    /// For each inner node the largest value that is not above its bound and the smallest that is,
    /// infinite where there is none.
    pub splits: Vec<(f32, f32)>,
}

impl Sides {
    pub(super) fn of(trees: &Trees) -> Sides {
        let none = (f32::INFINITY, f32::NEG_INFINITY);
        Sides {
            columns: trees.splits.iter().map(|split| (split.column, none)).collect(),
            splits: vec![(f32::NEG_INFINITY, f32::INFINITY); trees.splits.len()],
        }
    }

    pub(super) fn include(&mut self, trees: &Trees, value: &ArrayViewD<'_, f32>) {
        for row in value.rows() {
            for (column, (low, high)) in &mut self.columns {
                let x = row.get(*column).copied().unwrap_or(0.0);
                (*low, *high) = (low.min(x), high.max(x));
            }
            for (split, (below, above)) in trees.splits.iter().zip(&mut self.splits) {
                let x = row.get(split.column).copied().unwrap_or(0.0);
                if x <= split.bound {
                    *below = below.max(x);
                } else {
                    *above = above.min(x);
                }
            }
        }
    }
}
