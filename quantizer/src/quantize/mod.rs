//! From the float model and its calibrated ranges to the integer graph.
//!
//! Every tensor gets a power-of-two scale: an integer `n` stands for `n * 2^-f`, `f` its fractional
//! bits. Linear operations are exact and add bits; nothing is rounded after them. A non-linear
//! operation brings its operand to `bits` bits over the calibrated range times the headroom, by the
//! rescale that is part of it. Weights get the fractional bits that make this shift exactly one
//! limb, a range table wide, which is the cheapest shift there is (docs/quantization.md).

mod activation;
mod attention;
mod columns;
mod error;
mod flags;
mod functions;
mod line;
mod linear;
mod log_softmax;
mod norm;
mod options;
mod pool;
mod prepared;
mod reciprocal;
mod rescale;
mod softmax;
mod top;
mod trees;
mod view;
mod wanted;
mod weights;

use std::collections::{BTreeMap, BTreeSet};

use crate::calibrate::Ranges;
use lemma_graph::{Graph, Interval, Op as Primitive, Port, Visibility};
use lemma_model::{Model, Node, NodeId, Op, Unary};

pub use error::QuantizeError;
pub use functions::MAX_TABLE_ROWS;
pub use options::{BITS, Options, Placement, WEIGHT_BITS};
pub use prepared::Prepared;

use line::constant_operand;
use norm::Norm;
use prepared::Shared;
use top::Chosen;
use trees::STRANGERS;

/// Most operations of an integer graph.
const MAX_PRIMITIVES: usize = 1 << 17;

/// Fractional bits that a user wants who takes a tensor as it is: as few as its weights allow.
const FEWEST: i32 = -10_000;

/// Bits of the largest number of a constant output that is not whole.
const CONSTANT_BITS: i32 = 24;

/// A tensor of the graph under construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tensor {
    id: lemma_graph::NodeId,
    /// Fractional bits.
    frac: i32,
}

/// A softmax that only weighs values, for the matrix products that use it.
#[derive(Clone, Copy, Debug)]
struct Weighing {
    /// The reciprocals of the row sums, by which the result is still to be divided.
    divisor: Option<Tensor>,
    /// Whether row `i` of each square matrix is zero after position `i`.
    causal: bool,
}

/// A quantized model.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// The integer graph.
    pub graph: Graph,
    /// For every node of the float model the graph node that carries its value, if one does.
    pub nodes: Vec<Option<lemma_graph::NodeId>>,
    /// Nodes of the float model with square matrices whose cells above the diagonal are not
    /// computed, since a causal mask hides them.
    pub hidden: BTreeSet<NodeId>,
}

/// Quantizes a model.
///
/// # Errors
/// An unsupported operation, an option out of range, an unknown public name, or values that would
/// pass 62 bits.
pub fn quantize(
    model: &Model,
    ranges: &Ranges,
    options: &Options,
) -> Result<Quantized, QuantizeError> {
    Prepared::new(model, ranges, options, MAX_TABLE_ROWS)?.place(options.placement)
}

struct Lowering<'a> {
    model: &'a Model,
    ranges: &'a Ranges,
    options: &'a Options,
    shared: &'a Shared,
    graph: Graph,
    tensors: Vec<Option<Tensor>>,
    /// Fractional bits that the users of a node's result want after their rescale.
    wanted: Vec<i32>,
    inputs: Vec<(String, lemma_graph::NodeId)>,
    /// Softmaxes that only weigh values.
    weighings: BTreeMap<NodeId, Weighing>,
    /// Scores whose cells above the diagonal a causal mask hides.
    hidden: BTreeSet<NodeId>,
    /// Flags that masks are made of.
    flags: BTreeMap<NodeId, Tensor>,
    /// What nodes chose.
    chosen: BTreeMap<NodeId, Chosen>,
}

impl<'a> Lowering<'a> {
    fn new(model: &'a Model, ranges: &'a Ranges, options: &'a Options, shared: &'a Shared) -> Self {
        Lowering {
            model,
            ranges,
            options,
            shared,
            graph: Graph::default(),
            tensors: Vec::with_capacity(model.nodes.len()),
            wanted: Vec::new(),
            inputs: Vec::new(),
            weighings: BTreeMap::new(),
            hidden: BTreeSet::new(),
            flags: BTreeMap::new(),
            chosen: BTreeMap::new(),
        }
    }

