//! Sample data: named arrays from `.npz`, `.npy` and JSON files, columns of `.csv` tables, pixels of
//! an image, sliced into the inputs of a model.
//!
//! An array holds many samples along its first axis, or one sample; shapes must be equal up to ones
//! at either end. Numbers are taken as they are. Only unsigned bytes may stand for something else,
//! since images are stored so: given for an input of real numbers they are refused until
//! [`Samples::with_byte_scale`] says what a byte is multiplied by. Files are not trusted: sizes are
//! checked before memory is taken, and a damaged file is a [`DataError`].

mod csv;
mod error;
mod file;
mod image;
mod json;
mod labels;
mod layout;
mod npy;
mod npz;
mod scale;
mod source;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ndarray::ArrayD;

use lemma_model::{InputKind, InputPort};

use csv::Table;
use image::Image;

pub use error::{DataError, DataProblem};
pub use file::Format;
pub use scale::ByteScale;
pub use write::write_npz;

/// Array names that are never taken for an input by default.
const LABEL_NAMES: &[&str] = &["label", "labels", "target", "targets", "y"];

/// Most elements of a file, over all arrays.
const MAX_VALUES: usize = 1 << 26;

/// Most arrays of a file.
const MAX_ARRAYS: usize = 256;

/// Most samples that are used together: each becomes arrays of its own.
const MAX_SAMPLES: usize = 1 << 17;

/// Named arrays from a file.
#[derive(Clone, Debug)]
pub struct Samples {
    /// The arrays, as the file has them: bytes are 0 to 255.
    pub arrays: BTreeMap<String, ArrayD<f32>>,
    /// Names of the arrays that were unsigned bytes in the file.
    pub from_bytes: BTreeSet<String>,
    byte_scale: Option<ByteScale>,
    /// The array with the labels, where it has a name of its own.
    labels: Option<String>,
    /// The table whose columns the arrays are.
    table: Option<Table>,
    /// An image, in the place of arrays.
    image: Option<Image>,
    file: PathBuf,
}

impl Samples {
    /// Samples from arrays in memory.
    pub fn from_arrays(arrays: BTreeMap<String, ArrayD<f32>>) -> Samples {
        Samples {
            arrays,
            from_bytes: BTreeSet::new(),
            byte_scale: None,
            labels: None,
            table: None,
            image: None,
            file: PathBuf::from("memory"),
        }
    }

    /// The same samples, with what a byte is multiplied by where it is given for a real number;
    /// `None` refuses bytes there.
    pub fn with_byte_scale(self, byte_scale: Option<ByteScale>) -> Samples {
        Samples { byte_scale, ..self }
    }

    /// The same samples, where the array or column `labels` holds their classes and is no input
    /// unless it is called like one.
    pub fn with_labels(self, labels: Option<&str>) -> Samples {
        Samples { labels: labels.map(str::to_owned), ..self }
    }

    /// The shortest first axis of the arrays: the number of samples when every array holds them
    /// along its first axis. [`Samples::count`] also knows single samples without such an axis.
    pub fn len(&self) -> usize {
        self.arrays
            .values()
            .map(|array| array.shape().first().copied().unwrap_or(1))
            .min()
            .unwrap_or(0)
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shapes of the arrays, but for those that are called like labels.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        let arrays = self.arrays.iter().filter(|(name, _)| !self.is_label(name));
        arrays.map(|(name, array)| (name.clone(), array.shape().to_vec())).collect()
    }

    /// How many samples of `inputs` there are.
    ///
    /// # Errors
    /// An input has no array or one that does not fit it, two inputs have different numbers of
    /// samples, or there are more than 2^17.
    pub fn count(&self, inputs: &[InputPort]) -> Result<usize, DataError> {
        let mut first: Option<(&str, usize)> = None;
        for input in inputs {
            let source = self.source(input, inputs)?;
            let (name, count) = (source.name(), source.count());
            match first {
                Some((other, found)) if found != count => {
                    let arrays = [(other.to_owned(), found), (name.to_owned(), count)];
                    return Err(self.error(DataProblem::Counts { arrays }));
                }
                _ => first = Some((name, count)),
            }
        }
        match first.map_or(0, |(_, count)| count) {
            count @ 0..=MAX_SAMPLES => Ok(count),
            count => Err(self.error(DataProblem::Malformed(format!(
                "{count} samples; at most {MAX_SAMPLES} are used"
            )))),
        }
    }

