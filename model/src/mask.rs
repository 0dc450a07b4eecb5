//! Masks: scores that a softmax does not see.
//!
//! [`Op::Mask`] has the operands `[scores, hidden]`. `hidden` broadcasts to the scores and holds
//! zeros and ones alone: a constant, or something computed of inputs that are flags. A hidden score
//! has no part in the softmax, whatever it is and whatever number the author of the model used to
//! hide it.
//!
//! A row whose scores are all hidden gets equal weights on those that no constant hides, as it does
//! where a number so low is added that it swallows the scores. A row that constants alone hide is
//! refused when the model is quantized.
//!
//! Nothing but a softmax may read masked scores, through rearrangements and further masks:
//! [`Model::check`] refuses the rest.

use std::collections::{BTreeSet, HashMap, HashSet};

use ndarray::{ArrayD, Axis};

use super::float::evaluate;
use super::{Model, Node, NodeId, Op, ShapeError, View, broadcast};

/// A number at or below this, added to a score beside visible ones, hides it: `e^-100` is `4e-44`,
/// less than the least normal `f32`, so that a softmax in `f32` gives such a score nothing even
/// where it lies ten above the visible ones before. From here up to -30 numbers stay numbers.
pub const HIDING: f32 = -100.0;

/// How far below the largest number of its row a hiding number lies, at least: of a row of -95 and
/// -105 both are numbers.
const APART: f32 = 70.0;

/// Whether an author who adds `value` to a score, or puts it in its place, hides the score; minus
/// infinity does.
pub fn is_hiding(value: f32) -> bool {
    value <= HIDING
}

/// Most elements of the tensors that the flags of one mask are made of.
const MAX_FLAGS: usize = 1 << 25;

/// What a constant does that is added to the operand of a softmax.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditiveMask {
    /// One where a score is hidden, zero elsewhere.
    pub hidden: ArrayD<f32>,
    /// What is added to the visible scores; zero where they are hidden.
    pub bias: ArrayD<f32>,
}

impl AdditiveMask {
    /// Splits a constant; `None` when it hides nothing. A row of the last axis hides what
    /// [`is_hiding`] and lies far below the row's largest number; one without a visible score is
    /// hidden altogether.
    pub fn of(values: &ArrayD<f32>) -> Option<AdditiveMask> {
        let mut hidden = ArrayD::zeros(values.raw_dim());
        let last = Axis(values.ndim().checked_sub(1)?);
        for (row, mut hidden) in values.lanes(last).into_iter().zip(hidden.lanes_mut(last)) {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let edge = if is_hiding(largest) { HIDING } else { HIDING.min(largest - APART) };
            hidden
                .zip_mut_with(&row, |hidden, value| *hidden = f32::from(u8::from(*value <= edge)));
        }
        if hidden.iter().all(|hidden| *hidden == 0.0) {
            return None;
        }
        let bias = ndarray::Zip::from(&hidden)
            .and(values)
            .map_collect(|hidden, value| if *hidden == 1.0 { 0.0 } else { *value });
        Some(AdditiveMask { hidden, bias })
    }
}

/// A mask on the way to a softmax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskUse {
    /// Its zeros and ones.
    pub hidden: NodeId,
    /// The shape of the scores that it masks.
    pub shape: Vec<usize>,
    /// The rearrangements between it and the softmax, in order.
    pub views: Vec<NodeId>,
}

impl Model {
    /// Appends masks of `scores` by `hidden`: where an input decides, and the part that no input
    /// changes as a mask of its own, so that scores which are always hidden are left out
    /// altogether. Names begin with `name`; the result is the last.
    ///
    /// # Errors
    /// As [`Model::push`], and a `hidden` that is not known to be zeros and ones.
    pub fn push_mask(
        &mut self,
        name: &str,
        scores: NodeId,
        hidden: NodeId,
    ) -> Result<NodeId, ShapeError> {
        let error =
            |problem: &str| ShapeError { node: name.to_owned(), problem: problem.to_owned() };
        let shape_of = |id: NodeId| self.node(id).map_or(vec![], |node| node.shape.clone());
        let shape = shape_of(scores);
        let scores = match broadcast(&shape, &shape_of(hidden)) {
            Some(wide) if wide != shape => self.push_shaped(
                format!("{name}.scores"),
                Op::View(View::Broadcast),
                &[scores],
                &wide,
            )?,
            _ => scores,
        };
        let (least, most) = self
            .flag_bounds(hidden)
            .ok_or_else(|| error("what it hides is not made of constants and flag inputs"))?;
        if !least.iter().chain(&most).all(|value| *value == 0.0 || *value == 1.0) {
            return Err(error("what it hides is not zeros and ones"));
        }
        if least.iter().all(|least| *least == 0.0) || least == most {
            return self.push(name, Op::Mask, &[scores, hidden]);
        }
        let always = self.push(format!("{name}.always"), Op::Constant(least), &[])?;
        let flagged = self.push(format!("{name}.flagged"), Op::Mask, &[scores, hidden])?;
        self.push(name, Op::Mask, &[flagged, always])
    }

