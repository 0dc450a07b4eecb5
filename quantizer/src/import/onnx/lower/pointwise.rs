//! Elementwise operators.

use ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::{Datum, DatumType, OutletId, TypedNode};
use tract_onnx::tract_core::internal::TDim;
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn;

use super::{Lowering, Problem, floats, unsupported};
use crate::model::{NodeId, Op, Unary};

impl Lowering<'_> {
    pub(super) fn binary(&mut self, node: &TypedNode, op: &TypedBinOp) -> Result<NodeId, Problem> {
        let [left, right] = node.inputs[..] else {
            return Err(unsupported(node, "two operands expected".into()));
        };
        let name = node.name.as_str();
        let mini: &dyn BinMiniOp = op.0.as_ref();
        if mini.is::<math::Add>() {
            let (a, b) = (self.addend(node, left)?, self.addend(node, right)?);
            self.sum(name, a, b)
        } else if mini.is::<math::Sub>() || mini.is::<math::SubF>() {
            let (a, b) = (self.operand(left)?, self.operand(right)?);
            let order = if mini.is::<math::Sub>() { [a, b] } else { [b, a] };
            self.push(name, Op::Sub, &order)
        } else if mini.is::<math::Mul>() {
            if let Some(mask) = self.scaled_flags(node, left, right)? {
                return Ok(mask);
            }
            let (a, b) = (self.operand(left)?, self.operand(right)?);
            self.push(name, Op::Mul, &[a, b])
        } else if mini.is::<math::Div>() {
            self.divide(node, left, right)
        } else if mini.is::<math::Max>() || mini.is::<math::Min>() {
            self.extremum(node, left, right, mini.is::<math::Max>())
        } else if mini.is::<math::Pow>() {
            let exponent = self.weights(node, 1, "exponent")?;
            let exponent = uniform(&exponent).ok_or_else(|| unsupported(node, "exponents differ".into()))?;
            self.power(node, exponent)
        } else {
            Err(unsupported(node, "only on constants".into()))
        }
    }

    fn divide(&mut self, node: &TypedNode, left: OutletId, right: OutletId) -> Result<NodeId, Problem> {
        if !node.outputs[0].fact.datum_type.is_float() {
            return Err(unsupported(node, "integer division of computed values".into()));
        }
        let x = self.operand(left)?;
        let reciprocal = match self.tensor(right) {
            Some(divisor) => {
                let inverse = floats(&divisor, &node.name)?.mapv(f32::recip);
                if inverse.iter().any(|value| !value.is_finite()) {
                    return Err(unsupported(node, "division by a constant zero".into()));
                }
                self.push(&format!("{}.inverse", node.name), Op::Constant(inverse), &[])?
            }
            None => {
                let divisor = self.operand(right)?;
                self.push(&format!("{}.inverse", node.name), Op::Unary(Unary::Reciprocal), &[divisor])?
            }
        };
        self.push(&node.name, Op::Mul, &[x, reciprocal])
    }

    /// The larger or smaller of two operands: a clip against a number, `b + relu(a - b)` otherwise.
    fn extremum(&mut self, node: &TypedNode, left: OutletId, right: OutletId, largest: bool) -> Result<NodeId, Problem> {
        let bound = |outlet: OutletId, lowering: &Self| -> Result<Option<f32>, Problem> {
            let Some(tensor) = lowering.tensor(outlet) else {
                return Ok(None);
            };
            Ok(uniform(&floats(&tensor, &node.name)?))
        };
        let result = self.shape(OutletId::new(node.id, 0))?;
        for (x, other) in [(left, right), (right, left)] {
            if let Some(bound) = bound(other, self)? {
                let x = self.operand(x)?;
                if self.shape_of(x) == result {
                    let clip = match (largest, bound) {
                        (true, 0.0) => Unary::Relu,
                        (true, low) => Unary::Clip(low, f32::MAX),
                        (false, high) => Unary::Clip(f32::MIN, high),
                    };
                    return self.push(&node.name, Op::Unary(clip), &[x]);
                }
            }
        }
        let (a, b) = (self.operand(left)?, self.operand(right)?);
        let order = if largest { [a, b] } else { [b, a] };
        let difference = self.push(&format!("{}.difference", node.name), Op::Sub, &order)?;
        let excess = self.push(&format!("{}.excess", node.name), Op::Unary(Unary::Relu), &[difference])?;
        self.push(&node.name, if largest { Op::Add } else { Op::Sub }, &[b, excess])
    }

    fn power(&mut self, node: &TypedNode, exponent: f32) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let function = match exponent {
            1.0 => return Ok(x),
            2.0 => Unary::Square,
            0.5 => Unary::Sqrt,
            -0.5 => Unary::Rsqrt,
            -1.0 => Unary::Reciprocal,
            other => Unary::Pow(other),
        };
        self.push(&node.name, Op::Unary(function), &[x])
    }

    pub(super) fn elementwise(&mut self, node: &TypedNode, op: &ElementWiseOp) -> Result<NodeId, Problem> {
        let mini = op.0.as_ref();
        if let Some(power) = mini.downcast_ref::<math::PowConst>() {
            return self.power(node, power.exponent);
        }
        let x = self.operand(node.inputs[0])?;
        if mini.is::<math::Neg>() {
            return self.scaled(&node.name, x, -1.0);
        }
        match activation(mini) {
            Some(function) => self.push(&node.name, Op::Unary(function), &[x]),
            None => Err(unsupported(node, "only on constants".into())),
        }
    }

    /// `x * factor`.
    pub(super) fn scaled(&mut self, name: &str, x: NodeId, factor: f32) -> Result<NodeId, Problem> {
        let factor = ArrayD::from_elem(IxDyn(&vec![1; self.shape_of(x).len()]), factor);
        let factor = self.push(&format!("{name}.factor"), Op::Constant(factor), &[])?;
        self.push(name, Op::Mul, &[x, factor])
    }

    /// A change of type that changes no value.
    pub(super) fn cast(&mut self, node: &TypedNode, to: DatumType) -> Result<NodeId, Problem> {
        let from = self.typed.node(node.inputs[0].node).outputs[node.inputs[0].slot].fact.datum_type;
        let whole = |kind: DatumType| kind.is_integer() || kind == TDim::datum_type() || kind == bool::datum_type();
        let keeps = (from.is_float() && to.is_float()) || (whole(from) && (to.is_float() || to.is_integer() || whole(to)));
        if !keeps {
            return Err(unsupported(node, format!("a change of computed values from {from:?} to {to:?}")));
        }
        self.operand(node.inputs[0])
    }
}

