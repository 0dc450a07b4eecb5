//! How large a graph from outside may be.
//!
//! A few bytes of a file can ask for gigabytes: a tensor listed a thousand times, groups of very
//! uneven length that are filled up, a convolution with small weights over a large image. So a
//! graph is counted before anything is computed from it, node by node with saturating sums:
//!
//! ```text
//! cells             elements of the result, and of every operand each time it is listed
//!                   + lookups: one for every four bits of a shift and of a checked range, the most
//!                     that any choice of tables makes
//!                   + padded rows: groups times the longest group
//!                   + rows of the tables that are looked up
//!                   + elements of every port
//! multiplications   of weights and of matrices
//! ```
//!
//! Cells bound the memory: a graph takes up to eight bytes for each when it is lowered and when it
//! runs. Multiplications bound the time of a run. Weights do not count, since a file holds each of
//! them.
//!
//! Not covered: what the file itself holds once decoded, up to eight times its size, and keys and
//! proofs, which take far more for each constraint; `lemma inspect` says how much.

use super::{Graph, GraphError, GraphProblem, NodeId};

/// Most cells of a graph that came from outside: 201 million, twice what a decoder of 135 million
/// weights takes for 16 tokens.
pub const MAX_CELLS: u64 = 3 << 26;

/// Most multiplications of one inference of a graph that came from outside.
pub const MAX_MULTIPLICATIONS: u64 = 1 << 37;

/// What the nodes of a graph come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Elements, lookups, padded rows and table rows.
    cells: u64,
    /// Multiplications of one inference.
    multiplications: u64,
}

impl Size {
    /// The size with one node more, whose operands and operation are sound; refused when it passes
    /// a limit.
    pub(super) fn checked(self, graph: &Graph, id: NodeId) -> Result<Size, GraphError> {
        let (size, node) = (self.with(graph, id), graph.node(id));
        size.within(&node.layer, node.op.name())?;
        Ok(size)
    }

    /// Refuses ports that together with the nodes pass a limit: one tensor may be listed many
    /// times.
    pub(super) fn check_ports(mut self, graph: &Graph) -> Result<(), GraphError> {
        for port in graph.inputs.iter().chain(&graph.outputs) {
            self.cells = self.cells.saturating_add(graph.node(port.node).len() as u64);
            self.within(&port.name, "port")?;
        }
        Ok(())
    }

    fn within(&self, layer: &str, op: &'static str) -> Result<(), GraphError> {
        let figures = [
            ("cells", self.cells, MAX_CELLS),
            ("multiplications", self.multiplications, MAX_MULTIPLICATIONS),
        ];
        match figures.into_iter().find(|(_, found, limit)| found > limit) {
            None => Ok(()),
            Some((measure, found, limit)) => Err(GraphError {
                layer: layer.to_owned(),
                op,
                problem: GraphProblem::TooLarge { measure, found, limit },
            }),
        }
    }