    /// Sample `index`, in the shapes of `inputs`. An input takes the array of its name; when there is
    /// one input and the file one array that is not called like a
    /// label, that one. Of a table an input takes the column of its name, the columns `NAME[0]`,
    /// `NAME[1]`, .., or when it is the only one all columns but labels.
    ///
    /// # Errors
    /// An input has no array, or one whose shape does not fit it, or there is no such sample.
    pub fn sample(
        &self,
        index: usize,
        inputs: &[InputPort],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, DataError> {
        let mut sample = BTreeMap::new();
        for input in inputs {
            let source = self.source(input, inputs)?;
            let scale = self.scale(input, source.name())?;
            let values = source.sample(index).ok_or_else(|| {
                let (array, count) = (source.name().to_owned(), source.count());
                self.error(DataProblem::NoSample { array, index, count })
            })?;
            let values = values.into_iter().map(|value| scale.of(value)).collect();
            let value =
                ArrayD::from_shape_vec(input.shape.as_slice(), values).map_err(|error| {
                    self.error(DataProblem::Malformed(format!("input `{}`: {error}", input.name)))
                })?;
            sample.insert(input.name.clone(), value);
        }
        Ok(sample)
    }

    /// Every sample, as [`Samples::sample`] gives them.
    ///
    /// # Errors
    /// As [`Samples::count`] and [`Samples::sample`].
    pub fn all(
        &self,
        inputs: &[InputPort],
    ) -> Result<Vec<BTreeMap<String, ArrayD<f32>>>, DataError> {
        (0..self.count(inputs)?).map(|index| self.sample(index, inputs)).collect()
    }

    /// What the elements of an array are multiplied by for an input.
    fn scale(&self, input: &InputPort, name: &str) -> Result<ByteScale, DataError> {
        if !self.from_bytes.contains(name) || input.kind != InputKind::Real {
            return Ok(ByteScale::ONE);
        }
        let unsaid = || {
            self.error(DataProblem::Bytes { array: name.to_string(), input: input.name.clone() })
        };
        self.byte_scale.ok_or_else(unsaid)
    }

    fn misfit(&self, input: &InputPort, name: &str, array: &ArrayD<f32>) -> DataError {
        self.error(DataProblem::Shape {
            array: name.to_string(),
            input: input.name.clone(),
            expected: input.shape.clone(),
            found: array.shape().to_vec(),
        })
    }

    fn error(&self, problem: DataProblem) -> DataError {
        problem.of(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    fn input(name: &str, shape: &[usize]) -> InputPort {
        InputPort { name: name.into(), shape: shape.to_vec(), kind: InputKind::Real }
    }

    fn samples(entries: &[(&str, &[usize])]) -> Samples {
        let array = |shape: &[usize]| {
            let count = shape.iter().product::<usize>();
            Array::from_iter((0..count).map(|x| x as f32)).into_shape_with_order(shape).unwrap()
        };
        Samples::from_arrays(
            entries.iter().map(|(name, shape)| (name.to_string(), array(shape))).collect(),
        )
    }

    #[test]
    fn slices_the_first_axis_into_the_input_shape() {
        let x = [input("x", &[1, 1, 2, 2])];
        for shape in [&[3, 1, 2, 2][..], &[3, 2, 2], &[3, 2, 2, 1], &[3, 1, 1, 2, 2]] {
            let samples = samples(&[("x", shape), ("label", &[3])]);
            assert_eq!(samples.count(&x).unwrap(), 3);
            assert_eq!(samples.len(), 3);
            let sample = samples.sample(2, &x).unwrap();
            assert_eq!(sample["x"].shape(), [1, 1, 2, 2]);
            assert_eq!(sample["x"].iter().copied().collect::<Vec<_>>(), [8.0, 9.0, 10.0, 11.0]);
        }
    }

    #[test]
    fn a_single_sample_needs_no_counting_axis() {
        let x = [input("x", &[4])];
        assert_eq!(samples(&[("x", &[4])]).count(&x).unwrap(), 1);
        assert_eq!(samples(&[("x", &[1, 4, 1])]).count(&x).unwrap(), 1);
        assert_eq!(samples(&[("x", &[2, 4])]).count(&x).unwrap(), 2);
    }

    #[test]
    fn one_array_needs_no_matching_name_but_labels_do_not_count() {
        let one = [input("x", &[4])];
        assert!(samples(&[("image", &[2, 4]), ("label", &[2])]).sample(1, &one).is_ok());
        let error = samples(&[("a", &[2, 4]), ("b", &[2, 4])]).sample(0, &one).unwrap_err();
        assert!(matches!(error.problem, DataProblem::NoArray { wanted, .. } if wanted == "x"));
        let two = [input("x", &[4]), input("mask", &[4])];
        let error = samples(&[("x", &[2, 4])]).sample(0, &two).unwrap_err();
        assert!(matches!(error.problem, DataProblem::NoArray { wanted, .. } if wanted == "mask"));
    }

    #[test]
    fn bytes_for_a_real_input_are_refused_until_their_scale_is_said() {
        let mut samples = samples(&[("x", &[1, 4])]);
        samples.arrays.insert("x".into(), ndarray::array![[0.0, 51.0, 255.0, 102.0]].into_dyn());
        samples.from_bytes.insert("x".into());
        let image = [input("x", &[1, 4])];
        let error = samples.sample(0, &image).unwrap_err();
        assert!(
            matches!(&error.problem, DataProblem::Bytes { array, input } if array == "x" && input == "x"),
            "{error}"
        );
        let scaled = |scale| {
            samples.clone().with_byte_scale(Some(scale)).sample(0, &image).unwrap()["x"].clone()
        };
        assert_eq!(scaled(ByteScale::SHARE), ndarray::array![[0.0, 0.2, 1.0, 0.4]].into_dyn());
        assert_eq!(scaled(ByteScale::ONE), samples.arrays["x"]);
        let ids = [InputPort { kind: InputKind::Whole, ..input("x", &[1, 4]) }];
        for samples in [samples.clone(), samples.with_byte_scale(Some(ByteScale::SHARE))] {
            assert_eq!(samples.sample(0, &ids).unwrap()["x"][[0, 2]], 255.0);
        }
    }

    #[test]
    fn rejects_another_order_of_axes_and_names_the_transpose() {
        let error =
            samples(&[("x", &[5, 4, 4, 3])]).count(&[input("x", &[1, 3, 4, 4])]).unwrap_err();
        assert!(error.to_string().contains("transpose(0, 3, 1, 2)"), "{error}");
    }

    #[test]
    fn rejects_inputs_with_different_numbers_of_samples() {
        let two = [input("x", &[1, 4]), input("mask", &[1, 4])];
        assert_eq!(samples(&[("x", &[3, 4]), ("mask", &[3, 4])]).count(&two).unwrap(), 3);
        for mask in [&[2, 4][..], &[1, 4]] {
            let error = samples(&[("x", &[3, 4]), ("mask", mask)]).count(&two).unwrap_err();
            assert!(matches!(error.problem, DataProblem::Counts { .. }), "{error}");
        }
    }

    #[test]
    fn rejects_a_shape_that_does_not_fit() {
        let error = samples(&[("x", &[3, 5])]).sample(0, &[input("x", &[1, 4])]).unwrap_err();
        let (expected, found) = (vec![1, 4], vec![3, 5]);
        assert!(
            matches!(error.problem, DataProblem::Shape { expected: e, found: f, .. } if e == expected && f == found)
        );
    }

    #[test]
    fn rejects_more_samples_than_are_used_together() {
        let x = [input("x", &[1])];
        assert_eq!(samples(&[("x", &[MAX_SAMPLES, 1])]).count(&x).unwrap(), MAX_SAMPLES);
        let many = samples(&[("x", &[MAX_SAMPLES + 1, 1])]);
        assert!(matches!(many.count(&x).unwrap_err().problem, DataProblem::Malformed(_)));
        assert_eq!(many.sample(MAX_SAMPLES, &x).unwrap()["x"][[0]], MAX_SAMPLES as f32);
    }

    #[test]
    fn rejects_a_sample_past_the_end() {
        let x = [input("x", &[1, 4])];
        let error = samples(&[("x", &[3, 4])]).sample(3, &x).unwrap_err();
        assert!(matches!(error.problem, DataProblem::NoSample { index: 3, count: 3, .. }));
        assert!(samples(&[("x", &[1, 4])]).sample(1, &x).is_err());
    }

    #[test]
    fn labels_are_whole_numbers_one_per_sample() {
        let samples = samples(&[("label", &[3]), ("column", &[3, 1]), ("square", &[2, 2])]);
        assert_eq!(samples.labels("label").unwrap(), [0, 1, 2]);
        assert_eq!(samples.labels("column").unwrap(), [0, 1, 2]);
        let error = samples.labels("square").unwrap_err();
        assert!(matches!(error.problem, DataProblem::NotLabels { .. }));
        let error = samples.labels("missing").unwrap_err();
        assert!(matches!(error.problem, DataProblem::NoArray { .. }));
        assert!(samples.labels_of("label", 3, &[]).is_ok());
        let error = samples.labels_of("label", 4, &[]).unwrap_err();
        assert!(matches!(error.problem, DataProblem::Labels { labels: 3, samples: 4, .. }));
        let mut odd = samples.clone();
        odd.arrays.insert("label".into(), ndarray::array![0.5].into_dyn());
        assert!(odd.labels("label").is_err());
    }
}
