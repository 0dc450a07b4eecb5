//! Constant multiples and offsets per channel move into the dense layer or convolution behind them:
//! the scaler or batch norm in front of a model disappears.
//!
//! `(x * s + o) W + b = x (s W) + (o W + b)`. The constant is carried forward through reshapes,
//! which keep the order of elements, and must vary along the layer's input channels only. A
//! convolution pads with zeros behind an offset, so only one without padding takes an offset.

use ndarray::{Array1, ArrayD};

use crate::{Model, NodeId, Op, View};

/// Folds the constants in front of every layer, the nearest first. The nodes in their places are
/// dead.
pub(super) fn fold(model: &mut Model) {
    let uses = model.uses();
    for at in (0..model.nodes.len()).filter(|&at| uses[at] > 0) {
        while fold_into(model, NodeId(at), &uses) {}
    }
}

/// Folds the nearest constant in front of a layer; whether there was one. What is read once stays
/// so: the layer reads it in the place of the node between them.
fn fold_into(model: &mut Model, layer: NodeId, uses: &[usize]) -> bool {
    let Some(channels) = Channels::of(model, layer) else { return false };
    let mut reader = layer;
    let mut at = model.operands(layer)[0];
    while uses[at.0] == 1 && matches!(model.op(at), Op::View(View::Reshape)) {
        (reader, at) = (at, model.operands(at)[0]);
    }
    if uses[at.0] != 1 {
        return false;
    }
    let Some((x, value, constant_first)) = model.with_constant(at) else { return false };
    if model.extents(x) != model.extents(at) {
        return false;
    }
    let Some(values) =
        value.broadcast(model.extents(at)).and_then(|values| channels.values(&values.to_owned()))
    else {
        return false;
    };
    let count = values.len();
    let (slopes, offsets) = match (model.op(at), constant_first) {
        (Op::Mul, _) => (values, Array1::zeros(count)),
        (Op::Add, _) => (Array1::ones(count), values),
        (Op::Sub, false) => (Array1::ones(count), -values),
        (Op::Sub, true) => (-Array1::<f32>::ones(count), values),
        _ => return false,
    };
    let mut op = model.op(layer).clone();
    if !scale_operand(&mut op, &slopes, &offsets) {
        return false;
    }
    model.nodes[layer.0].op = op;
    model.nodes[reader.0].inputs[0] = x;
    true
}

/// Which input channel of a layer each element of its operand belongs to, in row-major order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    /// Channels.
    pub count: usize,
    /// Consecutive elements of one channel.
    area: usize,
}

