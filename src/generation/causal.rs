//! Causal language models: token ids to a score for every token that could come next.
//!
//! Importers give a float model with the input `[1, T]` of ids and the output `[1, T, vocabulary]`
//! of logits. Inputs beside the ids are fixed as for a text of T tokens: an attention mask of ones,
//! positions 0 to T - 1, one segment.
//!
//! That a model is causal is decided on the integer graph, which is what is proven:
//! [`check_causal`] follows which tokens each choice may depend on, operation by operation. A graph
//! that passes looks ahead for no text; one is refused that would look ahead with other weights.

use std::collections::BTreeMap;

use lemma_graph::{Foresight, Graph};
use lemma_model::{ExecuteError, Model, NodeId, Op, ShapeError};
use ndarray::{ArrayD, Dimension as _};
use thiserror::Error;

use super::{Decoder, GENERATED, PROMPT, TEXT, TOKENS};
use crate::Inputs;
use crate::text::{TextInputs, TextProblem};

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
        "a decoder has one output with a logit for each of its {vocabulary} tokens, of shape \
            {wanted:?}; this model has {outputs:?}"
    )]
    Outputs {
        /// Number of token ids.
        vocabulary: usize,
        /// The shape of the logits.
        wanted: Vec<usize>,
        /// Names and shapes.
        outputs: Vec<(String, Vec<usize>)>,
    },
    /// Logits of the last position alone.
    #[error(
        "output `{output}` has the logits of the last position only, and a proof needs those of all \
            {tokens}: export them all, as nanoGPT does with `self.lm_head(x)` in the place of \
            `self.lm_head(x[:, [-1], :])`"
    )]
    LastOnly {
        /// The output.
        output: String,
        /// Tokens of the model.
        tokens: usize,
    },
    /// A model that is not causal.
    #[error(
        "the model is not causal: through layer `{}` ({}) its choice after position {} depends on \
            the token at {}, so one proof cannot speak for a \
         text that grows",
        .0.layer, .0.operation, .0.position, .0.later
    )]
    LooksAhead(Foresight),
    /// Nothing can be generated.
    #[error("a decoder with a hidden prompt needs at least 2 tokens, this one has {tokens}")]
    Short {
        /// Tokens of the model.
        tokens: usize,
    },
    /// The model does not fit together.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}

/// A language model whose logits at a position are to depend on no later tokens, which
/// [`check_causal`] decides.
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
    /// Finds the tokens and the logits of a model, drops its other outputs and fixes its other
    /// inputs.
    ///
    /// # Errors
    /// [`DecoderError`].
    pub fn new(mut model: Model) -> Result<CausalModel, DecoderError> {
        let inputs = TextInputs::of(&model.input_ports())?;
        let input = inputs.ids().to_owned();
        fix(&mut model, &input, &inputs.fill(&vec![0; inputs.tokens()], 0));
        let not_tokens = || DecoderError::NotTokens { input: input.clone() };
        let node = model.inputs.first().and_then(|id| model.node(*id)).ok_or_else(not_tokens)?;
        let Op::Tokens { vocabulary } = node.op else { return Err(not_tokens()) };
        let shape = node.shape.clone();
        let wanted: Vec<usize> = shape.iter().copied().chain([vocabulary]).collect();
        let described = |(name, id): &(String, NodeId)| {
            model.node(*id).map(|node| (name.clone(), node.shape.clone()))
        };
        let fits =
            |(_, id): &&(String, NodeId)| model.node(*id).is_some_and(|node| node.shape == wanted);
        let fitting: Vec<(String, NodeId)> = model.outputs.iter().filter(fits).cloned().collect();
        let tokens = shape.iter().product();
        let last = model.outputs.iter().find(|(_, id)| {
            model.node(*id).is_some_and(|node| {
                node.shape.last() == Some(&vocabulary)
                    && node.shape.iter().product::<usize>() == vocabulary
            })
        });
        if let (Some((output, _)), true, true) = (last, fitting.is_empty(), tokens > 1) {
            return Err(DecoderError::LastOnly { output: output.clone(), tokens });
        }
        if fitting.len() != 1 {
            let outputs = model.outputs.iter().filter_map(described).collect();
            return Err(DecoderError::Outputs { vocabulary, wanted, outputs });
        }
        model.outputs = fitting;
        let model = model.simplify()?;
        let (Some(ids), Some(logits)) =
            (model.inputs.first().copied(), model.outputs.first().map(|(_, id)| *id))
        else {
            return Err(not_tokens());
        };
        Ok(CausalModel { model, ids, logits, input, shape, vocabulary })
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
        ArrayD::from_shape_fn(self.shape.as_slice(), |at| {
            value(at.slice().last().copied().unwrap_or(0))
        })
    }

    /// The logits of all positions.
    pub(super) fn run(&self, inputs: &Inputs) -> Result<Vec<f32>, ExecuteError> {
        let outputs = self.model.run(inputs)?;
        Ok(outputs
            .into_iter()
            .next()
            .map(|logits| logits.iter().copied().collect())
            .unwrap_or_default())
    }
}

