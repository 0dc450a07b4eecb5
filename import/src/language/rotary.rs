//! Rotary positions (Su et al., "RoFormer", 2021): pair i of a head turned by `t * frequency(i)`.

use std::f64::consts::TAU;

/// How queries and keys are rotated.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Which entries are a pair.
    pub layout: Layout,
    /// Base of the frequencies: `base^(-2i / head)`.
    pub base: f64,
    /// How the frequencies are changed for long texts.
    pub scaling: Scaling,
}

/// Which entries of a head are pair i.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `2i` and `2i + 1`.
    Interleaved,
    /// `i` and `i + head / 2`.
    Halves,
}

/// How the frequencies of long texts differ.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Not at all.
    None,
    /// All are divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// As of Llama 3.1: those whose wavelength is beyond `original / low` are divided by the
    /// factor, those below `original / high` stay, those between are interpolated.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Divides `original` to the longest wavelength that is changed in part.
        low: f64,
        /// Divides `original` to the shortest.
        high: f64,
        /// Tokens that the model was first trained for.
        original: f64,
    },
    /// Each is divided by a number of its own.
    Divisors(Vec<f32>),
}

impl Rotary {
    /// Whether every frequency of heads of this width is a number that rotates.
    pub(super) fn check(&self, head: usize) -> Result<(), String> {
        let positive = |name: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                Ok(())
            } else {
                Err(format!("the {name} of the rotary positions is {value}; it must be positive"))
            }
        };
        positive("base", self.base)?;
        match &self.scaling {
            Scaling::None => {}
            Scaling::Linear { factor } => positive("factor", *factor)?,
            Scaling::Llama3 { factor, low, high, original } => {
                positive("factor", *factor)?;
                positive("low frequency factor", *low)?;
                positive("original length", *original)?;
                positive("distance of the frequency factors", high - low)?;
            }
            Scaling::Divisors(divisors) => {
                if divisors.len() != head / 2 {
                    let (found, wanted) = (divisors.len(), head / 2);
                    return Err(format!("{found} divisors of rotary frequencies, not {wanted}"));
                }
                divisors.iter().try_for_each(|d| positive("divisor", f64::from(*d)))?;
            }
        }
        Ok(())
    }

    /// Radians of entry `entry` of a head at position `at`.
    pub(super) fn angle(&self, at: usize, entry: usize, head: usize) -> f64 {
        at as f64 * self.frequency(self.pair(entry, head), head)
    }

    /// The other entry of a pair.
    pub(super) fn partner(&self, entry: usize, head: usize) -> usize {
        match self.layout {
            Layout::Interleaved => entry ^ 1,
            Layout::Halves => (entry + head / 2) % head,
        }
    }

    /// Whether an entry is the first of its pair.
    pub(super) fn is_first(&self, entry: usize, head: usize) -> bool {
        match self.layout {
            Layout::Interleaved => entry.is_multiple_of(2),
            Layout::Halves => entry < head / 2,
        }
    }

    fn pair(&self, entry: usize, head: usize) -> usize {
        match self.layout {
            Layout::Interleaved => entry / 2,
            Layout::Halves => entry % (head / 2),
        }
    }

    fn frequency(&self, pair: usize, head: usize) -> f64 {
        let plain = libm::pow(self.base, -((2 * pair) as f64) / head as f64);
        match &self.scaling {
            Scaling::None => plain,
            Scaling::Linear { factor } => plain / factor,
            Scaling::Llama3 { factor, low, high, original } => {
                let turns = original * plain / TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                (1.0 - kept) * plain / factor + kept * plain
            }
            Scaling::Divisors(divisors) => {
                plain / divisors.get(pair).map_or(1.0, |divisor| f64::from(*divisor))
            }
        }
    }
}
