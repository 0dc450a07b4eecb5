//! Files of samples of every kind that is read.

use std::path::Path;

use lemma_quantizer::data::{DataError, Samples};

/// Reads samples from a `.npz`, `.npy`, `.csv` or `.json` file, or with feature `image` one sample
/// from a `.png` or `.jpg` file.
///
/// # Errors
/// As [`Samples::read`]; an image that is damaged, too large, or not of 8 bits in grey or RGB.
pub fn read_samples(path: &Path) -> Result<Samples, DataError> {
    #[cfg(feature = "image")]
    if crate::image::is_image(path) {
        return crate::image::read(path);
    }
    Samples::read(path)
}