    /// The masks of the operand of a softmax, the last first, and the scores before them.
    pub fn masks_before(&self, softmax: NodeId) -> Vec<MaskUse> {
        let (mut masks, mut views) = (vec![], vec![]);
        let mut at = self.node(softmax).and_then(|node| node.inputs.first().copied());
        while let Some((id, node)) = at.and_then(|id| Some((id, self.node(id)?))) {
            match &node.op {
                Op::View(view) if moves_only(view) => views.insert(0, id),
                Op::Mask => {
                    let hidden = node.inputs.get(1).copied().unwrap_or(id);
                    masks.push(MaskUse { hidden, shape: node.shape.clone(), views: views.clone() });
                }
                _ => break,
            }
            at = node.inputs.first().copied();
        }
        masks
    }

    /// Which scores of a softmax are hidden whatever the inputs are, 1 for hidden; `None` when
    /// nothing is.
    pub fn always_hidden(&self, softmax: NodeId) -> Option<ArrayD<f32>> {
        let patterns = self.masks_before(softmax).into_iter().filter_map(|mask| {
            let least = self
                .least_flags(mask.hidden)
                .filter(|least| least.iter().any(|flag| *flag == 1.0))?;
            let whole = least.broadcast(mask.shape)?.to_owned();
            mask.views.iter().try_fold(whole, |pattern, view| {
                evaluate(self.node(*view)?, &[pattern.view()]).ok()
            })
        });
        patterns.reduce(|a, b| ndarray::Zip::from(&a).and(&b).map_collect(|a, b| a.max(*b)))
    }

    /// The least value that each element of a tensor of flags can have: 1 where it is 1 whatever
    /// the inputs are. `None` unless the tensor is made of flag inputs and constants by products,
    /// differences and rearrangements, of at most 2^25 elements together.
    pub fn least_flags(&self, id: NodeId) -> Option<ArrayD<f32>> {
        Some(self.flag_bounds(id)?.0)
    }

    /// Least and greatest value of each element of a tensor of flags.
    pub fn flag_bounds(&self, id: NodeId) -> Option<(ArrayD<f32>, ArrayD<f32>)> {
        let (mut needed, mut waiting) = (BTreeSet::from([id]), vec![id]);
        let mut elements = 0usize;
        while let Some(node) = waiting.pop().map(|id| self.node(id)) {
            let node = node.filter(|node| {
                matches!(
                    &node.op,
                    Op::Tokens { .. } | Op::Constant(_) | Op::Mul | Op::Sub | Op::View(_)
                )
            })?;
            elements = elements.saturating_add(node.shape.iter().product());
            if elements > MAX_FLAGS {
                return None;
            }
            waiting.extend(node.inputs.iter().filter(|input| needed.insert(**input)));
        }
        // Operands come before their readers.
        let mut known = HashMap::new();
        for id in needed {
            let bounds = self.bounds_of(self.node(id)?, &known)?;
            known.insert(id, bounds);
        }
        known.remove(&id)
    }

