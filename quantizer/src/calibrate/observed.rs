//! Values of a tensor, thinned.

/// Bits of the mantissa that tell one bucket from the next: 32 buckets to an octave.
const MANTISSA_BITS: u32 = 5;

/// Bits of an `f32` that choose no bucket.
const WITHIN: u32 = 23 - MANTISSA_BITS;

/// The least and the greatest value of every bucket of close values: 128 kilobytes once it records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observed {
    buckets: Vec<(f32, f32)>,
}

impl Observed {
    /// Without values yet; [`Observed::default`] takes none.
    pub(super) fn recording() -> Observed {
        Observed { buckets: vec![(f32::INFINITY, f32::NEG_INFINITY); 1 << (32 - WITHIN)] }
    }

    pub(super) fn include(&mut self, value: f32) {
        if let Some((lo, hi)) = self.buckets.get_mut((value.to_bits() >> WITHIN) as usize) {
            *lo = lo.min(value);
            *hi = hi.max(value);
        }
    }

    /// The values, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let seen = self.buckets.iter().filter(|(lo, hi)| lo <= hi);
        seen.flat_map(|&(lo, hi)| [lo, hi].into_iter().take(if lo == hi { 1 } else { 2 })).map(f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_close_values_are_kept() {
        let mut observed = Observed::recording();
        for value in [1.0, 1.003, 1.001, -2.0, 0.0, 1e-30] {
            observed.include(value);
        }
        let mut values: Vec<f64> = observed.values().collect();
        values.sort_by(f64::total_cmp);
        assert_eq!(values, [-2.0, 0.0, f64::from(1e-30f32), 1.0, f64::from(1.003f32)]);
    }

    #[test]
    fn nothing_is_kept_of_other_tensors() {
        let mut observed = Observed::default();
        observed.include(1.0);
        assert_eq!(observed.values().count(), 0);
    }
}
