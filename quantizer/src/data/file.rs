//! Files of sample data, and their contents from anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use lemma_model::file::open_regular;

use super::json::ONLY;
use super::{DataError, DataProblem, MAX_VALUES, Samples, csv, json, npy, npz};

/// What a file of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An archive of NumPy arrays of floats, integers or truth values, stored or deflated.
    Npz,
    /// One NumPy array.
    Npy,
    /// A table with a line of column names, then a line for each sample.
    Csv,
    /// An object of nested arrays, a list of such objects, one per sample, or one nested array.
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
            "npy" => Ok(Format::Npy),
            "csv" => Ok(Format::Csv),
            "json" => Ok(Format::Json),
            _ => Err(DataProblem::UnknownFormat { ending }),
        }
    }
}

impl Samples {
    /// Reads a `.npz`, `.npy`, `.csv` or `.json` file.
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
        let mut table = None;
        let (arrays, from_bytes) = match format {
            Format::Npz => npz::read(source)?,
            Format::Npy => {
                let (array, kind) = npy::array(source, ONLY, MAX_VALUES)?;
                let bytes = (kind == npy::Kind::U8).then(|| ONLY.to_owned());
                (BTreeMap::from([(ONLY.to_owned(), array)]), bytes.into_iter().collect())
            }
            Format::Csv => {
                let (arrays, read) = csv::read(source)?;
                table = Some(read);
                (arrays, BTreeSet::new())
            }
            Format::Json => (json::read(source)?, BTreeSet::new()),
        };
        if arrays.is_empty() && table.is_none() {
            return Err(DataProblem::Malformed("it holds no arrays".into()));
        }
        Ok(Samples { from_bytes, table, ..Samples::from_arrays(arrays) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_an_unknown_ending() {
        let error = Samples::read(Path::new("data.xls")).unwrap_err();
        assert!(matches!(error.problem, DataProblem::UnknownFormat { ending } if ending == "xls"));
    }
}