    fn with(self, graph: &Graph, id: NodeId) -> Size {
        let node = graph.node(id);
        let listed = node.inputs.iter().map(|input| graph.node(*input).len() as u64);
        let cost = graph.cost(node);
        let cells = listed.fold(cost.cells.saturating_add(node.len() as u64), u64::saturating_add);
        Size {
            cells: self.cells.saturating_add(cells),
            multiplications: self.multiplications.saturating_add(cost.multiplications),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{
        Causal, Conv, Interval, Leak, LinearMap, MatMul, Node, Op, Port, RowTable, Table,
        Visibility,
    };
    use super::*;

    const BIT: Interval = Interval { low: 0, high: 1 };

    /// A graph whose nodes are built without the builder, as one from outside is.
    fn outside(nodes: Vec<(Op, Vec<usize>, Vec<usize>)>) -> Graph {
        let inputs = (0..nodes.len())
            .filter(|&at| matches!(nodes[at].0, Op::Input { .. }))
            .map(|at| port("in", at))
            .collect();
        let nodes: Vec<Node> = nodes
            .into_iter()
            .enumerate()
            .map(|(at, (op, inputs, shape))| Node {
                layer: format!("layer {at}"),
                op,
                inputs: inputs.into_iter().map(NodeId).collect(),
                shape,
                fractional_bits: 0,
                bounds: BIT,
            })
            .collect();
        Graph { nodes, inputs, outputs: vec![] }
    }

    fn port(name: &str, node: usize) -> Port {
        Port { name: name.into(), node: NodeId(node), visibility: Visibility::Private }
    }

    fn input(len: usize) -> (Op, Vec<usize>, Vec<usize>) {
        (Op::Input { range: BIT }, vec![], vec![len])
    }

    /// Refused for its size, at this layer, by this figure.
    fn refused(graph: Graph, at: &str, what: &str) {
        let error = graph.validated().unwrap_err();
        println!("{error}");
        assert_eq!(error.layer, at);
        let GraphProblem::TooLarge { measure, found, limit } = error.problem else {
            panic!("{error}")
        };
        assert_eq!(measure, what);
        assert!(found > limit);
    }

    fn accepted(graph: Graph) {
        graph.validated().unwrap();
    }

    #[test]
    fn rejects_tensors_that_are_large_together() {
        let sums = |count: usize, len: usize| {
            let sum = |at: usize| (Op::Sum([1].into()), vec![at], vec![len]);
            outside(std::iter::once(input(len)).chain((0..count).map(sum)).collect())
        };
        accepted(sums(15, 1 << 22));
        refused(sums(40, 1 << 22), "layer 24", "cells");
        refused(sums(1, 1 << 26), "layer 1", "cells");
    }

    #[test]
    fn rejects_a_tensor_listed_many_times_in_a_gather() {
        let gather = |times: usize| {
            outside(vec![input(1 << 20), (Op::Gather([0].into()), vec![0; times], vec![1])])
        };
        accepted(gather(100));
        refused(gather(255), "layer 1", "cells");
        let sum = |times: usize| {
            outside(vec![
                input(1 << 20),
                (Op::Sum(vec![0; times].into()), vec![0; times], vec![1 << 20]),
            ])
        };
        accepted(sum(100));
        refused(sum(300), "layer 1", "cells");
    }

    #[test]
    fn rejects_many_gathers_of_one_large_tensor() {
        let gathers = |count: usize| {
            let gather = (Op::Gather([0].into()), vec![0], vec![1]);
            outside(
                std::iter::once(input(1 << 20)).chain(std::iter::repeat_n(gather, count)).collect(),
            )
        };
        accepted(gathers(100));
        refused(gathers(300), "layer 190", "cells");
    }

    #[test]
    fn rejects_groups_of_very_uneven_length() {
        let exponential =
            Arc::new(Table::tabulate("f", Interval { low: 0, high: 3 }, |key| 3 - key).unwrap());
        let uneven = |length: u32, nodes: usize| {
            let groups: Vec<u32> =
                std::iter::repeat_n(1, length as usize).chain([length]).collect();
            let op = Op::TableBelowMax {
                shift: 0,
                groups: groups.into(),
                range: BIT,
                table: exponential.clone(),
            };
            let len = 2 * length as usize;
            outside(
                std::iter::once(input(len))
                    .chain(std::iter::repeat_n((op, vec![0], vec![len]), nodes))
                    .collect(),
            )
        };
        accepted(uneven(12_000, 1));
        refused(uneven(12_000, 2), "layer 2", "cells");
    }

    #[test]
    fn rejects_lookups_beyond_measure() {
        let wide = |shift: u32, len: usize| {
            outside(vec![input(len), (Op::Rescale { shift, range: BIT }, vec![0], vec![len])])
        };
        accepted(wide(14, 1 << 22));
        refused(wide(62, 1 << 24), "layer 1", "cells");
        let argmax =
            outside(vec![input(1 << 24), (Op::ArgMax { group: 2 }, vec![0], vec![1 << 23])]);
        refused(argmax, "layer 1", "cells");
        let relu = Op::Relu { shift: 62, bits: 40, leak: Leak::none() };
        refused(outside(vec![input(1 << 24), (relu, vec![0], vec![1 << 24])]), "layer 1", "cells");
    }

    #[test]
    fn rejects_a_convolution_that_multiplies_for_ever() {
        let conv = |side: usize, kernel: usize| {
            let conv = Conv {
                weight: vec![1; kernel * kernel].into(),
                in_channels: 1,
                out_channels: 1,
                groups: 1,
                input: [side, side],
                output: [side, side],
                kernel: [kernel, kernel],
                stride: [1, 1],
                dilation: [1, 1],
                before: [kernel / 2, kernel / 2],
            };
            outside(vec![
                input(side * side),
                (Op::Linear(Arc::new(LinearMap::Conv(conv))), vec![0], vec![side * side]),
            ])
        };
        accepted(conv(1024, 3));
        refused(conv(4096, 128), "layer 1", "multiplications");
    }

    #[test]
    fn rejects_a_product_of_matrices_that_multiplies_for_ever() {
        let product = |n: usize| {
            let dims = MatMul { batch: 1, m: n, k: n, n, causal: Causal::No };
            outside(vec![input(n * n), (Op::MatMul(dims), vec![0, 0], vec![n * n])])
        };
        accepted(product(1024));
        refused(product(6000), "layer 1", "multiplications");
    }

    #[test]
    fn rejects_a_tensor_listed_many_times_as_an_output() {
        let listed = |times: usize| {
            let mut graph = outside(vec![input(1 << 20)]);
            graph.outputs = std::iter::repeat_n(port("out", 0), times).collect();
            graph
        };
        accepted(listed(100));
        refused(listed(300), "out", "cells");
    }

    #[test]
    fn counts_what_it_says() {
        let mut graph = Graph::default();
        let ids = graph
            .push("ids", Op::Input { range: Interval { low: 0, high: 3 } }, &[], &[2, 5], 0)
            .unwrap();
        let table = RowTable::new(3, vec![1; 12].into()).unwrap();
        let rows =
            graph.push("rows", Op::RowGather(Arc::new(table)), &[ids], &[2, 5, 3], 0).unwrap();
        let dense = LinearMap::Dense { weight: vec![1; 6].into(), outputs: 2, inputs: 3 };
        let y = graph.push("dense", Op::Linear(Arc::new(dense)), &[rows], &[2, 5, 2], 0).unwrap();
        let range = Interval { low: -8, high: 7 };
        graph.push("round", Op::Rescale { shift: 5, range }, &[y], &[2, 5, 2], 0).unwrap();
        let size = (0..4).fold(Size::default(), |size, at| size.with(&graph, NodeId(at)));
        // The input's elements and one lookup each; the rows, the ids, a lookup an element and the
        // table; the layer; the rounding.
        let cells = (10 + 10) + (30 + 10 + 30 + 4) + (20 + 30) + (20 + 20 + 20 * 3);
        assert_eq!(size, Size { cells, multiplications: 60 });
    }
}
