//! Causal language models: token ids to a score for every token that could come next.
//!
//! Importers give a float model with the input `[1, T]` of ids and the output `[1, T, vocabulary]` of logits. Inputs beside the ids are fixed as for
//! a text of T tokens: an attention mask of ones, positions 0 to T - 1, one segment.
//!
//! That a model is causal is tested, not proven: the logits at a position must not change with later tokens, on one drawn text with three
//! endings. A model that looks ahead for some texts only would pass.

use lemma_quantizer::model::{ExecuteError, Model, NodeId, Op, ShapeError};
use ndarray::{ArrayD, Dimension as _};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use crate::Inputs;
use crate::text::{TextInputs, TextProblem};

/// Differences of logits that count as rounding, in parts of the largest logit.
const TOLERANCE: f32 = 1e-4;

/// Seed of the text that the test of causality reads.
const SEED: u64 = 1;

/// Why no decoder is made of a model.
#[derive(Debug, Error)]
pub enum DecoderError {
    /// Inputs that a text does not fill.
    #[error("a decoder reads token ids of shape [1, T]: {0}")]
    Inputs(#[from] TextProblem),
    /// No input of token ids.
    #[error("a decoder reads token ids; input `{input}` chooses no rows of an embedding")]
    NotTokens {
        /// The input.
        input: String,
    },
    /// No logits, or several.
    #[error(
        "a decoder has one output with a logit for each of its {vocabulary} tokens, of shape {wanted:?}; this model has {outputs:?}"
    )]
    Outputs {
        /// Number of token ids.
        vocabulary: usize,
        /// The shape of the logits.
        wanted: Vec<usize>,
        /// Names and shapes.
        outputs: Vec<(String, Vec<usize>)>,
    },
    /// A model that is not causal.
    #[error(
        "the model is not causal: what it says at position {position} depends on the tokens from {later} on, so one proof cannot speak \
         for a text that grows"
    )]
    LooksAhead {
        /// A position whose logits changed.
        position: usize,
        /// The first position whose token was changed.
        later: usize,
    },
    /// Nothing can be generated.
    #[error("a decoder with a hidden prompt needs at least 2 tokens, this one has {tokens} (`--tokens`)")]
    Short {
        /// Tokens of the model.
        tokens: usize,
    },
    /// The model does not run.
    #[error("testing that the model is causal: {0}")]
    Execute(#[from] ExecuteError),
    /// The model does not fit together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// A language model whose logits at a position do not depend on later tokens.
#[derive(Clone, Debug)]
pub struct CausalModel {
    pub(super) model: Model,
    /// The input of tokens.
    pub(super) ids: NodeId,
    pub(super) logits: NodeId,
    /// Its name.
    pub(super) input: String,
    /// Its shape: `[1, T]` or `[T]`.
    pub(super) shape: Vec<usize>,
    pub(super) vocabulary: usize,
}

impl CausalModel {
    /// Finds the tokens and the logits of a model, drops its other outputs, fixes its other inputs, and tests that it is causal: four runs of the
    /// model.
    ///
    /// # Errors
    /// [`DecoderError`].
    pub fn new(mut model: Model) -> Result<CausalModel, DecoderError> {
        let inputs = TextInputs::of(&model)?;
        let input = inputs.ids().to_owned();
        fix(&mut model, &input, &inputs.fill(&vec![0; inputs.tokens()], 0));
        let not_tokens = || DecoderError::NotTokens { input: input.clone() };
        let node = model.inputs.first().and_then(|id| model.node(*id)).ok_or_else(not_tokens)?;
        let Op::Tokens { vocabulary } = node.op else { return Err(not_tokens()) };
        let shape = node.shape.clone();
        let wanted: Vec<usize> = shape.iter().copied().chain([vocabulary]).collect();
        let described = |(name, id): &(String, NodeId)| model.node(*id).map(|node| (name.clone(), node.shape.clone()));
        let fits = |(_, id): &&(String, NodeId)| model.node(*id).is_some_and(|node| node.shape == wanted);
        let fitting: Vec<(String, NodeId)> = model.outputs.iter().filter(fits).cloned().collect();
        if fitting.len() != 1 {
            let outputs = model.outputs.iter().filter_map(described).collect();
            return Err(DecoderError::Outputs { vocabulary, wanted, outputs });
        }
        model.outputs = fitting;
        let model = model.simplify()?;
        let (Some(ids), Some(logits)) = (model.inputs.first().copied(), model.outputs.first().map(|(_, id)| *id)) else {
            return Err(not_tokens());
        };
        let causal = CausalModel { model, ids, logits, input, shape, vocabulary };
        causal.test()?;
        Ok(causal)
    }

    /// Number of tokens of a run.
    pub fn tokens(&self) -> usize {
        self.shape.last().copied().unwrap_or(0)
    }

    /// Number of token ids.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The model's own input for some tokens, filled up with `padding`.
    pub fn inputs(&self, ids: &[u32], padding: u32) -> Inputs {
        let id = |at: usize| ids.get(at).copied().unwrap_or(padding) as f32;
        Inputs::from([(self.input.clone(), self.tensor(id))])
    }

    /// The logits after the last of some tokens.
    ///
    /// # Errors
    /// What the float model says.
    pub fn logits(&self, ids: &[u32], padding: u32) -> Result<Vec<f32>, ExecuteError> {
        let logits = self.run(&self.inputs(ids, padding))?;
        let row = logits.chunks(self.vocabulary).nth(ids.len().saturating_sub(1));
        Ok(row.unwrap_or_default().to_vec())
    }

    pub(super) fn tensor(&self, value: impl Fn(usize) -> f32) -> ArrayD<f32> {
        // The shape has one axis that is longer than 1.
        ArrayD::from_shape_fn(self.shape.as_slice(), |at| value(at.slice().last().copied().unwrap_or(0)))
    }

    /// The logits of all positions.
    pub(super) fn run(&self, inputs: &Inputs) -> Result<Vec<f32>, ExecuteError> {
        let outputs = self.model.run(inputs)?;
        Ok(outputs.into_iter().next().map(|logits| logits.iter().copied().collect()).unwrap_or_default())
    }

    fn test(&self) -> Result<(), DecoderError> {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let (tokens, vocabulary) = (self.tokens(), u32::try_from(self.vocabulary).unwrap_or(u32::MAX));
        let ids: Vec<u32> = (0..tokens).map(|_| random.gen_range(0..vocabulary)).collect();
        let reference = self.run(&self.inputs(&ids, 0))?;
        let largest = reference.iter().fold(0f32, |most, logit| most.max(logit.abs()));
        for later in [tokens.saturating_sub(1), tokens / 2, 1] {
            let other: Vec<u32> = (0..).zip(&ids).map(|(at, id)| if at < later { *id } else { (*id + 1) % vocabulary }).collect();
            let logits = self.run(&self.inputs(&other, 0))?;
            let rows = reference.chunks(self.vocabulary).zip(logits.chunks(self.vocabulary)).take(later);
            for (position, (before, after)) in rows.enumerate() {
                if before.iter().zip(after).any(|(a, b)| (a - b).abs() > TOLERANCE * largest) {
                    return Err(DecoderError::LooksAhead { position, later });
                }
            }
        }
        Ok(())
    }
}

/// Makes constants of all inputs but one.
fn fix(model: &mut Model, ids: &str, values: &Inputs) {
    let nodes = &mut model.nodes;
    model.inputs.retain(|id| match nodes.get_mut(id.0) {
        Some(node) if node.name != ids => {
            if let Some(values) = values.get(&node.name) {
                node.op = Op::Constant(values.clone());
            }
            false
        }
        _ => true,
    });
}

#[cfg(test)]
pub(super) mod tests {
    use lemma_quantizer::model::View;
    use ndarray::Array2;

    use super::*;

    pub const V: usize = 5;

    /// Logits that depend on the token at hand, and with `ahead` on the mean of all.
    pub fn model(ahead: bool) -> Model {
        let wave = |i: usize, j: usize| ((i * 7 + j * 3) as f32).sin();
        let mut model = Model::default();
        let ids = model.push_input("ids", Op::Tokens { vocabulary: V }, &[1, 4]).unwrap();
        let table = Array2::from_shape_fn((V, V), |(i, j)| wave(i, j));
        let mut x = model.push("next", Op::Embedding { table }, &[ids]).unwrap();
        if ahead {
            let mean = model.push("mean", Op::Mean { axes: vec![1] }, &[x]).unwrap();
            x = model.push("sum", Op::Add, &[x, mean]).unwrap();
        }
        let weight = Array2::from_shape_fn((V, V), |(i, j)| wave(j, i + 1));
        let other = model.push("other", Op::Dense { weight: weight.clone(), bias: None }, &[x]).unwrap();
        let logits = model.push("dense", Op::Dense { weight, bias: None }, &[x]).unwrap();
        let hidden = model.push("hidden", Op::Mean { axes: vec![2] }, &[other]).unwrap();
        model.outputs = vec![("hidden".into(), hidden), ("logits".into(), logits)];
        model
    }

    #[test]
    fn rejects_a_model_that_looks_ahead() {
        let error = CausalModel::new(model(true)).unwrap_err();
        assert!(matches!(error, DecoderError::LooksAhead { .. }), "{error}");
    }

    #[test]
    fn rejects_a_model_of_another_form() {
        let alter = |change: fn(&mut Model)| {
            let mut model = model(false);
            change(&mut model);
            CausalModel::new(model).unwrap_err()
        };
        assert!(matches!(alter(|m| drop(m.outputs.pop())), DecoderError::Outputs { vocabulary: V, .. }));
        assert!(matches!(alter(|m| m.outputs.push(m.outputs[1].clone())), DecoderError::Outputs { .. }));
        let image = alter(|m| assert!(m.push_input("image", Op::Input, &[1, 4]).is_ok()));
        assert!(matches!(image, DecoderError::Inputs(TextProblem::Input { .. })), "{image}");
        let mut reals = Model::default();
        reals.push_input("x", Op::Input, &[1, 4]).unwrap();
        assert!(matches!(CausalModel::new(reals), Err(DecoderError::NotTokens { input }) if input == "x"));
    }

    #[test]
    fn other_inputs_are_those_of_a_text_without_padding() {
        let mut source = model(false);
        let mask = source.push_input("attention_mask", Op::Input, &[1, 4]).unwrap();
        let positions = source.push_input("position_ids", Op::Tokens { vocabulary: 6 }, &[1, 4]).unwrap();
        let table = Array2::from_shape_fn((6, V), |(i, j)| ((i * 5 + j) as f32).cos());
        let places = source.push("places", Op::Embedding { table }, &[positions]).unwrap();
        let column = source.push_shaped("column", Op::View(View::Reshape), &[mask], &[1, 4, 1]).unwrap();
        let masked = source.push("masked", Op::Mul, &[places, column]).unwrap();
        let logits = source.outputs[1].1;
        let sum = source.push("sum", Op::Add, &[logits, masked]).unwrap();
        source.outputs = vec![("logits".into(), sum)];
        let causal = CausalModel::new(source.clone()).unwrap();
        let mut inputs = causal.inputs(&[3, 1, 4, 0], 0);
        let found = causal.run(&inputs).unwrap();
        inputs.insert("attention_mask".into(), ndarray::arr2(&[[1.0; 4]]).into_dyn());
        inputs.insert("position_ids".into(), ndarray::arr2(&[[0.0, 1.0, 2.0, 3.0]]).into_dyn());
        let expected = source.run(&inputs).unwrap().remove(0);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
