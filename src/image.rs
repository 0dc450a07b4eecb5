//! Images as samples: PNG and JPEG files of 8 bits a channel.

use std::path::Path;

use image::{DynamicImage, ImageReader, Limits};
use lemma_quantizer::data::{DataError, DataProblem, Samples};

/// Most pixels to a side.
const MAX_SIDE: u32 = 1 << 13;

/// Most bytes that decoding may take.
const MAX_BYTES: u64 = 1 << 28;

/// Whether a path ends like an image.
pub(crate) fn is_image(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ["png", "jpg", "jpeg"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// One sample: the pixels of a file, in the order of axes that the model's input has.
///
/// # Errors
/// A file that cannot be read, is no PNG or JPEG, is too large, or has an alpha channel or more than
/// 8 bits a channel.
pub(crate) fn read(path: &Path) -> Result<Samples, DataError> {
    let failed = |problem| DataError { path: path.to_path_buf(), problem };
    let malformed = |error: image::ImageError| failed(DataProblem::Malformed(error.to_string()));
    let open = || ImageReader::open(path)?.with_guessed_format();
    let mut reader = open().map_err(|error| failed(DataProblem::Read(error)))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let image = reader.decode().map_err(malformed)?;
    let channels = match &image {
        DynamicImage::ImageLuma8(_) => 1,
        DynamicImage::ImageRgb8(_) => 3,
        other => {
            return Err(failed(DataProblem::Malformed(format!(
                "its pixels are {:?}; write it in grey or in RGB of 8 bits, without transparency",
                other.color()
            ))));
        }
    };
    let sizes = [image.height() as usize, image.width() as usize, channels];
    Samples::from_image(sizes, image.as_bytes(), path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, ImageFormat, Rgb, RgbImage, RgbaImage};
    use lemma_model::{InputKind, InputPort};
    use lemma_quantizer::data::ByteScale;

    use super::*;

    fn model(shape: &[usize]) -> [InputPort; 1] {
        [InputPort { name: "x".into(), shape: shape.to_vec(), kind: InputKind::Real }]
    }

    /// The samples of an image that is written and read again.
    fn written(image: impl Into<DynamicImage>, name: &str) -> Result<Samples, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        image.into().save_with_format(&path, ImageFormat::Png).unwrap();
        assert!(is_image(&path));
        read(&path)
    }

    fn coloured() -> RgbImage {
        RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, 10 + y as u8, 20 + (3 * y + x) as u8]))
    }

    #[test]
    fn pixels_come_in_the_order_of_the_inputs_axes() {
        let samples = written(coloured(), "a.png").unwrap().with_byte_scale(Some(ByteScale::ONE));
        let first = samples.sample(0, &model(&[1, 3, 2, 3])).unwrap().remove("x").unwrap();
        let last = samples.sample(0, &model(&[1, 2, 3, 3])).unwrap().remove("x").unwrap();
        for (x, y) in [(0, 0), (2, 0), (1, 1)] {
            let pixel = [x as f32, 10.0 + y as f32, 20.0 + (3 * y + x) as f32];
            for (channel, value) in pixel.into_iter().enumerate() {
                assert_eq!(first[[0, channel, y, x]], value);
                assert_eq!(last[[0, y, x, channel]], value);
            }
        }
    }

    #[test]
    fn grey_images_have_one_channel() {
        let grey = GrayImage::from_fn(4, 4, |x, y| image::Luma([(4 * y + x) as u8 * 17]));
        let samples = written(grey, "a.PNG").unwrap().with_byte_scale(Some(ByteScale::SHARE));
        let found = samples.sample(0, &model(&[1, 1, 4, 4])).unwrap().remove("x").unwrap();
        assert_eq!((found[[0, 0, 0, 3]], found[[0, 0, 3, 3]]), (0.2, 1.0));
    }

    #[test]
    fn rejects_what_would_be_a_guess() {
        let said = |shape: &[usize], scale| {
            let samples = written(coloured(), "a.png").unwrap().with_byte_scale(scale);
            samples.sample(0, &model(shape)).unwrap_err().to_string()
        };
        assert!(said(&[1, 3, 2, 3], None).contains("unsigned bytes"));
        let scale = Some(ByteScale::ONE);
        assert!(said(&[1, 3, 4, 6], scale).contains("2 x 3 pixels"));
        assert!(said(&[1, 1, 2, 3], scale).contains("3 channels"));
        let square = written(RgbImage::new(3, 3), "a.png").unwrap().with_byte_scale(scale);
        let said = square.sample(0, &model(&[1, 3, 3, 3])).unwrap_err().to_string();
        assert!(said.contains("which of its axes"), "{said}");
        let said = written(RgbaImage::new(2, 2), "a.png").unwrap_err().to_string();
        assert!(said.contains("transparency"), "{said}");
    }

    #[test]
    fn rejects_damaged_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        coloured().save_with_format(&path, ImageFormat::Png).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 10, bytes.len() / 2, bytes.len() - 13] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(read(&path).is_err(), "{length} of {} bytes", bytes.len());
        }
    }
}
