//! A decoder of a causal model.
//!
//! To show the prompt,
//!
//! ```text
//! next[t] = argmax(logits[t])                 tokens, next public
//! ```
//!
//! To hide it, the tokens are put together in the circuit, and a choice is shown only where the
//! token after it is generated:
//!
//! ```text
//! tokens[t] = prompt[t] - generated[t] * prompt[t] + text[t]      must be below the vocabulary
//! chosen[t] = generated[t + 1] * argmax(logits[t]),   chosen[T - 1] = 0
//!                                                                 text, generated, chosen public
//! ```
//!
//! so nothing public depends on the prompt but the choices that are the text. Costs two products
//! and a range check a token.

use lemma_model::{Model, NodeId, Op, ShapeError, View};

use super::{CHOSEN, CausalModel, Decoder, DecoderError, GENERATED, NEXT, PROMPT, TEXT, TOKENS};
use crate::Inputs;

const COVERED: &str = "prompt.covered";
const GIVEN: &str = "prompt.given";
const AFTER: &str = "generated.after";
const BEFORE: &str = "generated.before";
const CHOICE: &str = "choice";

/// Names that a decoder gives to its own nodes.
const RESERVED: [&str; 11] =
    [TOKENS, NEXT, PROMPT, TEXT, GENERATED, CHOSEN, COVERED, GIVEN, AFTER, BEFORE, CHOICE];

