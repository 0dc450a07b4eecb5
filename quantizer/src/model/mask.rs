//! Additive masks: constants that keep or forbid an attention score, and the flags that masks are made of.

use std::collections::{BTreeMap, HashMap};

use ndarray::ArrayD;

use super::float::evaluate;
use super::{Model, NodeId, Op};

/// Constants at or below this forbid; smaller ones are ordinary numbers.
pub const MASKED: f32 = -9000.0;

/// What a score loses that an input forbids: a factor of 1e-13 after a softmax.
pub const FLAG_DEPTH: f32 = 30.0;

impl Model {
    /// The mask that node `id` adds to its operand, with the index of the operand that is masked: an [`Op::Add`] of a constant with entries at
    /// or below [`MASKED`].
    pub fn mask(&self, id: NodeId) -> Option<(&ArrayD<f32>, usize)> {
        let node = self.node(id).filter(|node| matches!(node.op, Op::Add))?;
        node.inputs.iter().enumerate().find_map(|(index, input)| match &self.node(*input)?.op {
            Op::Constant(values) if values.iter().any(|v| *v <= MASKED) => Some((values, 1 - index.min(1))),
            _ => None,
        })
    }

    /// A node that adds a constant mask and is read by something else than a softmax: what it does there is lost when the model is quantized.
    pub fn misplaced_mask(&self) -> Option<NodeId> {
        let is_output = |id: NodeId| self.outputs.iter().any(|(_, output)| *output == id);
        let masks = (0..self.nodes.len()).map(NodeId).filter(|&id| self.mask(id).is_some());
        masks.into_iter().find(|&id| {
            is_output(id) || self.nodes.iter().any(|node| node.inputs.contains(&id) && !matches!(node.op, Op::Softmax))
        })
    }

    /// The least value that each element of a tensor of flags can have: 1 where it is 1 whatever the inputs are. `None` unless the tensor is made
    /// of inputs and constants of zeros and ones by products, complements and rearrangements.
    pub fn least_flags(&self, id: NodeId) -> Option<ArrayD<f32>> {
        Some(self.flag_bounds(id, &mut HashMap::new())?.0)
    }

    fn flag_bounds(&self, id: NodeId, known: &mut HashMap<NodeId, Bounds>) -> Option<Bounds> {
        if let Some(bounds) = known.get(&id) {
            return Some(bounds.clone());
        }
        let node = self.node(id)?;
        let operands = node.inputs.iter().map(|&input| self.flag_bounds(input, known)).collect::<Option<Vec<_>>>()?;
        let apply = |values: &[&ArrayD<f32>]| {
            let views: Vec<_> = values.iter().map(|value| value.view()).collect();
            evaluate(node, &views).ok()
        };
        let bounds = match (&node.op, &operands[..]) {
            (Op::Tokens { .. }, []) => (ArrayD::zeros(node.shape.as_slice()), ArrayD::ones(node.shape.as_slice())),
            (Op::Constant(values), []) => (values.clone(), values.clone()),
            (Op::Mul, [(low_a, high_a), (low_b, high_b)]) => (apply(&[low_a, low_b])?, apply(&[high_a, high_b])?),
            (Op::Sub, [(low_a, high_a), (low_b, high_b)]) => (apply(&[low_a, high_b])?, apply(&[high_a, low_b])?),
            (Op::View(_), parts) => {
                let (low, high): (Vec<_>, Vec<_>) = parts.iter().map(|(low, high)| (low, high)).unzip();
                (apply(&low)?, apply(&high)?)
            }
            _ => return None,
        };
        known.insert(id, bounds.clone());
        Some(bounds)
    }

    /// For every softmax with masks that inputs decide, these masks: the tensors added to its operand that are made of flags and constants alone.
    pub fn flag_masks(&self) -> BTreeMap<NodeId, Vec<NodeId>> {
        let mut flags = vec![false; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let is_flag = |id: &NodeId| flags.get(id.0) == Some(&true);
            let is_known = |id: &NodeId| is_flag(id) || self.node(*id).is_some_and(|node| matches!(node.op, Op::Constant(_)));
            flags[at] = match node.op {
                Op::Tokens { vocabulary } => vocabulary == 2,
                Op::Add | Op::Sub | Op::Mul | Op::View(_) => node.inputs.iter().all(is_known) && node.inputs.iter().any(is_flag),
                _ => false,
            };
        }
        let masks = |softmax: &super::Node| {
            let (mut found, mut waiting) = (vec![], softmax.inputs.clone());
            while let Some(id) = waiting.pop() {
                match self.node(id) {
                    _ if flags.get(id.0) == Some(&true) => found.push(id),
                    Some(node) if matches!(node.op, Op::Add) => waiting.extend(&node.inputs),
                    _ => {}
                }
            }
            found
        };
        let softmaxes = self.nodes.iter().enumerate().filter(|(_, node)| matches!(node.op, Op::Softmax));
        softmaxes.map(|(at, node)| (NodeId(at), masks(node))).filter(|(_, masks)| !masks.is_empty()).collect()
    }

    /// The value of a node that depends on constants alone.
    pub fn constant_value(&self, id: NodeId) -> Option<ArrayD<f32>> {
        let node = self.node(id)?;
        if let Op::Constant(values) = &node.op {
            return Some(values.clone());
        }
        if node.inputs.is_empty() {
            return None;
        }
        let operands = node.inputs.iter().map(|&input| self.constant_value(input)).collect::<Option<Vec<_>>>()?;
        let views: Vec<_> = operands.iter().map(|value| value.view()).collect();
        evaluate(node, &views).ok()
    }
}

/// Least and greatest value of each element.
type Bounds = (ArrayD<f32>, ArrayD<f32>);
