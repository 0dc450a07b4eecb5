//! Batch inversion (Montgomery's trick).

use ark_bn254::Fr;

use super::portable;

/// Replaces every non-zero value by its inverse; zeros stay zero.
pub fn batch_inverse(values: &mut [Fr]) {
    portable::batch_inverse(values);
}
