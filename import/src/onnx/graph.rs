//! Structure: every value has one producer, no node depends on itself, and what no output needs is
//! left out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::node::name_of;
use super::proto::{GraphProto, NodeProto};
use super::{Options, Problem};
use crate::Role;

/// Keeps the outputs that are asked for, in their order; of a whole text all but what a next call
/// would be given. Inputs and nodes that only the others need
/// are dropped with them.
pub(super) fn keep_outputs(graph: &mut GraphProto, options: &Options) -> Result<(), Problem> {
    if options.outputs.is_empty() {
        if options.whole_text {
            graph.output.retain(|output| Role::of(&output.name) != Some(Role::Cache));
        }
        return Ok(());
    }
    let known: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
    let kept = options.outputs.iter().map(|wanted| {
        let found = graph.output.iter().find(|output| output.name == *wanted).cloned();
        found.ok_or_else(|| Problem::NoOutput { wanted: wanted.clone(), known: known.clone() })
    });
    graph.output = kept.collect::<Result<_, _>>()?;
    let needed = needed(graph, &producers(graph)?);
    let mut kept = needed.into_iter();
    graph.node.retain(|_| kept.next().unwrap_or(false));
    let outputs = graph.output.iter().map(|output| output.name.as_str());
    let read = graph.node.iter().flat_map(reads).chain(outputs);
    let read: HashSet<String> = read.map(str::to_owned).collect();
    graph.input.retain(|input| read.contains(&input.name));
    Ok(())
}

/// The nodes that the outputs need, each after those it reads from; in the order of the file where
/// that is possible.
///
/// Refuses duplicate producers, dangling names, cycles and graphs without outputs.
pub(super) fn order(graph: &GraphProto) -> Result<Vec<usize>, Problem> {
    let producers = producers(graph)?;
    let given = given(graph);
    let known = |value: &str| producers.contains_key(value) || given.contains(value);
    for node in &graph.node {
        if let Some(value) = reads(node).into_iter().find(|value| !known(value)) {
            return Err(Problem::Undefined { reader: name_of(node), value: value.to_string() });
        }
    }
    if graph.output.is_empty() {
        return Err(Problem::Malformed("the graph has no outputs".into()));
    }
    let mut names = HashSet::new();
    for output in &graph.output {
        if !known(&output.name) {
            return Err(Problem::Undefined {
                reader: "the graph's outputs".into(),
                value: output.name.clone(),
            });
        }
        if !names.insert(output.name.as_str()) {
            return Err(Problem::Duplicate(output.name.clone()));
        }
    }
    let needed = needed(graph, &producers);
    let mut order = sorted(graph, &producers)?;
    order.retain(|&at| needed[at]);
    Ok(order)
}

/// The nodes of a branch, each after those it reads from. What it reads from outside is looked up
/// when it is lowered.
pub(super) fn branch_order(graph: &GraphProto) -> Result<Vec<usize>, Problem> {
    sorted(graph, &producers(graph)?)
}

/// Values that a node reads, in its subgraphs as well.
fn reads(node: &NodeProto) -> Vec<&str> {
    let mut found: Vec<&str> =
        node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let graphs =
        node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    found.extend(graphs.flat_map(captured));
    found
}

/// Values from outside that a subgraph reads.
fn captured(graph: &GraphProto) -> Vec<&str> {
    let mut own = given(graph);
    own.extend(graph.node.iter().flat_map(|node| &node.output).map(String::as_str));
    let read = graph
        .node
        .iter()
        .flat_map(reads)
        .chain(graph.output.iter().map(|output| output.name.as_str()));
    read.filter(|name| !name.is_empty() && !own.contains(name)).collect()
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

/// Which nodes the outputs depend on.
fn needed(graph: &GraphProto, producers: &HashMap<&str, usize>) -> Vec<bool> {
    let mut needed = vec![false; graph.node.len()];
    let mut waiting: Vec<usize> = graph
        .output
        .iter()
        .filter_map(|output| producers.get(output.name.as_str()).copied())
        .collect();
    while let Some(at) = waiting.pop() {
        if !std::mem::replace(&mut needed[at], true) {
            waiting.extend(
                reads(&graph.node[at]).into_iter().filter_map(|value| producers.get(value)),
            );
        }
    }
    needed
}

/// Takes nodes whose operands are all available, the first of the file first; what is never taken
/// is on a cycle or behind one.
fn sorted(graph: &GraphProto, producers: &HashMap<&str, usize>) -> Result<Vec<usize>, Problem> {
    let mut waiting = vec![0usize; graph.node.len()];
    let mut readers = vec![vec![]; graph.node.len()];
    for (at, node) in graph.node.iter().enumerate() {
        for &producer in reads(node).into_iter().filter_map(|value| producers.get(value)) {
            waiting[at] += 1;
            readers[producer].push(at);
        }
    }
    let mut order = Vec::with_capacity(graph.node.len());
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..graph.node.len()).filter(|&at| waiting[at] == 0).map(Reverse).collect();
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    match waiting.iter().position(|&count| count > 0) {
        Some(at) => Err(Problem::Cycle { node: name_of(&graph.node[at]) }),
        None => Ok(order),
    }
}
