//! Arithmetic of two and more operands.

use ndarray::ArrayD;

use super::value::{Args, Computed, Masked, Value};
use super::{Kind, Lowering, Node, Problem, axis_of, uniform};
use lemma_model::{NodeId, Op, Unary, broadcast, is_hiding};

/// First operator set whose binary operators broadcast as numpy does.
const NUMPY_BROADCASTING: i64 = 7;

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// Operators of two operands, with the broadcasting of their operator set.
    pub(super) fn binary(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let aligned = self.aligned(node, args)?;
        let args = aligned.as_ref().unwrap_or(args);
        match node.op.as_str() {
            "Add" => {
                let sum = self.sum(node, operand(node, args, 0)?, operand(node, args, 1)?)?;
                Ok(vec![Some(Value::Computed(sum))])
            }
            "Sub" => self.difference(node, args),
            "Mul" => self.product(node, args),
            "Div" => self.quotient(node, args),
            _ => self.power(node, args),
        }
    }

    /// The operands in today's broadcasting, where an older operator set has its own: `broadcast`
    /// allows it, `axis` says on which axis of the first operand the second one begins.
    fn aligned(&mut self, node: &mut Node, args: &Args) -> Result<Option<Args>, Problem> {
        if node.opset >= NUMPY_BROADCASTING {
            return Ok(None);
        }
        node.attributes.ignore("consumed_inputs");
        let allowed = node.attributes.flag("broadcast")?.unwrap_or(false);
        let axis = node.attributes.int("axis")?;
        let ((a, _), (b, name)) = (operand(node, args, 0)?, operand(node, args, 1)?);
        if !allowed {
            return if a.shape() == b.shape() {
                Ok(None)
            } else {
                Err(node.problem(
                    "its operands have different shapes, and attribute `broadcast` is not set",
                ))
            };
        }
        let (outer, inner) = (a.shape().len(), b.shape().len());
        let first = match axis {
            Some(axis) => axis_of(node, axis, outer)?,
            None => outer.saturating_sub(inner),
        };
        if first + inner > outer {
            return Err(node.problem("its second operand has no place on the axes of the first"));
        }
        let mut shape = b.shape().to_vec();
        shape.resize(outer - first, 1);
        let moved = match b {
            Value::Constant(tensor) => Value::Constant(reshaped_tensor(node, tensor, &shape)?),
            Value::Computed(value) => {
                let moved = self.moved(node, value, |lowering, _, x| {
                    lowering.reshaped(&format!("{name}.aligned"), x, &shape)
                })?;
                Value::Computed(moved)
            }
        };
        let mut aligned = Args::default();
        aligned.push(Some(a.clone()));
        aligned.push(Some(moved));
        Ok(Some(aligned))
    }

    fn difference(&mut self, node: &Node, args: &Args) -> Results {
        // A constant that is subtracted is one that is added, and may hide scores.
        if let (Some(Value::Computed(_)), Some(Value::Constant(tensor))) =
            (args.get(0), args.get(1))
        {
            let negative = super::super::tensor::Values::F32(
                tensor.as_floats().mapv(|value| -value).into_shared(),
            );
            if tensor.kind.is_float() && tensor.as_floats().iter().any(|&value| is_hiding(-value)) {
                let negative =
                    Value::Constant(super::super::tensor::Tensor::new(Kind::F32, negative));
                let sum =
                    self.sum(node, operand(node, args, 0)?, (&negative, args.name(node, 1)))?;
                return Ok(vec![Some(Value::Computed(sum))]);
            }
        }
        let (a, b) = (self.operand(node, args, 0)?, self.operand(node, args, 1)?);
        let id = self.push(&node.name, Op::Sub, &[a, b])?;
        let mut result = Computed::new(kind_of(args), self.shape_of(id).to_vec(), id);
        // What is taken from masked scores leaves them masked.
        if let (Some(Value::Computed(x)), Some(masked)) =
            (args.get(0), args.get(0).and_then(masked_of))
        {
            let scores = match masked.scores {
                Some(scores) => {
                    self.push(&format!("{}.scores", node.name), Op::Sub, &[scores, b])?
                }
                None => self.scaled(&format!("{}.scores", node.name), b, -1.0)?,
            };
            if x.shape == result.shape {
                result.masked = Some(Masked { scores: Some(scores), hidden: masked.hidden });
            }
        }
        Ok(vec![Some(Value::Computed(result))])
    }

    fn product(&mut self, node: &Node, args: &Args) -> Results {
        let name = node.name.as_str();
        let constant = [(0, 1), (1, 0)]
            .into_iter()
            .find_map(|(x, c)| Some((args.get(x)?, args.tensor(c)?, c)));
        let mut masked = None;
        let mut infinite = false;
        if let Some((Value::Computed(x), factor, at)) = constant {
            let factor = factor.as_floats();
            infinite = factor.iter().any(|&value| value.is_infinite() || value.abs() > 1e30);
            if factor.iter().any(|value| value.is_nan()) {
                self.weights(node, args, at, "factor")?;
            }
            if let Ok(x) = x.plain {
                masked = self.scaled_flags(name, x, &factor)?;
            }
            masked = masked.or(self.scaled_mask(name, x, &factor)?);
        }
        let shape = broadcast_of(node, args)?;
        let plain = if infinite {
            if masked.is_none() {
                // Says which constant it is where it is infinite.
                constant.map(|(_, _, at)| self.weights(node, args, at, "factor")).transpose()?;
            }
            Err("a product with the lowest float, read by something else than a softmax"
                .to_string())
        } else {
            match self.both(node, args)? {
                Ok([a, b]) => Ok(self.push(name, Op::Mul, &[a, b])?),
                Err(problem) => Err(problem),
            }
        };
        if let (Err(problem), None) = (&plain, &masked) {
            return Err(node.problem(problem.clone()));
        }
        Ok(vec![Some(Value::Computed(Computed {
            kind: kind_of(args),
            shape,
            plain,
            masked,
            comparison: None,
        }))])
    }

    /// Masked scores times a positive number.
    fn scaled_mask(
        &mut self,
        name: &str,
        x: &Computed,
        factor: &ArrayD<f32>,
    ) -> Result<Option<Masked>, Problem> {
        let (Some(masked), Some(factor)) =
            (&x.masked, uniform(factor).filter(|&factor| (0.1..1e30).contains(&factor)))
        else {
            return Ok(None);
        };
        let scores = masked
            .scores
            .map(|scores| self.scaled(&format!("{name}.scores"), scores, factor))
            .transpose()?;
        Ok(Some(Masked { scores, hidden: masked.hidden }))
    }

    fn quotient(&mut self, node: &Node, args: &Args) -> Results {
        let kind = kind_of(args);
        if !kind.is_float() {
            return self.whole_quotient(node, args, kind);
        }
        let name = node.name.as_str();
        let inverse_name = format!("{name}.inverse");
        let divisor = match args.get(1) {
            Some(Value::Constant(_)) => {
                let inverse = self.weights(node, args, 1, "divisor")?.mapv(f32::recip);
                if inverse.iter().any(|value| !value.is_finite()) {
                    return Err(node.problem("division by a constant zero"));
                }
                if let Some(Value::Computed(x)) = args.get(0)
                    && x.masked.is_some()
                {
                    let masked = self.scaled_mask(name, x, &inverse)?;
                    let inverse = self.constant(&inverse_name, inverse)?;
                    let plain = match &x.plain {
                        Ok(x) => Ok(self.push(name, Op::Mul, &[*x, inverse])?),
                        Err(problem) => Err(problem.clone()),
                    };
                    let shape = broadcast_of(node, args)?;
                    return Ok(vec![Some(Value::Computed(Computed {
                        kind,
                        shape,
                        plain,
                        masked,
                        comparison: None,
                    }))]);
                }
                self.constant(&inverse_name, inverse)?
            }
            _ => {
                let divisor = self.operand(node, args, 1)?;
                self.reciprocal(&inverse_name, divisor)?
            }
        };
        // One over something is its reciprocal.
        if args.tensor(0).is_some_and(|one| uniform(&one.as_floats()) == Some(1.0))
            && self.shape_of(divisor) == broadcast_of(node, args)?
        {
            return Ok(vec![Some(self.computed(kind, divisor))]);
        }
        let x = self.operand(node, args, 0)?;
        let id = self.push(name, Op::Mul, &[x, divisor])?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// `1 / x`; of a square root in one step.
    pub(super) fn reciprocal(&mut self, name: &str, x: NodeId) -> Result<NodeId, Problem> {
        match (self.op_of(x), self.inputs_of(x)) {
            (Op::Unary(Unary::Sqrt), &[inner]) => {
                self.push(name, Op::Unary(Unary::Rsqrt), &[inner])
            }
            _ => self.push(name, Op::Unary(Unary::Reciprocal), &[x]),
        }
    }

    fn power(&mut self, node: &Node, args: &Args) -> Results {
        if args.tensor(1).is_none() {
            return self.power_of_computed(node, args);
        }
        let exponents = self.weights(node, args, 1, "exponent")?;
        let kind = args.get(0).map_or(Kind::F32, Value::kind);
        let broken = exponents.iter().find(|&&exponent| exponent < 0.0 || exponent.fract() != 0.0);
        if let Some(exponent) = broken.filter(|_| kind.is_integer()) {
            return Err(node.problem(format!("integers to the power of {exponent}")));
        }
        let shape = args.get(0).map(Value::shape).unwrap_or_default();
        let fits = broadcast(exponents.shape(), shape).as_deref() == Some(shape);
        let Some(exponent) = uniform(&exponents).filter(|_| fits) else {
            return self
                .by_constants(node, args, kind, "exponent", |exponent| Some(Unary::Pow(exponent)));
        };
        let x = self.operand(node, args, 0)?;
        let name = node.name.as_str();
        let id = match exponent {
            0.0 => {
                let shape = self.shape_of(x).to_vec();
                self.constant(name, ArrayD::ones(shape))?
            }
            1.0 => x,
            2.0 => self.push(name, Op::Unary(Unary::Square), &[x])?,
            0.5 => self.push(name, Op::Unary(Unary::Sqrt), &[x])?,
            -0.5 => self.push(name, Op::Unary(Unary::Rsqrt), &[x])?,
            -1.0 => self.reciprocal(name, x)?,
            other => self.push(name, Op::Unary(Unary::Pow(other)), &[x])?,
        };
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// `exp(ln(base) exponent)` for a positive base.
    fn power_of_computed(&mut self, node: &Node, args: &Args) -> Results {
        let kind = args.get(0).map_or(Kind::F32, Value::kind);
        if kind.is_integer() {
            return Err(node.problem("integers to powers that depend on an input"));
        }
        let part = |part: &str| format!("{}.{part}", node.name);
        let exponent = self.operand(node, args, 1)?;
        let log = match args.tensor(0) {
            Some(_) => {
                let base = self.weights(node, args, 0, "base")?;
                if let Some(base) = base.iter().find(|&&base| base <= 0.0) {
                    return Err(node.problem(format!("{base} to a power that depends on an input")));
                }
                self.constant(&part("log"), base.mapv(f32::ln))?
            }
            None => {
                let base = self.operand(node, args, 0)?;
                self.push(&part("log"), Op::Unary(Unary::Ln), &[base])?
            }
        };
        let product = self.push(&part("product"), Op::Mul, &[log, exponent])?;
        let id = self.push(&node.name, Op::Unary(Unary::Exp), &[product])?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// `Max`, `Min`, `Sum` and `Mean` of any number of operands.
    pub(super) fn variadic(&mut self, node: &mut Node, args: &Args) -> Results {
        let count = node.inputs.len();
        if count == 0 {
            return Err(node.problem("no operands"));
        }
        node.takes(count, count)?;
        node.attributes.ignore("consumed_inputs");
        if node.opset < 8
            && (1..count).any(|at| args.get(at).map(Value::shape) != args.get(0).map(Value::shape))
        {
            return Err(node.problem("its operands have different shapes in this operator set"));
        }
        let mut result = operand(node, args, 0)?.0.clone();
        for at in 1..count {
            let next = operand(node, args, at)?;
            let found = match node.op.as_str() {
                "Sum" | "Mean" => self.sum(node, (&result, args.name(node, 0)), next)?,
                operator => {
                    self.extremum(node, (&result, args.name(node, 0)), next, operator == "Max")?
                }
            };
            result = Value::Computed(found);
        }
        if let ("Mean", Value::Computed(sum)) = (node.op.as_str(), &result)
            && count > 1
        {
            let plain = sum.plain.clone().map_err(|problem| node.problem(problem))?;
            let mean = self.scaled(&node.name, plain, 1.0 / count as f32)?;
            result = self.computed(sum.kind, mean);
        }
        Ok(vec![Some(result)])
    }

    /// The larger or smaller of two operands: a clip against a number, `b + relu(a - b)` otherwise.
    fn extremum(
        &mut self,
        node: &Node,
        a: (&Value, &str),
        b: (&Value, &str),
        largest: bool,
    ) -> Result<Computed, Problem> {
        let shape = broadcast(a.0.shape(), b.0.shape())
            .ok_or_else(|| node.problem("its operands do not broadcast"))?;
        let name = node.name.as_str();
        for ((x, _), (bound, bound_name)) in [(a, b), (b, a)] {
            let (Value::Computed(x), Value::Constant(bound)) = (x, bound) else { continue };
            // The lowest float under masked scores changes nothing that a softmax sees.
            let masked = x
                .masked
                .filter(|_| largest && bound.as_floats().iter().all(|&value| is_hiding(value)));
            let Some(bound) = uniform(&bound.finite(bound_name)?).filter(|_| x.shape == shape)
            else {
                continue;
            };
            let clip = match (largest, bound) {
                (true, 0.0) => Unary::Relu,
                (true, low) => Unary::Clip(low, f32::MAX),
                (false, high) => Unary::Clip(f32::MIN, high),
            };
            let plain = match &x.plain {
                Ok(x) => Ok(self.push(name, Op::Unary(clip), &[*x])?),
                Err(problem) => Err(problem.clone()),
            };
            return Ok(Computed { kind: x.kind, shape, plain, masked, comparison: None });
        }
        let (left, right) = (self.plain(node, a.0, a.1)?, self.plain(node, b.0, b.1)?);
        let order = if largest { [left, right] } else { [right, left] };
        let difference = self.push(&format!("{name}.difference"), Op::Sub, &order)?;
        let excess = self.push(&format!("{name}.excess"), Op::Unary(Unary::Relu), &[difference])?;
        let id = self.push(name, if largest { Op::Add } else { Op::Sub }, &[right, excess])?;
        Ok(Computed::new(a.0.kind(), shape, id))
    }

    /// Both operands as nodes, or why one of them has none.
    fn both(&mut self, node: &Node, args: &Args) -> Result<Result<[NodeId; 2], String>, Problem> {
        for value in args.computed() {
            if let Err(problem) = &value.plain {
                return Ok(Err(problem.clone()));
            }
        }
        Ok(Ok([self.operand(node, args, 0)?, self.operand(node, args, 1)?]))
    }
}

/// Operand `at`, which must be there, with its name.
pub(super) fn operand<'a>(
    node: &'a Node,
    args: &'a Args,
    at: usize,
) -> Result<(&'a Value, &'a str), Problem> {
    let value = args.get(at).ok_or_else(|| node.problem(format!("input {at} is missing")))?;
    Ok((value, args.name(node, at)))
}

fn masked_of(value: &Value) -> Option<Masked> {
    match value {
        Value::Computed(value) => value.masked,
        Value::Constant(_) => None,
    }
}

/// The kind of the first operand, which all of them share.
fn kind_of(args: &Args) -> Kind {
    args.get(0).map_or(Kind::F32, Value::kind)
}

fn broadcast_of(node: &Node, args: &Args) -> Result<Vec<usize>, Problem> {
    let shapes = args.get(0).zip(args.get(1)).and_then(|(a, b)| broadcast(a.shape(), b.shape()));
    shapes.ok_or_else(|| node.problem("its operands do not broadcast"))
}

/// A constant with another shape of as many elements.
pub(super) fn reshaped_tensor(
    node: &Node,
    tensor: &super::super::tensor::Tensor,
    shape: &[usize],
) -> Result<super::super::tensor::Tensor, Problem> {
    use super::super::tensor::{Tensor, Values};
    let misfit = |error: ndarray::ShapeError| node.problem(error.to_string());
    let values = match &tensor.values {
        Values::F32(array) => {
            Values::F32(array.to_shape(shape).map_err(misfit)?.into_owned().into_shared())
        }
        Values::F64(array) => {
            Values::F64(array.to_shape(shape).map_err(misfit)?.into_owned().into_shared())
        }
        Values::I64(array) => {
            Values::I64(array.to_shape(shape).map_err(misfit)?.into_owned().into_shared())
        }
    };
    Ok(Tensor { kind: tensor.kind, values })
}
