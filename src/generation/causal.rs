//! Causal language models: token ids to a score for every token that could come next.
//!
//! Importers give a float model with the input `[1, T]` of ids and the output `[1, T, vocabulary]` of logits; a [`Decoder`] is made of it here,
//! for all of them. To show the prompt,
//!
//! ```text
//! next[t] = argmax(logits[t])                 tokens, next public
//! ```
//!
//! To hide it, the tokens are put together in the circuit, and a choice is shown only where the token after it is generated:
//!
//! ```text
//! tokens[t] = prompt[t] - generated[t] * prompt[t] + text[t]                   must be below the vocabulary
//! chosen[t] = generated[t + 1] * argmax(logits[t]),   chosen[T - 1] = 0        text, generated, chosen public
//! ```
//!
//! so nothing public depends on the prompt but the choices that are the text. Costs two products and one or two range checks a token.
//!
//! That a model is causal is tested, not proven: the logits at a position must not change with later tokens, on one drawn text with three
//! endings. A model that looks ahead for some texts only would pass.

use lemma_quantizer::model::{ExecuteError, Model, NodeId, Op, ShapeError, View};
use ndarray::{ArrayD, Dimension as _};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use super::Decoder;
use super::form::{CHOSEN, GENERATED, NEXT, PROMPT, TEXT, TOKENS};
use crate::Inputs;

/// Names that a decoder gives to its own nodes.
const RESERVED: [&str; 11] =
    [TOKENS, NEXT, PROMPT, TEXT, GENERATED, CHOSEN, COVERED, GIVEN, "generated.after", "generated.before", "choice"];
const COVERED: &str = "prompt.covered";
const GIVEN: &str = "prompt.given";

/// Differences of logits that count as rounding, in parts of the largest logit.
const TOLERANCE: f32 = 1e-4;

/// Seed of the text that the test of causality reads.
const SEED: u64 = 1;