impl CausalModel {
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
            Decoder::Hidden if self.tokens() < 2 => {
                return Err(DecoderError::Short { tokens: self.tokens() });
            }
            Decoder::Hidden => {
                let prompt = model.push_input(PROMPT, tokens(), &self.shape)?;
                let text = model.push_input(TEXT, tokens(), &self.shape)?;
                let generated =
                    model.push_input(GENERATED, Op::Tokens { vocabulary: 2 }, &self.shape)?;
                let covered = model.push(COVERED, Op::Mul, &[generated, prompt])?;
                let given = model.push(GIVEN, Op::Sub, &[prompt, covered])?;
                (model.push(TOKENS, Op::Add, &[given, text])?, Some(generated))
            }
        };
        let logits = self.append(&mut model, front)?;
        let output = match mask {
            None => model.push(NEXT, Op::ArgMax, &[logits])?,
            Some(generated) => {
                let next = model.push(CHOICE, Op::ArgMax, &[logits])?;
                let (axis, mut shorter) = (self.shape.len().saturating_sub(1), self.shape.clone());
                shorter.iter_mut().skip(axis).for_each(|extent| *extent -= 1);
                let slice = Op::View(View::Slice { axis, start: 1, step: 1 });
                let after = model.push_shaped(AFTER, slice, &[generated], &shorter)?;
                let amounts = (0..=axis).map(|at| (0, usize::from(at == axis))).collect();
                let before =
                    model.push(BEFORE, Op::View(View::Pad { amounts, value: 0.0 }), &[after])?;
                model.push(CHOSEN, Op::Mul, &[before, next])?
            }
        };
        model.outputs.push((decoder.output().to_owned(), output));
        Ok(model)
    }

    /// Inputs of the decoder for inputs of the model, such as calibration data: of a hidden prompt
    /// all tokens after the first are generated, so that every choice counts.
    pub fn convert(&self, decoder: Decoder, inputs: &Inputs) -> Inputs {
        let ids: Vec<f32> =
            inputs.get(&self.input).map(|ids| ids.iter().copied().collect()).unwrap_or_default();
        let id = |at: usize| ids.get(at).copied().unwrap_or(0.0);
        let after = |at: usize, value: f32| if at == 0 { 0.0 } else { value };
        let tensor =
            |name: &str, value: &dyn Fn(usize) -> f32| (name.to_owned(), self.tensor(value));
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
            let operands: Vec<NodeId> =
                node.inputs.iter().filter_map(|id| places.get(id.0).copied()).collect();
            let taken = RESERVED.contains(&node.name.as_str());
            let name = if taken { format!("model.{}", node.name) } else { node.name.clone() };
            places.push(model.push_shaped(name, node.op.clone(), &operands, &node.shape)?);
        }
        Ok(places.get(self.logits.0).copied().unwrap_or(front))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lemma_circuits::builder::{Site, Values};
    use lemma_circuits::check::violations;
    use lemma_circuits::field::from_integer;
    use ndarray::{Array2, ArrayD};

    use super::super::causal::tests::{V, model};
    use super::*;
    use crate::{CompileOptions, Package, compile};

    fn row(values: [f32; 4]) -> ArrayD<f32> {
        ndarray::arr2(&[values]).into_dyn()
    }

    /// The choices after each of some tokens.
    fn choices(causal: &CausalModel, ids: [u32; 4]) -> Vec<f32> {
        let rows = causal.run(&causal.inputs(&ids, 0)).unwrap();
        let best = |row: &[f32]| {
            (0..V).fold(0, |best, at| if row[at] > row[best] { at } else { best }) as f32
        };
        rows.chunks(V).map(best).collect()
    }

    #[test]
    fn the_choices_are_the_largest_logits() {
        let causal = CausalModel::new(model(false)).unwrap();
        assert_eq!((causal.tokens(), causal.vocabulary()), (4, V));
        let shown = causal.decoder(Decoder::Shown).unwrap();
        assert!(
            shown.nodes.iter().all(|node| node.name != "other"),
            "what the logits do not need is left out"
        );
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
            let inputs =
                inputs.into_iter().map(|(name, values)| (name.to_owned(), row(values))).collect();
            hidden.run(&inputs).unwrap()[0].iter().copied().collect::<Vec<f32>>()
        };
        let all = choices(&causal, [3, 1, 4, 2]);
        // What the prompt holds where it is over does not count; neither does what is chosen inside
        // it or at the end.
        for rest in [0.0, 4.0] {
            let found = run([3.0, 1.0, rest, rest], [0.0, 0.0, 4.0, 2.0], [0.0, 0.0, 1.0, 1.0]);
            assert_eq!(found, [0.0, all[1], all[2], 0.0]);
        }
        assert_eq!(
            run([3.0, 1.0, 4.0, 0.0], [0.0; 4], [0.0, 0.0, 0.0, 1.0]),
            [0.0, 0.0, all[2], 0.0]
        );
        assert_eq!(run([3.0, 1.0, 4.0, 2.0], [0.0; 4], [0.0; 4]), [0.0; 4]);
        let converted = causal.convert(Decoder::Hidden, &causal.inputs(&[3, 1, 4, 2], 0));
        let found = hidden.run(&converted).unwrap()[0].iter().copied().collect::<Vec<f32>>();
        assert_eq!(found, [all[0], all[1], all[2], 0.0]);
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

    fn hidden() -> Package {
        let causal = CausalModel::new(model(false)).unwrap();
        let texts = [[3, 1, 4, 2], [0, 2, 1, 3]]
            .map(|ids| causal.convert(Decoder::Hidden, &causal.inputs(&ids, 0)));
        let public =
            Decoder::Hidden.public_inputs().iter().map(|name| (*name).to_owned()).collect();
        let options = CompileOptions { bits: Some(10), public, ..CompileOptions::default() };
        compile("hidden", causal.decoder(Decoder::Hidden).unwrap(), &texts, &[], &options, &())
            .unwrap()
            .0
    }

    /// Layers with constraints that fail for a prover who skips the interpreter's checks and sets
    /// an element of one product.
    fn caught(
        package: &Package,
        [prompt, text, generated]: [[i64; 4]; 3],
        forged: Option<(&'static str, usize, i64)>,
    ) -> Vec<String> {
        let forger = move |site: &Site, values: &Values| {
            let (_, at, value) =
                forged.filter(|(layer, ..)| site.gadget == "product" && &*site.layer == *layer)?;
            let mut values = values.to_field();
            values[at] = from_integer(value);
            Some(Values::Field(Arc::new(values)))
        };
        let inputs = [prompt, text, generated].map(Vec::from);
        let found = violations(
            package.compiled(),
            package.compiled().infer_forged(&inputs, Box::new(forger)),
        );
        let mut layers: Vec<String> =
            found.into_iter().map(|violation| violation.site.layer.to_string()).collect();
        layers.dedup();
        layers
    }

    #[test]
    fn rejects_a_prover_who_bends_mask_text_or_prompt() {
        let package = hidden();
        let (prompt, text, generated) = ([3, 1, 2, 2], [0, 0, 4, 2], [0, 0, 1, 1]);
        assert!(caught(&package, [prompt, text, generated], None).is_empty());
        // Marks and tokens outside their ranges, and a sum past the vocabulary where prompt and
        // text are both read.
        for inputs in [
            [prompt, text, [0, 0, 2, 1]],
            [prompt, text, [0, 0, 1, -1]],
            [prompt, [0, 0, V as i64, 2], generated],
            [prompt, [0, 0, -1, 2], generated],
            [[V as i64, 1, 2, 2], text, generated],
            [[-1, 1, 2, 2], text, generated],
            [[3, 1, 2, 2], [2, 0, 4, 2], generated],
        ] {
            assert!(!caught(&package, inputs, None).is_empty(), "{inputs:?}");
        }
        // The prompt read beside the text: 2 + 2 is a token. A choice inside the prompt shown, one
        // after it hidden or another.
        let read = caught(&package, [prompt, [0, 0, 2, 2], generated], Some((COVERED, 2, 0)));
        assert!(read.contains(&COVERED.to_owned()), "{read:?}");
        for (at, value) in [(0, 1), (1, -1), (3, 1)] {
            let shown = caught(&package, [prompt, text, generated], Some((CHOSEN, at, value)));
            assert!(shown.contains(&CHOSEN.to_owned()), "{shown:?}");
        }
    }
}
