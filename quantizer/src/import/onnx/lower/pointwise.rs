//! Elementwise operators, selections, reductions, softmax and norms.

use ndarray::{Array1, ArrayD, IxDyn};
use tract_onnx::prelude::{DatumType, OutletId, Tensor, TypedNode};
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::{CompGT, CompGTE, CompLT, CompLTE};
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{self, Reduce, Reducer, Softmax, SoftmaxKind};

use super::{Lowering, MASKED, Problem, floats, raw_floats, unsupported};
use crate::model::{NodeId, Op, Unary, broadcast};

impl Lowering<'_> {
    pub(super) fn binary(&mut self, node: &TypedNode, op: &TypedBinOp) -> Result<NodeId, Problem> {
        let [left, right] = node.inputs[..] else {
            return Err(unsupported(node, "two operands expected".into()));
        };
        let name = node.name.as_str();
        let mini: &dyn BinMiniOp = op.0.as_ref();
        if mini.is::<math::Add>() {
            let (a, b) = (self.addend(node, left)?, self.addend(node, right)?);
            self.push(name, Op::Add, &[a, b])
        } else if mini.is::<math::Sub>() || mini.is::<math::SubF>() {
            let (a, b) = (self.operand(left)?, self.operand(right)?);
            let order = if mini.is::<math::Sub>() { [a, b] } else { [b, a] };
            self.push(name, Op::Sub, &order)
        } else if mini.is::<math::Mul>() {
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

    /// An operand of a sum; a constant mask's minus infinities become large negative numbers.
    fn addend(&mut self, node: &TypedNode, outlet: OutletId) -> Result<NodeId, Problem> {
        match self.tensor(outlet) {
            Some(tensor) => {
                let array = raw_floats(&tensor, &node.name)?;
                if array.iter().any(|&value| value == f32::NEG_INFINITY) {
                    return self.mask(node, array);
                }
                self.operand(outlet)
            }
            None => self.operand(outlet),
        }
    }

    fn mask(&mut self, node: &TypedNode, mask: ArrayD<f32>) -> Result<NodeId, Problem> {
        let mask = mask.mapv(|value| if value == f32::NEG_INFINITY { MASKED } else { value });
        if let Some((position, &value)) = mask.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(Problem::NotFinite { tensor: node.name.clone(), position, value });
        }
        self.push(&format!("{}.mask", node.name), Op::Constant(mask), &[])
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
        let plain: [(bool, Unary); 16] = [
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
            (mini.downcast_ref::<nn::GeluApproximate>().is_some_and(|gelu| !gelu.fast_impl), Unary::GeluTanh),
            (mini.is::<nn::LeakyRelu>(), Unary::LeakyRelu(mini.downcast_ref::<nn::LeakyRelu>().map_or(0.0, |leaky| leaky.alpha))),
            (false, Unary::Relu),
        ];
        match plain.into_iter().find(|(matches, _)| *matches) {
            Some((_, function)) => self.push(&node.name, Op::Unary(function), &[x]),
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
        let keeps = (from.is_float() && to.is_float()) || (from.is_integer() && (to.is_float() || to.is_integer()));
        if !keeps {
            return Err(unsupported(node, format!("a change of computed values from {from:?} to {to:?}")));
        }
        self.operand(node.inputs[0])
    }

    pub(super) fn reduce(&mut self, node: &TypedNode, op: &Reduce) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let axes = op.axes.to_vec();
        match op.reducer {
            _ if axes.is_empty() => Ok(x),
            Reducer::Sum => self.push(&node.name, Op::Sum { axes }, &[x]),
            Reducer::MeanOfSquares => {
                let squares = self.push(&format!("{}.square", node.name), Op::Unary(Unary::Square), &[x])?;
                self.push(&node.name, Op::Mean { axes }, &[squares])
            }
            Reducer::ArgMax(false) => {
                let [axis] = axes[..] else {
                    return Err(unsupported(node, "one axis expected".into()));
                };
                let mut order: Vec<usize> = (0..self.shape_of(x).len()).filter(|&at| at != axis).collect();
                order.push(axis);
                let x = self.transposed(&format!("{}.order", node.name), x, &order)?;
                let positions = self.push(&node.name, Op::ArgMax, &[x])?;
                let shape = self.shape(OutletId::new(node.id, 0))?;
                self.reshaped(&format!("{}.keep", node.name), positions, &shape)
            }
            reducer => Err(unsupported(node, format!("reduction {reducer:?}"))),
        }
    }

    pub(super) fn softmax(&mut self, node: &TypedNode, op: &Softmax) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let shape = self.shape_of(x).to_vec();
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !op.axes.contains(axis)).collect();
        let order: Vec<usize> = kept.iter().chain(&op.axes).copied().collect();
        let moved = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let moved_shape = self.shape_of(moved).to_vec();
        let mut rows: Vec<usize> = moved_shape[..kept.len()].to_vec();
        rows.push(moved_shape[kept.len()..].iter().product());
        let flat = self.reshaped(&format!("{}.rows", node.name), moved, &rows)?;
        let mut y = self.push(&node.name, Op::Softmax, &[flat])?;
        if op.kind == SoftmaxKind::LogSoftmax {
            y = self.push(&format!("{}.log", node.name), Op::Unary(Unary::Ln), &[y])?;
        }
        let y = self.reshaped(&format!("{}.split", node.name), y, &moved_shape)?;
        let mut inverse = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            inverse[from] = to;
        }
        self.transposed(&format!("{}.back", node.name), y, &inverse)
    }

    /// Root-mean-square normalisation of one axis, with a gain where a second operand gives one.
    pub(super) fn rms_norm(&mut self, node: &TypedNode, axis: usize, epsilon: &Tensor) -> Result<NodeId, Problem> {
        let epsilon = floats(epsilon, &node.name)?.sum();
        let gain = match node.inputs.len() {
            1 => None,
            _ => Some(self.weights(node, 1, "gain")?.into_iter().collect::<Array1<f32>>()),
        };
        let x = self.operand(node.inputs[0])?;
        let rank = self.shape_of(x).len();
        if axis >= rank {
            return Err(unsupported(node, format!("no axis {axis}")));
        }
        // Exchanging the axis with the last one is its own inverse.
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(axis, rank - 1);
        let x = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let y = self.push(&node.name, Op::RmsNorm { epsilon, gain }, &[x])?;
        self.transposed(&format!("{}.back", node.name), y, &order)
    }

    /// `Where`: a leaky slope, an exponential unit, or a choice by a constant condition.
    pub(super) fn select(&mut self, node: &TypedNode) -> Result<NodeId, Problem> {
        let [condition, on_true, on_false] = node.inputs[..] else {
            return Err(unsupported(node, "three operands expected".into()));
        };
        match self.tensor(condition) {
            Some(condition) => {
                let condition = raw_floats(&condition, &node.name)?;
                self.choose(node, condition, on_true, on_false)
            }
            None => self.slope(node, condition, on_true, on_false),
        }
    }

    /// `condition * a + (1 - condition) * b`; where one side is a large negative constant, an additive mask.
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
            if values.iter().all(|&value| value <= MASKED) {
                let mask = self.mask(node, mask.mapv(|hidden| hidden * MASKED))?;
                return self.push(&node.name, Op::Add, &[x, mask]);
            }
            let keep = mask.mapv(|hidden| 1.0 - hidden);
            let keep = self.push(&format!("{}.keep", node.name), Op::Constant(keep), &[])?;
            let kept = self.push(&format!("{}.kept", node.name), Op::Mul, &[x, keep])?;
            let chosen = self.mask(node, chosen)?;
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

/// The value of every element, where they are all the same.
fn uniform(array: &ArrayD<f32>) -> Option<f32> {
    let first = *array.first()?;
    array.iter().all(|&value| value == first).then_some(first)
}

/// `mask * values`, where hidden infinities count as nothing.
fn product(node: &TypedNode, mask: &ArrayD<f32>, values: &ArrayD<f32>) -> Result<ArrayD<f32>, Problem> {
    let misfit = || unsupported(node, "condition and constant do not broadcast".into());
    let shape = broadcast(mask.shape(), values.shape()).ok_or_else(misfit)?;
    let mask = mask.broadcast(shape.clone()).ok_or_else(misfit)?;
    let values = values.broadcast(shape).ok_or_else(misfit)?;
    Ok(ndarray::Zip::from(mask).and(values).map_collect(|&mask, &value| if mask == 0.0 { 0.0 } else { value }))
}
