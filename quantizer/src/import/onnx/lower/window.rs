//! Convolutions and pooling: bring the operand to `[1, channels, height, width]`, apply the window, bring it back.

use ndarray::{Array1, Ix4};
use tract_onnx::prelude::TypedNode;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;

use super::{Lowering, Problem, unsupported};
use crate::model::{NodeId, Op, Window};

/// How an operand is laid out, and how its window slides.
struct Geometry {
    channels_last: bool,
    has_batch: bool,
    /// One or two.
    spatial: usize,
    window: Window,
    /// Whether the last window reaches past the padding that the file asks for.
    overhangs: bool,
}

impl Lowering<'_> {
    pub(super) fn convolution(&mut self, node: &TypedNode, op: &Conv) -> Result<NodeId, Problem> {
        if op.q_params.is_some() {
            return Err(unsupported(node, "quantized convolutions are not supported".into()));
        }
        let geometry = self.geometry(node, &op.pool_spec)?;
        let kernel = node.inputs.get(1).and_then(|&outlet| self.tensor(outlet));
        let kernel = kernel.ok_or_else(|| unsupported(node, "the kernel must be constant".into()))?;
        let refused = |error: tract_onnx::prelude::TractError| unsupported(node, format!("{error:#}"));
        let mut grouped = kernel.as_ref().clone();
        for change in op.kernel_fmt.kernel_as_group_o_i_h_w_ops(kernel.shape(), op.group) {
            change.change_tensor(&mut grouped, false).map_err(refused)?;
        }
        let [height, width] = geometry.window.kernel;
        let (out, group) = (op.output_channels(), op.group);
        let per_group = op.input_channels() / group.max(1);
        let weight = super::floats(&grouped, &node.name)?
            .into_shape_with_order((out, per_group, height, width))
            .map_err(|error| unsupported(node, error.to_string()))?
            .into_dimensionality::<Ix4>()
            .map_err(|error| unsupported(node, error.to_string()))?;
        let bias = self.weights(node, 2, "bias")?;
        let bias = match bias.len() {
            1 => Array1::from_elem(out, bias.sum()),
            found if found == out => bias.into_iter().collect(),
            found => {
                return Err(unsupported(node, format!("{found} biases for {out} channels")));
            }
        };
        let bias = bias.iter().any(|&value| value != 0.0).then_some(bias);
        let window = geometry.window.clone();
        self.windowed(node, &geometry, Op::Conv { weight, bias, window, groups: group })
    }

    pub(super) fn max_pool(&mut self, node: &TypedNode, op: &MaxPool) -> Result<NodeId, Problem> {
        let geometry = self.geometry(node, &op.pool_spec)?;
        let window = geometry.window.clone();
        self.windowed(node, &geometry, Op::MaxPool { window })
    }

    pub(super) fn sum_pool(&mut self, node: &TypedNode, op: &SumPool) -> Result<NodeId, Problem> {
        let geometry = self.geometry(node, &op.pool_spec)?;
        let count_padding = op.count_include_pad || !op.normalize;
        if count_padding && geometry.overhangs {
            return Err(unsupported(node, "ceil_mode together with count_include_pad is not supported".into()));
        }
        let window = geometry.window.clone();
        let size = (window.kernel[0] * window.kernel[1]) as f32;
        let mean = self.windowed(node, &geometry, Op::AveragePool { window, count_padding })?;
        if op.normalize { Ok(mean) } else { self.scaled(&format!("{}.sum", node.name), mean, size) }
    }

    fn windowed(&mut self, node: &TypedNode, geometry: &Geometry, op: Op) -> Result<NodeId, Problem> {
        let x = self.operand(node.inputs[0])?;
        let image = self.image(node, x, geometry)?;
        let result = self.push(&node.name, op, &[image])?;
        self.restored(node, result, geometry)
    }

    fn geometry(&mut self, node: &TypedNode, spec: &PoolSpec) -> Result<Geometry, Problem> {
        let (has_batch, channels_last) = match spec.data_format {
            DataFormat::NCHW => (true, false),
            DataFormat::NHWC => (true, true),
            DataFormat::CHW => (false, false),
            DataFormat::HWC => (false, true),
        };
        let spatial = spec.kernel_shape.len();
        let operand = self.shape(node.inputs[0])?;
        let first = usize::from(has_batch) + usize::from(!channels_last);
        let extents = operand.get(first..first + spatial).unwrap_or_default();
        if !(1..=2).contains(&spatial) || extents.len() != spatial {
            return Err(unsupported(node, format!("{spatial} spatial axes; one or two are supported")));
        }
        let (strides, dilations) = (spec.strides(), spec.dilations());
        let padding = spec.computed_padding(extents);
        let mut window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], before: [0, 0], after: [0, 0] };
        let mut overhangs = false;
        for (at, dim) in padding.iter().enumerate() {
            let axis = 2 - spatial + at;
            window.kernel[axis] = spec.kernel_shape[at];
            window.stride[axis] = strides[at];
            window.dilation[axis] = dilations[at];
            window.before[axis] = dim.pad_before;
            let reach = dim.convoluted.saturating_sub(1) * strides[at] + (spec.kernel_shape[at] - 1) * dilations[at] + 1;
            let needed = reach.saturating_sub(extents[at] + dim.pad_before);
            overhangs |= needed > dim.pad_after;
            // Padding that no window reaches changes nothing, so what the last window needs is what counts.
            window.after[axis] = needed;
        }
        Ok(Geometry { channels_last, has_batch, spatial, window, overhangs })
    }

    fn image(&mut self, node: &TypedNode, x: NodeId, geometry: &Geometry) -> Result<NodeId, Problem> {
        let mut shape = self.shape_of(x).to_vec();
        if !geometry.has_batch {
            shape.insert(0, 1);
        }
        let mut x = self.reshaped(&format!("{}.batch", node.name), x, &shape)?;
        if geometry.channels_last {
            let permutation: Vec<usize> = [0, shape.len() - 1].into_iter().chain(1..shape.len() - 1).collect();
            x = self.transposed(&format!("{}.channels_first", node.name), x, &permutation)?;
        }
        let mut shape = self.shape_of(x).to_vec();
        if geometry.spatial == 1 {
            shape.insert(2, 1);
        }
        self.reshaped(&format!("{}.image", node.name), x, &shape)
    }

    fn restored(&mut self, node: &TypedNode, x: NodeId, geometry: &Geometry) -> Result<NodeId, Problem> {
        let mut shape = self.shape_of(x).to_vec();
        if geometry.spatial == 1 {
            shape.remove(2);
        }
        let mut x = self.reshaped(&format!("{}.line", node.name), x, &shape)?;
        if geometry.channels_last {
            let permutation: Vec<usize> = std::iter::once(0).chain(2..shape.len()).chain([1]).collect();
            x = self.transposed(&format!("{}.channels_last", node.name), x, &permutation)?;
        }
        let mut shape = self.shape_of(x).to_vec();
        if !geometry.has_batch {
            shape.remove(0);
        }
        self.reshaped(&format!("{}.no_batch", node.name), x, &shape)
    }
}
