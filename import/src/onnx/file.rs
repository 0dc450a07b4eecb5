//! The file as bytes and messages: how large it may be, which operators its names mean, and what
//! its names look like.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use prost::Message;

use super::Problem;
use super::budget::{MAX_INITIALIZERS, MAX_NAME, MAX_NODES, MAX_PORTS};
use super::proto::{GraphProto, ModelProto};
use lemma_model::file::open_regular;

/// Largest file that is read: the limit of the protobuf format.
const MAX_FILE_BYTES: u64 = 1 << 31;

/// Letters of a decoder's message that are shown: it lists every message that it was in.
const MAX_MESSAGE: usize = 200;

/// Letters of a name that are shown where it is too long.
const MAX_SHOWN: usize = 40;

/// Newest version of ONNX's own operators that is known.
pub(super) const NEWEST_OPSET: i64 = 28;

/// Names under which a file may say that it means ONNX's own operators.
const OWN_DOMAINS: [&str; 2] = ["", "ai.onnx"];

/// Versions of the domains' operators.
pub(super) struct Opsets(HashMap<String, i64>);

impl Opsets {
    /// The version of a domain; 1 where the file does not say, as domains other than ONNX's own
    /// often do not.
    pub(super) fn of(&self, domain: &str) -> i64 {
        let domain = if OWN_DOMAINS.contains(&domain) { "" } else { domain };
        self.0.get(domain).copied().unwrap_or(1)
    }
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let file = open_regular(path).map_err(Problem::Read)?;
    let bytes = file.metadata().map_err(Problem::Read)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(Problem::TooLarge { bytes, limit: MAX_FILE_BYTES });
    }
    let mut data = Vec::with_capacity(bytes as usize);
    // It may have grown meanwhile.
    file.take(MAX_FILE_BYTES).read_to_end(&mut data).map_err(Problem::Read)?;
    Ok(data)
}

/// Decodes the contents of a file.
pub(super) fn decode(bytes: &[u8]) -> Result<ModelProto, Problem> {
    ModelProto::decode(bytes)
        .map_err(|error| Problem::Malformed(short(&error.to_string(), MAX_MESSAGE)))
}

/// The graph of a file and the versions of its operators.
pub(super) fn open(file: ModelProto) -> Result<(GraphProto, Opsets), Problem> {
    let graph = file.graph.ok_or_else(|| Problem::Malformed("it holds no graph".into()))?;
    let mut versions = HashMap::new();
    for opset in file.opset_import {
        let domain =
            if OWN_DOMAINS.contains(&opset.domain.as_str()) { String::new() } else { opset.domain };
        versions.insert(domain, opset.version);
    }
    match versions.get("") {
        // A file of other domains' operators alone need not say.
        None if graph.node.is_empty()
            || graph.node.iter().any(|node| OWN_DOMAINS.contains(&node.domain.as_str())) =>
        {
            return Err(Problem::Malformed("it does not say which operator set it uses".into()));
        }
        None => {}
        Some(version) if !(1..=NEWEST_OPSET).contains(version) => {
            return Err(Problem::Malformed(format!(
                "operator set {version} is not known; convert the file to one up to {NEWEST_OPSET}"
            )));
        }
        Some(_) => {}
    }
    if let Some(function) = file.functions.first() {
        return Err(Problem::UnsupportedOperator {
            node: short(&function.name, MAX_SHOWN),
            operator: "local function".into(),
        });
    }
    bounded(&graph)?;
    Ok((graph, Opsets(versions)))
}

/// Refuses graphs with too many parts or with names that are too long to be shown.
fn bounded(graph: &GraphProto) -> Result<(), Problem> {
    let counts = [
        (graph.node.len(), MAX_NODES, "nodes"),
        (graph.initializer.len(), MAX_INITIALIZERS, "initializers"),
        (graph.input.len(), MAX_INITIALIZERS + MAX_PORTS, "inputs"),
        (graph.output.len(), MAX_PORTS, "outputs"),
    ];
    if let Some((found, most, what)) = counts.into_iter().find(|(found, most, _)| found > most) {
        let problem = format!("{found} {what}; at most {most} are supported");
        return Err(Problem::Budget { place: "the graph".into(), problem });
    }
    let nodes = graph.node.iter().flat_map(|node| {
        let own = [&node.name, &node.op_type, &node.domain];
        own.into_iter()
            .chain(&node.input)
            .chain(&node.output)
            .chain(node.attribute.iter().map(|attribute| &attribute.name))
    });
    let values = graph.input.iter().chain(&graph.output).map(|value| &value.name);
    let mut names = nodes.chain(values).chain(graph.initializer.iter().map(|tensor| &tensor.name));
    match names.find(|name| name.len() > MAX_NAME) {
        None => Ok(()),
        Some(name) => Err(Problem::Budget {
            place: format!("the name `{}`", short(name, MAX_SHOWN)),
            problem: format!("{} bytes; at most {MAX_NAME} are supported", name.len()),
        }),
    }
}

/// The beginning of a text, at most `most` letters.
fn short(whole: &str, most: usize) -> String {
    let mut text: String = whole.chars().take(most).collect();
    if text.len() < whole.len() {
        text.push_str("..");
    }
    text
}