    /// The whole graph.
    fn quantized(mut self) -> Result<Quantized, QuantizeError> {
        self.wanted = self.wanted_bits();
        for (id, node) in self.model.nodes.iter().enumerate() {
            let tensor = self.node(NodeId(id), node)?;
            self.tensors.push(tensor);
        }
        self.finish()
    }

    fn node(&mut self, id: NodeId, node: &Node) -> Result<Option<Tensor>, QuantizeError> {
        let tensor = match &node.op {
            Op::Input => self.input(id, node)?,
            Op::Constant(_) => return Ok(None),
            // Made where the softmax is.
            _ if self.shared.only_flags.get(id.0) == Some(&true) => return Ok(None),
            // The softmax behind it leaves out what it hides.
            Op::Mask => self.operand(node, 0)?,
            Op::Dense { weight, bias } => self.dense(id, node, weight, bias.as_ref())?,
            Op::Conv { weight, bias, window, groups } => {
                self.conv(id, node, weight, bias.as_ref(), window, *groups)?
            }
            Op::AveragePool { window, count_padding } => {
                self.average_pool(node, window, *count_padding)?
            }
            Op::MaxPool { window } => self.max_pool(node, window)?,
            Op::Add => self.sum(id, node, 1)?,
            Op::Sub => self.sum(id, node, -1)?,
            Op::Mul => self.multiply(id, node)?,
            Op::Unary(Unary::Relu) => self.relu(node, None)?,
            Op::Unary(Unary::LeakyRelu(slope)) => {
                self.relu(node, Some(&ndarray::arr0(*slope).into_dyn()))?
            }
            Op::PRelu { slope } => self.relu(node, Some(slope))?,
            Op::Unary(_) | Op::Composed(_) => match self.shared.reciprocals.get(&id).copied() {
                Some(division) => self.reciprocal(node, &division)?,
                None => self.table(id, node)?,
            },
            Op::Softmax => self.softmax(id, node)?,
            Op::LogSoftmax => self.log_softmax(id, node)?,
            Op::Trees(trees) => self.trees(id, node, trees)?,
            Op::ArgMax => self.argmax(node)?,
            Op::Top { count } => self.top(id, node, *count)?,
            Op::Sum { axes } => self.reduce(node, axes, false)?,
            Op::Mean { axes } => self.reduce(node, axes, true)?,
            Op::View(view) => self.view(id, node, view)?,
            Op::MatMul => self.matmul(id, node)?,
            Op::Norm(norm) => self.norm(id, node, &Norm::of(norm, node))?,
            Op::Tokens { vocabulary } => self.tokens(node, *vocabulary)?,
            Op::Embedding { table } => self.embedding(id, node, table)?,
        };
        Ok(Some(tensor))
    }

    fn input(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let nonnegative = self.ranges.of(id).is_some_and(|range| range.low >= 0.0);
        let magnitude = self.ranges.magnitude(id);
        let (natural, range) = self.declared(magnitude, nonnegative);
        let finer = self.shared.tables.input_bits(id).filter(|bits| *bits > natural);
        let (mut frac, mut range) = (natural, range);
        if let Some(wanted) = self.options.fractional_bits.get(&node.name).copied().or(finer) {
            (frac, range) = (wanted, self.range_at(&node.name, magnitude, wanted, nonnegative)?);
        }
        // Fractional bits are those of the samples, the range is that of strangers as well.
        if self.only_compared(id)
            && let Ok(wide) = self.range_at(&node.name, magnitude * STRANGERS, frac, false)
        {
            range = wide;
        }
        let tensor = self.push(node, Primitive::Input { range }, &[], &node.shape, frac)?;
        self.inputs.push((node.name.clone(), tensor.id));
        Ok(tensor)
    }

