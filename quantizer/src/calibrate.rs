//! Calibration: the range of every float tensor over sample data.

mod certain;
mod error;
mod magnitudes;
mod observed;
mod sides;

use std::collections::BTreeMap;

use ndarray::{ArrayD, ArrayViewD};
use serde::{Deserialize, Serialize};

use lemma_model::{Model, NodeId, Op};

pub use error::CalibrationError;
use magnitudes::Magnitudes;
use observed::Observed;
pub use sides::Sides;

/// How a range is taken from observed values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Method {
    /// The largest absolute value.
    Max,
    /// The absolute value below which this fraction (0 to 1) of all elements lies.
    Percentile(f64),
}

/// What was observed of one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// Smallest value.
    pub low: f32,
    /// Largest value.
    pub high: f32,
    /// Largest difference of two elements of the last axis.
    pub spread: f32,
    /// Rows of the last axis as they are; only of operands of normalisations.
    pub raw: RowStatistics,
    /// Rows of the last axis less their mean; only of operands of normalisations.
    pub centered: RowStatistics,
    /// Only of operands of functions.
    observed: Observed,
    magnitudes: Magnitudes,
}

/// Sums of squares of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowStatistics {
    /// Smallest sum of squares.
    pub least: f64,
    /// Smallest of a row that is not all zeros.
    pub shortest: f64,
    /// Largest sum of squares.
    pub most: f64,
    /// Largest absolute element over the root of its row's sum of squares.
    pub peak: f64,
}

/// Ranges of all nodes of a model.
#[derive(Clone, Debug)]
pub struct Ranges {
    nodes: Vec<Range>,
    sides: BTreeMap<NodeId, Sides>,
    method: Method,
}

impl Ranges {
    /// Runs every sample and records every node.
    pub fn observe(
        model: &Model,
        samples: impl IntoIterator<Item = BTreeMap<String, ArrayD<f32>>>,
        method: Method,
    ) -> Result<Ranges, CalibrationError> {
        let magnitudes = match method {
            Method::Max => Magnitudes::default(),
            Method::Percentile(_) => Magnitudes::recording(),
        };
        let mut nodes = vec![Range { magnitudes, ..Range::default() }; model.nodes.len()];
        let masked = masked(model);
        let mut normalized = vec![false; model.nodes.len()];
        for node in &model.nodes {
            if let (Op::Unary(_) | Op::Composed(_), Some(x)) = (&node.op, node.inputs.first()) {
                nodes
                    .get_mut(x.0)
                    .into_iter()
                    .for_each(|range| range.observed = Observed::recording());
            }
            if let (Op::Norm(_), Some(x)) = (&node.op, node.inputs.first()) {
                normalized.get_mut(x.0).into_iter().for_each(|flag| *flag = true);
            }
        }
        let ensembles = model.nodes.iter().enumerate().filter_map(|(at, node)| {
            match (&node.op, node.inputs.first()) {
                (Op::Trees(trees), Some(x)) => Some((NodeId(at), *x, trees)),
                _ => None,
            }
        });
        let ensembles: Vec<_> = ensembles.collect();
        let mut sides: BTreeMap<NodeId, Sides> =
            ensembles.iter().map(|(id, _, trees)| (*id, Sides::of(trees))).collect();
        let mut count = 0;
        for (sample, inputs) in samples.into_iter().enumerate() {
            let mut unbounded = None;
            let observer = |id: NodeId, value: ArrayViewD<'_, f32>| {
                for (tree, _, trees) in ensembles.iter().filter(|(_, x, _)| *x == id) {
                    sides.get_mut(tree).into_iter().for_each(|sides| sides.include(trees, &value));
                }
                if let Some(range) = nodes.get_mut(id.0) {
                    range.include(&value, masked.get(id.0) == Some(&true));
                    if normalized.get(id.0) == Some(&true) {
                        range.include_rows(&value);
                    }
                    let hides = masked.get(id.0) == Some(&true);
                    if let Some(at) = value
                        .iter()
                        .position(|v| !(v.is_finite() || hides && *v == f32::NEG_INFINITY))
                    {
                        unbounded = unbounded.or(Some((id, at)));
                    }
                }
            };
            let run = model.visit(&inputs, observer);
            if let Some((id, at)) = unbounded {
                return Err(not_finite(model, &inputs, sample, id, at));
            }
            run.map_err(|source| CalibrationError::Execute { sample, source })?;
            count += 1;
        }
        if count == 0 {
            return Err(CalibrationError::Empty);
        }
        for (range, bounds) in nodes.iter_mut().zip(certain::bounds(model)) {
            bounds.into_iter().for_each(|bounds| range.include_bounds(bounds));
        }
        Ok(Ranges { nodes, sides, method })
    }

    /// The calibrated absolute bound of a node, positive.
    pub fn magnitude(&self, id: NodeId) -> f64 {
        let Some(range) = self.nodes.get(id.0) else { return 1.0 };
        let bound = match self.method {
            Method::Max => range.max_abs(),
            Method::Percentile(p) => range.magnitudes.percentile(p).min(range.max_abs()),
        };
        if bound > 0.0 { bound } else { 1.0 }
    }

    /// Values of the operand of a function, thinned: of close values the least and the greatest.
    pub fn observed(&self, id: NodeId) -> impl Iterator<Item = f64> + '_ {
        self.nodes.get(id.0).into_iter().flat_map(|range| range.observed.values())
    }

    /// What samples had on either side of the bounds of a node's trees.
    pub fn sides(&self, id: NodeId) -> Option<&Sides> {
        self.sides.get(&id)
    }

    /// What was observed of a node.
    pub fn of(&self, id: NodeId) -> Option<&Range> {
        self.nodes.get(id.0)
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }
}