/// Whether no choice of a decoder depends on a later token: none of a prompt or a text, and of
/// `generated` none that the choice is not for.
///
/// # Errors
/// [`DecoderError::LooksAhead`] with the layer that lets a later token in.
pub fn check_causal(decoder: Decoder, graph: &Graph) -> Result<(), DecoderError> {
    let positions = |name: &str| match (decoder, name) {
        (Decoder::Shown, TOKENS) | (Decoder::Hidden, PROMPT | TEXT) => Some(0),
        // A choice is shown where the token after it is generated.
        (Decoder::Hidden, GENERATED) => Some(1),
        _ => None,
    };
    let inputs: BTreeMap<_, Vec<u32>> = graph
        .inputs
        .iter()
        .filter_map(|port| Some((port, positions(&port.name)?)))
        .map(|(port, back)| {
            (
                port.node,
                (0..graph.node(port.node).len() as u32).map(|at| at.saturating_sub(back)).collect(),
            )
        })
        .collect();
    let output = graph.outputs.iter().find(|port| port.name == decoder.output());
    let found = output.and_then(|port| {
        let allowed: Vec<u32> = (0..graph.node(port.node).len() as u32).collect();
        graph.foresight(&inputs, port.node, &allowed)
    });
    found.map_or(Ok(()), |found| Err(DecoderError::LooksAhead(found)))
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
    use lemma_model::View;
    use ndarray::Array2;

    use super::*;
    use crate::error::CompileError;
    use crate::{CompileOptions, compile};

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
        let other =
            model.push("other", Op::Dense { weight: weight.clone(), bias: None }, &[x]).unwrap();
        let logits = model.push("dense", Op::Dense { weight, bias: None }, &[x]).unwrap();
        let hidden = model.push("hidden", Op::Mean { axes: vec![2] }, &[other]).unwrap();
        model.outputs = vec![("hidden".into(), hidden), ("logits".into(), logits)];
        model
    }

    /// What [`compile`] says of a decoder of a model.
    fn compiled(model: Model, decoder: Decoder) -> Result<(), CompileError> {
        let causal = CausalModel::new(model).unwrap();
        let texts = [[3, 1, 4, 2], [0, 2, 1, 3]]
            .map(|ids| causal.convert(decoder, &causal.inputs(&ids, 0)));
        let public = decoder.public_inputs().iter().map(|name| (*name).to_owned()).collect();
        let options = CompileOptions { bits: Some(12), public, ..CompileOptions::default() };
        compile("decoder", causal.decoder(decoder).unwrap(), &texts, &[], &options, &()).map(|_| ())
    }

    /// The position, the later one and the layer that are named.
    fn foresight(model: Model, decoder: Decoder) -> (usize, usize, String) {
        match compiled(model, decoder).unwrap_err() {
            CompileError::Decoder(DecoderError::LooksAhead(found)) => {
                (found.position, found.later, found.layer)
            }
            error => panic!("{error}"),
        }
    }

    /// Two layers of attention whose second sees what `visible` says.
    fn attention(visible: impl Fn(usize, usize) -> bool) -> Model {
        let mut model = model(false);
        let hidden = |visible: &dyn Fn(usize, usize) -> bool| {
            ArrayD::from_shape_fn(vec![1, 4, 4], |at| if visible(at[1], at[2]) { 0.0 } else { 1.0 })
        };
        let mut x = model.outputs[1].1;
        for (layer, pattern) in [("first", hidden(&|i, j| j <= i)), ("second", hidden(&visible))] {
            let name = |part: &str| format!("{layer}.{part}");
            let keys =
                model.push(name("keys"), Op::View(View::Transpose(vec![0, 2, 1])), &[x]).unwrap();
            let scores = model.push(name("scores"), Op::MatMul, &[x, keys]).unwrap();
            let pattern = model.push(name("hidden"), Op::Constant(pattern), &[]).unwrap();
            let masked = model.push(name("masked"), Op::Mask, &[scores, pattern]).unwrap();
            let weights = model.push(name("softmax"), Op::Softmax, &[masked]).unwrap();
            let mixed = model.push(name("mixed"), Op::MatMul, &[weights, x]).unwrap();
            x = model.push(name("sum"), Op::Add, &[x, mixed]).unwrap();
        }
        model.outputs = vec![("logits".into(), x)];
        model
    }

    #[test]
    fn a_causal_model_is_compiled() {
        for decoder in [Decoder::Shown, Decoder::Hidden] {
            compiled(model(false), decoder).unwrap();
            compiled(attention(|i, j| j <= i), decoder).unwrap();
            // A window of two positions, whose dead scores are no triangle.
            compiled(attention(|i, j| j <= i && i < j + 2), decoder).unwrap();
        }
    }

    #[test]
    fn rejects_a_model_that_looks_ahead() {
        for decoder in [Decoder::Shown, Decoder::Hidden] {
            let (position, later, layer) = foresight(model(true), decoder);
            assert_eq!((position, later, layer.as_str()), (0, 3, "mean"));
            // One score of one row.
            for (row, column) in [(0, 1), (2, 3), (1, 3)] {
                let (position, later, layer) =
                    foresight(attention(|i, j| j <= i || (i, j) == (row, column)), decoder);
                assert_eq!((position, later, layer.as_str()), (row, column, "second.softmax"));
            }
        }
    }

    /// What one position sees of another is a matter of the graph, not of how much it counts:
    /// weights of zero cut a token off.
    #[test]
    fn a_shifted_text_looks_ahead_and_weights_of_zero_do_not() {
        let mut shifted = model(false);
        let x = shifted.outputs[1].1;
        let after = View::Select { axis: 1, indices: vec![1, 2, 3, 3] };
        let y = shifted.push_shaped("after", Op::View(after), &[x], &[1, 4, V]).unwrap();
        shifted.outputs = vec![("logits".into(), y)];
        assert_eq!(foresight(shifted, Decoder::Shown), (0, 1, "after".to_owned()));
        // Positions mixed by a matrix: a causal one is lower triangular.
        let mixed = |weight: fn(usize, usize) -> f32| {
            let mut model = model(false);
            let x = model.outputs[1].1;
            let turn = |model: &mut Model, name: &str, x| {
                model.push(name, Op::View(View::Transpose(vec![0, 2, 1])), &[x]).unwrap()
            };
            let columns = turn(&mut model, "columns", x);
            let weight = Array2::from_shape_fn((4, 4), |(from, to)| weight(from, to));
            let mixed = model.push("mixed", Op::Dense { weight, bias: None }, &[columns]).unwrap();
            let rows = turn(&mut model, "rows", mixed);
            model.outputs = vec![("logits".into(), rows)];
            model
        };
        compiled(mixed(|from, to| if from <= to { 0.5 } else { 0.0 }), Decoder::Shown).unwrap();
        let leaking = mixed(|from, to| if from <= to || (from, to) == (3, 1) { 0.5 } else { 0.0 });
        assert_eq!(foresight(leaking, Decoder::Shown), (1, 3, "mixed".to_owned()));
    }

    #[test]
    fn rejects_a_model_of_another_form() {
        let alter = |change: fn(&mut Model)| {
            let mut model = model(false);
            change(&mut model);
            CausalModel::new(model).unwrap_err()
        };
        assert!(matches!(
            alter(|m| drop(m.outputs.pop())),
            DecoderError::Outputs { vocabulary: V, .. }
        ));
        assert!(matches!(
            alter(|m| m.outputs.push(m.outputs[1].clone())),
            DecoderError::Outputs { .. }
        ));
        let last = alter(|m| {
            let logits = m.outputs[1].1;
            let last = View::Select { axis: 1, indices: vec![3] };
            let last = m.push("last", Op::View(last), &[logits]).unwrap();
            m.outputs = vec![("logits".into(), last)];
        });
        assert!(matches!(last, DecoderError::LastOnly { tokens: 4, .. }), "{last}");
        assert!(last.to_string().contains("self.lm_head(x)"));
        let image = alter(|m| assert!(m.push_input("image", Op::Input, &[1, 4]).is_ok()));
        assert!(matches!(image, DecoderError::Inputs(TextProblem::Input { .. })), "{image}");
        let mut reals = Model::default();
        reals.push_input("x", Op::Input, &[1, 4]).unwrap();
        assert!(
            matches!(CausalModel::new(reals), Err(DecoderError::NotTokens { input }) if input == "x")
        );
    }

    #[test]
    fn other_inputs_are_those_of_a_text_without_padding() {
        let mut source = model(false);
        let mask = source.push_input("attention_mask", Op::Input, &[1, 4]).unwrap();
        let positions =
            source.push_input("position_ids", Op::Tokens { vocabulary: 6 }, &[1, 4]).unwrap();
        let table = Array2::from_shape_fn((6, V), |(i, j)| ((i * 5 + j) as f32).cos());
        let places = source.push("places", Op::Embedding { table }, &[positions]).unwrap();
        let column =
            source.push_shaped("column", Op::View(View::Reshape), &[mask], &[1, 4, 1]).unwrap();
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
