//! Attention masks: which scores a softmax does not see.
//!
//! Exporters hide a score by a number so low that the softmax leaves nothing of it: minus infinity,
//! the lowest float, -1e9, -1e4, -1000, -100. They add it, or choose it by a flag, or multiply a
//! flag by it. What matters is where it is, not how low it is: a value whose low numbers are known
//! keeps, beside its numbers, the reading "these scores, and these of them hidden". Sums,
//! rearrangements and positive factors keep the reading, and a softmax takes it. Whatever else
//! reads the value gets its numbers, or a refusal where they are infinite.

use ndarray::ArrayD;

use super::value::{Computed, Masked, Value};
use super::{Lowering, Node, Problem, uniform};
use lemma_model::{AdditiveMask, NodeId, Op, View, is_hiding};

/// Numbers at or below this hide a score or are refused: no range of a value would hold them.
/// Offsets of tabular data reach into the millions.
pub(super) const LARGE: f32 = -1e9;

/// Why a value with such numbers has no node.
pub(super) const REFUSED: &str =
    "a number at or below -1e9, or minus infinity, in something that is no operand of a softmax";

impl Lowering {
    /// The sum of two operands that are not both constant.
    pub(super) fn sum(
        &mut self,
        node: &Node,
        a: (&Value, &str),
        b: (&Value, &str),
    ) -> Result<Computed, Problem> {
        let name = node.name.clone();
        let (left, right) = (self.addend(a.0, a.1)?, self.addend(b.0, b.1)?);
        let (plain, shape) = match (left.plain.clone(), right.plain.clone()) {
            (Ok(a), Ok(b)) => {
                let sum = self.push(&name, Op::Add, &[a, b])?;
                (Ok(sum), self.shape_of(sum).to_vec())
            }
            (Err(problem), _) | (_, Err(problem)) => {
                let shape = lemma_model::broadcast(&left.shape, &right.shape);
                (Err(problem), shape.ok_or_else(|| node.problem("its operands do not broadcast"))?)
            }
        };
        let kind = if left.kind.is_float() { left.kind } else { right.kind };
        let masked = self.masked_sum(&name, &left, &right)?;
        Ok(Computed { kind, shape, plain, masked, comparison: None })
    }

    fn masked_sum(
        &mut self,
        name: &str,
        left: &Computed,
        right: &Computed,
    ) -> Result<Option<Masked>, Problem> {
        let (scores, hidden) = match (&left.masked, &right.masked) {
            (None, None) => return Ok(None),
            (Some(a), Some(b)) => {
                let hidden = self.either_hidden(&format!("{name}.hidden"), a.hidden, b.hidden)?;
                (self.added(name, a.scores, b.scores)?, hidden)
            }
            (Some(a), None) => match &right.plain {
                Ok(other) => (self.added(name, a.scores, Some(*other))?, a.hidden),
                Err(_) => return Ok(None),
            },
            (None, Some(b)) => match &left.plain {
                Ok(other) => (self.added(name, Some(*other), b.scores)?, b.hidden),
                Err(_) => return Ok(None),
            },
        };
        Ok(Some(Masked { scores, hidden }))
    }

    fn added(
        &mut self,
        name: &str,
        a: Option<NodeId>,
        b: Option<NodeId>,
    ) -> Result<Option<NodeId>, Problem> {
        match (a, b) {
            (Some(a), Some(b)) => self.push(&format!("{name}.scores"), Op::Add, &[a, b]).map(Some),
            (a, b) => Ok(a.or(b)),
        }
    }

    /// Where either hides; two constant patterns become one.
    pub(super) fn either_hidden(
        &mut self,
        name: &str,
        a: NodeId,
        b: NodeId,
    ) -> Result<NodeId, Problem> {
        if a == b { Ok(a) } else { self.either(name, a, b) }
    }

    /// An operand of a sum in both readings: a constant's low numbers hide scores.
    fn addend(&mut self, value: &Value, name: &str) -> Result<Computed, Problem> {
        let tensor = match value {
            Value::Computed(value) => return Ok(value.clone()),
            Value::Constant(tensor) => tensor,
        };
        let values = tensor.as_floats();
        let shape = values.shape().to_vec();
        let masked = match values.iter().any(|&value| is_hiding(value)) && tensor.kind.is_float() {
            true => self.low_numbers(name, &values)?,
            false => None,
        };
        let plain = self.finite_constant(name, values)?;
        Ok(Computed { kind: tensor.kind, shape, plain, masked, comparison: None })
    }

    /// A constant as a node where its numbers can be reckoned with.
    fn finite_constant(
        &mut self,
        name: &str,
        values: ArrayD<f32>,
    ) -> Result<Result<NodeId, String>, Problem> {
        match values
            .iter()
            .enumerate()
            .find(|(_, value)| value.is_nan() || **value == f32::INFINITY)
        {
            Some((position, &value)) => {
                Err(Problem::NotFinite { tensor: name.to_string(), position, value })
            }
            None if values.iter().any(|&value| value <= LARGE) => Ok(Err(REFUSED.into())),
            None => self.constant(name, values).map(Ok),
        }
    }

