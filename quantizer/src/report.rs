//! The accuracy report: how far the integer graph is from the float model, layer by layer.

use std::collections::BTreeMap;

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};

use crate::graph::{self, Graph, Interval, Op, round_shift};
use crate::model::{self, MASKED, Model, NodeId};
use crate::quantize::{Quantized, dequantize, quantize_value};

/// Error of one layer over all samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerError {
    /// The layer.
    pub layer: String,
    /// The graph operation that carries its value.
    pub operation: String,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Fractional bits of the result.
    pub fractional_bits: i32,
    /// Largest absolute float value.
    pub magnitude: f64,
    /// Largest absolute error.
    pub largest_error: f64,
    /// Mean absolute error.
    pub mean_error: f64,
}

/// How much of a declared range was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeUse {
    /// The layer.
    pub layer: String,
    /// The operation with the range.
    pub operation: String,
    /// Largest distance from zero over the edge on that side; above 1 the value is outside and proving fails.
    pub used: f64,
}

/// Accuracy on labelled data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Labelled samples.
    pub samples: usize,
    /// Share that the float model gets right.
    pub float: f64,
    /// Share that the integer model gets right; a sample outside the calibrated range counts as wrong.
    pub integer: f64,
    /// Share on which the two agree.
    pub agreement: f64,
}

/// What a quantization costs in accuracy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Bits of an activation's magnitude.
    pub activation_bits: u32,
    /// Declared range over calibrated range.
    pub headroom: f64,
    /// Samples that the errors are taken over.
    pub samples: usize,
    /// Samples with a value outside a declared range.
    pub out_of_range: usize,
    /// Per layer.
    pub layers: Vec<LayerError>,
    /// Ranges used to nine tenths and more.
    pub close_to_edge: Vec<RangeUse>,
    /// On labelled data.
    pub accuracy: Option<Accuracy>,
    /// Over all samples and all rows along the last axis of the first output: the share whose largest entry has the same index in both models.
    /// Of an [`ArgMax`](crate::model::Op::ArgMax), whole or masked, the share of equal indices. A sample outside the calibrated range counts as different.
    pub agreement: f64,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let header = ["layer", "operation", "shape", "bits", "largest value", "largest error", "mean error"];
        let widest = self.layers.iter().map(|layer| layer.layer.chars().count()).max().unwrap_or(0).max(header[0].len());
        let [layer, operation, shape, bits, magnitude, largest, mean] = header;
        writeln!(f, "{layer:<widest$}  {operation:<15}  {shape:<16}  {bits:>4}  {magnitude:>13}  {largest:>13}  {mean:>10}")?;
        for layer in &self.layers {
            let shape = format!("{:?}", layer.shape);
            writeln!(
                f,
                "{:<widest$}  {:<15}  {shape:<16}  {:>4}  {:>13.3}  {:>13.5}  {:>10.5}",
                layer.layer, layer.operation, layer.fractional_bits, layer.magnitude, layer.largest_error, layer.mean_error
            )?;
        }
        write!(
            f,
            "\n{} activation bits, headroom {}, {} samples, {} outside the calibrated range",
            self.activation_bits, self.headroom, self.samples, self.out_of_range
        )?;
        if let Some(accuracy) = &self.accuracy {
            write!(
                f,
                "\naccuracy on {} labelled samples: float {:.2}%, integer {:.2}%, agreement {:.2}%",
                accuracy.samples,
                100.0 * accuracy.float,
                100.0 * accuracy.integer,
                100.0 * accuracy.agreement
            )?;
        }
        write!(f, "\nagreement of the first output's largest entry: {:.2}%", 100.0 * self.agreement)?;
        for close in &self.close_to_edge {
            write!(f, "\nclose to its edge: {} ({}), {:.0}% of the range", close.layer, close.operation, 100.0 * close.used)?;
        }
        Ok(())
    }
}

/// A share of a range from which it counts as close to its edge.
const CLOSE: f64 = 0.9;

/// Accumulates a report, sample by sample.
pub struct Reporter<'a> {
    model: &'a Model,
    quantized: &'a Quantized,
    layers: Vec<(usize, LayerError, u64)>,
    ranges: BTreeMap<usize, f64>,
    samples: usize,
    out_of_range: usize,
    labelled: usize,
    right: [usize; 2],
    agreed: usize,
    rows: usize,
    same_rows: usize,
}