    fn bounds_of(&self, node: &Node, known: &HashMap<NodeId, Bounds>) -> Option<Bounds> {
        let operands =
            node.inputs.iter().map(|input| known.get(input)).collect::<Option<Vec<_>>>()?;
        let apply = |values: &[&ArrayD<f32>]| {
            let views: Vec<_> = values.iter().map(|value| value.view()).collect();
            evaluate(node, &views).ok()
        };
        let natural = |bounds: &Bounds| bounds.0.iter().all(|low| *low >= 0.0);
        let bounds = match (&node.op, &operands[..]) {
            (Op::Tokens { vocabulary: 2 }, []) => {
                (ArrayD::zeros(node.shape.as_slice()), ArrayD::ones(node.shape.as_slice()))
            }
            (Op::Constant(values), []) => (values.clone(), values.clone()),
            (Op::Mul, [a, b]) if natural(a) && natural(b) => {
                (apply(&[&a.0, &b.0])?, apply(&[&a.1, &b.1])?)
            }
            (Op::Sub, [a, b]) => (apply(&[&a.0, &b.1])?, apply(&[&a.1, &b.0])?),
            (Op::View(_), parts) => {
                let (low, high): (Vec<_>, Vec<_>) =
                    parts.iter().map(|bounds| (&bounds.0, &bounds.1)).unzip();
                (apply(&low)?, apply(&high)?)
            }
            _ => return None,
        };
        Some(bounds)
    }

    /// Nodes other than inputs whose values nothing needs but masks.
    pub fn only_flags(&self) -> Vec<bool> {
        let mut only = vec![false; self.nodes.len()];
        let mut read = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|(_, id)| read[id.0] = true);
        for (at, node) in self.nodes.iter().enumerate().rev() {
            only[at] = !read[at] && !matches!(node.op, Op::Input | Op::Tokens { .. });
            if !only[at] {
                let values = if matches!(node.op, Op::Mask) { 1 } else { node.inputs.len() };
                node.inputs.iter().take(values).for_each(|id| read[id.0] = true);
            }
        }
        only
    }

    /// Which nodes depend on no input.
    pub(crate) fn constants(&self) -> Vec<bool> {
        let mut constants = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let is_input = matches!(node.op, Op::Input | Op::Tokens { .. });
            constants[at] =
                !is_input && node.inputs.iter().all(|id| constants.get(id.0) == Some(&true));
        }
        constants
    }

    /// Whether a node depends on no input.
    pub fn is_constant(&self, id: NodeId) -> bool {
        let (mut seen, mut waiting) = (HashSet::from([id]), vec![id]);
        while let Some(node) = waiting.pop().map(|id| self.node(id)) {
            match node {
                Some(node) if !matches!(node.op, Op::Input | Op::Tokens { .. }) => {
                    waiting.extend(node.inputs.iter().filter(|input| seen.insert(**input)));
                }
                _ => return false,
            }
        }
        true
    }

    /// Refuses a softmax with a row that constants hide altogether.
    pub(crate) fn check_rows(&self) -> Result<(), ShapeError> {
        let blind = |(at, node): &(usize, &Node)| {
            let hidden =
                matches!(node.op, Op::Softmax).then(|| self.always_hidden(NodeId(*at))).flatten();
            hidden.is_some_and(|hidden| {
                hidden.rows().into_iter().any(|row| row.iter().all(|flag| *flag == 1.0))
            })
        };
        match self.nodes.iter().enumerate().find(blind) {
            None => Ok(()),
            Some((_, node)) => {
                let problem = "the mask hides every score of one of its rows; give each row a \
                    score that it allows"
                    .to_owned();
                Err(ShapeError { node: node.name.clone(), problem })
            }
        }
    }

    /// Refuses masked scores that something else reads than a softmax, and a mask that is made of
    /// them.
    pub(crate) fn check_masks(&self) -> Result<(), ShapeError> {
        let refused = |node: &str| {
            let problem = "it reads scores under a mask, which only a softmax may".to_owned();
            Err(ShapeError { node: node.to_owned(), problem })
        };
        let mut masked = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let is_masked = |id: &NodeId| masked.get(id.0) == Some(&true);
            let reads = node.inputs.iter().any(is_masked);
            let carries = match &node.op {
                Op::Mask => !node.inputs.get(1).is_some_and(is_masked),
                Op::View(view) => reads && moves_only(view),
                _ => false,
            };
            if reads && !carries && !matches!(node.op, Op::Softmax) {
                return refused(&node.name);
            }
            masked[at] = carries;
        }
        match self.outputs.iter().find(|(_, id)| masked.get(id.0) == Some(&true)) {
            Some((name, _)) => refused(name),
            None => Ok(()),
        }
    }
}

/// Whether a view keeps, moves, repeats or drops the elements of its one operand and adds none.
fn moves_only(view: &View) -> bool {
    !matches!(view, View::Pad { .. } | View::Concat(_))
}

/// Least and greatest value of each element.
type Bounds = (ArrayD<f32>, ArrayD<f32>);

#[cfg(test)]
mod tests;
