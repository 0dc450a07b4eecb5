//! Absolute values and their percentiles.

/// A histogram of absolute values, sixteen bins to the octave, once it records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Magnitudes {
    bins: Vec<u64>,
    total: u64,
}

const BINS_PER_OCTAVE: f32 = 16.0;
const LOWEST_OCTAVE: f32 = -32.0;
const BINS: usize = 1024;

impl Magnitudes {
    /// Without values yet; [`Magnitudes::default`] takes none.
    pub(super) fn recording() -> Magnitudes {
        Magnitudes { bins: vec![0; BINS], total: 0 }
    }

    pub(super) fn include(&mut self, v: f32) {
        if self.bins.is_empty() {
            return;
        }
        let bin = ((v.abs().log2() - LOWEST_OCTAVE) * BINS_PER_OCTAVE)
            .ceil()
            .clamp(0.0, BINS as f32 - 1.0);
        if let Some(count) = self.bins.get_mut(bin as usize) {
            *count += 1;
        }
        self.total += 1;
    }

    /// Upper edge of the bin in which the fraction `p` is reached.
    pub(super) fn percentile(&self, p: f64) -> f64 {
        let wanted = (p.clamp(0.0, 1.0) * self.total as f64).ceil() as u64;
        let mut seen = 0;
        let reached = self.bins.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let octave =
            reached.unwrap_or(BINS) as f64 / f64::from(BINS_PER_OCTAVE) + f64::from(LOWEST_OCTAVE);
        octave.exp2()
    }
}
