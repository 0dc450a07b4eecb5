//! Columns of an input that differ in size.
//!
//! Ages, incomes, years and shares in one input tensor have no scale in common: a step that lets an
//! income fit its bits is larger than any share. Where only layers with constant weights read an
//! input, each of its columns (the input channels of those layers) becomes
//!
//! ```text
//! u = (x - c) * 2^e        x W + b = u (2^-e W) + (c W + b)
//! ```
//!
//! with `c` the middle of a column that varies little around it, else 0, and `2^e` such that `u`
//! fills -1 to 1. Both are exact in integers, and the layers take the inverse into their weights,
//! so that the float model stays what it was. The input keeps one scale, as fine as its finest
//! column needs: whole numbers of it are shown and checked, and each column is rounded to its own
//! step.

use std::collections::BTreeMap;

use ndarray::{Array1, ArrayD};

use crate::calibrate::Ranges;
use lemma_model::{Channels, Model, Node, NodeId, Op, View, scale_operand};

/// Bits that a column keeps of its width: those of the finest activations.
const BITS: f64 = 16.0;

/// A column has its own scale when the input's rounding disturbs a layer by this many bits more
/// than the layer's own.
const MARGIN: f64 = 3.0;

/// A column is centred when its middle is by this factor larger than half its width.
const FAR: f64 = 4.0;

/// Most bits of an input.
const WIDEST: f64 = 56.0;

/// A model with its columns brought to one size.
#[derive(Clone, Debug)]
pub struct Equalised {
    /// The model; as a function of its inputs the same.
    pub model: Model,
    /// Fractional bits that its inputs need, by name.
    pub fractional_bits: BTreeMap<String, i32>,
}

/// One column of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Column {
    center: f64,
    exponent: i32,
}

/// Brings the columns of each input of `model` to one size where one scale for all of them would
/// disturb the layers that read it; `None` where it would not, or other operations read it.
/// `ranges` are those of `samples`.
pub fn equalise(
    model: &Model,
    ranges: &Ranges,
    samples: &[BTreeMap<String, ArrayD<f32>>],
    headroom: f64,
) -> Option<Equalised> {
    let mut equalised = Equalised { model: model.clone(), fractional_bits: BTreeMap::new() };
    for name in model.inputs.iter().filter_map(|id| model.node(*id)).map(|node| node.name.clone()) {
        // Nodes that an earlier input brought have no ranges: layers are looked up in the original
        // model.
        let Some(input) = Input::of(model, &name) else { continue };
        let Some((columns, bits)) = input.columns(ranges, samples, headroom) else { continue };
        if let Some(changed) = rewritten(&equalised.model, &name, &columns, input.channels) {
            equalised.model = changed;
            equalised.fractional_bits.insert(name, bits);
        }
    }
    (!equalised.fractional_bits.is_empty()).then_some(equalised)
}

/// An input that only layers with constant weights read.
struct Input<'a> {
    model: &'a Model,
    id: NodeId,
    node: &'a Node,
    layers: Vec<NodeId>,
    channels: Channels,
}

