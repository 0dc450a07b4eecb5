//! Samples at the bounds of trees.

use ndarray::ArrayViewD;

use lemma_model::Trees;

/// What samples had on either side of the bounds of an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Sides {
    /// For each inner node the largest value that is not above its bound and the smallest that is,
    /// infinite where there is none.
    pub splits: Vec<(f32, f32)>,
}

impl Sides {
    pub(super) fn of(trees: &Trees) -> Sides {
        Sides { splits: vec![(f32::NEG_INFINITY, f32::INFINITY); trees.splits.len()] }
    }

    pub(super) fn include(&mut self, trees: &Trees, value: &ArrayViewD<'_, f32>) {
        for row in value.rows() {
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
