//! Reductions over axes, and running sums.

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, axes_of, axis_of};
use lemma_model::{NodeId, Op, Unary};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    pub(super) fn reduce(&mut self, node: &mut Node, args: &Args) -> Results {
        let keeps = node.attributes.flag("keepdims")?.unwrap_or(true);
        let since = if node.op == "ReduceSum" { 13 } else { 18 };
        let (given, empty_is_none) = if node.opset < since {
            node.takes(1, 1)?;
            (node.attributes.ints("axes")?, false)
        } else {
            node.takes(1, 2)?;
            let empty_is_none = node.attributes.flag("noop_with_empty_axes")?.unwrap_or(false);
            let given = node.has(1).then(|| self.integers(node, args, 1, "axes")).transpose()?;
            (given, empty_is_none)
        };
        let x = self.operand(node, args, 0)?;
        let kind = args.get(0).map_or(Kind::F32, Value::kind);
        let rank = self.shape_of(x).len();
        let axes = match given.filter(|axes| !axes.is_empty()) {
            Some(axes) => axes_of(node, &axes, rank)?,
            None if empty_is_none => vec![],
            None => (0..rank).collect(),
        };
        let reduced = self.reduced(node, x, kind, &axes)?;
        let shape: Vec<usize> = match keeps {
            true => self.shape_of(reduced).to_vec(),
            false => {
                let shape = self.shape_of(reduced).iter().enumerate();
                shape.filter(|(axis, _)| !axes.contains(axis)).map(|(_, &extent)| extent).collect()
            }
        };
        let id = self.reshaped(&format!("{}.shape", node.name), reduced, &shape)?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// The reduction that a node is, with the axes kept.
    fn reduced(
        &mut self,
        node: &Node,
        x: NodeId,
        kind: Kind,
        axes: &[usize],
    ) -> Result<NodeId, Problem> {
        let name = node.name.as_str();
        let part = |part: &str| format!("{name}.{part}");
        let total = |lowering: &mut Self, name: &str, x: NodeId| {
            if axes.is_empty() {
                Ok(x)
            } else {
                lowering.push(name, Op::Sum { axes: axes.to_vec() }, &[x])
            }
        };
        match node.op.as_str() {
            "ReduceSum" => total(self, name, x),
            "ReduceMean" if axes.is_empty() => Ok(x),
            "ReduceMean" if !kind.is_float() => {
                Err(node.problem("a mean of integers, which is cut off; cast to float first"))
            }
            "ReduceMean" => self.push(name, Op::Mean { axes: axes.to_vec() }, &[x]),
            "ReduceMax" => self.largest(name, x, axes),
            "ReduceProd" => self.product_over(name, x, axes),
            "ReduceMin" => {
                let negative = self.scaled(&part("negative"), x, -1.0)?;
                let largest = self.largest(&part("largest"), negative, axes)?;
                self.scaled(name, largest, -1.0)
            }
            "ReduceL1" => {
                let sizes = self.push(&part("sizes"), Op::Unary(Unary::Abs), &[x])?;
                total(self, name, sizes)
            }
            "ReduceSumSquare" | "ReduceL2" => {
                let squares = self.push(&part("squares"), Op::Unary(Unary::Square), &[x])?;
                if node.op == "ReduceSumSquare" {
                    return total(self, name, squares);
                }
                let sum = total(self, &part("sum"), squares)?;
                self.push(name, Op::Unary(Unary::Sqrt), &[sum])
            }
            "ReduceLogSum" => {
                let sum = total(self, &part("sum"), x)?;
                self.push(name, Op::Unary(Unary::Ln), &[sum])
            }
            "ReduceLogSumExp" => self.log_sum_exp(name, x, axes),
            other => Err(node.problem(format!("{other} of values that depend on an input"))),
        }
    }

    /// `max + log(sum(exp(x - max)))` over `axes`, which stay with size 1.
    pub(super) fn log_sum_exp(
        &mut self,
        name: &str,
        x: NodeId,
        axes: &[usize],
    ) -> Result<NodeId, Problem> {
        if axes.is_empty() {
            return Ok(x);
        }
        let part = |part: &str| format!("{name}.{part}");
        let largest = self.largest(&part("largest"), x, axes)?;
        let below = self.push(&part("below"), Op::Sub, &[x, largest])?;
        let powers = self.push(&part("powers"), Op::Unary(Unary::Exp), &[below])?;
        let sum = self.push(&part("sum"), Op::Sum { axes: axes.to_vec() }, &[powers])?;
        let log = self.push(&part("log"), Op::Unary(Unary::Ln), &[sum])?;
        self.push(name, Op::Add, &[largest, log])
    }

    /// Sums along an axis up to each element: a product with a triangle of ones.
    pub(super) fn running_sum(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let exclusive = node.attributes.flag("exclusive")?.unwrap_or(false);
        let reverse = node.attributes.flag("reverse")?.unwrap_or(false);
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let axis = self
            .known(node, args, 1, "axis")?
            .as_int()
            .ok_or_else(|| node.problem("the axis is not one integer"))?;
        let axis = axis_of(node, axis, shape.len())?;
        let extent = shape[axis];
        self.budget.elements(&[extent, extent])?;
        let weight = ndarray::Array2::from_shape_fn((extent, extent), |(from, to)| {
            let (early, late) = if reverse { (to, from) } else { (from, to) };
            f32::from(u8::from(if exclusive { early < late } else { early <= late }))
        });
        let id = self.along(&node.name, x, axis, |lowering, name, x| {
            lowering.push(name, Op::Dense { weight: weight.clone(), bias: None }, &[x])
        })?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// What `make` does to the last axis, done to another one.
    pub(super) fn along(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        make: impl FnOnce(&mut Self, &str, NodeId) -> Result<NodeId, Problem>,
    ) -> Result<NodeId, Problem> {
        let rank = self.shape_of(x).len();
        // Exchanging the axis with the last one is its own inverse.
        let mut order: Vec<usize> = (0..rank).collect();
        order.swap(axis, rank - 1);
        let moved = self.transposed(&format!("{name}.order"), x, &order)?;
        let made = make(self, name, moved)?;
        self.transposed(&format!("{name}.back"), made, &order)
    }
}
