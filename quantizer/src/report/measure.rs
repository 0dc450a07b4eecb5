//! What a report is made of, sample by sample.

mod output;

use std::collections::{BTreeMap, BTreeSet};

use ndarray::ArrayD;

use self::output::{Meaning, Sums, holds_indices};
use super::{Accuracy, Difference, LayerError, NoClass, RangeUse, Report, ratio};
use crate::quantize::{Quantized, dequantize, quantize_value};
use lemma_graph::{Graph, Interval, Op, round_shift};
use lemma_model::{Model, NodeId};

/// A share of a range from which it counts as close to its edge.
const CLOSE: f64 = 0.9;

/// Accumulates a report, sample by sample.
pub struct Reporter<'a> {
    model: &'a Model,
    quantized: &'a Quantized,
    layers: Vec<Layer>,
    outputs: Vec<Sums>,
    ranges: BTreeMap<usize, f64>,
    samples: usize,
    out_of_range: usize,
    first_out_of_range: Option<String>,
    labelled: usize,
    right: [usize; 2],
    agreed: usize,
    no_class: Option<NoClass>,
}

/// What is summed of a layer.
struct Layer {
    id: NodeId,
    carrier: lemma_graph::NodeId,
    kind: Kind,
    magnitude: f64,
    largest_error: f64,
    sum: f64,
    equal: u64,
    count: u64,
}

/// How the integers of a layer are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As numbers.
    Numbers,
    /// As weights that their row's sum still divides.
    Undivided,
    /// As indices.
    Indices,
}

impl<'a> Reporter<'a> {
    /// An empty report.
    pub fn new(model: &'a Model, quantized: &'a Quantized) -> Self {
        let carriers = quantized
            .nodes
            .iter()
            .enumerate()
            .filter_map(|(id, carrier)| Some((NodeId(id), (*carrier)?)));
        let layers = carriers.map(|(id, carrier)| {
            let softmax =
                model.node(id).is_some_and(|node| matches!(node.op, lemma_model::Op::Softmax));
            let kind = match () {
                () if holds_indices(model, id) => Kind::Indices,
                () if softmax && is_undivided(&quantized.graph, carrier) => Kind::Undivided,
                () => Kind::Numbers,
            };
            Layer {
                id,
                carrier,
                kind,
                magnitude: 0.0,
                largest_error: 0.0,
                sum: 0.0,
                equal: 0,
                count: 0,
            }
        });
        let outputs = model.outputs.iter().map(|(name, id)| Sums::new(name, *id, model));
        Reporter {
            model,
            quantized,
            layers: layers.collect(),
            outputs: outputs.collect(),
            ranges: BTreeMap::new(),
            samples: 0,
            out_of_range: 0,
            first_out_of_range: None,
            labelled: 0,
            right: [0, 0],
            agreed: 0,
            no_class: None,
        }
    }

