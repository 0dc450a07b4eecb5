//! Files of sample data, and their contents from anywhere.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use lemma_model::file::open_regular;

use super::{DataError, DataProblem, Samples, json, npz};

/// What a file of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An archive of NumPy arrays of `f32`, `f64`, `u8`, `i32` or `i64`, stored or deflated.
    Npz,
    /// An object of nested arrays, or a list of such objects, one per sample.
    Json,
}

impl Format {
    /// The format that the ending of a path stands for.
    ///
    /// # Errors
    /// [`DataProblem::UnknownFormat`] for another ending, or none.
    pub fn of(path: &Path) -> Result<Format, DataProblem> {
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
            .unwrap_or_default();
        match ending.as_str() {
            "npz" => Ok(Format::Npz),
            "json" => Ok(Format::Json),
            _ => Err(DataProblem::UnknownFormat { ending }),
        }
    }
}

impl Samples {
    /// Reads a `.npz` or `.json` file.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, has an unknown ending or element type, holds something
    /// that is not finite or not exact as `f32`, or is too large.
    pub fn read(path: &Path) -> Result<Samples, DataError> {
        let read = || {
            let format = Format::of(path)?;
            let file = open_regular(path).map_err(DataProblem::Read)?;
            Samples::from_reader(BufReader::new(file), format)
        };
        let samples = read().map_err(|problem| problem.of(path))?;
        Ok(Samples { file: path.to_path_buf(), ..samples })
    }

    /// Reads what a file would hold.
    ///
    /// # Errors
    /// As [`Samples::read`].
    pub fn from_reader(source: impl Read + Seek, format: Format) -> Result<Samples, DataProblem> {
        let (arrays, from_bytes) = match format {
            Format::Npz => npz::read(source)?,
            Format::Json => (json::read(source)?, BTreeSet::new()),
        };
        if arrays.is_empty() {
            return Err(DataProblem::Malformed("it holds no arrays".into()));
        }
        Ok(Samples { arrays, from_bytes, byte_scale: None, file: PathBuf::from("memory") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_an_unknown_ending() {
        let error = Samples::read(Path::new("data.csv")).unwrap_err();
        assert!(matches!(error.problem, DataProblem::UnknownFormat { ending } if ending == "csv"));
    }
}
