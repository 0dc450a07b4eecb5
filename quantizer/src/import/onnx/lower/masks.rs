//! Attention masks that depend on an input, and the place of constant ones.
//!
//! Exporters forbid a score by minus infinity, the lowest float or a number such as -1e9, chosen by a flag or multiplied with one. What it becomes:
//!
//! - a score that is forbidden whatever the inputs are gets the constant -1e9, which leaves it out of the integer softmax altogether;
//! - a score that a flag forbids gets [`FLAG_DEPTH`] less. After a softmax that is a factor of 1e-13, nothing in any activation width, and it costs the
//!   scores' range no more than an ordinary score.
//!
//! Both hold only where nothing but softmax (not its logarithm) reads the masked scores. Otherwise large numbers are refused.
//!
//! A row whose scores are all forbidden by flags is the softmax of its bare scores, since the same number is taken from each. The file has equal
//! weights there (its large number swallows the scores) or no number at all. Such rows belong to padding.
//!
//! Not covered: a forbidden score that is more than some eighteen above the largest allowed one; a depth of 30 does not hide it, and calibration
//! refuses it.

use std::collections::HashSet;

use ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::math::{Add, IsNan};
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};

use super::tokens::is_rearrangement;
use super::{BOTTOMLESS, Lowering, MASKED, MASKS_SOFTMAX, Problem, Value, raw_floats, unsupported};
use crate::model::{FLAG_DEPTH, NodeId, Op, View};

