//! The scalars of a multi-scalar multiplication.

use ark_bn254::Fr;

/// The scalars of a multi-scalar multiplication, one per base.
#[derive(Clone, Copy, Debug)]
pub enum Scalars<'a> {
    /// Field elements.
    Field(&'a [Fr]),
    /// Signed integers.
    Small(&'a [i64]),
    /// Base `k` is multiplied by `values[indices[k]]`.
    FieldAt {
        /// Field elements, in any order.
        values: &'a [Fr],
        /// One index into `values` per base.
        indices: &'a [u32],
    },
    /// Base `k` is multiplied by `values[indices[k]]`.
    SmallAt {
        /// Signed integers, in any order.
        values: &'a [i64],
        /// One index into `values` per base.
        indices: &'a [u32],
    },
}

impl Scalars<'_> {
    /// How many bases these scalars want.
    pub fn len(&self) -> usize {
        match self {
            Scalars::Field(values) => values.len(),
            Scalars::Small(values) => values.len(),
            Scalars::FieldAt { indices, .. } | Scalars::SmallAt { indices, .. } => indices.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
