//! Places where tract 0.23.9 reads a file otherwise than the ONNX operator documents say, put right in the file before
//! tract sees it. Each was found by comparing with onnxruntime.
//!
//! - `Pad` by reflection or edge ignores its mode when a constant value is given as well; the value is dropped.
//! - `SkipLayerNormalization` has a default epsilon of 1e-12, tract takes 1e-5; the default is written out.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};

/// Default of `SkipLayerNormalization`.
const SKIP_LAYER_NORM_EPSILON: f32 = 1e-12;

/// Rewrites what tract would misread.
pub(super) fn amend(file: &mut ModelProto) {
    for node in file.graph.iter_mut().flat_map(|graph| &mut graph.node) {
        match node.op_type.as_str() {
            "Pad" if mode(node).is_some_and(|mode| mode != b"constant") => {
                if let Some(value) = node.input.get_mut(2) {
                    value.clear();
                }
                while node.input.last().is_some_and(String::is_empty) {
                    node.input.pop();
                }
            }
            "SkipLayerNormalization" if !node.attribute.iter().any(|attribute| attribute.name == "epsilon") => {
                node.attribute.push(AttributeProto {
                    name: "epsilon".into(),
                    r#type: AttributeType::Float as i32,
                    f: SKIP_LAYER_NORM_EPSILON,
                    ..AttributeProto::default()
                });
            }
            _ => {}
        }
    }
}

fn mode(node: &NodeProto) -> Option<&[u8]> {
    node.attribute.iter().find(|attribute| attribute.name == "mode").map(|attribute| attribute.s.as_slice())
}
