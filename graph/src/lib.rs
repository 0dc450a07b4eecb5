//! The integer graph: the only thing that is ever proven.
//!
//! A graph is a list of primitive operations on integer tensors. Each tensor carries its shape, its
//! fractional bits (a stored integer `n` stands for `n * 2^-bits`) and proven bounds.
//! [`Graph::execute`] defines what a graph means; circuits agree with it bit for bit.

mod execute;
pub mod interval;
pub mod linear;
mod op;
mod reach;
mod size;
pub mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use execute::ExecuteError;
pub use interval::{Interval, round_shift};
pub use linear::{Accumulate, Conv, IntegerSum, LinearMap};
use op::cost::{Cost, Lengths};
pub use op::{
    Causal, Energy, Leak, MatMul, Op, Outcome, Refusal, ZERO, below_max, matmul, relu, rsqrt, split,
};
pub use reach::Foresight;
use size::Size;
pub use size::{MAX_CELLS, MAX_MULTIPLICATIONS};
pub use table::{RowTable, Table};

/// Most elements of one tensor.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// Most fractional bits, in either direction.
pub const MAX_FRACTIONAL_BITS: u32 = 1000;

/// Index of a node in its [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub usize);

/// One operation and what is known of its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The layer of the source model that this node belongs to; several nodes may share it.
    pub layer: String,
    /// The operation.
    pub op: Op,
    /// Operands.
    pub inputs: Vec<NodeId>,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Fractional bits of the result.
    pub fractional_bits: i32,
    /// Proven bounds of every element of the result.
    pub bounds: Interval,
}

impl Node {
    /// Number of elements of the result.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the result has no elements; never true in a graph.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named tensor at the edge of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Name in the source model.
    pub name: String,
    /// The node.
    pub node: NodeId,
    /// What the statement says of the tensor.
    pub visibility: Visibility,
}

/// What a statement says of a tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    /// Nothing.
    #[default]
    Private,
    /// Its values.
    Public,
    /// A salted digest that binds its values and hides them.
    Committed,
}

/// A graph of primitive operations in topological order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    nodes: Vec<Node>,
    /// The inputs.
    pub inputs: Vec<Port>,
    /// The outputs.
    pub outputs: Vec<Port>,
}

/// Why a graph is refused.
#[derive(Debug, Error, PartialEq)]
#[error("layer `{layer}`, operation {op}: {problem}")]
pub struct GraphError {
    /// The layer.
    pub layer: String,
    /// The operation's name.
    pub op: &'static str,
    /// What is wrong.
    pub problem: GraphProblem,
}

/// What is wrong with an operation or a port.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GraphProblem {
    /// Something does not fit, or may overflow.
    #[error("{0}")]
    Malformed(String),
    /// The graph is too large up to this operation.
    #[error(
        "up to here the graph has {found} {measure}, {limit} are the most; compile the model for \
            fewer tokens or smaller inputs"
    )]
    TooLarge {
        /// What is counted.
        measure: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
}

