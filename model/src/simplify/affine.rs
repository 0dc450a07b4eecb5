//! Constant multiples and offsets per channel move into the dense layer or convolution before them:
//! a batch norm disappears, a bias becomes a bias, the scale of attention scores becomes part of
//! the query weights.
//!
//! The constant is broadcast to its node's shape, carried back through the reshapes and transposes
//! in between, and must then vary along the layer's output channels only. Everything on the way
//! must have no other reader.

use ndarray::{Array1, ArrayD, Axis};

use super::Bypass;
use crate::{Model, NodeId, Op, View};

/// Largest constant that is broadcast to look at it.
const LARGEST: usize = 1 << 24;

pub(super) fn fold(model: &mut Model) -> bool {
    let mut changed = false;
    let (mut uses, mut readers) = (model.uses(), Bypass::new(model));
    for at in 0..model.nodes.len() {
        let id = NodeId(at);
        readers.reach(model, id);
        if uses[at] == 0 {
            continue;
        }
        if let Some(x) =
            fold_into_layer(model, id, &uses).or_else(|| fold_into_product(model, id, &uses))
        {
            changed = true;
            readers.bypass(id, x);
            uses[x.0] += uses[at] - 1;
            uses[at] = 0;
        }
    }
    readers.finish(model);
    changed
}

/// `y = slope * x + offset` per element.
struct Affine {
    slope: ArrayD<f32>,
    offset: ArrayD<f32>,
}

/// Folds a node; what is to be read in its place.
fn fold_into_layer(model: &mut Model, id: NodeId, uses: &[usize]) -> Option<NodeId> {
    let (x, affine) = affine(model, id, uses)?;
    let (layer, slope) = layer_before(model, x, affine.slope, uses)?;
    let (_, offset) = layer_before(model, x, affine.offset, uses)?;
    let axis = if matches!(model.op(layer), Op::Conv { .. }) { 1 } else { slope.ndim() - 1 };
    let (slope, offset) = (per_channel(&slope, axis)?, per_channel(&offset, axis)?);
    scale_layer(&mut model.nodes[layer.0].op, &slope, &offset);
    Some(x)
}

/// A number times a product of matrices is a number times one of its factors.
fn fold_into_product(model: &mut Model, id: NodeId, uses: &[usize]) -> Option<NodeId> {
    let Op::Mul = model.op(id) else { return None };
    let (mut product, value, _) = model.with_constant(id)?;
    let factor = value.first().copied().filter(|first| value.iter().all(|other| other == first))?;
    if model.extents(product) != model.extents(id) {
        return None;
    }
    let direct = product;
    while uses[product.0] == 1 && is_rearrangement(model, product) {
        product = model.operands(product)[0];
    }
    if uses[product.0] != 1 || !matches!(model.op(product), Op::MatMul) {
        return None;
    }
    for side in model.operands(product).to_vec() {
        let slope = ArrayD::from_elem(model.extents(side), factor);
        if let Some((layer, _)) = layer_before(model, side, slope, uses) {
            let channels = match model.op(layer) {
                Op::Dense { weight, .. } => weight.ncols(),
                Op::Conv { weight, .. } => weight.dim().0,
                _ => continue,
            };
            let slope = Array1::from_elem(channels, factor);
            scale_layer(&mut model.nodes[layer.0].op, &slope, &Array1::zeros(channels));
            return Some(direct);
        }
    }
    None
}

/// The operand of a multiple or offset by a constant behind a layer, and the constant as an affine
/// map of the node's shape.
fn affine(model: &Model, id: NodeId, uses: &[usize]) -> Option<(NodeId, Affine)> {
    let (x, value, constant_first) = model.with_constant(id)?;
    let shape = model.extents(id);
    if model.extents(x) != shape
        || shape.iter().product::<usize>() > LARGEST
        || !is_behind_layer(model, x, uses)
    {
        return None;
    }
    let value = value.broadcast(shape)?.to_owned();
    let (ones, zeros) = (ArrayD::ones(shape), ArrayD::zeros(shape));
    let affine = match (model.op(id), constant_first) {
        (Op::Mul, _) => Affine { slope: value, offset: zeros },
        (Op::Add, _) => Affine { slope: ones, offset: value },
        (Op::Sub, false) => Affine { slope: ones, offset: -value },
        (Op::Sub, true) => Affine { slope: -ones, offset: value },
        _ => return None,
    };
    Some((x, affine))
}

/// Whether only reshapes and transposes lie between a node and a layer before it, without other
/// readers.
fn is_behind_layer(model: &Model, mut id: NodeId, uses: &[usize]) -> bool {
    while uses[id.0] == 1 && is_rearrangement(model, id) {
        id = model.operands(id)[0];
    }
    uses[id.0] == 1 && matches!(model.op(id), Op::Dense { .. } | Op::Conv { .. })
}

/// The layer behind a chain of reshapes and transposes, and `value` carried back to the shape of
/// its result.
fn layer_before(
    model: &Model,
    mut id: NodeId,
    mut value: ArrayD<f32>,
    uses: &[usize],
) -> Option<(NodeId, ArrayD<f32>)> {
    loop {
        if uses[id.0] != 1 {
            return None;
        }
        let before = model.operands(id).first().copied();
        match model.op(id) {
            Op::Dense { .. } | Op::Conv { .. } => return Some((id, value)),
            Op::View(View::Reshape) => {
                let shape = model.extents(before?);
                value =
                    value.as_standard_layout().into_owned().into_shape_with_order(shape).ok()?;
            }
            Op::View(View::Transpose(permutation)) => {
                let mut inverse = vec![0; permutation.len()];
                for (to, &from) in permutation.iter().enumerate() {
                    inverse[from] = to;
                }
                value = value.permuted_axes(inverse);
            }
            _ => return None,
        }
        id = before?;
    }
}