impl Channels {
    /// The input channels of a dense layer, or of a convolution of one image.
    pub fn of(model: &Model, layer: NodeId) -> Option<Channels> {
        let node = model.node(layer)?;
        match &node.op {
            Op::Dense { weight, .. } => Some(Channels { count: weight.nrows(), area: 1 }),
            Op::Conv { .. } => match model.node(*node.inputs.first()?)?.shape.as_slice() {
                [1, count, plane @ ..] => {
                    Some(Channels { count: *count, area: plane.iter().product() })
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The channel of element `i`.
    pub fn at(self, i: usize) -> usize {
        i / self.area.max(1) % self.count.max(1)
    }

    /// One value for each channel, where all elements of it have the same.
    fn values(self, elements: &ArrayD<f32>) -> Option<Array1<f32>> {
        let mut values = vec![None; self.count];
        for (i, value) in elements.iter().enumerate() {
            let slot = values.get_mut(self.at(i))?;
            if *slot.get_or_insert(*value) != *value {
                return None;
            }
        }
        values.into_iter().collect()
    }
}

/// Makes a layer of `x` from one of `x * slopes + offsets`, by input channel; `false` and no change
/// where that is not possible or not finite.
pub fn scale_operand(op: &mut Op, slopes: &Array1<f32>, offsets: &Array1<f32>) -> bool {
    let shifted = offsets.iter().any(|offset| *offset != 0.0);
    let (added, bias) = match op {
        Op::Dense { weight, bias } => {
            let added = weight.mapv(f64::from).t().dot(&offsets.mapv(f64::from));
            for (mut row, slope) in weight.outer_iter_mut().zip(slopes) {
                row *= *slope;
            }
            if weight.iter().any(|w| !w.is_finite()) {
                return false;
            }
            (added, bias)
        }
        Op::Conv { weight, bias, window, groups } => {
            let pads = window.before.iter().chain(&window.after).any(|padding| *padding > 0);
            if shifted && pads {
                return false;
            }
            let (outputs, inputs, ..) = weight.dim();
            let per_group = (outputs / (*groups).max(1)).max(1);
            let mut added = Array1::<f64>::zeros(outputs);
            for (output, mut kernels) in weight.outer_iter_mut().enumerate() {
                for (input, mut kernel) in kernels.outer_iter_mut().enumerate() {
                    let channel = output / per_group * inputs + input;
                    let (Some(slope), Some(offset)) = (slopes.get(channel), offsets.get(channel))
                    else {
                        return false;
                    };
                    let sum: f64 = kernel.iter().map(|w| f64::from(*w)).sum();
                    added
                        .get_mut(output)
                        .into_iter()
                        .for_each(|added| *added += sum * f64::from(*offset));
                    kernel *= *slope;
                }
            }
            if weight.iter().any(|w| !w.is_finite()) {
                return false;
            }
            (added, bias)
        }
        _ => return false,
    };
    if shifted {
        let before =
            bias.take().map_or_else(|| Array1::zeros(added.len()), |bias| bias.mapv(f64::from));
        let moved = (before + added).mapv(|value| value as f32);
        if moved.iter().any(|value| !value.is_finite()) {
            return false;
        }
        *bias = Some(moved);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::Window;

    fn conv(padding: usize) -> Model {
        model(&[1, 4, 5, 5], |model, x| {
            let slopes = constant(model, random(&[4, 1, 1], 1));
            let x = apply(model, Op::Mul, &[x, slopes]);
            let offsets = constant(model, random(&[1, 4, 1, 1], 2));
            let x = apply(model, Op::Add, &[offsets, x]);
            let weight = random(&[6, 2, 3, 3], 5).into_dimensionality().unwrap();
            let pads = [padding; 2];
            let window = Window {
                kernel: [3, 3],
                stride: [1, 1],
                dilation: [1, 1],
                before: pads,
                after: pads,
            };
            apply(model, Op::Conv { weight, bias: None, window, groups: 2 }, &[x])
        })
    }

    #[test]
    fn a_scaler_disappears_into_the_dense_layer_behind_it() {
        let after = simplified(model(&[2, 1, 4], |model, x| {
            let mean = constant(model, random(&[4], 1));
            let x = apply(model, Op::Sub, &[x, mean]);
            let inverse = constant(model, random(&[1, 4], 2));
            let x = apply(model, Op::Mul, &[inverse, x]);
            let x = model.push_shaped("rows", Op::View(View::Reshape), &[x], &[2, 4]).unwrap();
            let weight = random(&[4, 3], 3).into_dimensionality().unwrap();
            apply(model, Op::Dense { weight, bias: None }, &[x])
        }));
        assert!(
            after.nodes.iter().all(|node| !matches!(node.op, Op::Mul | Op::Sub | Op::Constant(_)))
        );
    }

    #[test]
    fn a_convolution_without_padding_takes_slopes_and_offsets_of_its_groups() {
        assert_eq!(simplified(conv(0)).nodes.len(), 2);
    }

    #[test]
    fn an_offset_stays_in_front_of_padding() {
        assert!(simplified(conv(1)).nodes.iter().any(|node| matches!(node.op, Op::Add)));
    }

    #[test]
    fn a_constant_that_differs_from_row_to_row_stays() {
        let after = simplified(model(&[2, 4], |model, x| {
            let positions = constant(model, random(&[2, 4], 1));
            let x = apply(model, Op::Add, &[x, positions]);
            let weight = random(&[4, 3], 3).into_dimensionality().unwrap();
            apply(model, Op::Dense { weight, bias: None }, &[x])
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Add)));
    }

    #[test]
    fn a_constant_with_another_reader_stays() {
        let after = simplified(model(&[1, 4], |model, x| {
            let two = scalar(model, 2.0);
            let scaled = apply(model, Op::Mul, &[x, two]);
            let weight = random(&[4, 4], 3).into_dimensionality().unwrap();
            let y = apply(model, Op::Dense { weight, bias: None }, &[scaled]);
            apply(model, Op::Mul, &[y, scaled])
        }));
        assert_eq!(after.nodes.iter().filter(|node| matches!(node.op, Op::Mul)).count(), 2);
    }
}
