//! The classes of samples.

use super::{DataError, DataProblem, Samples};

impl Samples {
    /// Class numbers: an array of whole numbers, one per sample.
    ///
    /// # Errors
    /// There is no such array, or it holds something else.
    pub fn labels(&self, name: &str) -> Result<Vec<usize>, DataError> {
        let array = self.arrays.get(name).ok_or_else(|| self.no_numbers(name))?;
        if array.len() != array.shape().first().copied().unwrap_or(1) {
            let (array, found) = (name.to_string(), array.shape().to_vec());
            return Err(self.error(DataProblem::NotLabels {
                array,
                problem: format!("its shape is {found:?}"),
            }));
        }
        array
            .iter()
            .map(|&value| {
                let label = value as usize;
                if label as f32 == value && value >= 0.0 {
                    return Ok(label);
                }
                let problem = format!("it holds {value}");
                Err(self.error(DataProblem::NotLabels { array: name.to_string(), problem }))
            })
            .collect()
    }

    /// The class numbers of as many `samples`: [`Samples::labels`], or of a column of texts the
    /// places of these among `classes`.
    ///
    /// # Errors
    /// As there, a text that is no class, or fewer or more labels.
    pub fn labels_of(
        &self,
        name: &str,
        samples: usize,
        classes: &[String],
    ) -> Result<Vec<usize>, DataError> {
        let texts = self.table.as_ref().and_then(|table| table.texts.get(name));
        let labels = match texts {
            None => self.labels(name)?,
            Some(texts) => {
                let place = |text: &String| {
                    let found = classes.iter().position(|class| class == text);
                    found.ok_or_else(|| {
                        let problem = match classes.is_empty() {
                            true => format!("it holds `{text}`, and the classes have no names"),
                            false => format!("`{text}` is none of the classes"),
                        };
                        self.error(DataProblem::NotLabels { array: name.to_owned(), problem })
                    })
                };
                let places = texts.distinct.iter().map(place).collect::<Result<Vec<_>, _>>()?;
                let numbers = texts.places.iter().map(|text| places.get(*text as usize).copied());
                numbers.collect::<Option<Vec<_>>>().unwrap_or_default()
            }
        };
        if labels.len() == samples {
            return Ok(labels);
        }
        Err(self.error(DataProblem::Labels {
            array: name.to_string(),
            labels: labels.len(),
            samples,
        }))
    }
}
