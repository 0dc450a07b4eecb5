//! Right values, worked out by hand or from the definitions of ONNX, and forms that must be
//! refused.

mod anything;
mod arithmetic;
mod broadcasting;
mod elementwise;
mod generation;
mod layout;
mod limits;
mod matrices;
mod ordering;
mod quantization;
mod selection;

use ndarray::{ArrayD, IxDyn};

use super::super::Problem;
use super::super::budget::Budget;
use super::super::node::Node;
use super::super::proto::{AttributeProto, AttributeType, NodeProto};
use super::super::tensor::{Kind, Tensor, Values};
use super::fold;

/// A node with constant inputs.
struct Case {
    proto: NodeProto,
    opset: i64,
    inputs: Vec<Option<Tensor>>,
}

fn case(op: &str, opset: i64) -> Case {
    let proto = NodeProto {
        name: "n".into(),
        op_type: op.into(),
        output: vec!["y".into()],
        ..NodeProto::default()
    };
    Case { proto, opset, inputs: vec![] }
}

impl Case {
    fn with(mut self, tensor: Tensor) -> Case {
        self.proto.input.push(format!("x{}", self.inputs.len()));
        self.inputs.push(Some(tensor));
        self
    }

    fn without(mut self) -> Case {
        self.proto.input.push(String::new());
        self.inputs.push(None);
        self
    }

    fn outputs(mut self, names: &[&str]) -> Case {
        self.proto.output = names.iter().map(|name| name.to_string()).collect();
        self
    }

    fn attribute(mut self, kind: AttributeType, attribute: AttributeProto) -> Case {
        self.proto.attribute.push(AttributeProto { r#type: kind as i32, ..attribute });
        self
    }

    fn int(self, name: &str, value: i64) -> Case {
        self.attribute(
            AttributeType::Int,
            AttributeProto { name: name.into(), i: Some(value), ..AttributeProto::default() },
        )
    }

    fn ints(self, name: &str, ints: &[i64]) -> Case {
        let attribute =
            AttributeProto { name: name.into(), ints: ints.to_vec(), ..AttributeProto::default() };
        self.attribute(AttributeType::Ints, attribute)
    }

    fn float(self, name: &str, value: f32) -> Case {
        self.attribute(
            AttributeType::Float,
            AttributeProto { name: name.into(), f: Some(value), ..AttributeProto::default() },
        )
    }

    fn text(self, name: &str, text: &str) -> Case {
        let attribute =
            AttributeProto { name: name.into(), s: Some(text.into()), ..AttributeProto::default() };
        self.attribute(AttributeType::String, attribute)
    }

    fn run_within(self, budget: &mut Budget) -> Result<Vec<Option<Tensor>>, Problem> {
        let inputs: Vec<Option<&Tensor>> = self.inputs.iter().map(Option::as_ref).collect();
        fold(&mut Node::new(self.proto, self.opset), &inputs, budget)
    }

    fn run(self) -> Vec<Option<Tensor>> {
        self.run_within(&mut Budget::new(0)).unwrap()
    }

    /// The only output.
    fn one(self) -> Tensor {
        self.run().remove(0).unwrap()
    }

    /// Why it is refused.
    fn refusal(self) -> String {
        match self.run_within(&mut Budget::new(0)) {
            Err(problem) => problem.to_string(),
            Ok(found) => panic!("folded to {found:?}"),
        }
    }
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    let array = ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap();
    Tensor::new(Kind::F32, Values::F32(array.into_shared()))
}

fn of_kind(kind: Kind, shape: &[usize], values: &[i64]) -> Tensor {
    let array = ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).unwrap();
    Tensor::new(kind, Values::I64(array.into_shared()))
}

fn ints(shape: &[usize], values: &[i64]) -> Tensor {
    of_kind(Kind::I64, shape, values)
}

fn flags(shape: &[usize], values: &[i64]) -> Tensor {
    of_kind(Kind::Bool, shape, values)
}

/// A list of integers.
fn list(values: &[i64]) -> Tensor {
    ints(&[values.len()], values)
}

/// `0, 1, 2, ...` in some shape.
fn counted(shape: &[usize]) -> Tensor {
    let values: Vec<i64> = (0..shape.iter().product::<usize>() as i64).collect();
    ints(shape, &values)
}

#[track_caller]
fn assert_whole(found: &Tensor, kind: Kind, shape: &[usize], values: &[i64]) {
    assert_eq!((found.kind, found.shape()), (kind, shape));
    assert_eq!(found.as_ints().unwrap(), values);
}

#[track_caller]
fn assert_ints(found: &Tensor, shape: &[usize], values: &[i64]) {
    assert_whole(found, Kind::I64, shape, values);
}

/// Equal up to two last places of `float`; infinities and what is not a number must be the same.
#[track_caller]
fn assert_floats(found: &Tensor, shape: &[usize], values: &[f64]) {
    assert_eq!((found.kind, found.shape()), (Kind::F32, shape));
    let array = found.as_doubles();
    for (&found, &expected) in array.iter().zip(values) {
        let is_same = found == expected || found.is_nan() && expected.is_nan();
        assert!(
            is_same || (found - expected).abs() <= 2.4e-7 * expected.abs().max(1e-3),
            "{array:?}, {values:?} expected"
        );
    }
}