/// The error for element `at` of node `id`, which is not finite on a sample.
fn not_finite(
    model: &Model,
    inputs: &BTreeMap<String, ArrayD<f32>>,
    sample: usize,
    id: NodeId,
    at: usize,
) -> CalibrationError {
    let (mut value, mut operands) = (f32::NAN, Vec::new());
    let node = model.node(id);
    let observer = |seen: NodeId, values: ArrayViewD<'_, f32>| {
        let element = values.iter().nth(at).copied();
        if seen == id {
            value = element.unwrap_or(value);
        } else if node
            .is_some_and(|node| node.inputs.contains(&seen) && node.shape == values.shape())
        {
            operands.extend(element);
        }
    };
    // Whether the run ends well is known already.
    let _ = model.visit(inputs, observer);
    let operand = match operands.as_slice() {
        [] => String::new(),
        operands => {
            format!(" of {}", operands.iter().map(f32::to_string).collect::<Vec<_>>().join(" and "))
        }
    };
    CalibrationError::NotFinite {
        sample,
        layer: node.map(|node| node.name.clone()).unwrap_or_default(),
        value,
        operand,
    }
}

/// The nodes that carry masked scores.
fn masked(model: &Model) -> Vec<bool> {
    let mut masked = vec![false; model.nodes.len()];
    for (at, node) in model.nodes.iter().enumerate() {
        let reads = node.inputs.iter().any(|id| masked.get(id.0) == Some(&true));
        masked[at] = matches!(node.op, Op::Mask) || reads && matches!(node.op, Op::View(_));
    }
    masked
}

impl Default for Range {
    fn default() -> Range {
        let rows =
            RowStatistics { least: f64::INFINITY, shortest: f64::INFINITY, most: 0.0, peak: 0.0 };
        Range {
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            spread: 0.0,
            raw: rows,
            centered: rows,
            observed: Observed::default(),
            magnitudes: Magnitudes::default(),
        }
    }
}

impl Range {
    /// Hidden scores do not count.
    fn include(&mut self, value: &ArrayViewD<'_, f32>, masked: bool) {
        let counts = |v: &&f32| !masked || **v > f32::MIN;
        for v in value.iter().filter(counts) {
            self.low = self.low.min(*v);
            self.high = self.high.max(*v);
            self.magnitudes.include(*v);
            self.observed.include(*v);
        }
        if value.ndim() > 0 {
            for row in value.rows() {
                let edges = (f32::INFINITY, f32::NEG_INFINITY);
                let (low, high) = row
                    .iter()
                    .filter(counts)
                    .fold(edges, |(low, high), v| (low.min(*v), high.max(*v)));
                self.spread = self.spread.max(high - low);
            }
        }
    }

    /// Values that may come, whether a sample had them or not.
    fn include_bounds(&mut self, (low, high): (f32, f32)) {
        for v in [low, high] {
            self.low = self.low.min(v);
            self.high = self.high.max(v);
            self.magnitudes.include(v);
            self.observed.include(v);
        }
        self.spread = self.spread.max(high - low);
    }

    fn include_rows(&mut self, value: &ArrayViewD<'_, f32>) {
        if value.ndim() == 0 {
            return;
        }
        for row in value.rows() {
            let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / row.len().max(1) as f64;
            self.raw.include(row.iter().map(|v| f64::from(*v)));
            self.centered.include(row.iter().map(|v| f64::from(*v) - mean));
        }
    }

