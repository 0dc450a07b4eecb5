//! The scan before anything is built: structure, operators, constants and inputs of an ONNX file.
//!
//! Every problem is reported in the file's own names. What passes has known operators, constants whose data fits their
//! shape and is finite, a graph without cycles or dangling names, and inputs with static shapes.

mod constants;
mod forms;
mod graph;
mod inputs;
mod operators;

use std::path::Path;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};
use tract_onnx::prelude::Framework;

use super::{Options, Problem};

pub(super) use inputs::Input;

/// Largest file that is read: the limit of the protobuf format.
const MAX_FILE_BYTES: u64 = 1 << 31;

/// Reads and decodes a file.
pub(super) fn read(path: &Path) -> Result<ModelProto, Problem> {
    let bytes = std::fs::metadata(path).map_err(Problem::Read)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(Problem::TooLarge { bytes, limit: MAX_FILE_BYTES });
    }
    let data = std::fs::read(path).map_err(Problem::Read)?;
    let decoded = tract_onnx::onnx().proto_model_for_read(&mut data.as_slice());
    decoded.map_err(|error| Problem::Malformed(error.to_string()))
}

/// Checks a decoded file and returns its inputs with static shapes. External data is looked up in `directory`.
pub(super) fn check(file: &ModelProto, directory: &Path, options: &Options) -> Result<Vec<Input>, Problem> {
    let graph = file.graph.as_ref().ok_or_else(|| Problem::Malformed("it holds no graph".into()))?;
    let own = file.opset_import.iter().find(|opset| opset.domain.is_empty() || opset.domain == "ai.onnx");
    let opset = own.ok_or_else(|| Problem::Malformed("it does not say which operator set it uses".into()))?.version;
    if let Some(function) = file.functions.first() {
        let name = function.name.clone().unwrap_or_default();
        return Err(Problem::UnsupportedOperator { node: name, operator: "local function".into() });
    }
    operators::check(graph)?;
    forms::check(graph, opset)?;
    graph::check(graph)?;
    constants::check(graph, directory)?;
    inputs::fixed(graph, options)
}

/// The name by which a node is reported and imported: its own, or that of its first output.
pub(super) fn node_name(node: &NodeProto) -> String {
    if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() }
}

/// Whether `name` is an initializer of the graph.
fn is_initializer(graph: &GraphProto, name: &str) -> bool {
    graph.initializer.iter().any(|tensor| tensor.name == name)
}
