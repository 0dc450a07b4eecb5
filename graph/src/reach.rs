//! What an element of a graph may depend on, in one number: the last position of a text.
//!
//! Elements of inputs have positions; an element that is computed depends on the positions up to [`Reach`] at most. The walk follows every
//! operation element by element, so a score that a mask leaves out cuts what it leads to, and so does a weight of zero beside others. Where it is not
//! exact it says too much, never too little: a coefficient that happens to cancel another still counts.
//!
//! Time is that of one inference or less, memory four bytes for each element of the live tensors.

use std::collections::BTreeMap;

use super::linear::{Accumulate, LinearMap};
use super::op::{Causal, MatMul, Op, ZERO};
use super::{Graph, Node, NodeId, split};

/// The last position that an element may depend on, and two more; 0 for an element that is zero whatever the inputs are, 1 for another constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reach(u32);

const NOTHING: Reach = Reach(0);
const CONSTANT: Reach = Reach(1);

impl Reach {
    fn position(position: u32) -> Reach {
        Reach(position.saturating_add(2))
    }

    fn is_after(self, position: u32) -> bool {
        self > Reach::position(position)
    }
}

/// An element that may depend on a later position than it is allowed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foresight {
    /// Its position.
    pub position: usize,
    /// What it depends on.
    pub later: usize,
    /// The layer that lets the later position in.
    pub layer: String,
    /// Its operation.
    pub operation: &'static str,
}

impl Graph {
    /// The first element of `output` that may depend on a later position than it is allowed to. `inputs` has the position of each element of the input
    /// nodes that count, `allowed` the last position for each element of the output.
    pub fn foresight(&self, inputs: &BTreeMap<NodeId, Vec<u32>>, output: NodeId, allowed: &[u32]) -> Option<Foresight> {
        let reaches = self.reaches(inputs);
        let mut found = reaches.get(output.0)?.iter().zip(allowed).enumerate();
        let (element, later, position) =
            found.find_map(|(element, (reach, allowed))| reach.is_after(*allowed).then(|| (element, reach.0 - 2, *allowed)))?;
        let node = self.node(self.blamed(&reaches, (output, element), position));
        let (layer, operation) = (node.layer.clone(), node.op.name());
        Some(Foresight { position: position as usize, later: later as usize, layer, operation })
    }

    /// The reach of every element of every node.
    fn reaches(&self, inputs: &BTreeMap<NodeId, Vec<u32>>) -> Vec<Vec<Reach>> {
        let mut reaches: Vec<Vec<Reach>> = Vec::with_capacity(self.nodes().len());
        for (at, node) in self.nodes().iter().enumerate() {
            let operands: Vec<&[Reach]> = node.inputs.iter().map(|id| reaches[id.0].as_slice()).collect();
            reaches.push(match inputs.get(&NodeId(at)) {
                Some(positions) => positions.iter().copied().map(Reach::position).collect(),
                None => reach(node, &operands),
            });
        }
        reaches
    }

    /// The node that joins what is known at a position with what is not: on the way back to the inputs the first with no operand of which the
    /// element reads later positions alone. Where there is none, later positions were moved: the last node that drops or repeats elements.
    fn blamed(&self, reaches: &[Vec<Reach>], (output, mut element): (NodeId, usize), position: u32) -> NodeId {
        let (mut at, mut moved) = (output, None);
        loop {
            let node = self.node(at);
            let reach = |id: &NodeId, element: &usize| reaches.get(id.0).and_then(|reaches| reaches.get(*element)).copied();
            let later = node.inputs.iter().enumerate().find_map(|(operand, id)| {
                let mut read = self.read(node, operand, element);
                read.retain(|element| reach(id, element) > Some(CONSTANT));
                let all = read.iter().all(|element| reach(id, element).is_some_and(|reach| reach.is_after(position)));
                read.first().filter(|_| all).map(|first| (*id, *first))
            });
            if let (Op::Gather(index), None) = (&node.op, moved)
                && !is_permutation(index)
            {
                moved = Some(at);
            }
            match later {
                Some((next, _)) if self.node(next).inputs.is_empty() => return moved.unwrap_or(output),
                Some(next) => (at, element) = next,
                None => return at,
            }
        }
    }

    /// Elements of an operand that an element of the result may depend on.
    fn read(&self, node: &Node, operand: usize, element: usize) -> Vec<usize> {
        let len = |index: usize| node.inputs.get(index).map_or(0, |id| self.node(*id).len());
        let group = |size: usize| (element / size * size..(element / size + 1) * size).collect();
        match &node.op {
            Op::Input { .. } | Op::Constant(_) => vec![],
            Op::Sum(_) | Op::Product | Op::Requantize { .. } | Op::Relu { .. } | Op::Table { .. } | Op::Reciprocal { .. } => {
                vec![element]
            }
            Op::Gather(index) => {
                let start: usize = (0..operand).map(len).sum();
                let from = index.get(element).filter(|from| **from != ZERO).map(|from| *from as usize);
                from.filter(|from| (start..start + len(operand)).contains(from)).map(|from| from - start).into_iter().collect()
            }
            Op::Linear(map) => match &**map {
                LinearMap::Dense { outputs, inputs, .. } => {
                    let row = element / outputs;
                    (row * inputs..(row + 1) * inputs).collect()
                }
                LinearMap::Diagonal(_) => vec![element],
                LinearMap::Conv(_) => (0..len(0)).collect(),
            },
            Op::MatMul(MatMul { m, k, n, .. }) => {
                let (batch, row, column) = (element / (m * n), element / n % m, element % n);
                match operand {
                    0 => ((batch * m + row) * k..(batch * m + row + 1) * k).collect(),
                    _ => (0..*k).map(|t| (batch * k + t) * n + column).collect(),
                }
            }
            Op::RowGather(table) => vec![element / table.width().max(1)],
            Op::TableBelowMax { groups, .. } => {
                let mut start = 0;
                let places = groups.iter().map(|n| {
                    start += *n as usize;
                    start - *n as usize..start
                });
                places.into_iter().find(|places| places.contains(&element)).map(|places| places.collect()).unwrap_or_default()
            }
            Op::Max { group: size, .. } | Op::ArgMax { group: size } => (element * size..(element + 1) * size).collect(),
            Op::Normalize { energy, .. } => group(energy.group),
        }
    }
}