impl Lowering<'_> {
    /// `Where` by flags: an additive mask where one side is a large negative constant, else `b + flags (a - b)`.
    pub(super) fn choose_by_flags(
        &mut self,
        node: &TypedNode,
        flags: NodeId,
        on_true: OutletId,
        on_false: OutletId,
    ) -> Result<NodeId, Problem> {
        let for_softmax = self.only_softmax_reads(OutletId::new(node.id, 0));
        for (outlet, other, when_true) in [(on_false, on_true, false), (on_true, on_false, true)] {
            let Some(tensor) = self.tensor(outlet) else { continue };
            let values = raw_floats(&tensor, &node.name)?;
            if for_softmax && values.iter().all(|&value| value <= MASKS_SOFTMAX) {
                let hidden = if when_true { flags } else { self.complement(&format!("{}.hidden", node.name), flags)? };
                let zero =
                    matches!(self.tensor(other), Some(tensor) if raw_floats(&tensor, &node.name)?.iter().all(|&v| v == 0.0));
                let mask = self.forbidding(&node.name, hidden)?;
                if zero && self.shape_of(mask) == self.shape(OutletId::new(node.id, 0))? {
                    return Ok(mask);
                }
                let x = self.operand(other)?;
                return self.sum(&node.name, x, mask);
            }
            if values.iter().any(|&value| value < BOTTOMLESS) {
                let problem = "minus infinity where an input says so, read by something else than a softmax";
                return Err(unsupported(node, problem.into()));
            }
        }
        let (a, b) = (self.operand(on_true)?, self.operand(on_false)?);
        let difference = self.push(&format!("{}.difference", node.name), Op::Sub, &[a, b])?;
        let chosen = self.push(&format!("{}.chosen", node.name), Op::Mul, &[flags, difference])?;
        self.push(&node.name, Op::Add, &[b, chosen])
    }

    /// Flags times a large negative number for a softmax, or flags less one times a large positive one: an additive mask.
    pub(super) fn scaled_flags(&mut self, node: &TypedNode, left: OutletId, right: OutletId) -> Result<Option<NodeId>, Problem> {
        for (x, factor) in [(left, right), (right, left)] {
            let (Some(&Value::Node(x)), Some(factor)) = (self.values.get(&x), self.tensor(factor)) else { continue };
            let factor = raw_floats(&factor, &node.name)?;
            let hidden = if self.flags.contains(&x) && factor.iter().all(|&value| value <= MASKS_SOFTMAX) {
                x
            } else if let Some(allowed) = self.flags_less_one(x)
                && factor.iter().all(|&value| value >= -MASKS_SOFTMAX)
            {
                self.complement(&format!("{}.hidden", node.name), allowed)?
            } else {
                continue;
            };
            let result = OutletId::new(node.id, 0);
            if !self.only_softmax_reads(result) {
                return Ok(None);
            }
            let mask = self.forbidding(&node.name, hidden)?;
            let shape = self.shape(result)?;
            if self.shape_of(mask) == shape {
                return Ok(Some(mask));
            }
            let name = self.unique(&node.name);
            return Ok(Some(self.model.push_shaped(name, Op::View(View::Broadcast), &[mask], &shape)?));
        }
        Ok(None)
    }

    /// `a + b`, with a constant mask in either of them added last.
    pub(super) fn sum(&mut self, name: &str, a: NodeId, b: NodeId) -> Result<NodeId, Problem> {
        for (x, other) in [(b, a), (a, b)] {
            if let Some((rest, mask)) = self.mask_of(x)
                && !matches!(self.model.nodes[other.0].op, Op::Constant(_))
            {
                let scores = self.sum(&format!("{name}.scores"), other, rest)?;
                return self.push(name, Op::Add, &[scores, mask]);
            }
        }
        self.push(name, Op::Add, &[a, b])
    }

    /// A view of masked scores as a masked view of scores, so that softmax finds the mask before it; anything else as it is.
    pub(super) fn mask_last(&mut self, id: NodeId) -> Result<NodeId, Problem> {
        let node = &self.model.nodes[id.0];
        let (Op::View(_), &[source]) = (&node.op, &node.inputs[..]) else { return Ok(id) };
        let node = node.clone();
        let masked = self.mask_last(source)?;
        let Some((scores, mask)) = self.mask_of(masked) else { return Ok(id) };
        let whole = self.model.nodes[source.0].shape.clone();
        let view = |lowering: &mut Self, part: &str, x: NodeId| {
            let wide = lowering.unique(&format!("{}.{part}", node.name));
            let x = lowering.model.push_shaped(wide, Op::View(View::Broadcast), &[x], &whole)?;
            let name = lowering.unique(&format!("{}.{part}", node.name));
            lowering.model.push_shaped(name, node.op.clone(), &[x], &node.shape).map_err(Problem::from)
        };
        let scores = view(self, "scores", scores)?;
        let seen = view(self, "mask", mask)?;
        let mask = match self.model.constant_value(seen) {
            Some(values) => self.push(&format!("{}.mask", node.name), Op::Constant(values), &[])?,
            None => return Ok(id),
        };
        self.push(&node.name, Op::Add, &[scores, mask])
    }

    /// Whether a condition asks for values that are not numbers where there are none: in the result of a softmax, whose masks are finite here.
    pub(super) fn is_never_true(&self, condition: OutletId) -> bool {
        let node = self.typed.node(condition.node);
        if !node.op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<IsNan>()) {
            return is_rearrangement(self.typed, condition.node) && node.inputs.first().is_some_and(|&x| self.is_never_true(x));
        }
        let mut source = node.inputs.first().copied();
        while let Some(outlet) = source {
            let node = self.typed.node(outlet.node);
            if node.op_is::<Softmax>() {
                return true;
            }
            source = node.inputs.first().copied().filter(|_| is_rearrangement(self.typed, outlet.node));
        }
        false
    }

    /// Whether everything that reads a value, through sums, choices and rearrangements, is a softmax.
    pub(super) fn only_softmax_reads(&self, outlet: OutletId) -> bool {
        let outputs = self.typed.output_outlets().unwrap_or_default();
        let mut seen = HashSet::from([outlet]);
        let mut waiting = vec![outlet];
        while let Some(outlet) = waiting.pop() {
            let readers = self.typed.outlet_successors(outlet);
            if readers.is_empty() || outputs.contains(&outlet) {
                return false;
            }
            for reader in readers {
                let node = self.typed.node(reader.node);
                let passes = node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Add>())
                    || node.op_is::<Iff>() && reader.slot > 0
                    || is_rearrangement(self.typed, reader.node);
                let result = OutletId::new(reader.node, 0);
                if passes && seen.insert(result) {
                    waiting.push(result);
                } else if !passes && !node.op_as::<Softmax>().is_some_and(|op| op.kind != SoftmaxKind::LogSoftmax) {
                    return false;
                }
            }
        }
        true
    }

    /// [`FLAG_DEPTH`] less where a flag is one; where it is one whatever the inputs are, also the constant that leaves a score out.
    fn forbidding(&mut self, name: &str, hidden: NodeId) -> Result<NodeId, Problem> {
        let depth = ArrayD::from_elem(IxDyn(&vec![1; self.shape_of(hidden).len()]), -FLAG_DEPTH);
        let depth = self.push(&format!("{name}.depth"), Op::Constant(depth), &[])?;
        let always = self.model.least_flags(hidden).filter(|least| least.iter().any(|&flag| flag == 1.0));
        let Some(always) = always else { return self.push(name, Op::Mul, &[hidden, depth]) };
        let flagged = self.push(&format!("{name}.flagged"), Op::Mul, &[hidden, depth])?;
        let mask = self.push(&format!("{name}.mask"), Op::Constant(always.mapv(|flag| flag * MASKED)), &[])?;
        self.push(name, Op::Add, &[flagged, mask])
    }

    /// The other operand of a sum with a constant mask, and the mask.
    fn mask_of(&self, id: NodeId) -> Option<(NodeId, NodeId)> {
        let (_, scores) = self.model.mask(id)?;
        let inputs = &self.model.nodes[id.0].inputs;
        Some((*inputs.get(scores)?, *inputs.get(1 - scores)?))
    }

    /// The flags of `flags - 1`.
    fn flags_less_one(&self, id: NodeId) -> Option<NodeId> {
        let node = &self.model.nodes[id.0];
        let &[a, b] = &node.inputs[..] else { return None };
        let is_minus_one =
            |id: NodeId| matches!(&self.model.nodes[id.0].op, Op::Constant(values) if values.iter().all(|&value| value == -1.0));
        let found = match node.op {
            Op::Sub if self.is_one(b) => a,
            Op::Add if is_minus_one(b) => a,
            Op::Add if is_minus_one(a) => b,
            _ => return None,
        };
        self.flags.contains(&found).then_some(found)
    }
}
