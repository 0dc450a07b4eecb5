//! Structure: every value has one producer, and no node depends on itself.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::GraphProto;

use super::node_name;
use crate::import::onnx::Problem;

/// Rejects duplicate producers, dangling names, cycles and graphs without outputs.
pub(super) fn check(graph: &GraphProto) -> Result<(), Problem> {
    let producers = producers(graph)?;
    let given = given(graph);
    for node in &graph.node {
        for value in node.input.iter().filter(|value| !value.is_empty()) {
            if !producers.contains_key(value.as_str()) && !given.contains(value.as_str()) {
                return Err(Problem::Undefined { reader: node_name(node), value: value.clone() });
            }
        }
    }
    if graph.output.is_empty() {
        return Err(Problem::Malformed("the graph has no outputs".into()));
    }
    for output in &graph.output {
        if !producers.contains_key(output.name.as_str()) && !given.contains(output.name.as_str()) {
            return Err(Problem::Undefined { reader: "the graph's outputs".into(), value: output.name.clone() });
        }
    }
    check_acyclic(graph, &producers)
}

/// Values that exist before any node runs.
fn given(graph: &GraphProto) -> HashSet<&str> {
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    inputs.chain(graph.initializer.iter().map(|tensor| tensor.name.as_str())).collect()
}

/// Per value the node that produces it.
fn producers(graph: &GraphProto) -> Result<HashMap<&str, usize>, Problem> {
    let mut seen = HashSet::new();
    for tensor in &graph.initializer {
        if !seen.insert(tensor.name.as_str()) {
            return Err(Problem::Duplicate(tensor.name.clone()));
        }
    }
    let given = given(graph);
    let mut producers = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for value in node.output.iter().filter(|value| !value.is_empty()) {
            if given.contains(value.as_str()) || producers.insert(value.as_str(), at).is_some() {
                return Err(Problem::Duplicate(value.clone()));
            }
        }
    }
    Ok(producers)
}

/// Removes nodes whose operands are all available until none is left; what stays is on a cycle or behind one.
fn check_acyclic(graph: &GraphProto, producers: &HashMap<&str, usize>) -> Result<(), Problem> {
    let mut waiting = vec![0usize; graph.node.len()];
    let mut readers = vec![vec![]; graph.node.len()];
    for (at, node) in graph.node.iter().enumerate() {
        for producer in node.input.iter().filter_map(|value| producers.get(value.as_str())) {
            waiting[at] += 1;
            readers[*producer].push(at);
        }
    }
    let mut ready: Vec<usize> = (0..graph.node.len()).filter(|&at| waiting[at] == 0).collect();
    while let Some(at) = ready.pop() {
        for &reader in &readers[at] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(reader);
            }
        }
    }
    match waiting.iter().position(|&count| count > 0) {
        Some(at) => Err(Problem::Cycle { node: node_name(&graph.node[at]) }),
        None => Ok(()),
    }
}
