//! Texts as inputs of a model with a fixed number of tokens.

use std::collections::BTreeMap;

use lemma_import::Role;
use lemma_model::InputPort;
use ndarray::{ArrayD, Dimension as _};

use super::{Side, TextProblem, Tokenizer, Tokens};
use crate::Inputs;

/// Whether an input's name says that it decides what is read of the tokens.
pub(super) fn steers(name: &str) -> bool {
    Role::of(name).is_some_and(|role| role.is_of_text() && role != Role::Tokens)
        || name.to_ascii_lowercase().contains("mask")
}

/// The inputs of a text model, by their names: `ids`, `input_ids` or `tokens`, and where the model
/// has them `mask` or `attention_mask`, `token_type_ids`, `position_ids`.
#[derive(Clone, Debug)]
pub struct TextInputs {
    inputs: Vec<(String, Vec<usize>, Role)>,
    ids: String,
    tokens: usize,
    masked: bool,
    from_start: bool,
}

/// A text as a model reads it.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The model's inputs.
    pub inputs: Inputs,
    /// The tokens, without padding.
    pub ids: Vec<u32>,
    /// Position of the last of them in the model's inputs.
    pub last: Option<usize>,
    /// How many tokens the whole text has; more than `ids` when it was cut.
    pub whole: usize,
    /// Which end was cut then.
    pub cut: Side,
}

impl TextInputs {
    /// The text inputs among a model's. An input whose name says nothing holds the tokens, if it is
    /// the only one.
    ///
    /// # Errors
    /// [`TextProblem::Input`]: an input that is none of these, or of another shape than `[tokens]`
    /// or `[1, tokens]`.
    pub fn of(ports: &[InputPort]) -> Result<TextInputs, TextProblem> {
        let mut inputs = Vec::new();
        for port in ports {
            let fail = |problem: String| TextProblem::Input { input: port.name.clone(), problem };
            let known = Role::of(&port.name).filter(|role| role.is_of_text());
            let role = known.or((ports.len() == 1).then_some(Role::Tokens)).ok_or_else(|| {
                fail(format!(
                    "its name is none of {:?}; give the inputs as .npz or .json",
                    Role::names().collect::<Vec<_>>()
                ))
            })?;
            let length: usize = port.shape.iter().product();
            if port.shape.last() != Some(&length) {
                return Err(fail(format!(
                    "its shape is {:?}, that of a text is [1, tokens]",
                    port.shape
                )));
            }
            inputs.push((port.name.clone(), port.shape.clone(), role));
        }
        let ids: Vec<&(String, Vec<usize>, Role)> =
            inputs.iter().filter(|(.., role)| *role == Role::Tokens).collect();
        let [(name, shape, _)] = ids[..] else {
            let input = ids.last().map_or_else(|| "tokens".to_owned(), |(name, ..)| name.clone());
            return Err(TextProblem::Input {
                input,
                problem: format!("the model has {} inputs of tokens", ids.len()),
            });
        };
        let tokens = shape.iter().product();
        if let Some((other, shape, _)) =
            inputs.iter().find(|(_, shape, _)| shape.iter().product::<usize>() != tokens)
        {
            let problem = format!("its shape is {shape:?}, but `{name}` has {tokens} tokens");
            return Err(TextProblem::Input { input: other.clone(), problem });
        }
        let masked = inputs.iter().any(|(.., role)| *role == Role::Mask);
        let ids = name.clone();
        Ok(TextInputs { inputs, ids, tokens, masked, from_start: false })
    }

    /// Name of the input of tokens.
    pub fn ids(&self) -> &str {
        &self.ids
    }

    /// Number of tokens of the model.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Whether the model takes a mask: then it reads separate texts. Without one it is taken for a
    /// decoder, which reads on and on.
    pub fn masked(&self) -> bool {
        self.masked
    }

    /// Reads every text from the first position, whatever a tokenizer declares: for a decoder,
    /// which sees no later position.
    pub fn from_start(mut self) -> TextInputs {
        self.from_start = true;
        self
    }

    /// A text, cut or filled up to the model's number of tokens, each on the side that the
    /// tokenizer declares.
    ///
    /// # Errors
    /// A character that the tokenizer has no token for; an input of positions beside padding on the
    /// left.
    pub fn encode(&self, tokenizer: &Tokenizer, text: &str) -> Result<Encoded, TextProblem> {
        let declared = tokenizer.declared();
        let Tokens { ids, types, whole } =
            tokenizer.encode(text, self.tokens.min(declared.most))?;
        let left = declared.pads == Side::Left && !self.from_start;
        if let Some((name, ..)) =
            self.inputs.iter().find(|(.., role)| left && *role == Role::Position)
        {
            let problem = "the tokenizer declares padding on the left, and it is not known where \
                its positions then begin; \
                           give the inputs as .npz or .json";
            return Err(TextProblem::Input { input: name.clone(), problem: problem.to_owned() });
        }
        let start = if left { self.tokens.saturating_sub(ids.len()) } else { 0 };
        let inputs = self.place(start, &ids, &types, (tokenizer.padding(), declared.padding_type));
        Ok(Encoded {
            inputs,
            last: (start + ids.len()).checked_sub(1),
            cut: declared.cuts,
            ids,
            whole,
        })
    }

