//! Operators that are a few simpler ones: each step is a node of its own, lowered or folded as one
//! of the file is.

use super::super::node::Node;
use super::super::proto::{AttributeProto, AttributeType, NodeProto};
use super::super::tensor::{Kind, Tensor, Values};
use super::value::{Args, Value};
use super::{Lowering, Problem};
use ndarray::{ArrayD, IxDyn};

/// Version of the operators that steps are.
const OPSET: i64 = 18;

impl Lowering {
    /// The first result of operator `op` on `operands`, as step `part` of `node`.
    pub(super) fn step_of(
        &mut self,
        node: &Node,
        part: &str,
        op: &str,
        operands: &[&Value],
        attributes: Vec<AttributeProto>,
    ) -> Result<Value, Problem> {
        let name = format!("{}.{part}", node.name);
        let step = NodeProto {
            name: name.clone(),
            op_type: op.into(),
            input: (0..operands.len()).map(|at| format!("{name}, operand {at}")).collect(),
            output: vec![name],
            attribute: attributes,
            ..NodeProto::default()
        };
        let mut args = Args::default();
        for operand in operands {
            args.push(Some(match operand {
                // Constants of a step are of one type.
                Value::Constant(tensor) if tensor.kind.is_float() => constant(tensor.as_floats()),
                operand => (*operand).clone(),
            }));
        }
        let mut results = self
            .results(&mut Node::new(step, OPSET), &args)
            .map_err(|problem| node.problem(problem.to_string()))?;
        let first = if results.is_empty() { None } else { results.swap_remove(0) };
        first.ok_or_else(|| node.problem(format!("{op} gives nothing")))
    }

    /// The result of `Reshape`.
    pub(super) fn step_shaped(
        &mut self,
        node: &Node,
        part: &str,
        x: &Value,
        shape: &[usize],
    ) -> Result<Value, Problem> {
        let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
        self.step_of(node, part, "Reshape", &[x, &list(&shape)], vec![])
    }

    /// The result of `Transpose`.
    pub(super) fn step_ordered(
        &mut self,
        node: &Node,
        part: &str,
        x: &Value,
        order: &[i64],
    ) -> Result<Value, Problem> {
        self.step_of(node, part, "Transpose", &[x], vec![ints("perm", order)])
    }
}

/// A constant list.
pub(super) fn list(values: &[i64]) -> Value {
    Value::Constant(Tensor::ints(values))
}

/// A constant number.
pub(super) fn number(value: f32) -> Value {
    constant(ArrayD::from_elem(IxDyn(&[]), value))
}

/// A constant of floats.
pub(super) fn constant(values: ArrayD<f32>) -> Value {
    Value::Constant(Tensor::new(Kind::F32, Values::F32(values.into_shared())))
}

/// A constant of truth values, of flags.
pub(super) fn truths(flags: &ArrayD<f32>) -> Value {
    let values = flags.mapv(|flag| i64::from(flag != 0.0));
    Value::Constant(Tensor::new(Kind::Bool, Values::I64(values.into_shared())))
}

/// An integer attribute.
pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        i: Some(value),
        r#type: AttributeType::Int as i32,
        ..AttributeProto::default()
    }
}

/// An attribute of integers.
pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints as i32,
        ..AttributeProto::default()
    }
}
