//! Encoders: tokens to a vector for each, or to classes, or to one vector for the text.
//!
//! Inputs `input_ids` and `attention_mask` `[1, T]`, the mask 1 where there is a token, and
//! `token_type_ids` where there is more than one segment. Each layer adds an attention and an MLP
//! to the residual stream and normalizes the sum. What the mask hides has no part in any softmax,
//! nor in a pooled vector.

use lemma_model::{Model, NodeId, Op, ShapeError, Unary, View};
use ndarray::ArrayD;

use super::attention::{Builder, Heads};
use super::decoder::name_of;
use super::{MAX_TOKENS, Norm, Part, Place, Weights};

/// An encoder, apart from its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// Number of token ids.
    pub vocabulary: usize,
    /// Width of the tables of vectors.
    pub embedding: usize,
    /// Width of the residual stream; where the tables are narrower, a linear map is between.
    pub width: usize,
    /// Width inside the MLP.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Heads; divides `width`.
    pub heads: usize,
    /// Rows of the table of positions.
    pub positions: usize,
    /// The row of the first token.
    pub first_position: usize,
    /// Segments; 0 where there is no table of them.
    pub segments: usize,
    /// Added to the variance of a normalization.
    pub epsilon: f32,
    /// The function of the MLP.
    pub activation: Unary,
    /// What is made of the vectors.
    pub head: Head,
}

/// What is made of the vectors of the tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// Nothing: `last_hidden_state` `[1, T, width]`.
    None,
    /// Classes of the text, of its first vector by a linear map, a function and another map:
    /// `logits` `[1, classes]`.
    Text {
        /// Number of classes.
        classes: usize,
        /// The function.
        function: Unary,
    },
    /// Classes of every token: `logits` `[1, T, classes]`.
    Tokens {
        /// Number of classes.
        classes: usize,
    },
    /// One vector, `sentence_embedding` `[1, width]`.
    Pooled {
        /// Of which.
        pooling: Pooling,
        /// Whether it is scaled to length 1.
        normalized: bool,
    },
}

/// How the vectors of the tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The first.
    First,
    /// The mean of those that the mask shows.
    Mean,
}