/// The function of one number that tract's operation is.
fn activation(mini: &dyn ElementWiseMiniOp) -> Option<Unary> {
    if let Some(leaky) = mini.downcast_ref::<nn::LeakyRelu>() {
        return Some(Unary::LeakyRelu(leaky.alpha));
    }
    if let Some(gelu) = mini.downcast_ref::<nn::GeluApproximate>() {
        return (!gelu.fast_impl).then_some(Unary::GeluTanh);
    }
    let plain = [
        (mini.is::<math::Abs>(), Unary::Abs),
        (mini.is::<math::Exp>(), Unary::Exp),
        (mini.is::<math::Ln>(), Unary::Ln),
        (mini.is::<math::Square>(), Unary::Square),
        (mini.is::<math::Sqrt>(), Unary::Sqrt),
        (mini.is::<math::Rsqrt>(), Unary::Rsqrt),
        (mini.is::<math::Recip>(), Unary::Reciprocal),
        (mini.is::<math::Tanh>(), Unary::Tanh),
        (mini.is::<math::Erf>(), Unary::Erf),
        (mini.is::<nn::Sigmoid>(), Unary::Sigmoid),
        (mini.is::<nn::HardSwish>(), Unary::HardSwish),
        (mini.is::<nn::Silu>(), Unary::Silu),
        (mini.is::<nn::GeluExact>(), Unary::Gelu),
    ];
    plain.into_iter().find(|(matches, _)| *matches).map(|(_, function)| function)
}

/// The value of every element, where they are all the same.
pub(super) fn uniform(array: &ArrayD<f32>) -> Option<f32> {
    let first = *array.first()?;
    array.iter().all(|&value| value == first).then_some(first)
}