    /// Compares both models on one sample.
    ///
    /// # Errors
    /// What the float model says of the sample.
    pub fn add(
        &mut self,
        inputs: &BTreeMap<String, ArrayD<f32>>,
        label: Option<usize>,
    ) -> Result<(), lemma_model::ExecuteError> {
        let float = self.model.execute(inputs)?;
        let integers = quantize_inputs(&self.quantized.graph, inputs);
        let integer = match integers.map(|inputs| self.quantized.graph.execute(&inputs)) {
            Some(Ok(values)) => Some(values),
            Some(Err(error)) => {
                let first = || format!("sample {}, {error}", self.samples);
                self.first_out_of_range.get_or_insert_with(first);
                None
            }
            None => None,
        };
        match &integer {
            Some(values) => {
                self.compare(&float, values);
                self.measure_ranges(values);
            }
            None => self.out_of_range += 1,
        }
        for sums in &mut self.outputs {
            let reals = |id: NodeId| {
                float.get(id.0).map(|v| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
            };
            let Some(reference) = reals(sums.id) else { continue };
            let scores = sums.scores.and_then(|(id, _)| reals(id)).unwrap_or_default();
            let values = integer
                .as_ref()
                .and_then(|values| dequantize_node(self.quantized, sums.id, values));
            sums.add(&reference, values.as_deref(), &scores);
        }
        if let Some(label) = label {
            self.compare_class(&float, integer.as_deref(), label);
        }
        self.samples += 1;
        Ok(())
    }

    fn compare_class(&mut self, float: &[ArrayD<f32>], integer: Option<&[Vec<i64>]>, label: usize) {
        let Some((_, output)) = self.model.outputs.first() else { return };
        let meaning = Meaning::of(self.model, *output);
        let scores = float
            .get(output.0)
            .map(|v| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
            .unwrap_or_default();
        let classes = meaning.classes(self.model, *output, scores.len());
        if label >= classes && self.no_class.is_none() {
            self.no_class = Some(NoClass { sample: self.samples, label, classes });
        }
        let class = |scores: &[f64]| meaning.choices(scores).first().copied();
        let float = class(&scores);
        let integer = integer
            .and_then(|values| dequantize_node(self.quantized, *output, values))
            .and_then(|scores| class(&scores));
        let label = i64::try_from(label).ok();
        self.labelled += 1;
        self.right[0] += usize::from(label.is_some() && float == label);
        self.right[1] += usize::from(label.is_some() && integer == label);
        self.agreed += usize::from(float == integer);
    }

    fn compare(&mut self, float: &[ArrayD<f32>], integer: &[Vec<i64>]) {
        for layer in &mut self.layers {
            let (Some(reference), Some(values)) =
                (float.get(layer.id.0), integer.get(layer.carrier.0))
            else {
                continue;
            };
            let side = reference.shape().last().copied().unwrap_or(1).max(1);
            let hidden = self.quantized.hidden.contains(&layer.id);
            let frac = self.quantized.graph.node(layer.carrier).fractional_bits;
            let mut values: Vec<f64> = values.iter().map(|v| dequantize(*v, frac)).collect();
            if layer.kind == Kind::Undivided {
                for row in values.chunks_mut(side) {
                    let sum: f64 = row.iter().sum();
                    row.iter_mut().for_each(|weight| *weight /= sum);
                }
            }
            for (i, (reference, value)) in reference.iter().zip(values).enumerate() {
                if *reference <= f32::MIN || hidden && i % side > i / side % side {
                    continue;
                }
                let error = (f64::from(*reference) - value).abs();
                layer.magnitude = layer.magnitude.max(f64::from(reference.abs()));
                layer.largest_error = layer.largest_error.max(error);
                layer.sum += error;
                layer.equal += u64::from(error < 0.5);
                layer.count += 1;
            }
        }
    }

    fn measure_ranges(&mut self, values: &[Vec<i64>]) {
        let graph = &self.quantized.graph;
        // Columns of trees are brought into their ranges, whatever they are.
        let trees =
            self.model.nodes.iter().filter(|node| matches!(node.op, lemma_model::Op::Trees(_)));
        let saturated: BTreeSet<&str> = trees.map(|node| node.name.as_str()).collect();
        let nodes = graph.nodes().iter().enumerate();
        for (id, node) in nodes.filter(|(_, node)| !saturated.contains(node.layer.as_str())) {
            let operand = node.inputs.first().and_then(|x| values.get(x.0)).or(values.get(id));
            let Some(operand) = operand else { continue };
            let used = match &node.op {
                // Every id of a vocabulary and either value of a flag may come.
                Op::Input { .. } if self.is_tokens(lemma_graph::NodeId(id)) => continue,
                Op::Input { range } => share(values.get(id).map_or(&[], |v| v), 0, *range),
                Op::Rescale { shift, range } => share(operand, *shift, *range),
                Op::Relu { shift, bits, .. } => {
                    let edge = (1i64 << bits) - 1;
                    share(operand, *shift, Interval { low: -edge, high: edge })
                }
                Op::Table { shift, table } => share(operand, *shift, table.keys()),
                _ => continue,
            };
            let entry = self.ranges.entry(id).or_insert(0.0);
            *entry = entry.max(used);
        }
    }

    /// Whether a node of the integer graph is an input of ids or flags.
    fn is_tokens(&self, id: lemma_graph::NodeId) -> bool {
        let mut inputs = self
            .model
            .nodes
            .iter()
            .zip(&self.quantized.nodes)
            .filter(|(_, carrier)| **carrier == Some(id));
        inputs.any(|(node, _)| matches!(node.op, lemma_model::Op::Tokens { .. }))
    }

    /// The report.
    pub fn finish(self, activation_bits: u32, headroom: f64) -> Report {
        let layers =
            self.layers.iter().map(|layer| layer.finished(self.model, &self.quantized.graph));
        let mut close_to_edge = Vec::new();
        for (id, used) in &self.ranges {
            if *used >= CLOSE {
                let node = self.quantized.graph.node(lemma_graph::NodeId(*id));
                close_to_edge.push(RangeUse {
                    layer: node.layer.clone(),
                    operation: node.op.name().into(),
                    used: *used,
                });
            }
        }
        let share = |n: usize| n as f64 / self.labelled.max(1) as f64;
        let accuracy = (self.labelled > 0).then(|| Accuracy {
            samples: self.labelled,
            float: share(self.right[0]),
            integer: share(self.right[1]),
            agreement: share(self.agreed),
        });
        let outputs: Vec<_> = self.outputs.iter().map(Sums::finished).collect();
        // A number that chooses nothing by itself does with labels.
        let agreement = outputs
            .first()
            .and_then(|output| output.agreement)
            .or(accuracy.map(|accuracy| accuracy.agreement));
        Report {
            activation_bits,
            headroom,
            samples: self.samples,
            out_of_range: self.out_of_range,
            first_out_of_range: self.first_out_of_range,
            layers: layers.collect(),
            outputs,
            close_to_edge,
            accuracy,
            no_class: self.no_class,
            agreement,
        }
    }
}

impl Layer {
    fn finished(&self, model: &Model, graph: &Graph) -> LayerError {
        let carrier = graph.node(self.carrier);
        let (name, shape) = model
            .node(self.id)
            .map(|node| (node.name.clone(), node.shape.clone()))
            .unwrap_or_default();
        let count = self.count.max(1) as f64;
        let difference = match self.kind {
            Kind::Indices => Difference::Indices { equal: self.equal as f64 / count },
            _ => Difference::Numbers {
                largest_error: self.largest_error,
                mean_error: self.sum / count,
                relative_error: ratio(self.largest_error, self.magnitude),
            },
        };
        let (operation, fractional_bits) = (carrier.op.name().into(), carrier.fractional_bits);
        LayerError {
            layer: name,
            operation,
            shape,
            fractional_bits,
            magnitude: self.magnitude,
            difference,
        }
    }
}

/// Whether a node holds exponentials that no sum has divided.
fn is_undivided(graph: &Graph, id: lemma_graph::NodeId) -> bool {
    let node = graph.node(id);
    match (&node.op, node.inputs.as_slice()) {
        (Op::TableBelowMax { .. }, _) => true,
        (Op::Gather(_), [source]) => is_undivided(graph, *source),
        _ => false,
    }
}

/// Integer inputs of a graph, in its order; `None` when one is missing.
pub fn quantize_inputs(
    graph: &Graph,
    inputs: &BTreeMap<String, ArrayD<f32>>,
) -> Option<Vec<Vec<i64>>> {
    let quantized = |port: &lemma_graph::Port| {
        let frac = graph.node(port.node).fractional_bits;
        Some(inputs.get(&port.name)?.iter().map(|v| quantize_value(f64::from(*v), frac)).collect())
    };
    graph.inputs.iter().map(quantized).collect()
}

/// The reals that a graph's integers stand for at a node of the float model.
fn dequantize_node(quantized: &Quantized, id: NodeId, values: &[Vec<i64>]) -> Option<Vec<f64>> {
    let node = quantized.nodes.get(id.0).copied().flatten()?;
    let frac = quantized.graph.node(node).fractional_bits;
    Some(values.get(node.0)?.iter().map(|v| dequantize(*v, frac)).collect())
}

/// Largest distance from zero over the edge on that side.
fn share(operand: &[i64], shift: u32, range: Interval) -> f64 {
    let of = |v: &i64| {
        let q = round_shift(*v, shift);
        let edge = if q < 0 { range.low } else { range.high };
        if q == 0 { 0.0 } else { q.unsigned_abs() as f64 / edge.unsigned_abs().max(1) as f64 }
    };
    operand.iter().map(of).fold(0.0, f64::max)
}