/// Why no decoder is made of a model.
#[derive(Debug, Error)]
pub enum DecoderError {
    /// Inputs other than one of token ids.
    #[error("a decoder has one input, token ids of shape [1, T]; this model has {inputs:?}")]
    Inputs {
        /// Names and shapes.
        inputs: Vec<(String, Vec<usize>)>,
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
    model: Model,
    ids: NodeId,
    logits: NodeId,
    input: String,
    shape: Vec<usize>,
    vocabulary: usize,
}

impl CausalModel {
    /// Finds the tokens and the logits of a model, drops its other outputs, and tests that it is causal: four runs of the model.
    ///
    /// # Errors
    /// [`DecoderError`].
    pub fn new(mut model: Model) -> Result<CausalModel, DecoderError> {
        let described = |id: &NodeId| model.node(*id).map(|node| (node.name.clone(), node.shape.clone()));
        let inputs = || DecoderError::Inputs { inputs: model.inputs.iter().filter_map(described).collect() };
        let node = match &model.inputs[..] {
            [id] => model.node(*id).ok_or_else(inputs)?,
            _ => return Err(inputs()),
        };
        let Op::Tokens { vocabulary } = node.op else { return Err(inputs()) };
        let (input, shape) = (node.name.clone(), node.shape.clone());
        if shape.last() != Some(&shape.iter().product()) {
            return Err(inputs());
        }
        let wanted: Vec<usize> = shape.iter().copied().chain([vocabulary]).collect();
        let of_output = |(name, id): &(String, NodeId)| model.node(*id).map(|node| (name.clone(), node.shape.clone()));
        let fitting = |(_, id): &&(String, NodeId)| model.node(*id).is_some_and(|node| node.shape == wanted);
        let fitting: Vec<(String, NodeId)> = model.outputs.iter().filter(fitting).cloned().collect();
        if fitting.len() != 1 {
            let outputs = model.outputs.iter().filter_map(of_output).collect();
            return Err(DecoderError::Outputs { vocabulary, wanted, outputs });
        }
        model.outputs = fitting;
        model.remove_dead();
        let (Some(ids), Some(logits)) = (model.inputs.first().copied(), model.outputs.first().map(|(_, id)| *id)) else {
            return Err(DecoderError::Inputs { inputs: Vec::new() });
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

    /// The decoder. Its choices are the lowest index of the largest logit.
    ///
    /// # Errors
    /// [`DecoderError::Short`] for one token, or names of the model that collide.
    pub fn decoder(&self, decoder: Decoder) -> Result<Model, DecoderError> {
        let mut model = Model::default();
        let vocabulary = self.vocabulary;
        let tokens = || Op::Tokens { vocabulary };
        let (front, mask) = match decoder {
            Decoder::Shown => (model.push_input(TOKENS, tokens(), &self.shape)?, None),
            Decoder::Hidden if self.tokens() < 2 => return Err(DecoderError::Short { tokens: self.tokens() }),
            Decoder::Hidden => {
                let prompt = model.push_input(PROMPT, tokens(), &self.shape)?;
                let text = model.push_input(TEXT, tokens(), &self.shape)?;
                let generated = model.push_input(GENERATED, Op::Tokens { vocabulary: 2 }, &self.shape)?;
                let covered = model.push(COVERED, Op::Mul, &[generated, prompt])?;
                let given = model.push(GIVEN, Op::Sub, &[prompt, covered])?;
                (model.push(TOKENS, Op::Add, &[given, text])?, Some(generated))
            }
        };
        let logits = self.append(&mut model, front)?;
        let output = match mask {
            None => model.push(NEXT, Op::ArgMax, &[logits])?,
            Some(generated) => {
                let next = model.push("choice", Op::ArgMax, &[logits])?;
                let (axis, mut shorter) = (self.shape.len().saturating_sub(1), self.shape.clone());
                shorter.iter_mut().skip(axis).for_each(|extent| *extent -= 1);
                let slice = Op::View(View::Slice { axis, start: 1, step: 1 });
                let after = model.push_shaped("generated.after", slice, &[generated], &shorter)?;
                let amounts = (0..=axis).map(|at| (0, usize::from(at == axis))).collect();
                let before = model.push("generated.before", Op::View(View::Pad { amounts, value: 0.0 }), &[after])?;
                model.push(CHOSEN, Op::Mul, &[before, next])?
            }
        };
        model.outputs.push((decoder.output().to_owned(), output));
        Ok(model)
    }

    /// Inputs of the decoder for inputs of the model, such as calibration data: of a hidden prompt all tokens after the first are generated, so
    /// that every choice counts.
    pub fn convert(&self, decoder: Decoder, inputs: &Inputs) -> Inputs {
        let ids: Vec<f32> = inputs.get(&self.input).map(|ids| ids.iter().copied().collect()).unwrap_or_default();
        let id = |at: usize| ids.get(at).copied().unwrap_or(0.0);
        let after = |at: usize, value: f32| if at == 0 { 0.0 } else { value };
        let tensor = |name: &str, value: &dyn Fn(usize) -> f32| (name.to_owned(), self.tensor(value));
        match decoder {
            Decoder::Shown => Inputs::from([tensor(TOKENS, &id)]),
            Decoder::Hidden => Inputs::from([
                tensor(PROMPT, &|at| if at == 0 { id(at) } else { 0.0 }),
                tensor(TEXT, &|at| after(at, id(at))),
                tensor(GENERATED, &|at| after(at, 1.0)),
            ]),
        }
    }

    /// Appends the model to another whose node `front` stands for its input; gives the logits.
    fn append(&self, model: &mut Model, front: NodeId) -> Result<NodeId, ShapeError> {
        let mut places = Vec::with_capacity(self.model.nodes.len());
        for (at, node) in self.model.nodes.iter().enumerate() {
            if at == self.ids.0 {
                places.push(front);
                continue;
            }
            let operands: Vec<NodeId> = node.inputs.iter().filter_map(|id| places.get(id.0).copied()).collect();
            let taken = RESERVED.contains(&node.name.as_str());
            let name = if taken { format!("model.{}", node.name) } else { node.name.clone() };
            places.push(model.push_shaped(name, node.op.clone(), &operands, &node.shape)?);
        }
        Ok(places.get(self.logits.0).copied().unwrap_or(front))
    }

    fn tensor(&self, value: impl Fn(usize) -> f32) -> ArrayD<f32> {
        // The shape has one axis that is longer than 1.
        ArrayD::from_shape_fn(self.shape.as_slice(), |at| value(at.slice().last().copied().unwrap_or(0)))
    }

    fn run(&self, inputs: &Inputs) -> Result<Vec<f32>, ExecuteError> {
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

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    const V: usize = 5;

    /// Logits that depend on the token at hand, and with `ahead` on the mean of all.
    fn model(ahead: bool) -> Model {
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

    fn row(values: [f32; 4]) -> ArrayD<f32> {
        ndarray::arr2(&[values]).into_dyn()
    }

    /// The choices after each of some tokens.
    fn choices(causal: &CausalModel, ids: [u32; 4]) -> Vec<f32> {
        let rows = causal.run(&causal.inputs(&ids, 0)).unwrap();
        let best = |row: &[f32]| (0..V).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as f32;
        rows.chunks(V).map(best).collect()
    }

    #[test]
    fn the_choices_are_the_largest_logits() {
        let causal = CausalModel::new(model(false)).unwrap();
        assert_eq!((causal.tokens(), causal.vocabulary()), (4, V));
        let shown = causal.decoder(Decoder::Shown).unwrap();
        assert!(shown.nodes.iter().all(|node| node.name != "other"), "what the logits do not need is left out");
        let ids = [3, 1, 4, 0];
        let found = shown.run(&causal.convert(Decoder::Shown, &causal.inputs(&ids, 0))).unwrap();
        assert_eq!(found[0].iter().copied().collect::<Vec<_>>(), choices(&causal, ids));
    }

    #[test]
    fn a_hidden_prompt_is_read_and_its_choices_are_not_shown() {
        let causal = CausalModel::new(model(false)).unwrap();
        let hidden = causal.decoder(Decoder::Hidden).unwrap();
        let run = |prompt: [f32; 4], text: [f32; 4], generated: [f32; 4]| {
            let inputs = [(PROMPT, prompt), (TEXT, text), (GENERATED, generated)];
            let inputs = inputs.into_iter().map(|(name, values)| (name.to_owned(), row(values))).collect();
            hidden.run(&inputs).unwrap()[0].iter().copied().collect::<Vec<f32>>()
        };
        let all = choices(&causal, [3, 1, 4, 2]);
        // What the prompt holds where it is over does not count; neither does what is chosen inside it or at the end.
        for rest in [0.0, 4.0] {
            let found = run([3.0, 1.0, rest, rest], [0.0, 0.0, 4.0, 2.0], [0.0, 0.0, 1.0, 1.0]);
            assert_eq!(found, [0.0, all[1], all[2], 0.0]);
        }
        assert_eq!(run([3.0, 1.0, 4.0, 0.0], [0.0; 4], [0.0, 0.0, 0.0, 1.0]), [0.0, 0.0, all[2], 0.0]);
        assert_eq!(run([3.0, 1.0, 4.0, 2.0], [0.0; 4], [0.0; 4]), [0.0; 4]);
        let converted = causal.convert(Decoder::Hidden, &causal.inputs(&[3, 1, 4, 2], 0));
        let found = hidden.run(&converted).unwrap()[0].iter().copied().collect::<Vec<f32>>();
        assert_eq!(found, [all[0], all[1], all[2], 0.0]);
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
        let mask = alter(|m| assert_eq!(m.push_input("mask", Op::Input, &[1, 4]), Ok(NodeId(m.nodes.len() - 1))));
        assert!(matches!(mask, DecoderError::Inputs { inputs } if inputs.len() == 2));
        let mut reals = Model::default();
        reals.push_input("x", Op::Input, &[1, 4]).unwrap();
        assert!(matches!(CausalModel::new(reals), Err(DecoderError::Inputs { .. })));
    }

    #[test]
    fn rejects_to_hide_the_only_token() {
        let mut model = Model::default();
        let ids = model.push_input("ids", Op::Tokens { vocabulary: 2 }, &[1, 1]).unwrap();
        let logits = model.push("logits", Op::Embedding { table: Array2::eye(2) }, &[ids]).unwrap();
        model.outputs.push(("logits".into(), logits));
        let causal = CausalModel::new(model).unwrap();
        assert!(causal.decoder(Decoder::Shown).is_ok());
        assert!(matches!(causal.decoder(Decoder::Hidden), Err(DecoderError::Short { tokens: 1 })));
    }
}