impl<'a> Reporter<'a> {
    /// An empty report.
    pub fn new(model: &'a Model, quantized: &'a Quantized) -> Self {
        let mut layers = Vec::new();
        for (id, node) in model.nodes.iter().enumerate() {
            if let Some(graph_node) = quantized.nodes.get(id).copied().flatten() {
                let graph_node = quantized.graph.node(graph_node);
                let layer = LayerError {
                    layer: node.name.clone(),
                    operation: graph_node.op.name().into(),
                    shape: node.shape.clone(),
                    fractional_bits: graph_node.fractional_bits,
                    magnitude: 0.0,
                    largest_error: 0.0,
                    mean_error: 0.0,
                };
                layers.push((id, layer, 0));
            }
        }
        Reporter {
            model,
            quantized,
            layers,
            ranges: BTreeMap::new(),
            samples: 0,
            out_of_range: 0,
            labelled: 0,
            right: [0, 0],
            agreed: 0,
            rows: 0,
            same_rows: 0,
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
    ) -> Result<(), crate::model::ExecuteError> {
        let float = self.model.execute(inputs)?;
        let integer =
            quantize_inputs(&self.quantized.graph, inputs).and_then(|inputs| self.quantized.graph.execute(&inputs).ok());
        self.samples += 1;
        match &integer {
            Some(values) => {
                self.compare(&float, values);
                self.measure_ranges(values);
            }
            None => self.out_of_range += 1,
        }
        self.compare_rows(&float, integer.as_deref());
        if let Some(label) = label {
            let output = self.model.outputs.first().map(|(_, id)| *id);
            let op = output.and_then(|id| self.model.node(id)).map(|node| &node.op);
            let scores = output.and_then(|id| float.get(id.0)).map(|v| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
            let float = scores.and_then(|scores| class(&scores, op));
            let scores = output.zip(integer.as_ref()).and_then(|(id, values)| dequantize_node(self.quantized, id, values));
            let integer = scores.and_then(|scores| class(&scores, op));
            self.labelled += 1;
            self.right[0] += usize::from(float == Some(label));
            self.right[1] += usize::from(integer == Some(label));
            self.agreed += usize::from(float == integer);
        }
        Ok(())
    }

    fn compare_rows(&mut self, float: &[ArrayD<f32>], integer: Option<&[Vec<i64>]>) {
        let Some((_, output)) = self.model.outputs.first() else { return };
        let (Some(node), Some(float)) = (self.model.node(*output), float.get(output.0)) else { return };
        let indices = holds_indices(self.model, *output);
        let width = if indices { 1 } else { node.shape.last().copied().unwrap_or(1).max(1) };
        let winners = |values: &[f64]| -> Vec<i64> {
            let winner = |row: &[f64]| {
                if indices { row.first().map_or(-1, |v| *v as i64) } else { class(row, None).map_or(-1, |c| c as i64) }
            };
            values.chunks(width).map(winner).collect()
        };
        let float = winners(&float.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
        let integer = integer.and_then(|values| dequantize_node(self.quantized, *output, values)).map(|values| winners(&values));
        self.rows += float.len();
        self.same_rows += integer.map_or(0, |integer| float.iter().zip(&integer).filter(|(a, b)| a == b).count());
    }

    fn compare(&mut self, float: &[ArrayD<f32>], integer: &[Vec<i64>]) {
        for (id, layer, count) in &mut self.layers {
            let carried = self.quantized.nodes.get(*id).copied().flatten().and_then(|g| integer.get(g.0));
            let (Some(reference), Some(values)) = (float.get(*id), carried) else { continue };
            let side = reference.shape().last().copied().unwrap_or(1);
            let hidden = self.quantized.hidden.contains(&NodeId(*id));
            for (i, (reference, value)) in reference.iter().zip(values).enumerate() {
                if *reference <= MASKED || hidden && i % side > i / side % side {
                    continue;
                }
                let error = (f64::from(*reference) - dequantize(*value, layer.fractional_bits)).abs();
                layer.magnitude = layer.magnitude.max(f64::from(reference.abs()));
                layer.largest_error = layer.largest_error.max(error);
                layer.mean_error += error;
                *count += 1;
            }
        }
    }

    fn measure_ranges(&mut self, values: &[Vec<i64>]) {
        let graph = &self.quantized.graph;
        for (id, node) in graph.nodes().iter().enumerate() {
            let operand = node.inputs.first().and_then(|x| values.get(x.0)).or(values.get(id));
            let Some(operand) = operand else { continue };
            let used = match &node.op {
                // Every id of a vocabulary and either value of a flag may come.
                Op::Input { .. } if self.is_tokens(graph::NodeId(id)) => continue,
                Op::Input { range } => share(values.get(id).map_or(&[], |v| v), 0, *range),
                Op::Requantize { shift, range } => share(operand, *shift, *range),
                Op::Relu { shift, bits, .. } => {
                    let edge = (1i64 << bits) - 1;
                    share(operand, *shift, Interval { lo: -edge, hi: edge })
                }
                Op::Table { shift, table } => share(operand, *shift, table.keys()),
                _ => continue,
            };
            let entry = self.ranges.entry(id).or_insert(0.0);
            *entry = entry.max(used);
        }
    }

    /// Whether a node of the integer graph is an input of ids or flags.
    fn is_tokens(&self, id: graph::NodeId) -> bool {
        let mut inputs = self.model.nodes.iter().zip(&self.quantized.nodes).filter(|(_, carrier)| **carrier == Some(id));
        inputs.any(|(node, _)| matches!(node.op, model::Op::Tokens { .. }))
    }

    /// The report.
    pub fn finish(self, activation_bits: u32, headroom: f64) -> Report {
        let layers = self.layers.into_iter().map(|(_, mut layer, count)| {
            layer.mean_error /= count.max(1) as f64;
            layer
        });
        let mut close_to_edge = Vec::new();
        for (id, used) in self.ranges {
            if used >= CLOSE {
                let node = self.quantized.graph.node(graph::NodeId(id));
                close_to_edge.push(RangeUse { layer: node.layer.clone(), operation: node.op.name().into(), used });
            }
        }
        let share = |n: usize| n as f64 / self.labelled.max(1) as f64;
        let accuracy = (self.labelled > 0).then(|| Accuracy {
            samples: self.labelled,
            float: share(self.right[0]),
            integer: share(self.right[1]),
            agreement: share(self.agreed),
        });
        Report {
            activation_bits,
            headroom,
            samples: self.samples,
            out_of_range: self.out_of_range,
            layers: layers.collect(),
            close_to_edge,
            accuracy,
            agreement: self.same_rows as f64 / self.rows.max(1) as f64,
        }
    }
}

/// Whether a node holds indices that an [`model::Op::ArgMax`] chose, moved or multiplied by a mask where they are not left as they are.
fn holds_indices(model: &Model, id: NodeId) -> bool {
    model.node(id).is_some_and(|node| match node.op {
        model::Op::ArgMax => true,
        model::Op::View(_) | model::Op::Mul => node.inputs.iter().any(|input| holds_indices(model, *input)),
        _ => false,
    })
}

/// Integer inputs of a graph, in its order; `None` when one is missing.
pub fn quantize_inputs(graph: &Graph, inputs: &BTreeMap<String, ArrayD<f32>>) -> Option<Vec<Vec<i64>>> {
    let quantized = |port: &graph::Port| {
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

/// The predicted class. Of several scores the first largest; a single number is the class itself after an ArgMax, a probability of class 1
/// after a sigmoid, and otherwise a score whose sign decides.
fn class(scores: &[f64], op: Option<&model::Op>) -> Option<usize> {
    if let [single] = scores {
        return Some(match op {
            Some(model::Op::ArgMax) => single.round().max(0.0) as usize,
            Some(model::Op::Unary(model::Unary::Sigmoid | model::Unary::HardSigmoid(..))) => usize::from(*single >= 0.5),
            _ => usize::from(*single > 0.0),
        });
    }
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter().position(|s| *s == largest)
}

/// Largest distance from zero over the edge on that side.
fn share(operand: &[i64], shift: u32, range: Interval) -> f64 {
    let of = |v: &i64| {
        let q = round_shift(*v, shift);
        let edge = if q < 0 { range.lo } else { range.hi };
        if q == 0 { 0.0 } else { q.unsigned_abs() as f64 / edge.unsigned_abs().max(1) as f64 }
    };
    operand.iter().map(of).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::{Method, Ranges};
    use crate::quantize::{Options, quantize};

    #[test]
    fn flags_and_ids_are_never_close_to_their_edge() {
        let mut model = Model::default();
        let x = model.push_input("x", model::Op::Input, &[1, 2]).unwrap();
        let flags = model.push_input("flags", model::Op::Tokens { vocabulary: 2 }, &[1, 2]).unwrap();
        let y = model.push("y", model::Op::Mul, &[x, flags]).unwrap();
        model.outputs.push(("y".into(), y));
        let row = |values: [f32; 2]| ndarray::arr2(&[values]).into_dyn();
        let inputs = BTreeMap::from([("x".to_owned(), row([1.0, -1.0])), ("flags".to_owned(), row([1.0, 0.0]))]);
        let ranges = Ranges::observe(&model, [inputs.clone()], Method::Max).unwrap();
        let options = Options { headroom: 1.0, ..Options::default() };
        let quantized = quantize(&model, &ranges, &options).unwrap();
        let mut reporter = Reporter::new(&model, &quantized);
        reporter.add(&inputs, None).unwrap();
        let close = reporter.finish(options.bits, options.headroom).close_to_edge;
        assert!(close.iter().all(|close| close.layer == "x"), "{close:?}");
    }
}
