//! Attention masks: numbers that hide a score, chosen or added by a constant or by flags.
//!
//! Exporters hide a score by minus infinity, the lowest float, or a number such as -1e9 or -1000: [`is_hiding`] says which. A value that such a number
//! was chosen for or added to is kept without it, beside the flags that say where it is hidden (`Lowering::hidden`); sums and rearrangements take
//! the flags along, and the softmax gets an [`Op::Mask`].
//!
//! Only where nothing but softmax (not its logarithm) reads the hidden values. Elsewhere a number at or below [`LARGE`] is refused, and another is an
//! ordinary number.

use std::collections::HashSet;

use ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::{OutletId, TypedModel, TypedNode};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::math::{Add, IsNan};
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};

use super::tokens::is_rearrangement;
use super::{Lowering, Problem, Value, raw_floats, unsupported};
use crate::model::{AdditiveMask, NodeId, Op, View, is_hiding};

/// A number at or below this is refused where it hides nothing: ranges would have to hold it.
pub(super) const LARGE: f32 = -9000.0;

impl Lowering<'_> {
    /// `Where` by flags: a mask where one side is a number that hides, else `b + flags (a - b)`.
    pub(super) fn choose_by_flags(
        &mut self,
        node: &TypedNode,
        flags: NodeId,
        on_true: OutletId,
        on_false: OutletId,
    ) -> Result<NodeId, Problem> {
        let result = OutletId::new(node.id, 0);
        for (outlet, other, when_true) in [(on_false, on_true, false), (on_true, on_false, true)] {
            let Some(tensor) = self.tensor(outlet) else { continue };
            let values = raw_floats(&tensor, &node.name)?;
            if only_softmax_reads(self.typed, result) && values.iter().all(|&value| is_hiding(value)) {
                let hidden = if when_true { flags } else { self.complement(&format!("{}.hidden", node.name), flags)? };
                let x = self.operand(other)?;
                return self.hide(node, x, hidden);
            }
            refuse_large(node, &values)?;
        }
        let (a, b) = (self.operand(on_true)?, self.operand(on_false)?);
        let difference = self.push(&format!("{}.difference", node.name), Op::Sub, &[a, b])?;
        let chosen = self.push(&format!("{}.chosen", node.name), Op::Mul, &[flags, difference])?;
        self.push(&node.name, Op::Add, &[b, chosen])
    }

    /// Flags times a number that hides, or flags less one times its negative: zeros, hidden by the flags.
    pub(super) fn scaled_flags(&mut self, node: &TypedNode, left: OutletId, right: OutletId) -> Result<Option<NodeId>, Problem> {
        for (x, factor) in [(left, right), (right, left)] {
            let (Some(&Value::Node(x)), Some(factor)) = (self.values.get(&x), self.tensor(factor)) else { continue };
            let factor = raw_floats(&factor, &node.name)?;
            if !only_softmax_reads(self.typed, OutletId::new(node.id, 0)) {
                return Ok(None);
            }
            let hidden = if self.flags.contains(&x) && factor.iter().all(|&value| is_hiding(value)) {
                x
            } else if let Some(allowed) = self.flags_less_one(x)
                && factor.iter().all(|&value| is_hiding(-value))
            {
                self.complement(&format!("{}.hidden", node.name), allowed)?
            } else {
                continue;
            };
            let zero = self.push(&format!("{}.zero", node.name), Op::Constant(ArrayD::zeros(IxDyn(&[]))), &[])?;
            return self.hide(node, zero, hidden).map(Some);
        }
        Ok(None)
    }

    /// An operand of a sum. The numbers of a constant that hide become its flags.
    pub(super) fn addend(&mut self, node: &TypedNode, outlet: OutletId) -> Result<NodeId, Problem> {
        let Some(tensor) = self.tensor(outlet).filter(|tensor| tensor.datum_type().is_float()) else {
            return self.operand(outlet);
        };
        let values = raw_floats(&tensor, &node.name)?;
        let mask = AdditiveMask::of(&values).filter(|_| only_softmax_reads(self.typed, OutletId::new(node.id, 0)));
        let Some(mask) = mask else {
            refuse_large(node, &values)?;
            return self.operand(outlet);
        };
        let hidden = self.push(&format!("{}.hidden", node.name), Op::Constant(mask.hidden), &[])?;
        let bias = self.push(&format!("{}.bias", node.name), Op::Constant(mask.bias), &[])?;
        self.hidden.insert(bias, hidden);
        Ok(bias)
    }

    /// `a + b`, hidden where either is.
    pub(super) fn sum(&mut self, name: &str, a: NodeId, b: NodeId) -> Result<NodeId, Problem> {
        let hidden = match (self.hidden.get(&a).copied(), self.hidden.get(&b).copied()) {
            (Some(a), Some(b)) => Some(self.either(&format!("{name}.hidden"), a, b)?),
            (a, b) => a.or(b),
        };
        let sum = self.push(name, Op::Add, &[a, b])?;
        self.hidden.extend(hidden.map(|hidden| (sum, hidden)));
        Ok(sum)
    }

    /// `x` in the shape of a node's result, hidden by flags also.
    pub(super) fn hide(&mut self, node: &TypedNode, x: NodeId, hidden: NodeId) -> Result<NodeId, Problem> {
        let hidden = match self.hidden.get(&x).copied() {
            Some(other) => self.either(&format!("{}.either", node.name), hidden, other)?,
            None => hidden,
        };
        // A node of its own: who else reads `x` sees all of it.
        let (name, shape) = (self.unique(&node.name), self.shape(OutletId::new(node.id, 0))?);
        let carrier = self.model.push_shaped(name, Op::View(View::Broadcast), &[x], &shape)?;
        self.hidden.insert(carrier, hidden);
        Ok(carrier)
    }

    /// Takes flags along through a rearrangement.
    pub(super) fn hide_view(&mut self, id: NodeId) -> Result<(), Problem> {
        let node = self.model.nodes[id.0].clone();
        let (Op::View(view), &[source]) = (&node.op, &node.inputs[..]) else { return Ok(()) };
        if self.hidden.contains_key(&id) || matches!(view, View::Pad { .. }) {
            return Ok(());
        }
        self.hide_view(source)?;
        let Some(&hidden) = self.hidden.get(&source) else { return Ok(()) };
        let whole = self.model.nodes[source.0].shape.clone();
        let name = self.unique(&format!("{}.hidden", node.name));
        let wide = self.model.push_shaped(name, Op::View(View::Broadcast), &[hidden], &whole)?;
        let name = self.unique(&format!("{}.hidden", node.name));
        let moved = self.model.push_shaped(name, node.op.clone(), &[wide], &node.shape)?;
        self.hidden.insert(id, moved);
        Ok(())
    }

    /// Refuses hidden values that one of the model's nodes from `first` on reads as they are.
    pub(super) fn check_hidden(&self, node: &TypedNode, first: usize) -> Result<(), Problem> {
        let loses = |at: &usize| {
            let reader = &self.model.nodes[*at];
            let reads = reader.inputs.iter().any(|id| self.hidden.contains_key(id));
            reads && !matches!(reader.op, Op::Mask) && !self.hidden.contains_key(&NodeId(*at))
        };
        match (first..self.model.nodes.len()).find(loses) {
            Some(_) => Err(unsupported(node, "masked scores are read by something else than a softmax".into())),
            None => Ok(()),
        }
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

/// Whether everything that reads a value, through sums, choices and rearrangements, is a softmax.
pub(super) fn only_softmax_reads(typed: &TypedModel, outlet: OutletId) -> bool {
    let outputs = typed.output_outlets().unwrap_or_default();
    let mut seen = HashSet::from([outlet]);
    let mut waiting = vec![outlet];
    while let Some(outlet) = waiting.pop() {
        let readers = typed.outlet_successors(outlet);
        if readers.is_empty() || outputs.contains(&outlet) {
            return false;
        }
        for reader in readers {
            let node = typed.node(reader.node);
            let passes = node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Add>())
                || node.op_is::<Iff>() && reader.slot > 0
                || is_rearrangement(typed, reader.node);
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

/// Refuses a number that hides nothing and that ranges would have to hold.
pub(super) fn refuse_large(node: &TypedNode, values: &ArrayD<f32>) -> Result<(), Problem> {
    match values.iter().find(|value| **value <= LARGE) {
        None => Ok(()),
        Some(value) => {
            let problem = format!(
                "the number {value:e} hides scores only where nothing but a softmax reads them; {LARGE} and less is no other number"
            );
            Err(unsupported(node, problem))
        }
    }
}