fn is_rearrangement(model: &Model, id: NodeId) -> bool {
    matches!(model.op(id), Op::View(View::Reshape | View::Transpose(_)))
}

/// The values along `axis`, where nothing varies along another one.
fn per_channel(value: &ArrayD<f32>, axis: usize) -> Option<Array1<f32>> {
    let channels: Array1<f32> = value
        .axis_iter(Axis(axis))
        .map(|channel| channel.first().copied())
        .collect::<Option<_>>()?;
    let varies = value
        .axis_iter(Axis(axis))
        .zip(&channels)
        .any(|(channel, first)| channel.iter().any(|value| value != first));
    (!varies).then_some(channels)
}

/// Multiplies a layer's output channels by `slope` and adds `offset`.
fn scale_layer(op: &mut Op, slope: &Array1<f32>, offset: &Array1<f32>) {
    let bias = match op {
        Op::Dense { weight, bias } => {
            *weight *= slope;
            bias
        }
        Op::Conv { weight, bias, .. } => {
            for (mut kernel, slope) in weight.outer_iter_mut().zip(slope) {
                kernel *= *slope;
            }
            bias
        }
        _ => return,
    };
    let moved = match bias.take() {
        Some(bias) => bias * slope + offset,
        None => offset.clone(),
    };
    *bias = moved.iter().any(|&value| value != 0.0).then_some(moved);
}

#[cfg(test)]
mod tests {
    use ndarray::Ix1;

    use super::super::testing::*;
    use super::*;
    use crate::{Unary, Window};

    fn conv(model: &mut Model, x: NodeId, out: usize, channels: usize) -> NodeId {
        let weight = random(&[out, channels, 3, 3], 5).into_dimensionality().unwrap();
        let bias = Some(random(&[out], 6).into_dimensionality::<Ix1>().unwrap());
        let window = Window {
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            before: [1, 1],
            after: [1, 1],
        };
        apply(model, Op::Conv { weight, bias, window, groups: 1 }, &[x])
    }

    fn dense(model: &mut Model, x: NodeId, k: usize, n: usize) -> NodeId {
        let weight = random(&[k, n], 7).into_dimensionality().unwrap();
        apply(model, Op::Dense { weight, bias: None }, &[x])
    }

    fn layers(model: &Model) -> usize {
        model
            .nodes
            .iter()
            .filter(|node| matches!(node.op, Op::Conv { .. } | Op::Dense { .. }))
            .count()
    }

    #[test]
    fn a_batch_norm_disappears_into_its_convolution() {
        let after = simplified(model(&[1, 2, 5, 5], |model, x| {
            let y = conv(model, x, 3, 2);
            let slope = constant(model, random(&[1, 3, 1, 1], 1));
            let offset = constant(model, random(&[3, 1, 1], 2));
            let y = apply(model, Op::Mul, &[slope, y]);
            apply(model, Op::Sub, &[offset, y])
        }));
        assert_eq!(after.nodes.len(), 2);
    }

    #[test]
    fn a_bias_and_a_scale_reach_a_dense_layer_through_views() {
        let after = simplified(model(&[1, 4, 6], |model, x| {
            let y = dense(model, x, 6, 8);
            let bias = constant(model, random(&[8], 3));
            let y = apply(model, Op::Add, &[bias, y]);
            let y =
                model.push_shaped("heads", Op::View(View::Reshape), &[y], &[1, 4, 2, 4]).unwrap();
            let y = apply(model, Op::View(View::Transpose(vec![0, 2, 1, 3])), &[y]);
            let scale = constant(model, random(&[1, 2, 1, 4], 4));
            let y = apply(model, Op::Mul, &[y, scale]);
            apply(model, Op::Unary(Unary::Tanh), &[y])
        }));
        assert!(after.nodes.iter().all(|node| !matches!(node.op, Op::Mul | Op::Add)));
        assert_eq!(layers(&after), 1);
    }

    #[test]
    fn the_scale_of_a_product_moves_into_a_factor() {
        let after = simplified(model(&[1, 4, 6], |model, x| {
            let q = dense(model, x, 6, 4);
            let k = apply(model, Op::View(View::Transpose(vec![0, 2, 1])), &[x]);
            let slice = Op::View(View::Slice { axis: 1, start: 0, step: 1 });
            let k = model.push_shaped("keys", slice, &[k], &[1, 4, 4]).unwrap();
            let scores = apply(model, Op::MatMul, &[q, k]);
            let scale = scalar(model, 0.25);
            apply(model, Op::Mul, &[scores, scale])
        }));
        assert!(after.nodes.iter().all(|node| !matches!(node.op, Op::Mul)));
    }

    #[test]
    fn keeps_a_constant_that_varies_along_another_axis() {
        let after = simplified(model(&[1, 4, 6], |model, x| {
            let y = dense(model, x, 6, 8);
            let positions = constant(model, random(&[4, 8], 3));
            apply(model, Op::Add, &[y, positions])
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Add)));
    }

    #[test]
    fn keeps_a_constant_behind_a_layer_with_another_reader() {
        let after = simplified(model(&[2, 3], |model, x| {
            let y = dense(model, x, 3, 3);
            let two = scalar(model, 2.0);
            let z = apply(model, Op::Mul, &[y, two]);
            let z = apply(model, Op::Unary(Unary::Tanh), &[z]);
            apply(model, Op::Add, &[y, z])
        }));
        assert!(after.nodes.iter().any(|node| matches!(node.op, Op::Mul)));
    }
}
