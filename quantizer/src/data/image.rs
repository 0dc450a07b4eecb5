//! Pixels of one image, in both orders of axes.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray::{Array3, ArrayD};

use super::{DataProblem, Samples};

/// What the pixels are called in errors.
pub(super) const NAME: &str = "image";

/// An image.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// `[channels, height, width]`.
    pub channels_first: ArrayD<f32>,
    /// `[height, width, channels]`.
    pub channels_last: ArrayD<f32>,
}

impl Samples {
    /// The samples of one image: `bytes` are its rows from top to bottom, its pixels from left to
    /// right, `channels` bytes each. The input's shape decides whether channels come first or last.
    ///
    /// # Errors
    /// Another number of bytes than the sizes say.
    pub fn from_image(
        [height, width, channels]: [usize; 3],
        bytes: &[u8],
        path: &Path,
    ) -> Result<Samples, DataProblem> {
        let values = bytes.iter().map(|byte| f32::from(*byte)).collect();
        let pixels = Array3::from_shape_vec((height, width, channels), values)
            .map_err(|error| DataProblem::Malformed(error.to_string()))?;
        let first = pixels.view().permuted_axes([2, 0, 1]).as_standard_layout().into_owned();
        Ok(Samples {
            from_bytes: BTreeSet::from([NAME.to_owned()]),
            image: Some(Image {
                channels_first: first.into_dyn(),
                channels_last: pixels.into_dyn(),
            }),
            file: path.to_path_buf(),
            ..Samples::from_arrays(Default::default())
        })
    }
}
