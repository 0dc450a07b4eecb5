//! Places and filters of a resized axis.

use super::{Node, Problem};

/// What the attributes of a node say of all axes.
pub(super) struct Style {
    pub mode: String,
    pub places: String,
    pub rounding: String,
    /// Parameter of the cubic filter.
    pub sharpness: f64,
    pub antialias: bool,
    /// Whether elements outside the operand have no share, instead of those at its edges more.
    pub excludes: bool,
    /// What lies outside a cropped operand.
    pub extrapolation: f32,
}

/// How an axis changes.
pub(super) struct Change {
    pub axis: usize,
    pub extent: usize,
    pub result: usize,
    pub scale: f64,
    /// First and last place of a crop, as parts of the axis.
    pub crop: (f64, f64),
}

impl Change {
    /// Which place of the operand element `at` of the result lies on.
    pub(super) fn place(&self, node: &Node, style: &Style, at: usize) -> Result<f64, Problem> {
        let (at, extent, result) = (at as f64, self.extent as f64, self.result as f64);
        Ok(match style.places.as_str() {
            "half_pixel" => (at + 0.5) / self.scale - 0.5,
            "pytorch_half_pixel" | "align_corners" if self.result == 1 => 0.0,
            "pytorch_half_pixel" => (at + 0.5) / self.scale - 0.5,
            "half_pixel_symmetric" => {
                let adjusted = result / (self.scale * extent);
                extent / 2.0 * (1.0 - adjusted) + (at + 0.5) / self.scale - 0.5
            }
            "align_corners" => at * (extent - 1.0) / (result - 1.0),
            "asymmetric" => at / self.scale,
            "tf_half_pixel_for_nn" => (at + 0.5) / self.scale,
            "tf_crop_and_resize" if self.result == 1 => {
                (self.crop.0 + self.crop.1) / 2.0 * (extent - 1.0)
            }
            "tf_crop_and_resize" => {
                let step = (self.crop.1 - self.crop.0) / (result - 1.0);
                (self.crop.0 + at * step) * (extent - 1.0)
            }
            other => {
                return Err(node.problem(format!(
                    "attribute `coordinate_transformation_mode` is {}",
                    other.escape_default()
                )));
            }
        })
    }

    /// The elements that a place is made of, with their shares.
    pub(super) fn shares(&self, style: &Style, place: f64) -> Vec<(usize, f64)> {
        let narrow = if style.antialias { self.scale.min(1.0) } else { 1.0 };
        let reach = if style.mode == "cubic" { 2.0 } else { 1.0 } / narrow;
        let last = (self.extent - 1) as f64;
        let (mut shares, mut sum) = (vec![], 0.0);
        let mut tap = (place - reach).floor();
        while tap <= place + reach {
            let share = style.filter((tap - place) * narrow);
            let outside = !(0.0..=last).contains(&tap);
            if share != 0.0 && !(outside && style.excludes) {
                shares.push((tap.clamp(0.0, last) as usize, share));
                sum += share;
            }
            tap += 1.0;
        }
        if (style.antialias || style.excludes) && sum != 0.0 {
            shares.iter_mut().for_each(|(_, share)| *share /= sum);
        }
        shares
    }
}

impl Style {
    /// The filter's weight at a distance.
    fn filter(&self, distance: f64) -> f64 {
        let (x, a) = (distance.abs(), self.sharpness);
        match self.mode.as_str() {
            "linear" => (1.0 - x).max(0.0),
            _ if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            _ if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            _ => 0.0,
        }
    }
}