/// Whether a gather has every element once.
fn is_permutation(index: &[u32]) -> bool {
    let mut seen = vec![false; index.len()];
    index.iter().all(|from| seen.get_mut(*from as usize).is_some_and(|seen| !std::mem::replace(seen, true)))
}

/// The reach of every element of a result.
fn reach(node: &Node, operands: &[&[Reach]]) -> Vec<Reach> {
    let x = operands.first().copied().unwrap_or(&[]);
    let largest = |group: &[Reach]| group.iter().copied().max().unwrap_or_default();
    // Not zero where the operand is.
    let function = |reach: Reach| reach.max(CONSTANT);
    match &node.op {
        Op::Input { .. } => vec![CONSTANT; node.len()],
        Op::Constant(values) => values.iter().map(|value| if *value == 0 { NOTHING } else { CONSTANT }).collect(),
        Op::Linear(map) => linear(map, x),
        Op::Gather(index) => {
            let all = operands.concat();
            index.iter().map(|from| all.get(*from as usize).copied().unwrap_or_default()).collect()
        }
        Op::Sum(coefficients) => {
            let mut sum = vec![NOTHING; node.len()];
            for (operand, _) in operands.iter().zip(coefficients.iter()).filter(|(_, coefficient)| **coefficient != 0) {
                sum.iter_mut().zip(*operand).for_each(|(sum, reach)| *sum = (*sum).max(*reach));
            }
            sum
        }
        Op::Product => x.iter().zip(operands.get(1).copied().unwrap_or(&[])).map(|(a, b)| product(*a, *b)).collect(),
        Op::Requantize { .. } | Op::Relu { .. } => x.to_vec(),
        Op::Table { .. } | Op::Reciprocal { .. } => x.iter().copied().map(function).collect(),
        Op::TableBelowMax { groups, .. } => {
            let mut reaches = Vec::with_capacity(node.len());
            for operand in operands {
                let of_groups =
                    split(operand, groups).flat_map(|group| std::iter::repeat_n(function(largest(group)), group.len()));
                if reaches.is_empty() {
                    reaches.extend(of_groups);
                } else {
                    reaches
                        .iter_mut()
                        .zip(of_groups)
                        .for_each(|(reach, other): (&mut Reach, Reach)| *reach = (*reach).max(other));
                }
            }
            reaches
        }
        Op::Max { group, .. } | Op::ArgMax { group } => x.chunks(*group).map(largest).collect(),
        Op::Normalize { energy, .. } => x
            .chunks(energy.group)
            .flat_map(|group| group.iter().map(move |reach| product(*reach, group.iter().copied().max().unwrap_or_default())))
            .collect(),
        Op::MatMul(dims) => matmul(dims, x, operands.get(1).copied().unwrap_or(&[])),
        Op::RowGather(table) => x.iter().flat_map(|reach| std::iter::repeat_n(function(*reach), table.width())).collect(),
    }
}

fn product(a: Reach, b: Reach) -> Reach {
    if a.min(b) == NOTHING { NOTHING } else { a.max(b) }
}

/// The greatest reach among operands with a weight.
#[derive(Default)]
struct Latest(Reach);

impl Accumulate for Latest {
    type Value = Reach;

    fn add(&mut self, weight: i64, value: &Reach) {
        if weight != 0 {
            self.0 = self.0.max(*value);
        }
    }

    fn finish(self) -> Reach {
        self.0
    }
}

/// Rows of one reach throughout, which most are, need no look at the weights.
fn linear(map: &LinearMap, x: &[Reach]) -> Vec<Reach> {
    match map {
        LinearMap::Dense { outputs, inputs, .. } => {
            let even = |row: &[Reach]| row.iter().all(|reach| Some(reach) == row.first());
            if x.chunks(*inputs).all(even) {
                let first = x.iter().step_by(*inputs);
                return first.flat_map(|reach| std::iter::repeat_n(*reach, *outputs)).collect();
            }
            map.apply::<Latest>(x)
        }
        _ => map.apply::<Latest>(x),
    }
}

fn matmul(dims: &MatMul, a: &[Reach], b: &[Reach]) -> Vec<Reach> {
    let MatMul { m, k, n, causal, .. } = *dims;
    let mut c = Vec::with_capacity(a.len() / k * n);
    for (a, b) in a.chunks(m * k).zip(b.chunks(k * n)) {
        for (i, row) in a.chunks(k).enumerate() {
            let terms = if causal == Causal::Left { i + 1 } else { k };
            let cells = if causal == Causal::Result { i + 1 } else { n };
            let mut sums = vec![NOTHING; n];
            for (x, right) in row.iter().zip(b.chunks(n)).take(terms) {
                sums.iter_mut().zip(right).take(cells).for_each(|(sum, y)| *sum = (*sum).max(product(*x, *y)));
            }
            c.extend(sums);
        }
    }
    c
}