    /// An output with the fractional bits that the options ask for.
    fn output(&mut self, name: &str, id: NodeId, tensor: Tensor) -> Result<Tensor, QuantizeError> {
        let (Some(frac), Some(node)) =
            (self.options.fractional_bits.get(name).copied(), self.model.node(id))
        else {
            return Ok(tensor);
        };
        let range = (self.ranges.magnitude(id), self.bounds(tensor).low >= 0);
        let rounded = self.rounded_to((name, node), tensor, frac, range)?;
        if let Some(slot) = self.tensors.get_mut(id.0) {
            *slot = Some(rounded);
        }
        Ok(rounded)
    }

    /// An output that is a constant: whole numbers as they are, others with [`CONSTANT_BITS`].
    fn constant_output(&mut self, name: &str, id: NodeId) -> Result<Tensor, QuantizeError> {
        let node = self.model.node(id).filter(|node| matches!(node.op, Op::Constant(_)));
        let (Some(node), Some(Op::Constant(values))) = (node, node.map(|node| &node.op)) else {
            return Err(QuantizeError::Unsupported {
                layer: name.to_owned(),
                problem: "the output has no value".into(),
            });
        };
        let largest = values.iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
        let whole = values.iter().all(|value| value.fract() == 0.0);
        let frac = if whole { 0 } else { CONSTANT_BITS - largest.log2().ceil() as i32 };
        let integers = values.iter().map(|v| quantize_value(f64::from(*v), frac)).collect();
        let tensor = self.push(node, Primitive::Constant(integers), &[], &node.shape, frac)?;
        if let Some(slot) = self.tensors.get_mut(id.0) {
            *slot = Some(tensor);
        }
        Ok(tensor)
    }

    /// The tensor of an operand that is computed, not constant.
    fn operand(&mut self, node: &Node, index: usize) -> Result<Tensor, QuantizeError> {
        let id = node.inputs.get(index).copied();
        match id.and_then(|id| self.tensors.get(id.0).copied().flatten()) {
            Some(tensor) => Ok(tensor),
            None => self.constant_operand(node, index),
        }
    }

    /// A constant operand as a tensor, with the scale that fits its largest element.
    fn constant_operand(&mut self, node: &Node, index: usize) -> Result<Tensor, QuantizeError> {
        let source = node.inputs.get(index).and_then(|id| self.model.node(*id));
        let Some(Op::Constant(values)) = source.map(|source| &source.op) else {
            return Err(QuantizeError::Unsupported {
                layer: node.name.clone(),
                problem: format!("operand {index} is missing"),
            });
        };
        let largest = values.iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
        let frac = if largest > 0.0 { self.fitting(largest) } else { 0 };
        let integers = values.iter().map(|v| quantize_value(f64::from(*v), frac)).collect();
        let shape = values.shape().to_vec();
        self.push(node, Primitive::Constant(integers), &[], &shape, frac)
    }

    fn unsupported(&self, node: &Node, problem: &str) -> QuantizeError {
        QuantizeError::Unsupported { layer: node.name.clone(), problem: problem.to_owned() }
    }

