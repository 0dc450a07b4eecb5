//! Choices: `Where` by a constant condition, constant additive masks, and the activations that are written as a choice.

use ndarray::ArrayD;
use tract_onnx::prelude::{OutletId, TypedNode};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::{CompGT, CompGTE, CompLT, CompLTE};
use tract_onnx::tract_core::ops::math;

use super::masks::{only_softmax_reads, refuse_large};
use super::pointwise::uniform;
use super::{Lowering, Problem, Value, floats, raw_floats, unsupported};
use crate::model::{NodeId, Op, Unary, broadcast, is_hiding};

impl Lowering<'_> {
    /// `Where`: a choice by a constant or by flags, a guard against what is not a number, a leaky slope or an exponential unit.
    pub(super) fn select(&mut self, node: &TypedNode) -> Result<NodeId, Problem> {
        let [condition, on_true, on_false] = node.inputs[..] else {
            return Err(unsupported(node, "three operands expected".into()));
        };
        match self.tensor(condition) {
            Some(condition) => {
                let condition = raw_floats(&condition, &node.name)?;
                self.choose(node, condition, on_true, on_false)
            }
            None => match self.values.get(&condition) {
                Some(&Value::Node(flags)) => self.choose_by_flags(node, flags, on_true, on_false),
                _ if self.is_never_true(condition) => self.operand(on_false),
                _ => self.slope(node, condition, on_true, on_false),
            },
        }
    }

    /// `condition * a + (1 - condition) * b`; where one side is a number that hides, a mask.
    fn choose(
        &mut self,
        node: &TypedNode,
        condition: ArrayD<f32>,
        on_true: OutletId,
        on_false: OutletId,
    ) -> Result<NodeId, Problem> {
        let inverse = condition.mapv(|truth| 1.0 - truth);
        let mut sides = vec![];
        for (outlet, other, mask) in [(on_false, on_true, &inverse), (on_true, on_false, &condition)] {
            if let (Some(tensor), None) = (self.tensor(outlet), self.tensor(other)) {
                let values = raw_floats(&tensor, &node.name)?;
                sides.push((other, product(node, mask, &values)?, values, mask));
            }
        }
        if let Some((x, chosen, values, mask)) = sides.pop() {
            let x = self.operand(x)?;
            if values.iter().all(|&value| is_hiding(value)) && only_softmax_reads(self.typed, OutletId::new(node.id, 0)) {
                let hidden = self.push(&format!("{}.hidden", node.name), Op::Constant(mask.clone()), &[])?;
                return self.hide(node, x, hidden);
            }
            refuse_large(node, &values)?;
            let keep = mask.mapv(|hidden| 1.0 - hidden);
            let keep = self.push(&format!("{}.keep", node.name), Op::Constant(keep), &[])?;
            let kept = self.push(&format!("{}.kept", node.name), Op::Mul, &[x, keep])?;
            let chosen = self.push(&format!("{}.constant", node.name), Op::Constant(chosen), &[])?;
            return self.push(&node.name, Op::Add, &[kept, chosen]);
        }
        let (a, b) = (self.operand(on_true)?, self.operand(on_false)?);
        let condition = self.push(&format!("{}.condition", node.name), Op::Constant(condition), &[])?;
        let inverse = self.push(&format!("{}.inverse", node.name), Op::Constant(inverse), &[])?;
        let a = self.push(&format!("{}.true", node.name), Op::Mul, &[a, condition])?;
        let b = self.push(&format!("{}.false", node.name), Op::Mul, &[b, inverse])?;
        self.push(&node.name, Op::Add, &[a, b])
    }

    /// `x > 0 ? x : f(x)` for `f` a multiple of `x` or of `exp(x) - 1`, in any order of the comparison.
    fn slope(&mut self, node: &TypedNode, condition: OutletId, on_true: OutletId, on_false: OutletId) -> Result<NodeId, Problem> {
        let refused = || unsupported(node, "the condition depends on the input".into());
        let comparison = self.typed.node(condition.node);
        let mini = comparison.op_as::<TypedBinOp>().ok_or_else(refused)?.0.as_ref();
        let less = mini.is::<CompLT>() || mini.is::<CompLTE>();
        if !less && !mini.is::<CompGT>() && !mini.is::<CompGTE>() {
            return Err(refused());
        }
        let zero_left = self.is_zero(comparison.inputs[0])?;
        let zero_right = self.is_zero(comparison.inputs[1])?;
        let (x, positive) = match (zero_left, zero_right) {
            (true, false) => (comparison.inputs[1], less),
            (false, true) => (comparison.inputs[0], !less),
            _ => return Err(refused()),
        };
        let (above, below) = if positive { (on_true, on_false) } else { (on_false, on_true) };
        if above != x {
            return Err(refused());
        }
        let id = self.operand(x)?;
        if let Some(slope) = self.factor_of(below, x)? {
            let slope_shape = slope.shape().to_vec();
            if broadcast(&slope_shape, self.shape_of(id)).as_deref() == Some(self.shape_of(id)) {
                return match uniform(&slope) {
                    Some(slope) => self.push(&node.name, Op::Unary(Unary::LeakyRelu(slope)), &[id]),
                    None => self.push(&node.name, Op::PRelu { slope }, &[id]),
                };
            }
        }
        match self.exponential_of(below, x)? {
            Some(alpha) => self.push(&node.name, Op::Unary(Unary::Elu(alpha)), &[id]),
            None => Err(refused()),
        }
    }

    fn is_zero(&self, outlet: OutletId) -> Result<bool, Problem> {
        match self.tensor(outlet) {
            Some(tensor) => Ok(raw_floats(&tensor, "comparison")?.iter().all(|&value| value == 0.0)),
            None => Ok(false),
        }
    }

    /// The constant `c` of `outlet = c * x`.
    fn factor_of(&self, outlet: OutletId, x: OutletId) -> Result<Option<ArrayD<f32>>, Problem> {
        let node = self.typed.node(outlet.node);
        if !node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<math::Mul>()) {
            return Ok(None);
        }
        let other = match node.inputs[..] {
            [left, right] if left == x => right,
            [left, right] if right == x => left,
            _ => return Ok(None),
        };
        self.tensor(other).map(|tensor| floats(&tensor, &node.name)).transpose()
    }

    /// The constant `c` of `outlet = c * (exp(x) - 1)`.
    fn exponential_of(&self, outlet: OutletId, x: OutletId) -> Result<Option<f32>, Problem> {
        let node = self.typed.node(outlet.node);
        let Some(op) = node.op_as::<TypedBinOp>() else {
            return Ok(None);
        };
        if op.0.is::<math::Mul>() {
            for (&factor, &rest) in node.inputs.iter().zip(node.inputs.iter().rev()) {
                let Some(tensor) = self.tensor(factor) else {
                    continue;
                };
                let factor = uniform(&floats(&tensor, &node.name)?);
                let inner = self.exponential_of(rest, x)?;
                return Ok(factor.zip(inner).map(|(factor, inner)| factor * inner));
            }
            return Ok(None);
        }
        let offset = if op.0.is::<math::Sub>() {
            1.0
        } else if op.0.is::<math::Add>() {
            -1.0
        } else {
            return Ok(None);
        };
        let constant = node.inputs.iter().position(|&input| self.tensor(input).is_some());
        let Some((at, tensor)) = constant.and_then(|at| Some((at, self.tensor(node.inputs[at])?))) else {
            return Ok(None);
        };
        let inner = self.typed.node(node.inputs[1 - at].node);
        let is_exponential = inner.op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<math::Exp>());
        let matches = uniform(&floats(&tensor, &node.name)?) == Some(offset)
            && (at == 1 || offset == -1.0)
            && is_exponential
            && inner.inputs[..] == [x];
        Ok(matches.then_some(1.0))
    }
}

/// `mask * values`, where hidden infinities count as nothing.
fn product(node: &TypedNode, mask: &ArrayD<f32>, values: &ArrayD<f32>) -> Result<ArrayD<f32>, Problem> {
    let misfit = || unsupported(node, "condition and constant do not broadcast".into());
    let shape = broadcast(mask.shape(), values.shape()).ok_or_else(misfit)?;
    let mask = mask.broadcast(shape.clone()).ok_or_else(misfit)?;
    let values = values.broadcast(shape).ok_or_else(misfit)?;
    Ok(ndarray::Zip::from(mask).and(values).map_collect(|&mask, &value| if mask == 0.0 { 0.0 } else { value }))
}
