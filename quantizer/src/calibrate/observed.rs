//! Values of a tensor, thinned.

/// Bits of the mantissa that tell one bucket from the next: 32 buckets to an octave.
const MANTISSA_BITS: u32 = 5;

/// Bits of an `f32` that choose no bucket.
const WITHIN: u32 = 23 - MANTISSA_BITS;

/// Buckets of a page: four octaves of one sign.
const PAGE: usize = 128;

/// The least and the greatest value of consecutive buckets.
type Page = [(f32, f32); PAGE];

/// The least and the greatest value of every bucket of close values: a kilobyte for every four
/// octaves that hold a value, once it records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observed {
    pages: Vec<Option<Box<Page>>>,
}

impl Observed {
    /// Without values yet; [`Observed::default`] takes none.
    pub(super) fn recording() -> Observed {
        Observed { pages: vec![None; (1 << (32 - WITHIN)) / PAGE] }
    }

    pub(super) fn include(&mut self, value: f32) {
        let bucket = (value.to_bits() >> WITHIN) as usize;
        let Some(page) = self.pages.get_mut(bucket / PAGE) else { return };
        let page = page.get_or_insert_with(|| Box::new([(f32::INFINITY, f32::NEG_INFINITY); PAGE]));
        let (low, high) = &mut page[bucket % PAGE];
        *low = low.min(value);
        *high = high.max(value);
    }

    /// The values, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> + '_ {
        let buckets = self.pages.iter().flatten().flat_map(|page| page.iter());
        let seen = buckets.filter(|(low, high)| low <= high);
        seen.flat_map(|&(low, high)| [low, high].into_iter().take(if low == high { 1 } else { 2 }))
            .map(f64::from)
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