    fn max_abs(&self) -> f64 {
        if self.low > self.high { 0.0 } else { f64::from(self.low.abs().max(self.high.abs())) }
    }
}

impl RowStatistics {
    fn include(&mut self, row: impl Iterator<Item = f64>) {
        let (energy, largest) =
            row.fold((0.0, 0f64), |(sum, max), v| (sum + v * v, max.max(v.abs())));
        self.least = self.least.min(energy);
        self.most = self.most.max(energy);
        if energy > 0.0 {
            self.shortest = self.shortest.min(energy);
            self.peak = self.peak.max(largest / energy.sqrt());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lemma_model::Unary;

    fn sample(values: [f32; 4]) -> BTreeMap<String, ArrayD<f32>> {
        BTreeMap::from([("x".to_owned(), ndarray::arr2(&[values]).into_dyn())])
    }

    fn model() -> Model {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 4]).unwrap();
        let y = model.push("y", Op::Unary(Unary::Relu), &[x]).unwrap();
        model.outputs.push(("y".into(), y));
        model
    }

    #[test]
    fn ranges_cover_every_sample() {
        let samples = [sample([1.0, -3.0, 0.5, 0.0]), sample([2.0, 0.0, 0.0, 0.0])];
        let ranges = Ranges::observe(&model(), samples, Method::Max).unwrap();
        assert_eq!(ranges.magnitude(NodeId(0)), 3.0);
        assert_eq!(ranges.magnitude(NodeId(1)), 2.0);
        assert_eq!(ranges.of(NodeId(0)).unwrap().spread, 4.0);
    }

    #[test]
    fn a_percentile_drops_outliers() {
        let samples = (0..1000).map(|i| sample([1.0, 1.0, 1.0, if i == 0 { 100.0 } else { 1.0 }]));
        let ranges = Ranges::observe(&model(), samples, Method::Percentile(0.999)).unwrap();
        assert!((1.0..1.1).contains(&ranges.magnitude(NodeId(0))));
    }

    #[test]
    fn hidden_scores_widen_no_range() {
        let mut model = Model::default();
        let scores = model.push_input("scores", Op::Input, &[1, 3]).unwrap();
        let flags = model.push_input("flags", Op::Tokens { vocabulary: 2 }, &[1, 3]).unwrap();
        let last = model
            .push("last", Op::Constant(ndarray::arr2(&[[0.0, 0.0, 1.0]]).into_dyn()), &[])
            .unwrap();
        let flagged = model.push("flagged", Op::Mask, &[scores, flags]).unwrap();
        let masked = model.push("masked", Op::Mask, &[flagged, last]).unwrap();
        let y = model.push("softmax", Op::Softmax, &[masked]).unwrap();
        model.outputs.push(("y".into(), y));
        let row = |values: [f32; 3]| ndarray::arr2(&[values]).into_dyn();
        let sample = |flags| {
            BTreeMap::from([
                ("scores".to_owned(), row([1.0, 50.0, 90.0])),
                ("flags".to_owned(), row(flags)),
            ])
        };
        let ranges = Ranges::observe(&model, [sample([0.0, 1.0, 0.0])], Method::Max).unwrap();
        let range = ranges.of(masked).unwrap();
        assert_eq!((range.low, range.high, range.spread), (1.0, 1.0, 0.0));
        let ranges =
            Ranges::observe(&model, [sample([0.0; 3]), sample([1.0; 3])], Method::Max).unwrap();
        let range = ranges.of(masked).unwrap();
        assert_eq!((range.low, range.high, range.spread), (1.0, 50.0, 49.0));
    }

    #[test]
    fn a_value_that_is_not_finite_is_named_with_its_operand() {
        let mut model = model();
        model.nodes[1].op = Op::Unary(Unary::Ln);
        let samples = [sample([1.0, 2.0, 3.0, 4.0]), sample([1.0, 0.0, 3.0, 4.0])];
        let error = Ranges::observe(&model, samples, Method::Max).unwrap_err();
        assert!(
            matches!(&error, CalibrationError::NotFinite { sample: 1, layer, .. } if layer == "y"),
            "{error}"
        );
        assert!(error.to_string().contains("gives -inf of 0"), "{error}");
    }

    #[test]
    fn rejects_no_samples() {
        assert!(matches!(Ranges::observe(&model(), [], Method::Max), Err(CalibrationError::Empty)));
    }
}
