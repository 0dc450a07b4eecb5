//! `Where`: a choice by a constant or by flags, a mask, and the activations that are written as a
//! choice.

use ndarray::ArrayD;

use super::arithmetic::operand;
use super::comparison::{Comparison, Relation};
use super::masks::{LARGE, REFUSED};
use super::value::{Args, Computed, Value};
use super::{Kind, Lowering, Node, Problem, uniform};
use lemma_model::{NodeId, Op, Unary, broadcast, is_hiding};

impl Lowering {
    pub(super) fn select(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        node.takes(3, 3)?;
        let (Some(condition), Some(on_true), Some(on_false)) =
            (args.get(0), args.get(1), args.get(2))
        else {
            return Err(node.problem("three operands expected"));
        };
        let kind = on_true.kind();
        let chosen = match condition {
            Value::Constant(condition) => self.choose(node, args, &condition.as_floats())?,
            Value::Computed(condition) => {
                if let Some(comparison) = condition.comparison
                    && let Some(result) = self.slope(node, comparison, args)?
                {
                    return Ok(vec![Some(self.computed(kind, result))]);
                }
                let flags = condition.plain.clone().map_err(|problem| node.problem(problem))?;
                self.choose_by_flags(node, args, flags)?
            }
        };
        let shape = broadcast(condition.shape(), on_true.shape())
            .and_then(|shape| broadcast(&shape, on_false.shape()));
        let shape = shape.ok_or_else(|| node.problem("its operands do not broadcast"))?;
        let (plain, masked) = chosen;
        let plain = match plain {
            Ok(id) => Ok(self.broadcast(&format!("{}.whole", node.name), id, &shape)?),
            Err(problem) => Err(problem),
        };
        if plain.is_err() && masked.is_none() {
            return Err(node.problem(plain.err().unwrap_or_default()));
        }
        let of_flags = plain.as_ref().is_ok_and(|id| self.flags.contains(id));
        if kind == Kind::Bool && !of_flags {
            return Err(node.problem("a choice of truth values that are no flags"));
        }
        Ok(vec![Some(Value::Computed(Computed { kind, shape, plain, masked, comparison: None }))])
    }

    /// A choice by a constant.
    fn choose(
        &mut self,
        node: &Node,
        args: &Args,
        condition: &ArrayD<f32>,
    ) -> Result<Readings, Problem> {
        let inverse = condition.mapv(|truth| 1.0 - truth);
        match uniform(condition) {
            Some(1.0) => return self.readings(node, args, 1),
            Some(0.0) => return self.readings(node, args, 2),
            _ => {}
        }
        let mut masked = None;
        for (low, kept, pattern) in [(2, 1, &inverse), (1, 2, condition)] {
            if self.hides(args, low) && args.tensor(kept).is_none() {
                let hidden = self.constant(&format!("{}.hidden", node.name), pattern.clone())?;
                masked = self.hidden_choice(&node.name, operand(node, args, kept)?, hidden)?;
            }
        }
        let plain =
            match (self.side(node, args, 1, condition)?, self.side(node, args, 2, &inverse)?) {
                (Ok(a), Ok(b)) => Ok(self.push(&node.name, Op::Add, &[a, b])?),
                (Err(problem), _) | (_, Err(problem)) => Err(problem),
            };
        Ok((plain, masked))
    }

    /// One side of a choice where `pattern` is one, zero elsewhere.
    fn side(
        &mut self,
        node: &Node,
        args: &Args,
        at: usize,
        pattern: &ArrayD<f32>,
    ) -> Result<Result<NodeId, String>, Problem> {
        let name = format!("{}.{}", node.name, if at == 1 { "true" } else { "false" });
        match args.get(at) {
            Some(Value::Constant(tensor)) => {
                let values = product(node, pattern, &tensor.as_floats())?;
                if values.iter().any(|value| !value.is_finite() || *value <= LARGE) {
                    return Ok(Err(REFUSED.into()));
                }
                self.constant(&name, values).map(Ok)
            }
            Some(Value::Computed(Computed { plain: Err(problem), .. })) => Ok(Err(problem.clone())),
            _ => {
                let x = self.operand(node, args, at)?;
                let pattern = self.constant(&format!("{name}.chosen"), pattern.clone())?;
                self.push(&name, Op::Mul, &[x, pattern]).map(Ok)
            }
        }
    }

    /// A choice by flags: a mask where one side is a low constant, and `b + flags (a - b)`.
    fn choose_by_flags(
        &mut self,
        node: &Node,
        args: &Args,
        flags: NodeId,
    ) -> Result<Readings, Problem> {
        if !self.flags.contains(&flags) {
            return Err(node.problem("the condition depends on the input and is no flag"));
        }
        let name = node.name.clone();
        let mut masked = None;
        for (low, kept) in [(1, 2), (2, 1)] {
            if self.hides(args, low) {
                let hidden = if low == 1 {
                    flags
                } else {
                    self.complement(&format!("{name}.hidden"), flags)?
                };
                masked = self.hidden_choice(&name, operand(node, args, kept)?, hidden)?;
            }
        }
        let low = |at: usize| {
            args.tensor(at).is_some_and(|tensor| {
                tensor.as_floats().iter().any(|value| !value.is_finite() || *value <= LARGE)
            })
        };
        if low(1) || low(2) {
            return Ok((Err(REFUSED.into()), masked));
        }
        let sides = [1, 2].map(|at| match args.get(at) {
            Some(Value::Computed(Computed { plain: Err(problem), .. })) => Some(problem.clone()),
            _ => None,
        });
        if let Some(problem) = sides.into_iter().flatten().next() {
            return Ok((Err(problem), masked));
        }
        let (a, b) = (self.operand(node, args, 1)?, self.operand(node, args, 2)?);
        if [a, b, flags].iter().all(|id| self.flags.contains(id)) {
            return Ok((Ok(self.chosen(&name, flags, a, b)?), masked));
        }
        let difference = self.push(&format!("{name}.difference"), Op::Sub, &[a, b])?;
        let chosen = self.push(&format!("{name}.chosen"), Op::Mul, &[flags, difference])?;
        Ok((Ok(self.push(&name, Op::Add, &[b, chosen])?), masked))
    }

