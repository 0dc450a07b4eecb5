//! Lowering: tract's decluttered graph, node by node, to the float model.
//!
//! Constants stay tract tensors until a node needs them as weights or operands, so integer shape arithmetic never
//! reaches the model. Each lowered node's shape is compared with the one tract inferred.

mod choice;
mod constants;
mod contraction;
mod flags;
mod masks;
mod pointwise;
mod reduction;
mod tokens;
mod views;
mod window;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ndarray::ArrayD;
use tract_onnx::prelude::{Datum, OutletId, Tensor, TypedModel, TypedNode};
use tract_onnx::tract_core::internal::{IntoArcTensor, IntoTValue};
use tract_onnx::tract_core::ops::array::{
    Gather, GatherNd, MultiBroadcastTo, Pad, Slice, StridedSlice, Tile, Trilu, TypedConcat,
};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::{AxisOp, IntoShape};
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, SumPool};
use tract_onnx::tract_core::ops::downsample::Downsample;
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::nn::{Reduce, RmsNorm, ScaledRmsNorm, Softmax};
use tract_onnx::tract_core::ops::source::TypedSource;

use self::constants::{floats, integers, raw_floats};
use super::Problem;
use crate::model::{Model, NodeId, Op, View, volume};

/// Rejects a graph in which tract inferred a tensor that is too large or whose shape is not static.
pub(super) fn check_sizes(typed: &TypedModel) -> Result<(), Problem> {
    for node in typed.nodes() {
        for output in &node.outputs {
            let problem = match output.fact.shape.as_concrete() {
                Some(shape) if shape.contains(&0) && output.fact.konst.is_some() => continue,
                Some(shape) => match volume(shape) {
                    Ok(_) => continue,
                    Err(problem) => problem,
                },
                None => format!("the shape {:?} of the result depends on more than the inputs' shapes", output.fact.shape),
            };
            return Err(unsupported(node, problem));
        }
    }
    Ok(())
}

/// The float model of `typed`, whose outputs are called `outputs`.
pub(super) fn lower(typed: &TypedModel, outputs: &[String]) -> Result<Model, Problem> {
    let refused =
        |error: tract_onnx::prelude::TractError| Problem::Refused { stage: "ordering the graph", problem: format!("{error:#}") };
    let mut lowering = Lowering {
        typed,
        model: Model::default(),
        values: HashMap::new(),
        names: HashSet::new(),
        flags: HashSet::new(),
        hidden: HashMap::new(),
    };
    for &input in typed.input_outlets().map_err(refused)? {
        lowering.input(input)?;
    }
    for id in typed.eval_order().map_err(refused)? {
        lowering.node(typed.node(id))?;
    }
    for (name, &outlet) in outputs.iter().zip(typed.output_outlets().map_err(refused)?) {
        let id = lowering.operand(outlet)?;
        lowering.model.outputs.push((name.clone(), id));
    }
    Ok(lowering.model)
}

/// A value of tract's graph in the making of ours.
#[derive(Clone)]
enum Value {
    /// Computed by a node.
    Node(NodeId),
    /// Known.
    Constant(Arc<Tensor>),
}

struct Lowering<'t> {
    typed: &'t TypedModel,
    model: Model,
    values: HashMap<OutletId, Value>,
    names: HashSet<String>,
    /// Nodes of the model whose every element is 0 or 1.
    flags: HashSet<NodeId>,
    /// Values that a softmax will not see where a second node is 1.
    hidden: HashMap<NodeId, NodeId>,
}

