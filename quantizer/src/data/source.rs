//! What an input of a model is read from: an array, columns of a table, or the pixels of an image.

use ndarray::{ArrayD, Axis};

use super::layout::Layout;
use super::{DataError, DataProblem, LABEL_NAMES, Samples};
use lemma_model::InputPort;

/// Where the samples of an input are.
pub(super) enum Source<'a> {
    /// In an array of a name.
    Array(&'a str, &'a ArrayD<f32>, Layout),
    /// In columns of a table, one for each element: the input's name, and the columns.
    Columns(&'a str, Vec<&'a ArrayD<f32>>),
}

impl<'a> Source<'a> {
    /// Number of samples.
    pub(super) fn count(&self) -> usize {
        match self {
            Source::Array(_, _, layout) => layout.count(),
            Source::Columns(_, columns) => columns.first().map_or(0, |column| column.len()),
        }
    }

    /// What the samples are called in errors.
    pub(super) fn name(&self) -> &'a str {
        match self {
            Source::Array(name, ..) | Source::Columns(name, _) => name,
        }
    }

    /// The elements of a sample, where there is one of this number.
    pub(super) fn sample(&self, index: usize) -> Option<Vec<f32>> {
        match self {
            Source::Array(_, array, Layout::Single) if index == 0 => {
                Some(array.iter().copied().collect())
            }
            Source::Array(_, array, Layout::Stacked(count)) if index < *count => {
                Some(array.index_axis(Axis(0), index).iter().copied().collect())
            }
            Source::Array(..) => None,
            Source::Columns(_, columns) => {
                columns.iter().map(|column| column.iter().nth(index).copied()).collect()
            }
        }
    }
}

impl Samples {
    /// The samples of an input: the array of its name; for the only input of a model the only array
    /// that is not called like a label; of a table the columns `NAME[0]`, `NAME[1]`, .. or, for the
    /// only input, all columns but labels and texts, in the file's order; of an image the order of its axes
    /// that the input has.
    pub(super) fn source<'a>(
        &'a self,
        input: &'a InputPort,
        inputs: &[InputPort],
    ) -> Result<Source<'a>, DataError> {
        if let Some(image) = &self.image {
            return self.pixels(input, inputs, image);
        }
        let fitted = |name: &'a str, array: &'a ArrayD<f32>| {
            let layout = Layout::of(&input.shape, array.shape());
            let layout = layout.ok_or_else(|| self.misfit(input, name, array))?;
            Ok(Source::Array(name, array, layout))
        };
        if let Some((name, array)) = self.arrays.get_key_value(&input.name) {
            return fitted(name, array);
        }
        if self.table.is_some() {
            return self.columns(input, inputs);
        }
        let mut others = self.arrays.iter().filter(|(name, _)| !self.is_label(name));
        match (inputs.len(), others.next(), others.next()) {
            (1, Some((name, array)), None) => fitted(name, array),
            _ => Err(self.missing(&input.name)),
        }
    }

    /// Names of the columns that the elements of an input are, where they are columns of a table.
    pub fn column_names(&self, input: &InputPort, inputs: &[InputPort]) -> Option<Vec<String>> {
        self.table.as_ref()?;
        self.names(input, inputs).ok()
    }

    /// Whether an array holds labels, by its name or since it was said.
    pub(super) fn is_label(&self, name: &str) -> bool {
        LABEL_NAMES.contains(&name) || self.labels.as_deref() == Some(name)
    }

    fn missing(&self, wanted: &str) -> DataError {
        let given = match &self.table {
            Some(table) => table.columns.clone(),
            None => self.arrays.keys().cloned().collect(),
        };
        self.error(DataProblem::NoArray { wanted: wanted.to_owned(), given })
    }

    fn columns<'a>(
        &'a self,
        input: &'a InputPort,
        inputs: &[InputPort],
    ) -> Result<Source<'a>, DataError> {
        let names = self.names(input, inputs)?;
        let columns = names.iter().map(|name| match self.arrays.get(name) {
            Some(column) => Ok(column),
            None => Err(self.no_numbers(name)),
        });
        Ok(Source::Columns(&input.name, columns.collect::<Result<_, _>>()?))
    }

    /// The columns of a table that the elements of an input are.
    fn names(&self, input: &InputPort, inputs: &[InputPort]) -> Result<Vec<String>, DataError> {
        let Some(table) = &self.table else { return Err(self.missing(&input.name)) };
        let elements: usize = input.shape.iter().product();
        let numbered = (0..elements).map(|at| format!("{}[{at}]", input.name));
        let has_first = table.columns.contains(&format!("{}[0]", input.name));
        let names: Vec<String> = if has_first {
            numbered.collect()
        } else if table.columns.contains(&input.name) {
            vec![input.name.clone()]
        } else if inputs.len() == 1 {
            let of_texts = |name: &str| table.texts.contains_key(name);
            let inputs =
                table.columns.iter().filter(|name| !self.is_label(name) && !of_texts(name));
            inputs.cloned().collect()
        } else {
            return Err(self.missing(&input.name));
        };
        if names.len() != elements {
            return Err(self.error(DataProblem::Columns {
                input: input.name.clone(),
                elements,
                columns: names,
                texts: table.texts.keys().filter(|name| !self.is_label(name)).cloned().collect(),
            }));
        }
        Ok(names)
    }

    /// Why a column of a table holds no numbers.
    pub(super) fn no_numbers(&self, name: &str) -> DataError {
        let table = self.table.as_ref();
        if let Some(problem) = table.and_then(|table| table.broken.get(name)) {
            return self.error(DataProblem::Cell(problem.clone()));
        }
        match table.and_then(|table| table.texts.get(name)) {
            Some(texts) => {
                let first = texts.distinct.first().map_or("", String::as_str);
                let shown: String = first.chars().take(40).collect();
                self.error(DataProblem::Cell(format!(
                    "column `{name}` holds texts such as `{shown}`"
                )))
            }
            None => self.missing(name),
        }
    }

    /// The pixels in the order of axes that the input has.
    fn pixels<'a>(
        &'a self,
        input: &'a InputPort,
        inputs: &[InputPort],
        image: &'a super::image::Image,
    ) -> Result<Source<'a>, DataError> {
        if inputs.len() != 1 {
            return Err(self.error(DataProblem::ImageInputs { inputs: inputs.len() }));
        }
        // All of it is one sample.
        let elements = input.shape.iter().product::<usize>();
        let fits = |array: &ArrayD<f32>| {
            Layout::of(&input.shape, array.shape()).filter(|_| array.len() == elements)
        };
        let name = super::image::NAME;
        match (fits(&image.channels_first), fits(&image.channels_last)) {
            (Some(_), Some(_)) if image.channels_first.shape()[0] > 1 => {
                Err(self.error(DataProblem::ImageAxes { input: input.name.clone() }))
            }
            (Some(_), _) => Ok(Source::Array(name, &image.channels_first, Layout::Single)),
            (_, Some(_)) => Ok(Source::Array(name, &image.channels_last, Layout::Single)),
            _ => Err(self.error(DataProblem::Image {
                input: input.name.clone(),
                expected: input.shape.clone(),
                found: image.channels_first.shape().to_vec(),
            })),
        }
    }
}