    /// A constant as numbers and what it hides; `None` where that is nothing or everything.
    fn low_numbers(&mut self, name: &str, values: &ArrayD<f32>) -> Result<Option<Masked>, Problem> {
        let Some(AdditiveMask { hidden, bias }) = AdditiveMask::of(values) else { return Ok(None) };
        if uniform(&hidden) == Some(1.0) || bias.iter().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let scores = match bias.iter().any(|&value| value != 0.0) {
            true => Some(self.constant(&format!("{name}.bias"), bias)?),
            false => None,
        };
        let hidden = self.constant(&format!("{name}.hidden"), hidden)?;
        Ok(Some(Masked { scores, hidden }))
    }

    /// A choice of scores or a low constant: `hidden` is one where the constant is chosen.
    pub(super) fn hidden_choice(
        &mut self,
        name: &str,
        kept: (&Value, &str),
        hidden: NodeId,
    ) -> Result<Option<Masked>, Problem> {
        let kept = self.addend(kept.0, kept.1)?;
        let Some(masked) = kept.masked else {
            let same = |id: NodeId| id == hidden;
            return Ok(match kept.plain {
                // Zero wherever it is kept.
                Ok(id) if same(id) || self.is_number(id, 0.0) => {
                    Some(Masked { scores: None, hidden })
                }
                Ok(id) => Some(Masked { scores: Some(id), hidden }),
                Err(_) => None,
            });
        };
        let hidden = self.either_hidden(&format!("{name}.hidden"), masked.hidden, hidden)?;
        Ok(Some(Masked { scores: masked.scores, hidden }))
    }

    /// What a product of flags and a constant hides: flags times a low number, or flags less one
    /// times a high one.
    pub(super) fn scaled_flags(
        &mut self,
        name: &str,
        x: NodeId,
        factor: &ArrayD<f32>,
    ) -> Result<Option<Masked>, Problem> {
        let hidden = if self.flags.contains(&x) && factor.iter().all(|&value| is_hiding(value)) {
            x
        } else if factor.iter().all(|&value| is_hiding(value))
            && let Some(allowed) = self.less_from_one(x)
        {
            self.complement(&format!("{name}.hidden"), allowed)?
        } else if factor.iter().all(|&value| is_hiding(-value))
            && let Some(allowed) = self.one_less(x)
        {
            self.complement(&format!("{name}.hidden"), allowed)?
        } else {
            return Ok(None);
        };
        self.flags.insert(hidden);
        Ok(Some(Masked { scores: None, hidden }))
    }

    /// The flags, or the input that may be flags, of `1 - flags`.
    pub(super) fn less_from_one(&self, id: NodeId) -> Option<NodeId> {
        match (self.op_of(id), self.inputs_of(id)) {
            (Op::Sub, &[one, x]) if self.is_number(one, 1.0) => self.may_be_flags(x),
            (Op::View(view), &[x])
                if !matches!(view, View::Pad { .. }) && self.shape_of(x) == self.shape_of(id) =>
            {
                self.less_from_one(x)
            }
            _ => None,
        }
    }

    /// The flags, or the input that may be flags, of `flags - 1`.
    fn one_less(&self, id: NodeId) -> Option<NodeId> {
        match (self.op_of(id), self.inputs_of(id)) {
            (Op::Sub, &[x, one]) if self.is_number(one, 1.0) => self.may_be_flags(x),
            (Op::Add, &[x, less] | &[less, x]) if self.is_number(less, -1.0) => {
                self.may_be_flags(x)
            }
            _ => None,
        }
    }

    fn may_be_flags(&self, id: NodeId) -> Option<NodeId> {
        (self.flags.contains(&id) || self.inputs_behind(id).is_some()).then_some(id)
    }

    /// The same rearrangement of every reading of a value. `view` is given a name and a node of the
    /// value's shape.
    pub(super) fn moved(
        &mut self,
        node: &Node,
        value: &Computed,
        view: impl Fn(&mut Self, &str, NodeId) -> Result<NodeId, Problem>,
    ) -> Result<Computed, Problem> {
        let name = node.name.as_str();
        let plain = match &value.plain {
            Ok(id) => Ok(view(self, name, *id)?),
            Err(problem) => Err(problem.clone()),
        };
        let masked = match &value.masked {
            None => None,
            Some(masked) => {
                let mut part = |part: &str, id: NodeId| {
                    let name = format!("{name}.{part}");
                    let whole = self.broadcast(&name, id, &value.shape)?;
                    view(self, &name, whole)
                };
                let scores = masked.scores.map(|scores| part("scores", scores)).transpose()?;
                Some(Masked { scores, hidden: part("hidden", masked.hidden)? })
            }
        };
        let shape = match (&plain, &masked) {
            (Ok(id), _) => self.shape_of(*id).to_vec(),
            (_, Some(masked)) => self.shape_of(masked.hidden).to_vec(),
            (Err(problem), None) => return Err(node.problem(problem.clone())),
        };
        Ok(Computed { kind: value.kind, shape, plain, masked, comparison: None })
    }

    /// The scores that a softmax sees of a value: a mask over its scores where it hides any.
    pub(super) fn seen(&mut self, node: &Node, value: &Computed) -> Result<NodeId, Problem> {
        let plain = || value.plain.clone().map_err(|problem| node.problem(problem));
        let Some(Masked { scores: Some(scores), hidden }) = &value.masked else { return plain() };
        if self.is_number(*hidden, 1.0) {
            return plain();
        }
        self.declare(*hidden);
        let scores = self.broadcast(&format!("{}.whole", node.name), *scores, &value.shape)?;
        let name = self.unique(&format!("{}.mask", node.name));
        Ok(self.model.push_mask(&name, scores, *hidden)?)
    }
}