    fn constant_value(&self, node: &Node, index: usize) -> Option<&'a ndarray::ArrayD<f32>> {
        constant_operand(self.model, node, index)
    }

    fn push(
        &mut self,
        node: &Node,
        op: Primitive,
        inputs: &[Tensor],
        shape: &[usize],
        frac: i32,
    ) -> Result<Tensor, QuantizeError> {
        if self.graph.nodes().len() >= MAX_PRIMITIVES {
            return Err(self.unsupported(
                node,
                "the integer graph has more than 2^17 operations up to here; split the model",
            ));
        }
        let inputs: Vec<lemma_graph::NodeId> = inputs.iter().map(|t| t.id).collect();
        let id = self.graph.push(&node.name, op, &inputs, shape, frac)?;
        Ok(Tensor { id, frac })
    }

    fn bounds(&self, tensor: Tensor) -> Interval {
        self.graph.node(tensor.id).bounds
    }

    fn shape(&self, tensor: Tensor) -> Vec<usize> {
        self.graph.node(tensor.id).shape.clone()
    }

    fn finish(mut self) -> Result<Quantized, QuantizeError> {
        let options = self.options;
        let public: Option<BTreeSet<&str>> =
            options.public.as_ref().map(|names| names.iter().map(String::as_str).collect());
        let committed: BTreeSet<&str> = options.committed.iter().map(String::as_str).collect();
        let visibility = |name: &str, default: Visibility| match &public {
            _ if committed.contains(name) => Visibility::Committed,
            None => default,
            Some(names) if names.contains(name) => Visibility::Public,
            Some(_) => Visibility::Private,
        };
        let mut inputs = Vec::new();
        for (name, node) in &self.inputs {
            inputs.push(Port {
                name: name.clone(),
                node: *node,
                visibility: visibility(name, Visibility::Private),
            });
        }
        let mut outputs = Vec::new();
        for (name, id) in &self.model.outputs {
            let tensor = match self.tensors.get(id.0).copied().flatten() {
                Some(tensor) => tensor,
                None => self.constant_output(name, *id)?,
            };
            let tensor = self.output(name, *id, tensor)?;
            outputs.push(Port {
                name: name.clone(),
                node: tensor.id,
                visibility: visibility(name, Visibility::Public),
            });
        }
        let ports: BTreeSet<&str> =
            inputs.iter().chain(&outputs).map(|port| port.name.as_str()).collect();
        for name in options
            .public
            .iter()
            .flatten()
            .chain(&options.committed)
            .chain(options.fractional_bits.keys())
        {
            if !ports.contains(name.as_str()) {
                let known: Vec<&str> =
                    inputs.iter().chain(&outputs).map(|port| port.name.as_str()).collect();
                return Err(QuantizeError::Options(format!(
                    "no input or output is called `{name}`; there are {known:?}"
                )));
            }
        }
        for port in inputs.iter().chain(&outputs) {
            let found = self.graph.node(port.node).fractional_bits;
            if let Some(wanted) =
                options.fractional_bits.get(&port.name).filter(|wanted| **wanted != found)
            {
                let name = &port.name;
                return Err(QuantizeError::Options(format!(
                    "`{name}` has {found} fractional bits, {wanted} are not possible"
                )));
            }
        }
        self.graph.inputs = inputs;
        self.graph.outputs = outputs;
        Ok(Quantized {
            graph: self.graph,
            nodes: self.tensors.iter().map(|t| t.map(|t| t.id)).collect(),
            hidden: self.hidden,
        })
    }
}

/// `value * 2^frac`, rounded to the nearest integer, ties away from zero; saturates at `±2^62`.
pub fn quantize_value(value: f64, frac: i32) -> i64 {
    let limit = (1i64 << 62) as f64;
    (value * f64::from(frac).exp2()).round().clamp(-limit, limit) as i64
}

/// [`quantize_value`] of each. Adding a half is exact enough: of 24 significant bits none is lost
/// that decides, and what is so large that the sum is rounded is even.
fn quantize_values(values: &[f32], frac: i32) -> impl ExactSizeIterator<Item = i64> {
    let (unit, limit) = (f64::from(frac).exp2(), (1i64 << 62) as f64);
    values.iter().map(move |value| {
        let value = f64::from(*value) * unit;
        (value + 0.5f64.copysign(value)).clamp(-limit, limit) as i64
    })
}

/// The real number that an integer stands for.
pub fn dequantize(value: i64, frac: i32) -> f64 {
    value as f64 * f64::from(-frac).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_rounded_alike_one_by_one_and_together(bits: u32, frac in -80i32..120) {
            let value = f32::from_bits(bits);
            let ties = [value, f32::from_bits(bits & !1), (bits as i32 as f32 + 0.5) / 8.0];
            let together: Vec<i64> = quantize_values(&ties, frac).collect();
            let alone = ties.map(|value| quantize_value(f64::from(value), frac));
            prop_assert_eq!(together, alone);
        }
    }

    #[test]
    fn ties_go_away_from_zero() {
        let values = [0.5, -0.5, 1.5, -2.5, 0.499_999_97, -0.499_999_97, f32::MAX, f32::NAN];
        let found: Vec<i64> = quantize_values(&values, 0).collect();
        assert_eq!(found, [1, -1, 2, -3, 0, 0, 1 << 62, 0]);
    }
}