impl Lowering<'_> {
    fn input(&mut self, outlet: OutletId) -> Result<(), Problem> {
        let node = self.typed.node(outlet.node);
        let shape = self.shape(outlet)?;
        let integers = !node.outputs[outlet.slot].fact.datum_type.is_float();
        let vocabulary = tokens::vocabulary(self.typed, outlet).filter(|_| integers);
        let is_flag = vocabulary.is_none() && flags::is_read_as_truth(self.typed, outlet);
        let op = match vocabulary {
            Some(vocabulary) => Op::Tokens { vocabulary },
            None if is_flag => Op::Tokens { vocabulary: 2 },
            None => Op::Input,
        };
        self.names.insert(node.name.clone());
        let id = self.model.push_input(node.name.clone(), op, &shape)?;
        if is_flag {
            self.flags.insert(id);
        }
        self.values.insert(outlet, Value::Node(id));
        Ok(())
    }

    fn node(&mut self, node: &TypedNode) -> Result<(), Problem> {
        let mut known = true;
        for (slot, output) in node.outputs.iter().enumerate() {
            match &output.fact.konst {
                Some(tensor) => {
                    self.values.insert(OutletId::new(node.id, slot), Value::Constant(tensor.clone()));
                }
                None => known = false,
            }
        }
        if known || node.op_is::<TypedSource>() || self.fold(node)? {
            return Ok(());
        }
        let outlet = OutletId::new(node.id, 0);
        let first = self.model.nodes.len();
        let id = if is_condition(node) {
            // A condition that is not made of flags has no value; `Where` looks at how it is made.
            let Some(id) = self.truth(node)? else { return Ok(()) };
            id
        } else {
            self.computed(node)?
        };
        self.hide_view(id)?;
        self.check_hidden(node, first)?;
        self.note_flags(first);
        let (expected, found) = (self.shape(outlet)?, &self.model.nodes[id.0].shape);
        if *found != expected {
            return Err(unsupported(node, format!("lowered to shape {found:?}, expected {expected:?}")));
        }
        self.values.insert(outlet, Value::Node(id));
        Ok(())
    }

    /// Evaluates a node whose operands are all known.
    fn fold(&mut self, node: &TypedNode) -> Result<bool, Problem> {
        let mut operands = vec![];
        for input in &node.inputs {
            match self.values.get(input) {
                Some(Value::Constant(tensor)) => operands.push(tensor.clone().into_tvalue()),
                _ => return Ok(false),
            }
        }
        let results = node.op.eval_out_of_plan(operands.into()).map_err(|error| unsupported(node, format!("{error:#}")))?;
        for (slot, result) in results.into_iter().flatten().enumerate() {
            self.values.insert(OutletId::new(node.id, slot), Value::Constant(result.into_arc_tensor()));
        }
        Ok(self.values.contains_key(&OutletId::new(node.id, 0)))
    }

    fn computed(&mut self, node: &TypedNode) -> Result<NodeId, Problem> {
        if let Some(op) = node.op_as::<EinSum>() {
            self.contraction(node, op)
        } else if let Some(op) = node.op_as::<Conv>() {
            self.convolution(node, op)
        } else if let Some(op) = node.op_as::<SumPool>() {
            self.sum_pool(node, op)
        } else if let Some(op) = node.op_as::<MaxPool>() {
            self.max_pool(node, op)
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            self.binary(node, op)
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.elementwise(node, op)
        } else if node.op_is::<Iff>() {
            self.select(node)
        } else if let Some(op) = node.op_as::<Cast>() {
            self.cast(node, op.to)
        } else if let Some(op) = node.op_as::<Reduce>() {
            self.reduce(node, op)
        } else if let Some(op) = node.op_as::<Softmax>() {
            self.softmax(node, op)
        } else if let Some(op) = node.op_as::<RmsNorm>() {
            self.rms_norm(node, op.axis, &op.eps)
        } else if let Some(op) = node.op_as::<ScaledRmsNorm>() {
            self.rms_norm(node, op.axis, &op.eps)
        } else if let Some(op) = node.op_as::<AxisOp>() {
            self.axis(node, op)
        } else if node.op_is::<Identity>() {
            self.operand(node.inputs[0])
        } else if node.op_is::<IntoShape>() {
            self.reshape_to_fact(node)
        } else {
            self.rearranged(node)
        }
    }

    fn rearranged(&mut self, node: &TypedNode) -> Result<NodeId, Problem> {
        if let Some(op) = node.op_as::<TypedConcat>() {
            self.concat(node, op.axis)
        } else if let Some(op) = node.op_as::<Slice>() {
            self.slice(node, op)
        } else if let Some(op) = node.op_as::<Downsample>() {
            self.downsample(node, op)
        } else if let Some(op) = node.op_as::<Pad>() {
            self.pad(node, op)
        } else if node.op_is::<MultiBroadcastTo>() {
            self.broadcast(node)
        } else if let Some(op) = node.op_as::<Tile>() {
            self.tile(node, op)
        } else if let Some(op) = node.op_as::<Gather>() {
            self.gather(node, op.axis)
        } else if let Some(op) = node.op_as::<GatherNd>() {
            self.gather_points(node, op.batch_dims)
        } else if let Some(op) = node.op_as::<Trilu>() {
            self.triangle(node, op.upper)
        } else {
            let dynamic = if node.op_is::<StridedSlice>() { "bounds depend on the inputs" } else { "not supported" };
            Err(unsupported(node, dynamic.into()))
        }
    }

    /// The node of a value; constants become nodes when they are asked for.
    fn operand(&mut self, outlet: OutletId) -> Result<NodeId, Problem> {
        match self.value(outlet)? {
            Value::Node(id) => Ok(id),
            Value::Constant(tensor) => {
                let name = self.typed.node(outlet.node).name.clone();
                let array = floats(&tensor, &name)?;
                let id = self.push(&name, Op::Constant(array), &[])?;
                self.values.insert(outlet, Value::Node(id));
                Ok(id)
            }
        }
    }

    fn value(&self, outlet: OutletId) -> Result<Value, Problem> {
        self.values.get(&outlet).cloned().ok_or_else(|| {
            let node = self.typed.node(outlet.node);
            let problem = if is_condition(node) {
                "a condition that depends on the input is used for more than a choice"
            } else {
                "a second result is used"
            };
            unsupported(node, problem.into())
        })
    }

    /// The tensor of a value that is known.
    fn tensor(&self, outlet: OutletId) -> Option<Arc<Tensor>> {
        let konst = &self.typed.node(outlet.node).outputs.get(outlet.slot)?.fact.konst;
        match self.values.get(&outlet) {
            Some(Value::Constant(tensor)) => Some(tensor.clone()),
            _ => konst.clone(),
        }
    }

    /// The value of an operand that must be known, as `f32`.
    fn weights(&self, node: &TypedNode, slot: usize, what: &str) -> Result<ArrayD<f32>, Problem> {
        let tensor = node.inputs.get(slot).and_then(|&outlet| self.tensor(outlet));
        let tensor = tensor.ok_or_else(|| unsupported(node, format!("the {what} must be constant")))?;
        floats(&tensor, &node.name)
    }

    fn shape(&self, outlet: OutletId) -> Result<Vec<usize>, Problem> {
        let node = self.typed.node(outlet.node);
        let shape = node.outputs.get(outlet.slot).and_then(|output| output.fact.shape.as_concrete());
        shape.map(<[usize]>::to_vec).ok_or_else(|| unsupported(node, "its shape is not static".into()))
    }

    fn shape_of(&self, id: NodeId) -> &[usize] {
        &self.model.nodes[id.0].shape
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, Problem> {
        let name = self.unique(name);
        Ok(self.model.push(name, op, inputs)?)
    }

    /// `x` with another shape; nothing when it has it already.
    fn reshaped(&mut self, name: &str, x: NodeId, shape: &[usize]) -> Result<NodeId, Problem> {
        if self.shape_of(x) == shape {
            return Ok(x);
        }
        let name = self.unique(name);
        Ok(self.model.push_shaped(name, Op::View(View::Reshape), &[x], shape)?)
    }

    /// `x` with its axes in another order; nothing when the order is the same.
    fn transposed(&mut self, name: &str, x: NodeId, permutation: &[usize]) -> Result<NodeId, Problem> {
        if permutation.is_sorted() {
            return Ok(x);
        }
        self.push(name, Op::View(View::Transpose(permutation.to_vec())), &[x])
    }

    /// `name`, or `name` with the first number that makes it unique.
    fn unique(&mut self, name: &str) -> String {
        let candidates = (2..).map(|number| format!("{name}#{number}"));
        let free = std::iter::once(name.to_string()).chain(candidates).find(|name| !self.names.contains(name));
        let free = free.unwrap_or_default();
        self.names.insert(free.clone());
        free
    }
}

/// Whether a node computes truth values.
fn is_condition(node: &TypedNode) -> bool {
    node.outputs.iter().all(|output| output.fact.datum_type == bool::datum_type())
}

/// The error of a node whose operator is known but whose form is not.
fn unsupported(node: &TypedNode, problem: String) -> Problem {
    Problem::Unsupported { node: node.name.clone(), operator: node.op.name().to_string(), problem }
}
