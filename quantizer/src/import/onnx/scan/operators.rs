//! Which operators are known, and which attribute values are sane.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::node_name;
use crate::import::onnx::Problem;

/// Operators that the importer understands, at least in some form. Some only on constants.
const SUPPORTED: &[&str] = &[
    "Abs",
    "Add",
    "And",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "BiasGelu",
    "Cast",
    "CastLike",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "Cos",
    "Div",
    "Dropout",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "FastGelu",
    "Flatten",
    "Floor",
    "Gather",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "IsNaN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "Max",
    "MaxPool",
    "Min",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "RMSNormalization",
    "Range",
    "Reciprocal",
    "ReduceL2",
    "ReduceMean",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Rsqrt",
    "Shape",
    "Sigmoid",
    "SimplifiedLayerNormalization",
    "Sin",
    "SkipLayerNormalization",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Swish",
    "Tanh",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// Operator domains: ONNX's own, and the one where exporters put fused transformer operators.
const DOMAINS: &[&str] = &["", "ai.onnx", "com.microsoft"];

/// Largest kernel, stride, dilation, padding or group count.
const MAX_WINDOW: i64 = 1 << 20;

/// Rejects operators that are not supported and window attributes out of range.
pub(super) fn check(graph: &GraphProto) -> Result<(), Problem> {
    for node in &graph.node {
        let known_domain = DOMAINS.contains(&node.domain.as_str());
        if !known_domain || !SUPPORTED.contains(&node.op_type.as_str()) {
            let operator = if known_domain { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
            return Err(Problem::UnsupportedOperator { node: node_name(node), operator });
        }
        for attribute in &node.attribute {
            check_window(node, attribute)?;
        }
    }
    Ok(())
}

fn check_window(node: &NodeProto, attribute: &AttributeProto) -> Result<(), Problem> {
    let lowest = match attribute.name.as_str() {
        "kernel_shape" | "strides" | "dilations" | "group" => 1,
        "pads" if node.op_type != "Pad" => 0,
        _ => return Ok(()),
    };
    let single = (attribute.name == "group").then_some(&attribute.i);
    match attribute.ints.iter().chain(single).find(|value| !(lowest..=MAX_WINDOW).contains(*value)) {
        None => Ok(()),
        Some(value) => Err(Problem::Unsupported {
            node: node_name(node),
            operator: node.op_type.clone(),
            problem: format!("attribute `{}` holds {value}, outside {lowest}..={MAX_WINDOW}", attribute.name),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_without_duplicates() {
        assert!(SUPPORTED.is_sorted_by(|a, b| a < b));
    }
}
