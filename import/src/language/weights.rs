//! Weights by their place in a model.

use std::fmt;

use lemma_model::ShapeError;
use ndarray::{Array1, Array2};

/// Where a tensor belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The layer, of parts that each layer has.
    pub layer: Option<usize>,
    /// The part.
    pub part: Part,
    /// Whether it is the part's bias.
    pub is_bias: bool,
}

/// A part of a model that has weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A vector for each token.
    Embedding,
    /// A vector for each position.
    Positions,
    /// A vector for each segment.
    Segments,
    /// Of the sum of these.
    EmbeddingNorm,
    /// From the width of the tables to that of the stream.
    EmbeddingProjection,
    /// Before the attention.
    AttentionNorm,
    /// Queries of all heads.
    Query,
    /// Keys of all heads.
    Key,
    /// Values of all heads.
    Value,
    /// Of each head's query.
    QueryNorm,
    /// Of each head's key.
    KeyNorm,
    /// Behind the attention.
    AttentionOutput,
    /// Before the MLP.
    MlpNorm,
    /// The gate of the MLP.
    Gate,
    /// Into the MLP.
    Up,
    /// Out of the MLP.
    Down,
    /// Before the logits.
    FinalNorm,
    /// Before the logits of a classifier of texts.
    Pooler,
    /// The logits.
    Classifier,
}

/// A linear map `x · weight + bias`.
#[derive(Clone, Debug)]
pub struct Affine {
    /// `[in, out]`.
    pub weight: Array2<f32>,
    /// `[out]`.
    pub bias: Option<Array1<f32>>,
}

/// The tensors of a file. All values that it gives are finite.
pub trait Weights {
    /// What can be wrong with one.
    type Error: From<ShapeError>;

    /// Reads the tensor `[rows, columns]` of a place, row by row. Of a linear map, rows are
    /// outputs.
    ///
    /// # Errors
    /// A tensor that is missing, of another shape, cannot be read or is not finite.
    fn rows(
        &mut self,
        place: Place,
        shape: [usize; 2],
        each: &mut dyn FnMut(&[f32]),
    ) -> Result<(), Self::Error>;

    /// A vector.
    ///
    /// # Errors
    /// As [`Weights::rows`].
    fn vector(&mut self, place: Place, length: usize) -> Result<Array1<f32>, Self::Error> {
        let mut values = Vec::with_capacity(length);
        self.rows(place, [1, length], &mut |row| values.extend_from_slice(row))?;
        Ok(Array1::from(values))
    }

    /// A table `[rows, columns]`.
    ///
    /// # Errors
    /// As [`Weights::rows`].
    fn table(&mut self, place: Place, shape: [usize; 2]) -> Result<Array2<f32>, Self::Error> {
        let mut table = Array2::zeros(shape);
        let mut rows = table.rows_mut().into_iter();
        self.rows(place, shape, &mut |values| {
            rows.next().into_iter().for_each(|mut row| row.iter_mut().zip(values).for_each(set));
        })?;
        Ok(table)
    }

    /// The weight `[inputs, outputs]` of a linear map.
    ///
    /// # Errors
    /// As [`Weights::rows`].
    fn linear(
        &mut self,
        place: Place,
        inputs: usize,
        outputs: usize,
    ) -> Result<Array2<f32>, Self::Error> {
        self.transposed(place, inputs, outputs)
    }

    /// The weight `[inputs, outputs]` of a linear map that is stored as `[outputs, inputs]`.
    ///
    /// # Errors
    /// As [`Weights::rows`].
    fn transposed(
        &mut self,
        place: Place,
        inputs: usize,
        outputs: usize,
    ) -> Result<Array2<f32>, Self::Error> {
        let mut weight = Array2::zeros([inputs, outputs]);
        let mut columns = weight.columns_mut().into_iter();
        self.rows(place, [outputs, inputs], &mut |values| {
            columns.next().into_iter().for_each(|mut row| row.iter_mut().zip(values).for_each(set));
        })?;
        Ok(weight)
    }

    /// A linear map, with a bias where it has one.
    ///
    /// # Errors
    /// As [`Weights::rows`].
    fn affine(
        &mut self,
        place: Place,
        inputs: usize,
        outputs: usize,
        has_bias: bool,
    ) -> Result<Affine, Self::Error> {
        let weight = self.linear(place, inputs, outputs)?;
        let bias = has_bias.then(|| self.vector(place.bias(), outputs)).transpose()?;
        Ok(Affine { weight, bias })
    }
}

fn set((target, value): (&mut f32, &f32)) {
    *target = *value;
}

impl Place {
    /// The weight of a part of a layer.
    pub fn of_layer(layer: usize, part: Part) -> Place {
        Place { layer: Some(layer), part, is_bias: false }
    }

    /// The bias beside this weight.
    #[must_use]
    pub fn bias(self) -> Place {
        Place { is_bias: true, ..self }
    }
}

impl From<Part> for Place {
    fn from(part: Part) -> Place {
        Place { layer: None, part, is_bias: false }
    }
}

impl Part {
    /// Whether its weight is a vector.
    pub fn is_vector(self) -> bool {
        matches!(
            self,
            Part::EmbeddingNorm
                | Part::AttentionNorm
                | Part::QueryNorm
                | Part::KeyNorm
                | Part::MlpNorm
                | Part::FinalNorm
        )
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Embedding => "embedding",
            Part::Positions => "positions",
            Part::Segments => "segments",
            Part::EmbeddingNorm => "embedding gain",
            Part::EmbeddingProjection => "embedding projection",
            Part::AttentionNorm => "attention gain",
            Part::Query => "query",
            Part::Key => "key",
            Part::Value => "value",
            Part::QueryNorm => "query gain",
            Part::KeyNorm => "key gain",
            Part::AttentionOutput => "attention output",
            Part::MlpNorm => "mlp gain",
            Part::Gate => "gate",
            Part::Up => "up",
            Part::Down => "down",
            Part::FinalNorm => "final gain",
            Part::Pooler => "pooler",
            Part::Classifier => "classifier",
        })
    }
}