impl Encoder {
    /// Whether the sizes are those of a small model; a sentence about the first that is not.
    pub fn check(&self) -> Result<(), String> {
        let classes = match self.head {
            Head::Text { classes, .. } | Head::Tokens { classes } => classes,
            Head::None | Head::Pooled { .. } => 1,
        };
        for (name, value, limit) in [
            ("width", self.width, 1 << 14),
            ("width of the embedding", self.embedding, 1 << 14),
            ("hidden width", self.hidden, 1 << 16),
            ("layers", self.layers, 1 << 7),
            ("heads", self.heads, 1 << 10),
            ("vocabulary", self.vocabulary, 1 << 20),
            ("positions", self.positions, 1 << 20),
            ("segments", self.segments.max(1), 1 << 10),
            ("classes", classes, 1 << 16),
        ] {
            if !(1..=limit).contains(&value) {
                return Err(format!("{name} is {value}; 1 to {limit} are supported"));
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            let (width, heads) = (self.width, self.heads);
            return Err(format!("{heads} heads do not divide a width of {width}"));
        }
        if !(0.0..1.0).contains(&self.epsilon) {
            return Err(format!("a normalization adds {}; 0 to 1 is supported", self.epsilon));
        }
        if self.first_position >= self.positions {
            let (first, positions) = (self.first_position, self.positions);
            return Err(format!("the first token has position {first} of {positions}"));
        }
        Ok(())
    }

    /// The most tokens that a model can be made for.
    pub fn most_tokens(&self) -> usize {
        self.positions.saturating_sub(self.first_position).min(MAX_TOKENS)
    }
}

/// The model of an encoder that passed [`Encoder::check`], for `tokens` tokens, at most
/// [`Encoder::most_tokens`].
///
/// # Errors
/// What the weights say, and tensors that are too large.
pub fn encoder<W: Weights>(
    config: &Encoder,
    weights: &mut W,
    tokens: usize,
) -> Result<Model, W::Error> {
    let mut builder = Builder::new(tokens);
    let vocabulary = config.vocabulary;
    let ids = builder.model.push_input("input_ids", Op::Tokens { vocabulary }, &[1, tokens])?;
    let flags = Op::Tokens { vocabulary: 2 };
    let mask = builder.model.push_input("attention_mask", flags, &[1, tokens])?;
    let hidden = hidden(&mut builder, mask)?;
    let mut x = embedding(&mut builder, config, weights, ids)?;
    for index in 0..config.layers {
        x = layer(&mut builder, config, weights, index, hidden, x)?;
    }
    let (name, output) = match config.head {
        Head::None => ("last_hidden_state", x),
        Head::Tokens { classes } => {
            let map = weights.affine(Part::Classifier.into(), config.width, classes, true)?;
            ("logits", builder.dense("logits".into(), map, x)?)
        }
        Head::Text { classes, function } => {
            let first = builder.first(x, config.width)?;
            let map = weights.affine(Part::Pooler.into(), config.width, config.width, true)?;
            let pooled = builder.dense("pooler".into(), map, first)?;
            let pooled = builder.model.push("pooler.activation", Op::Unary(function), &[pooled])?;
            let map = weights.affine(Part::Classifier.into(), config.width, classes, true)?;
            ("logits", builder.dense("logits".into(), map, pooled)?)
        }
        Head::Pooled { pooling, normalized } => {
            let pooled = match pooling {
                Pooling::First => builder.first(x, config.width)?,
                Pooling::Mean => builder.mean(x, mask, config.width, normalized)?,
            };
            let norm = Op::Norm(lemma_model::Norm::l2(1e-12));
            let output = if normalized {
                builder.model.push("normalized", norm, &[pooled])?
            } else {
                pooled
            };
            ("sentence_embedding", output)
        }
    };
    builder.model.outputs.push((name.into(), output));
    Ok(builder.model)
}

/// One where the mask is zero, `[1, 1, 1, T]`.
fn hidden(builder: &mut Builder, mask: NodeId) -> Result<NodeId, ShapeError> {
    let shape = [1, 1, 1, builder.tokens];
    let mask = builder.model.push_shaped("mask", Op::View(View::Reshape), &[mask], &shape)?;
    let one = ArrayD::from_elem(vec![1; 4], 1.0);
    let one = builder.model.push("mask.one", Op::Constant(one), &[])?;
    builder.model.push("mask.hidden", Op::Sub, &[one, mask])
}

fn embedding<W: Weights>(
    builder: &mut Builder,
    config: &Encoder,
    weights: &mut W,
    ids: NodeId,
) -> Result<NodeId, W::Error> {
    let (tokens, width) = (builder.tokens, config.embedding);
    let table = weights.table(Part::Embedding.into(), [config.vocabulary, width])?;
    let mut x = builder.model.push("embedding", Op::Embedding { table }, &[ids])?;
    let mut positions = weights.table(Part::Positions.into(), [config.positions, width])?;
    if config.segments > 0 {
        let table = weights.table(Part::Segments.into(), [config.segments, width])?;
        if config.segments == 1 {
            positions += &table;
        } else {
            let segments = Op::Tokens { vocabulary: config.segments };
            let ids = builder.model.push_input("token_type_ids", segments, &[1, tokens])?;
            let segments =
                builder.model.push("embedding.segments", Op::Embedding { table }, &[ids])?;
            x = builder.model.push("embedding.segmented", Op::Add, &[x, segments])?;
        }
    }
    let x = builder.add_positions("embedding", x, &positions, config.first_position)?;
    let norm = config.norm(weights, Part::EmbeddingNorm.into(), width)?;
    let x = builder.model.push("embedding.norm", norm, &[x])?;
    if width == config.width {
        return Ok(x);
    }
    let map = weights.affine(Part::EmbeddingProjection.into(), width, config.width, true)?;
    Ok(builder.dense("embedding.projection".into(), map, x)?)
}

fn layer<W: Weights>(
    builder: &mut Builder,
    config: &Encoder,
    weights: &mut W,
    index: usize,
    hidden: NodeId,
    x: NodeId,
) -> Result<NodeId, W::Error> {
    let at = |part: &str| format!("layer{index}.{part}");
    let place = |part| Place::of_layer(index, part);
    let (width, heads) = (config.width, config.heads);
    let head = width / heads;
    let scale = (1.0 / (head as f64).sqrt()) as f32;
    let mut query = weights.affine(place(Part::Query), width, width, true)?;
    query.weight *= scale;
    query.bias.iter_mut().for_each(|bias| *bias *= scale);
    let query = builder.dense(at("attention.query"), query, x)?;
    let key = weights.affine(place(Part::Key), width, width, true)?;
    let key = builder.dense(at("attention.key"), key, x)?;
    let value = weights.affine(place(Part::Value), width, width, true)?;
    let value = builder.dense(at("attention.value"), value, x)?;
    let query = builder.split(&at("attention.query"), query, heads, head)?;
    let key = builder.split(&at("attention.key"), key, heads, head)?;
    let shared = Heads { heads, kv_heads: heads, head };
    let mixed = builder.attention(&at("attention"), shared, [query, key, value], |_| Ok(hidden))?;
    let output = weights.affine(place(Part::AttentionOutput), width, width, true)?;
    let output = builder.dense(at("attention.output"), output, mixed)?;
    let x = builder.model.push(at("attention.residual"), Op::Add, &[x, output])?;
    let norm = config.norm(weights, place(Part::AttentionNorm), width)?;
    let x = builder.model.push(at("attention.norm"), norm, &[x])?;

    let up = weights.affine(place(Part::Up), width, config.hidden, true)?;
    let up = builder.dense(at("mlp.up"), up, x)?;
    let function = config.activation;
    let name = at(&format!("mlp.{}", name_of(function)));
    let inner = builder.model.push(name, Op::Unary(function), &[up])?;
    let down = weights.affine(place(Part::Down), config.hidden, width, true)?;
    let down = builder.dense(at("mlp.down"), down, inner)?;
    let x = builder.model.push(at("mlp.residual"), Op::Add, &[x, down])?;
    let norm = config.norm(weights, place(Part::MlpNorm), width)?;
    Ok(builder.model.push(at("mlp.norm"), norm, &[x])?)
}

impl Encoder {
    fn norm<W: Weights>(
        &self,
        weights: &mut W,
        place: Place,
        width: usize,
    ) -> Result<Op, W::Error> {
        Norm::Layer { epsilon: self.epsilon }.op(weights, place, width, 1.0)
    }
}

impl Builder {
    /// The first vector of `[1, T, width]`, as `[1, width]`.
    fn first(&mut self, x: NodeId, width: usize) -> Result<NodeId, ShapeError> {
        let first = Op::View(View::Slice { axis: 1, start: 0, step: 1 });
        let first = self.model.push_shaped("first", first, &[x], &[1, 1, width])?;
        self.model.push_shaped("first.vector", Op::View(View::Reshape), &[first], &[1, width])
    }

    /// The mean of the vectors that the mask shows, as `[1, width]`; their sum, where only its
    /// direction matters.
    fn mean(
        &mut self,
        x: NodeId,
        mask: NodeId,
        width: usize,
        direction: bool,
    ) -> Result<NodeId, ShapeError> {
        let column = [1, self.tokens, 1];
        let mask =
            self.model.push_shaped("pooling.mask", Op::View(View::Reshape), &[mask], &column)?;
        let shown = self.model.push("pooling.shown", Op::Mul, &[x, mask])?;
        let sum = self.model.push("pooling.sum", Op::Sum { axes: vec![1] }, &[shown])?;
        let mean = if direction {
            sum
        } else {
            let count = self.model.push("pooling.count", Op::Sum { axes: vec![1] }, &[mask])?;
            let share = Op::Unary(Unary::Reciprocal);
            let share = self.model.push("pooling.share", share, &[count])?;
            self.model.push("pooling.mean", Op::Mul, &[sum, share])?
        };
        self.model.push_shaped("pooling.vector", Op::View(View::Reshape), &[mean], &[1, width])
    }
}
