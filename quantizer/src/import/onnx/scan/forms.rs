//! Forms of supported operators that the steps after the scan would read otherwise than the file means them. Each is
//! refused by the name of its node and attribute, with what to do instead.

use std::collections::BTreeSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::node_name;
use crate::import::onnx::Problem;

/// Integer types that drop the high bits of what is cast to them.
const NARROW: &[DataType] = &[DataType::Int8, DataType::Uint8, DataType::Int16, DataType::Uint16];

/// First operator set whose binary operators broadcast as numpy does.
const NUMPY_BROADCASTING: i64 = 7;

/// Rejects forms that would be misread. `opset` is the version of ONNX's own operator set.
pub(super) fn check(graph: &GraphProto, opset: i64) -> Result<(), Problem> {
    match graph.node.iter().find_map(|node| Some((node, misread(node, opset)?))) {
        None => Ok(()),
        Some((node, problem)) => Err(Problem::Unsupported { node: node_name(node), operator: node.op_type.clone(), problem }),
    }
}

/// What would be misread about a node.
fn misread(node: &NodeProto, opset: i64) -> Option<String> {
    let old = opset < NUMPY_BROADCASTING;
    match node.op_type.as_str() {
        "Conv" | "MaxPool" | "AveragePool" => padded_twice(node),
        "BatchNormalization" => statistics_of_the_batch(node, opset),
        "Swish" => attribute(node, "alpha")
            .filter(|alpha| alpha.f != 1.0)
            .map(|alpha| format!("attribute `alpha` is {}; write x * Sigmoid(alpha * x) instead", alpha.f)),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "And" | "Or" | "Equal" | "Less" | "Greater" if old => attribute(node, "axis")
            .map(|axis| {
                let axis = axis.i;
                format!("attribute `axis` is {axis}; convert the file to operator set 7 or later")
            }),
        "PRelu" if old => {
            let problem = "its slopes lie on the channels in this operator set; convert the file to 7 or later";
            Some(problem.into())
        }
        "Cast" => attribute(node, "to")
            .and_then(|to| NARROW.iter().find(|kind| i64::from(**kind as i32) == to.i))
            .map(|kind| format!("a cast to {} drops high bits; leave the cast out", kind.as_str_name())),
        "Transpose" => not_a_permutation(node),
        _ => None,
    }
}

/// `auto_pad` beside `pads`: runtimes disagree on which one counts.
fn padded_twice(node: &NodeProto) -> Option<String> {
    let automatic = attribute(node, "auto_pad").map(|mode| mode.s.as_slice());
    let automatic = automatic.filter(|mode| !mode.is_empty() && *mode != b"NOTSET")?;
    attribute(node, "pads")?;
    let mode = String::from_utf8_lossy(automatic).escape_default().to_string();
    Some(format!("`auto_pad` is {mode} and `pads` is given too; keep one of them"))
}

/// Batch normalization by the statistics of the batch, not by those of the training.
fn statistics_of_the_batch(node: &NodeProto, opset: i64) -> Option<String> {
    let is = |name: &str, value: i64| attribute(node, name).is_some_and(|attribute| attribute.i == value);
    if attribute(node, "training_mode").is_some_and(|mode| mode.i != 0) {
        return Some("attribute `training_mode` is set; export the model with `model.eval()`".into());
    }
    if node.output.len() > 1 || opset < NUMPY_BROADCASTING && !is("is_test", 1) {
        return Some("it is in training mode; export the model with `model.eval()`".into());
    }
    is("spatial", 0).then(|| "attribute `spatial` is 0; convert the file to operator set 9 or later".into())
}

fn not_a_permutation(node: &NodeProto) -> Option<String> {
    let axes = &attribute(node, "perm")?.ints;
    let distinct: BTreeSet<i64> = axes.iter().copied().collect();
    let complete = distinct.into_iter().eq(0..axes.len() as i64);
    (!complete).then(|| format!("attribute `perm` is {axes:?}, which is not a permutation of its axes"))
}

fn attribute<'n>(node: &'n NodeProto, name: &str) -> Option<&'n AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}