    /// Every window of a long text, one after the other, each with the tokenizer's first token in
    /// front; a remainder is left out unless it is all there is. Of more than `most` windows so
    /// many are taken, evenly spaced.
    ///
    /// # Errors
    /// A character that the tokenizer has no token for.
    pub fn windows(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        most: usize,
    ) -> Result<Vec<Inputs>, TextProblem> {
        let first = tokenizer.first();
        let width = self.tokens.saturating_sub(usize::from(first.is_some())).max(1);
        let ids = tokenizer.body(text)?;
        let window = |part: &[u32]| {
            let ids: Vec<u32> = first.into_iter().chain(part.iter().copied()).collect();
            self.fill(&ids, tokenizer.padding())
        };
        if ids.len() < width {
            return Ok(vec![window(&ids)]);
        }
        let count = ids.len() / width;
        let taken = count.min(most);
        let starts = (0..taken).map(|at| at * count / taken * width);
        Ok(starts.filter_map(|start| ids.get(start..start + width)).map(window).collect())
    }

    /// Inputs for tokens; the rest is `padding`. Tokens past the end are left out.
    pub fn fill(&self, ids: &[u32], padding: u32) -> Inputs {
        self.place(0, ids, &[], (padding, 0))
    }

    /// Inputs for tokens from position `start` on, with their segments, where they have some; the
    /// rest is token and segment of the padding.
    fn place(
        &self,
        start: usize,
        ids: &[u32],
        types: &[u32],
        (padding, padding_type): (u32, u32),
    ) -> Inputs {
        let value = |role: Role, at: usize| {
            let own = at.checked_sub(start).filter(|own| *own < ids.len());
            match (role, own) {
                (Role::Tokens, own) => {
                    own.and_then(|own| ids.get(own)).copied().unwrap_or(padding) as f32
                }
                (Role::Mask, own) => f32::from(u8::from(own.is_some())),
                (Role::Segment, Some(own)) => types.get(own).copied().unwrap_or(0) as f32,
                (Role::Segment, None) => padding_type as f32,
                (Role::Position, _) => at as f32,
                // No text fills these.
                (Role::Cache | Role::UsesCache | Role::Kept, _) => 0.0,
            }
        };
        let tensor = |(name, shape, role): &(String, Vec<usize>, Role)| {
            // The shape has one axis that is longer than 1.
            let tensor = ArrayD::from_shape_fn(shape.as_slice(), |at| {
                value(*role, at.slice().last().copied().unwrap_or(0))
            });
            (name.clone(), tensor)
        };
        self.inputs.iter().map(tensor).collect::<BTreeMap<_, _>>()
    }
}

#[cfg(test)]
mod tests {
    use lemma_model::InputKind;

    use super::*;

    fn ports(inputs: &[(&str, &[usize])]) -> Vec<InputPort> {
        let port = |(name, shape): &(&str, &[usize])| InputPort {
            name: (*name).into(),
            shape: shape.to_vec(),
            kind: InputKind::Real,
        };
        inputs.iter().map(port).collect()
    }

    fn characters() -> Tokenizer {
        Tokenizer::from_bytes(br#"{"chars": ["-", "a", "b", "c"]}"#.to_vec()).unwrap()
    }

    #[test]
    fn every_input_gets_what_its_name_says() {
        let shape: &[usize] = &[1, 4];
        let names = ["input_ids", "attention_mask", "token_type_ids", "position_ids"];
        let inputs = TextInputs::of(&ports(&names.map(|name| (name, shape)))).unwrap();
        assert!(inputs.masked() && inputs.tokens() == 4);
        let encoded = inputs.encode(&characters(), "cab").unwrap();
        let found =
            names.map(|name| encoded.inputs[name].iter().map(|v| *v as usize).collect::<Vec<_>>());
        assert_eq!(found, [[3, 1, 2, 0], [1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 2, 3]]);
        assert_eq!((encoded.ids, encoded.whole), (vec![3, 1, 2], 3));
        let cut = inputs.encode(&characters(), "cabab").unwrap();
        assert_eq!((cut.ids, cut.whole), (vec![3, 1, 2, 1], 5));
    }

    #[test]
    fn a_long_text_becomes_windows() {
        let inputs = TextInputs::of(&ports(&[("x", &[3])])).unwrap();
        let ids = |text: &str| -> Vec<Vec<f32>> {
            let windows = inputs.windows(&characters(), text, 9).unwrap();
            windows.iter().map(|window| window["x"].iter().copied().collect()).collect()
        };
        assert_eq!(ids("abcabca"), [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]);
        assert_eq!(ids("ab"), [[1.0, 2.0, 0.0]]);
    }

    #[test]
    fn rejects_inputs_that_no_text_fills() {
        for inputs in [
            &[("image", &[1, 4][..]), ("ids", &[1, 4])][..],
            &[("ids", &[2, 4])],
            &[("mask", &[1, 4])],
            &[("ids", &[1, 4]), ("tokens", &[1, 4])],
            &[("ids", &[1, 4]), ("mask", &[1, 5])],
        ] {
            assert!(
                matches!(TextInputs::of(&ports(inputs)), Err(TextProblem::Input { .. })),
                "{inputs:?}"
            );
        }
    }
}
