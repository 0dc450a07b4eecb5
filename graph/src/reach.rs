//! What an element of a graph may depend on, in one number: the last position of a text.
//!
//! Elements of inputs have positions; an element that is computed depends on the positions up to
//! [`Reach`] at most. The walk follows every operation element by element, so a score that a mask
//! leaves out cuts what it leads to, and so does a weight of zero beside others. Where it is not
//! exact it says too much, never too little: a coefficient that happens to cancel another still
//! counts.
//!
//! Time is that of one inference or less, memory four bytes for each element of the live tensors.

use std::collections::BTreeMap;

use super::op::reach::{CONSTANT, Reach};
use super::op::{Gather, Op};
use super::{Graph, NodeId};

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
    /// The first element of `output` that may depend on a later position than it is allowed to.
    /// `inputs` has the position of each element of the input nodes that count, `allowed` the last
    /// position for each element of the output.
    pub fn foresight(
        &self,
        inputs: &BTreeMap<NodeId, Vec<u32>>,
        output: NodeId,
        allowed: &[u32],
    ) -> Option<Foresight> {
        let reaches = self.reaches(inputs);
        let mut found = reaches.get(output.0)?.iter().zip(allowed).enumerate();
        let (element, later, position) = found.find_map(|(element, (reach, allowed))| {
            reach.is_after(*allowed).then(|| (element, reach.position(), *allowed))
        })?;
        let node = self.node(self.blamed(&reaches, (output, element), position));
        let (layer, operation) = (node.layer.clone(), node.op.name());
        Some(Foresight { position: position as usize, later: later as usize, layer, operation })
    }

    /// The reach of every element of every node.
    fn reaches(&self, inputs: &BTreeMap<NodeId, Vec<u32>>) -> Vec<Vec<Reach>> {
        let mut reaches: Vec<Vec<Reach>> = Vec::with_capacity(self.nodes().len());
        for (at, node) in self.nodes().iter().enumerate() {
            let operands: Vec<&[Reach]> =
                node.inputs.iter().map(|id| reaches[id.0].as_slice()).collect();
            reaches.push(match inputs.get(&NodeId(at)) {
                Some(positions) => positions.iter().copied().map(Reach::at).collect(),
                None => node.op.operation().reach(node.len(), &operands),
            });
        }
        reaches
    }

    /// The node that joins what is known at a position with what is not: on the way back to the
    /// inputs the first with no operand of which the element reads later positions alone. Where
    /// there is none, later positions were moved: the last node that drops or repeats elements.
    fn blamed(
        &self,
        reaches: &[Vec<Reach>],
        (output, mut element): (NodeId, usize),
        position: u32,
    ) -> NodeId {
        let (mut at, mut moved) = (output, None);
        loop {
            let node = self.node(at);
            let reach = |id: &NodeId, element: &usize| {
                reaches.get(id.0).and_then(|reaches| reaches.get(*element)).copied()
            };
            let lengths: Vec<usize> = node.inputs.iter().map(|id| self.node(*id).len()).collect();
            let later = node.inputs.iter().enumerate().find_map(|(operand, id)| {
                let mut read = node.op.operation().read(operand, element, &lengths);
                read.retain(|element| reach(id, element) > Some(CONSTANT));
                let all = read.iter().all(|element| {
                    reach(id, element).is_some_and(|reach| reach.is_after(position))
                });
                read.first().filter(|_| all).map(|first| (*id, *first))
            });
            if let (Op::Gather(index), None) = (&node.op, moved)
                && !Gather(index).is_permutation()
            {
                moved = Some(at);
            }
            match later {
                Some((next, _)) if self.node(next).inputs.is_empty() => {
                    return moved.unwrap_or(output);
                }
                Some(next) => (at, element) = next,
                None => return at,
            }
        }
    }
}