impl<'a> Input<'a> {
    fn of(model: &'a Model, name: &str) -> Option<Input<'a>> {
        let id = *model
            .inputs
            .iter()
            .find(|id| model.node(**id).is_some_and(|node| node.name == name))?;
        let node = model.node(id).filter(|node| matches!(node.op, Op::Input))?;
        let layers = layers(model, id)?;
        let mut channels = layers.iter().map(|layer| Channels::of(model, *layer));
        let first = channels.next()??;
        channels.all(|other| other == Some(first)).then_some(Input {
            model,
            id,
            node,
            layers,
            channels: first,
        })
    }

    /// The columns and the input's fractional bits, where columns need scales of their own.
    fn columns(
        &self,
        ranges: &Ranges,
        samples: &[BTreeMap<String, ArrayD<f32>>],
        headroom: f64,
    ) -> Option<(Vec<Column>, i32)> {
        let extra = headroom.log2();
        let magnitude = ranges.magnitude(self.id);
        let common = BITS - (magnitude.log2() + extra).ceil();
        let (mut needed, mut disturbed) =
            (vec![f64::NEG_INFINITY; self.channels.count], f64::NEG_INFINITY);
        // The largest contribution that a column may make per unit, over the layers' largest
        // values.
        let mut influence = vec![0f64; self.channels.count];
        for layer in &self.layers {
            let (largest, norm) = weights(self.model.node(*layer)?, self.channels.count);
            let output = ranges.magnitude(*layer);
            let natural = BITS - (output.log2() + extra);
            disturbed = disturbed.max(natural + norm.log2());
            for ((needed, influence), weight) in needed.iter_mut().zip(&mut influence).zip(largest)
            {
                *needed = needed.max(natural + weight.log2());
                *influence = influence.max(weight / output);
            }
        }
        if disturbed.is_nan() || disturbed <= common + MARGIN {
            return None;
        }
        let mut edges = vec![(f64::INFINITY, f64::NEG_INFINITY); self.channels.count];
        for values in samples.iter().filter_map(|sample| sample.get(&self.node.name)) {
            for (i, value) in values.iter().enumerate() {
                let (low, high) = edges.get_mut(self.channels.at(i))?;
                (*low, *high) = (low.min(f64::from(*value)), high.max(f64::from(*value)));
            }
        }
        let columns: Vec<(Column, Option<f64>)> = edges
            .iter()
            .zip(&influence)
            .map(|((low, high), influence)| column(*low, *high, *influence, self.may_center()))
            .collect();
        // As fine as a column's own step, where that makes a difference to a layer.
        let fine = |(column, needed): (&(Column, Option<f64>), &f64)| {
            Some((BITS - 1.0 - column.1?.log2()).min(needed + 2.0))
        };
        let finest = columns.iter().zip(&needed).filter_map(fine).reduce(f64::max)?.ceil();
        let bits =
            finest.min(WIDEST - (magnitude.log2() + extra).ceil()).clamp(-256.0, 256.0) as i32;
        let capped = columns
            .into_iter()
            .map(|(column, _)| Column { exponent: column.exponent.min(bits), ..column });
        Some((capped.collect(), bits))
    }

    /// Whether every layer takes an offset: padding is zero.
    fn may_center(&self) -> bool {
        self.layers.iter().filter_map(|layer| self.model.node(*layer)).all(|node| match &node.op {
            Op::Conv { window, .. } => window.before == [0, 0] && window.after == [0, 0],
            _ => true,
        })
    }
}

/// The dense layers and convolutions that read a node directly or through reshapes; `None` when
/// anything else does, or nothing.
fn layers(model: &Model, id: NodeId) -> Option<Vec<NodeId>> {
    if model.outputs.iter().any(|(_, output)| *output == id) {
        return None;
    }
    let mut found = Vec::new();
    for (user, node) in model.nodes.iter().enumerate().filter(|(_, node)| node.inputs.contains(&id))
    {
        match &node.op {
            Op::Dense { .. } | Op::Conv { .. } => found.push(NodeId(user)),
            Op::View(View::Reshape) => found.extend(layers(model, NodeId(user))?),
            _ => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The largest absolute weight of each input channel, and the largest root of the sum of squares of
/// an output's weights.
fn weights(layer: &Node, channels: usize) -> (Vec<f64>, f64) {
    let mut largest = vec![0f64; channels];
    let mut squares: BTreeMap<usize, f64> = BTreeMap::new();
    let mut see = |input: usize, output: usize, weight: f32| {
        let weight = f64::from(weight).abs();
        largest.get_mut(input).into_iter().for_each(|largest| *largest = largest.max(weight));
        *squares.entry(output).or_default() += weight * weight;
    };
    match &layer.op {
        Op::Dense { weight, .. } => {
            weight.indexed_iter().for_each(|((input, output), w)| see(input, output, *w))
        }
        Op::Conv { weight, groups, .. } => {
            let (outputs, inputs, ..) = weight.dim();
            let per_group = (outputs / (*groups).max(1)).max(1);
            weight.indexed_iter().for_each(|((output, input, ..), w)| {
                see(output / per_group * inputs + input, output, *w)
            });
        }
        _ => {}
    }
    (largest, squares.values().copied().fold(0.0, f64::max).sqrt())
}

/// The column between `low` and `high`, and its width to either side of the centre if it varies.
/// One that never does is centred where it is, which is exact at any scale, and gets a width at
/// which it makes up a layer's whole value.
fn column(low: f64, high: f64, influence: f64, may_center: bool) -> (Column, Option<f64>) {
    let (middle, half, edge) = ((low + high) / 2.0, (high - low) / 2.0, low.abs().max(high.abs()));
    let exponent = |width: f64| -(width.log2().ceil().clamp(-120.0, 120.0) as i32);
    if half == 0.0 && (may_center || edge == 0.0) {
        let widths = [1.0 / influence, edge].into_iter().filter(|width| width.is_normal());
        return (
            Column { center: middle, exponent: exponent(widths.reduce(f64::min).unwrap_or(1.0)) },
            None,
        );
    }
    if !may_center || middle.abs() <= FAR * half {
        return (Column { center: 0.0, exponent: exponent(edge) }, Some(edge));
    }
    // A multiple of a quarter of the width has few digits.
    let step = (half.log2().floor() - 2.0).exp2();
    let center = f64::from(((middle / step).round() * step) as f32);
    let width = (high - center).max(center - low);
    (Column { center, exponent: exponent(width) }, Some(width))
}

/// The model with `u = (x - c) * 2^e` behind an input and its inverse in the layers.
fn rewritten(model: &Model, name: &str, columns: &[Column], channels: Channels) -> Option<Model> {
    let id =
        *model.inputs.iter().find(|id| model.node(**id).is_some_and(|node| node.name == name))?;
    let input = model.node(id)?;
    let len: usize = input.shape.iter().product();
    let constant = |value: &dyn Fn(&Column) -> f64| {
        let values =
            (0..len).map(|i| columns.get(channels.at(i)).map_or(0.0, value) as f32).collect();
        ArrayD::from_shape_vec(input.shape.clone(), values).ok()
    };
    let centers = constant(&|column| column.center)?;
    let powers = constant(&|column| f64::from(column.exponent).exp2())?;
    let inverse: Array1<f32> =
        columns.iter().map(|column| f64::from(-column.exponent).exp2() as f32).collect();
    let offsets: Array1<f32> = columns.iter().map(|column| column.center as f32).collect();
    let readers = layers(model, id)?;
    let mut nodes = Vec::new();
    let mut moved: Vec<NodeId> = Vec::new();
    let mut scaled = id;
    for (at, node) in model.nodes.iter().enumerate() {
        let inputs = node.inputs.iter().map(|operand| {
            if *operand == id { Some(scaled) } else { moved.get(operand.0).copied() }
        });
        let mut node = Node { inputs: inputs.collect::<Option<_>>()?, ..node.clone() };
        if readers.contains(&NodeId(at)) && !scale_operand(&mut node.op, &inverse, &offsets) {
            return None;
        }
        nodes.push(node);
        moved.push(NodeId(nodes.len() - 1));
        if at == id.0 {
            let mut push = |what: &str, op: Op, inputs: Vec<NodeId>| {
                nodes.push(Node {
                    name: format!("{name} {what}"),
                    op,
                    inputs,
                    shape: input.shape.clone(),
                });
                NodeId(nodes.len() - 1)
            };
            scaled = *moved.last()?;
            if columns.iter().any(|column| column.center != 0.0) {
                let center = push("centre", Op::Constant(centers.clone()), Vec::new());
                scaled = push("centred", Op::Sub, vec![scaled, center]);
            }
            let power = push("scale", Op::Constant(powers.clone()), Vec::new());
            scaled = push("scaled", Op::Mul, vec![scaled, power]);
        }
    }
    let at = |id: &NodeId| moved.get(id.0).copied();
    let inputs = model.inputs.iter().map(at).collect::<Option<_>>()?;
    let outputs = model
        .outputs
        .iter()
        .map(|(name, id)| Some((name.clone(), at(id)?)))
        .collect::<Option<_>>()?;
    let model = Model { nodes, inputs, outputs, classes: model.classes.clone() };
    let distinct =
        model.nodes.iter().map(|node| &node.name).collect::<std::collections::BTreeSet<_>>().len();
    (distinct == model.nodes.len() && model.check().is_ok()).then_some(model)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::calibrate::Method;
    use crate::quantize::{Options, quantize};
    use crate::report::Reporter;
    use lemma_model::Unary;

    type Inputs = BTreeMap<String, ArrayD<f32>>;

    /// Age, income, share, year and a column that is always zero, of 64 people.
    fn people() -> Vec<Inputs> {
        let share = |i: usize, step: usize| ((i * step) % 64) as f32 / 63.0;
        let person = |i: usize| {
            [
                18.0 + 60.0 * share(i, 7),
                1e5 * share(i, 11),
                0.1 * share(i, 13),
                2000.0 + 27.0 * share(i, 5),
                0.0,
            ]
        };
        let row =
            |i: usize| BTreeMap::from([("x".to_owned(), ndarray::arr2(&[person(i)]).into_dyn())]);
        (0..64).map(row).collect()
    }

    /// A layer of standardised columns with their scaler in its weights, and one behind it. The
    /// fifth column has a huge weight.
    fn network() -> Model {
        let scaler = [(48.0, 17.0), (5e4, 3e4), (0.05, 0.03), (2013.5, 8.0), (0.0, 1e-8)];
        let first =
            Array2::from_shape_fn((5, 8), |(i, j)| ((i * 5 + j * 3) % 7) as f32 / 3.5 - 0.9);
        let second =
            Array2::from_shape_fn((8, 2), |(i, j)| ((i * 3 + j * 5) % 5) as f32 / 2.5 - 0.8);
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 5]).unwrap();
        let constant = |values: [f32; 5]| Op::Constant(ndarray::arr1(&values).into_dyn());
        let mean = model.push("mean", constant(scaler.map(|(mean, _)| mean)), &[]).unwrap();
        let inverse = model
            .push("inverse", constant(scaler.map(|(_, deviation)| 1.0 / deviation)), &[])
            .unwrap();
        let x = model.push("centred", Op::Sub, &[x, mean]).unwrap();
        let x = model.push("standardised", Op::Mul, &[x, inverse]).unwrap();
        let x = model.push("first", Op::Dense { weight: first, bias: None }, &[x]).unwrap();
        let x = model.push("relu", Op::Unary(Unary::Relu), &[x]).unwrap();
        let y = model.push("second", Op::Dense { weight: second, bias: None }, &[x]).unwrap();
        model.outputs.push(("y".into(), y));
        model.simplify().unwrap()
    }

    fn error(model: &Model, ranges: &Ranges, options: &Options) -> f64 {
        let quantized = quantize(model, ranges, options).unwrap();
        let mut reporter = Reporter::new(model, &quantized);
        people().iter().for_each(|sample| reporter.add(sample, None).unwrap());
        let report = reporter.finish(options.bits, options.headroom);
        assert_eq!(report.out_of_range, 0, "{report}");
        1.0 - report.outputs[0].r_squared.unwrap()
    }

    #[test]
    fn columns_of_different_sizes_get_scales_of_their_own() {
        let (model, samples, options) = (network(), people(), Options::default());
        let ranges = Ranges::observe(&model, samples.clone(), Method::Max).unwrap();
        assert!(error(&model, &ranges, &options) > 0.1, "one scale does not do");
        let equalised = equalise(&model, &ranges, &samples, options.headroom).unwrap();
        for sample in &samples {
            let [before, after] =
                [&model, &equalised.model].map(|model| model.run(sample).unwrap().remove(0));
            assert!(
                before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 1e-3 * (1.0 + a.abs())),
                "{before} {after}"
            );
        }
        let ranges = Ranges::observe(&equalised.model, samples, Method::Max).unwrap();
        let options = Options { fractional_bits: equalised.fractional_bits, ..options };
        let error = error(&equalised.model, &ranges, &options);
        assert!(error < 1e-4, "{error}");
    }

    #[test]
    fn columns_of_one_size_stay() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 4]).unwrap();
        let weight = Array2::from_shape_fn((4, 3), |(i, j)| (i as f32 - j as f32) / 4.0);
        let y = model.push("y", Op::Dense { weight, bias: None }, &[x]).unwrap();
        model.outputs.push(("y".into(), y));
        let sample = BTreeMap::from([(
            "x".to_owned(),
            ndarray::arr2(&[[1.0, -0.5, 0.25, 0.75]]).into_dyn(),
        )]);
        let ranges = Ranges::observe(&model, [sample.clone()], Method::Max).unwrap();
        assert!(equalise(&model, &ranges, &[sample], 2.0).is_none());
    }

    #[test]
    fn a_column_that_hardly_varies_is_centred_and_one_that_never_does_has_a_width() {
        let (year, width) = column(2000.0, 2027.0, 0.1, true);
        assert!(
            (year.center - 2013.5).abs() <= 2.0 && width.unwrap() < 16.0 && year.exponent == -4,
            "{year:?} {width:?}"
        );
        assert_eq!(column(2000.0, 2027.0, 0.1, false).0, Column { center: 0.0, exponent: -11 });
        assert_eq!(column(-3.0, 4.0, 0.1, true), (Column { center: 0.0, exponent: -2 }, Some(4.0)));
        assert_eq!(column(5.0, 5.0, 0.5, true), (Column { center: 5.0, exponent: -1 }, None));
        assert_eq!(column(0.0, 0.0, 0.0, false), (Column { center: 0.0, exponent: 0 }, None));
    }

    /// From one sample nothing can be said of the width of a column.
    #[test]
    fn one_sample_brings_no_columns() {
        let (model, sample) = (network(), people().remove(3));
        let ranges = Ranges::observe(&model, [sample.clone()], Method::Max).unwrap();
        assert!(equalise(&model, &ranges, &[sample], 2.0).is_none());
    }
}