impl Graph {
    /// The nodes; the operands of each come before it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Appends an operation. Length and bounds follow from the operands; `shape` must agree with
    /// the length.
    pub fn push(
        &mut self,
        layer: &str,
        op: Op,
        inputs: &[NodeId],
        shape: &[usize],
        fractional_bits: i32,
    ) -> Result<NodeId, GraphError> {
        let fail = |problem: String| {
            let problem = GraphProblem::Malformed(problem);
            GraphError { layer: layer.to_owned(), op: op.name(), problem }
        };
        let len = shape
            .iter()
            .try_fold(1usize, |product, d| product.checked_mul(*d))
            .filter(|len| (1..=MAX_ELEMENTS).contains(len))
            .ok_or_else(|| {
                fail(format!("shape {shape:?} is empty or has more than 2^28 elements"))
            })?;
        if fractional_bits.unsigned_abs() > MAX_FRACTIONAL_BITS {
            return Err(fail(format!(
                "{fractional_bits} fractional bits; {MAX_FRACTIONAL_BITS} are the most in either \
                    direction"
            )));
        }
        let mut operands = Vec::with_capacity(inputs.len());
        for id in inputs {
            let node = self
                .nodes
                .get(id.0)
                .ok_or_else(|| fail(format!("operand {} does not exist", id.0)))?;
            operands.push(Outcome { len: node.len(), bounds: node.bounds });
        }
        let outcome = match &op {
            Op::Input { .. } if !inputs.is_empty() => {
                return Err(fail("an input has no operands".into()));
            }
            Op::Input { range } => match range.declared() {
                Some(bounds) => Outcome { len, bounds },
                None => return Err(fail("the declared range is empty or passes 2^62".into())),
            },
            _ => op.infer(&operands).map_err(|problem| fail(problem.into()))?,
        };
        if outcome.len != len {
            return Err(fail(format!(
                "shape {shape:?} has {len} elements, the result has {}",
                outcome.len
            )));
        }
        self.nodes.push(Node {
            layer: layer.to_owned(),
            op,
            inputs: inputs.to_vec(),
            shape: shape.to_vec(),
            fractional_bits,
            bounds: outcome.bounds,
        });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Rebuilds every derived fact of a graph that came from outside, so that nothing in it is
    /// taken on trust, and refuses one whose size passes [`MAX_CELLS`] or [`MAX_MULTIPLICATIONS`]
    /// before anything is computed from it.
    pub fn validated(self) -> Result<Graph, GraphError> {
        let mut graph = Graph::default();
        let port_error = |name: &str, problem: String| GraphError {
            layer: name.to_owned(),
            op: "port",
            problem: GraphProblem::Malformed(problem),
        };
        let mut size = Size::default();
        for node in self.nodes {
            let id = graph.push(
                &node.layer,
                node.op,
                &node.inputs,
                &node.shape,
                node.fractional_bits,
            )?;
            size = size.checked(&graph, id)?;
        }
        for port in self.inputs.iter().chain(&self.outputs) {
            if port.node.0 >= graph.nodes.len() {
                return Err(port_error(&port.name, format!("node {} does not exist", port.node.0)));
            }
        }
        let declared = self
            .inputs
            .iter()
            .filter(|p| matches!(graph.node(p.node).op, Op::Input { .. }))
            .count();
        let inputs = graph.nodes.iter().filter(|n| matches!(n.op, Op::Input { .. })).count();
        let distinct: std::collections::BTreeSet<_> = self.inputs.iter().map(|p| p.node).collect();
        if declared != self.inputs.len() || distinct.len() != inputs || declared != inputs {
            return Err(port_error("", "every input node needs exactly one input port".into()));
        }
        graph.inputs = self.inputs;
        graph.outputs = self.outputs;
        size.check_ports(&graph)?;
        Ok(graph)
    }

    /// The committed tensors, inputs first.
    pub fn committed(&self) -> impl Iterator<Item = &Port> {
        self.inputs
            .iter()
            .chain(&self.outputs)
            .filter(|port| port.visibility == Visibility::Committed)
    }

    /// Weights stored in the graph: of layers and of the rows of embeddings.
    pub fn weights(&self) -> usize {
        let of = |node: &Node| match &node.op {
            Op::Linear(map) => map.weights(),
            Op::RowGather(table) => table.values().len(),
            _ => 0,
        };
        self.nodes.iter().map(of).sum()
    }

    /// Most values that a lookup of the graph carries beside its key.
    pub fn widest_row(&self) -> usize {
        let width = |node: &Node| match &node.op {
            Op::RowGather(table) => table.width(),
            _ => 1,
        };
        self.nodes.iter().map(width).max().unwrap_or(1)
    }

    /// Multiply-accumulates of one inference, in layers and between tensors.
    pub fn multiplications(&self) -> u64 {
        self.nodes.iter().map(|node| self.cost(node).multiplications).fold(0, u64::saturating_add)
    }

    /// What a node takes besides its operands and its result.
    fn cost(&self, node: &Node) -> Cost {
        let operands: Vec<u64> =
            node.inputs.iter().map(|input| self.node(*input).len() as u64).collect();
        node.op.operation().cost(Lengths { result: node.len() as u64, operands: &operands })
    }

    /// Elements that pass a non-linear operation: what circuits pay for.
    pub fn activations(&self) -> usize {
        self.nodes.iter().map(|node| self.activations_at(node)).sum()
    }

    /// Elements of each layer that pass a non-linear operation.
    pub fn activations_by_layer(&self) -> BTreeMap<&str, usize> {
        let mut layers = BTreeMap::new();
        for node in &self.nodes {
            *layers.entry(node.layer.as_str()).or_default() += self.activations_at(node);
        }
        layers
    }

    fn activations_at(&self, node: &Node) -> usize {
        match (&node.op, node.inputs.first()) {
            (Op::Relu { .. } | Op::Table { .. } | Op::TableBelowMax { .. }, _) => node.len(),
            (Op::Max { .. }, Some(x)) => self.node(*x).len(),
            _ => 0,
        }
    }
}
