//! What can be wrong with sample data.

use std::path::{Path, PathBuf};

use thiserror::Error;

use super::layout::advice;

/// Sample data that cannot be used, and why.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct DataError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: DataProblem,
}

/// Why sample data cannot be used.
#[derive(Debug, Error)]
pub enum DataProblem {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// The file has an ending that no reader belongs to.
    #[error(
        "unknown ending `{ending}`; samples are read from .npz, .npy, .csv and .json files, an image from .png and .jpg"
    )]
    UnknownFormat {
        /// The ending, in lower case.
        ending: String,
    },
    /// The file is larger than is read.
    #[error("{bytes} bytes are more than the {limit} that are read")]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// Largest size.
        limit: u64,
    },
    /// The file as a whole is damaged.
    #[error("damaged: {0}")]
    Malformed(String),
    /// One array is damaged, of an unsupported kind or too large.
    #[error("array `{array}`: {problem}")]
    BadArray {
        /// Name of the array.
        array: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An array holds an infinite value, one that is not a number, or an integer that `f32` cannot
    /// hold exactly.
    #[error(
        "array `{array}` holds {value} at position {position}; values must be finite and exact as \
            32-bit floats"
    )]
    BadValue {
        /// Name of the array.
        array: String,
        /// Position in the file's order.
        position: usize,
        /// The value.
        value: f64,
    },
    /// A cell of a table that is no number, and where it is.
    #[error("{0}")]
    Cell(String),
    /// A table with fewer or more columns than an input has elements.
    #[error(
        "input `{input}` has {elements} elements and takes as many columns, the table has {}: {}{}",
        columns.len(),
        shown(columns),
        if texts.is_empty() {
            String::new()
        } else {
            format!("; columns of texts are no numbers: {}", shown(texts))
        }
    )]
    Columns {
        /// Name of the input.
        input: String,
        /// Its elements.
        elements: usize,
        /// The columns of numbers, labels aside.
        columns: Vec<String>,
        /// The columns of texts.
        texts: Vec<String>,
    },
    /// An image for a model of several inputs.
    #[error("an image is one input; the model has {inputs}")]
    ImageInputs {
        /// Number of inputs.
        inputs: usize,
    },
    /// An image of another size.
    #[error(
        "an image of {} x {} pixels (height, width) with {} channels for input `{input}` of shape \
            {expected:?}; resize it, and keep as many channels, before",
        found[1], found[2], found[0]
    )]
    Image {
        /// Name of the input.
        input: String,
        /// Shape of the input.
        expected: Vec<usize>,
        /// Channels, height and width of the image.
        found: Vec<usize>,
    },
    /// An input whose shape does not say where the channels are.
    #[error(
        "the shape of input `{input}` does not say which of its axes are the channels; give the \
            pixels as an array"
    )]
    ImageAxes {
        /// Name of the input.
        input: String,
    },
    /// An array that is needed is not in the file.
    #[error("there is no array `{wanted}`; the file holds {given:?}")]
    NoArray {
        /// The name that was looked for.
        wanted: String,
        /// The names in the file.
        given: Vec<String>,
    },
    /// An array does not fit the input that it is meant for.
    #[error(
        "array `{array}` of shape {found:?} is neither one sample of input `{input}`, whose shape \
            is {expected:?}, nor many along its first axis: \
         {}",
        advice(expected, found)
    )]
    Shape {
        /// Name of the array.
        array: String,
        /// Name of the input.
        input: String,
        /// Shape of the input.
        expected: Vec<usize>,
        /// Shape of the array.
        found: Vec<usize>,
    },
    /// Arrays of two inputs hold different numbers of samples.
    #[error(
        "array `{}` holds {} samples and array `{}` {}; every input needs as many",
        arrays[0].0, arrays[0].1, arrays[1].0, arrays[1].1
    )]
    Counts {
        /// The arrays with their numbers of samples.
        arrays: [(String, usize); 2],
    },
    /// Unsigned bytes for real numbers, and nothing says what a byte stands for.
    #[error(
        "array `{array}` holds unsigned bytes and input `{input}` takes real numbers; say what a \
            byte is multiplied by, 1 for 0 to 255 or 1/255 for 0 to 1"
    )]
    Bytes {
        /// Name of the array.
        array: String,
        /// Name of the input.
        input: String,
    },
    /// The labels are fewer or more than the samples.
    #[error("array `{array}` holds {labels} labels for {samples} samples")]
    Labels {
        /// Name of the array.
        array: String,
        /// Number of labels.
        labels: usize,
        /// Number of samples.
        samples: usize,
    },
    /// There are fewer samples.
    #[error("there is no sample {index} in array `{array}`: it holds {count}")]
    NoSample {
        /// Name of the array.
        array: String,
        /// The sample that was asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// An array cannot be read as class numbers.
    #[error("array `{array}` does not hold one class number per sample: {problem}")]
    NotLabels {
        /// Name of the array.
        array: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// The first names of a list.
fn shown(names: &[String]) -> String {
    const MOST: usize = 12;
    let first = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{first}, ..") } else { first }
}

impl DataProblem {
    pub(super) fn of(self, path: &Path) -> DataError {
        DataError { path: path.to_path_buf(), problem: self }
    }
}