    /// The readings of operand `at`, as they are.
    fn readings(&mut self, node: &Node, args: &Args, at: usize) -> Result<Readings, Problem> {
        match args.get(at) {
            Some(Value::Computed(value)) => Ok((value.plain.clone(), value.masked)),
            _ => Ok((Ok(self.operand(node, args, at)?), None)),
        }
    }

    /// Whether operand `at` is a constant whose every number hides a score.
    fn hides(&self, args: &Args, at: usize) -> bool {
        let floats = args.tensor(at).filter(|tensor| tensor.kind.is_float() && tensor.len() > 0);
        floats.is_some_and(|tensor| tensor.as_floats().iter().all(|&value| is_hiding(value)))
    }

    /// `x > 0 ? x : f(x)` for `f` a multiple of `x` or of `exp(x) - 1`, in any order of the
    /// comparison; `None` for another choice.
    fn slope(
        &mut self,
        node: &Node,
        comparison: Comparison,
        args: &Args,
    ) -> Result<Option<NodeId>, Problem> {
        let positive = match comparison.relation {
            Relation::Greater | Relation::GreaterOrEqual => true,
            Relation::Less | Relation::LessOrEqual => false,
            Relation::Equal => return Ok(None),
        };
        if comparison.bound != 0.0 {
            return Ok(None);
        }
        let (above, below) = if positive { (1, 2) } else { (2, 1) };
        let x = comparison.x;
        let is_x = |value: &Value| matches!(value, Value::Computed(Computed { plain: Ok(id), .. }) if *id == x);
        if !args.get(above).is_some_and(is_x) {
            return Ok(None);
        }
        if args.tensor(below).is_some_and(|zero| zero.as_floats().iter().all(|&value| value == 0.0))
        {
            return self.push(&node.name, Op::Unary(Unary::Relu), &[x]).map(Some);
        }
        let Some(&Value::Computed(Computed { plain: Ok(below), .. })) = args.get(below) else {
            return Ok(None);
        };
        if let Some(slope) = self.factor_of(below, x)
            && broadcast(slope.shape(), self.shape_of(x)).as_deref() == Some(self.shape_of(x))
        {
            return match uniform(&slope) {
                Some(slope) => {
                    self.push(&node.name, Op::Unary(Unary::LeakyRelu(slope)), &[x]).map(Some)
                }
                None => self.push(&node.name, Op::PRelu { slope }, &[x]).map(Some),
            };
        }
        self.exponential_of(below, x)
            .map(|alpha| self.push(&node.name, Op::Unary(Unary::Elu(alpha)), &[x]))
            .transpose()
    }

    /// The constant `c` of `c * x`.
    fn factor_of(&self, id: NodeId, x: NodeId) -> Option<ArrayD<f32>> {
        let (Op::Mul, &[a, b]) = (self.op_of(id), self.inputs_of(id)) else { return None };
        let other = if a == x { b } else { a };
        match self.op_of(other) {
            Op::Constant(values) if a == x || b == x => Some(values.clone()),
            _ => None,
        }
    }

    /// The constant `c` of `c * (exp(x) - 1)`.
    fn exponential_of(&self, id: NodeId, x: NodeId) -> Option<f32> {
        let number = |id: NodeId| match self.op_of(id) {
            Op::Constant(values) => uniform(values),
            _ => None,
        };
        let is_exponential = |id: NodeId| {
            matches!(self.op_of(id), Op::Unary(Unary::Exp)) && self.inputs_of(id) == [x]
        };
        match (self.op_of(id), self.inputs_of(id)) {
            (Op::Mul, &[a, b]) => match (number(a), number(b)) {
                (Some(factor), None) => self.exponential_of(b, x).map(|inner| factor * inner),
                (None, Some(factor)) => self.exponential_of(a, x).map(|inner| factor * inner),
                _ => None,
            },
            (Op::Sub, &[a, b]) => (number(b) == Some(1.0) && is_exponential(a)).then_some(1.0),
            (Op::Add, &[a, b]) => {
                let matches = number(b) == Some(-1.0) && is_exponential(a)
                    || number(a) == Some(-1.0) && is_exponential(b);
                matches.then_some(1.0)
            }
            _ => None,
        }
    }
}

/// The node of a choice's numbers, and what it is to a softmax.
type Readings = (Result<NodeId, String>, Option<super::value::Masked>);

/// `pattern * values`, where numbers that are not chosen count as nothing.
fn product(
    node: &Node,
    pattern: &ArrayD<f32>,
    values: &ArrayD<f32>,
) -> Result<ArrayD<f32>, Problem> {
    let misfit = || node.problem("condition and constant do not broadcast");
    let shape = broadcast(pattern.shape(), values.shape()).ok_or_else(misfit)?;
    lemma_model::volume(&shape).map_err(|problem| node.problem(problem))?;
    let pattern = pattern.broadcast(shape.clone()).ok_or_else(misfit)?;
    let values = values.broadcast(shape).ok_or_else(misfit)?;
    Ok(ndarray::Zip::from(pattern)
        .and(values)
        .map_collect(|&pattern, &value| if pattern == 0.0 { 0.0 } else { value }))
}
