//! Pooling and reductions.

use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use lemma_graph::{Conv, LinearMap, Op as Primitive};
use lemma_model::{Node, NodeId, Op, Window};

/// Fractional bits of a divisor that is no power of two.
const DIVISOR_BITS: i32 = 14;

impl Lowering<'_> {
    /// Fractional bits that an average adds.
    pub(super) fn averaging_bits(&self, node: &Node) -> i32 {
        match &node.op {
            Op::AveragePool { window, count_padding } => {
                let uniform = *count_padding || (window.before == [0, 0] && window.after == [0, 0]);
                let area: usize = window.kernel.iter().product();
                if uniform { divisor(area).1 } else { DIVISOR_BITS }
            }
            Op::Mean { axes } => divisor(self.reduced_elements(node, axes)).1,
            _ => 0,
        }
    }

    fn reduced_elements(&self, node: &Node, axes: &[usize]) -> usize {
        let operand = node.inputs.first().and_then(|id| self.model.node(*id));
        axes.iter()
            .map(|axis| operand.and_then(|o| o.shape.get(*axis)).copied().unwrap_or(1))
            .product()
    }

    /// The mean over a window: a depthwise convolution, free.
    pub(super) fn average_pool(
        &mut self,
        node: &Node,
        window: &Window,
        count_padding: bool,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let channels = self.shape(operand).get(1).copied().unwrap_or(1);
        let geometry = self.geometry(node, operand, window, channels, channels)?;
        let area = window.kernel[0] * window.kernel[1];
        let uniform = count_padding || (window.before == [0, 0] && window.after == [0, 0]);
        let (factor, bits) = if uniform { divisor(area) } else { (1, 0) };
        let weight: Arc<[i32]> = vec![factor as i32; channels * area].into();
        let map = LinearMap::Conv(Conv { weight, ..geometry.clone() });
        let sums = self.push(
            node,
            Primitive::Linear(Arc::new(map)),
            &[operand],
            &node.shape,
            operand.frac + bits,
        )?;
        if uniform {
            return Ok(sums);
        }
        let inside = |axis: usize, out: usize| {
            let positions = (0..window.kernel[axis]).filter(|k| {
                let at = out * window.stride[axis] + k * window.dilation[axis];
                (window.before[axis]..window.before[axis] + geometry.input[axis]).contains(&at)
            });
            positions.count().max(1)
        };
        let [height, width] = geometry.output;
        let factors: Arc<[i64]> = (0..channels * height * width)
            .map(|i| inside(0, i / width % height) * inside(1, i % width))
            .map(|n| quantize_value(1.0 / n as f64, DIVISOR_BITS))
            .collect();
        let map = Arc::new(LinearMap::Diagonal(factors));
        self.push(node, Primitive::Linear(map), &[sums], &node.shape, sums.frac + DIVISOR_BITS)
    }

    /// The maximum over a window. A window that reaches into the padding repeats one of its
    /// elements instead.
    pub(super) fn max_pool(
        &mut self,
        node: &Node,
        window: &Window,
    ) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let mut operand = self.operand(node, 0)?;
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let magnitude = self.ranges.magnitude(source);
        let channels = self.shape(operand).get(1).copied().unwrap_or(1);
        let geometry = self.geometry(node, operand, window, channels, channels)?;
        let overlaps =
            (0..2).any(|axis| window.stride[axis] < window.kernel[axis] * window.dilation[axis]);
        if overlaps {
            operand = self.rescale(node, operand, magnitude)?;
        }
        let group = window.kernel[0] * window.kernel[1];
        let index = window_index(&geometry, window);
        let mut shape = node.shape.clone();
        shape.push(group);
        let (frac, range) = self.declared(magnitude, self.bounds(operand).low >= 0);
        let (operand, shift, frac) = self.shifted(node, operand, frac)?;
        let windows =
            self.push(node, Primitive::Gather(index), &[operand], &shape, operand.frac)?;
        let range = if shift == 0 { range.hull(self.bounds(operand)) } else { range };
        self.push(node, Primitive::Max { shift, group, bits, range }, &[windows], &node.shape, frac)
    }

    /// Sum or mean over axes: a dense layer of ones over rows of the reduced elements.
    pub(super) fn reduce(
        &mut self,
        node: &Node,
        axes: &[usize],
        mean: bool,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let shape = self.shape(operand);
        let kept = (0..shape.len()).filter(|axis| !axes.contains(axis));
        let order: Vec<usize> = kept.chain(axes.iter().copied()).collect();
        let count = self.reduced_elements(node, axes);
        let rows = self.permuted(node, operand, &order)?;
        let (factor, bits) = if mean { divisor(count) } else { (1, 0) };
        let map = LinearMap::Dense {
            weight: vec![factor as i32; count].into(),
            outputs: 1,
            inputs: count,
        };
        self.push(node, Primitive::Linear(Arc::new(map)), &[rows], &node.shape, operand.frac + bits)
    }
}

/// `1 / n` as a factor and its fractional bits; exact for powers of two.
pub(super) fn divisor(n: usize) -> (i64, i32) {
    if n.is_power_of_two() {
        (1, n.trailing_zeros() as i32)
    } else {
        let bits = DIVISOR_BITS + n.ilog2() as i32;
        (quantize_value(1.0 / n as f64, bits), bits)
    }
}

/// For every window of every output the flat positions of its elements; positions in the padding
/// repeat the window's first element inside.
fn window_index(geometry: &Conv, window: &Window) -> Arc<[u32]> {
    let [ih, iw] = geometry.input;
    let [oh, ow] = geometry.output;
    let [kh, kw] = window.kernel;
    let at = |axis: usize, out: usize, k: usize, size: usize| {
        (out * window.stride[axis] + k * window.dilation[axis])
            .checked_sub(window.before[axis])
            .filter(|p| *p < size)
    };
    let mut index = Vec::with_capacity(geometry.out_channels * oh * ow * kh * kw);
    for channel in 0..geometry.out_channels {
        for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
            let positions: Vec<Option<usize>> = (0..kh * kw)
                .map(|k| Some((channel * ih + at(0, y, k / kw, ih)?) * iw + at(1, x, k % kw, iw)?))
                .collect();
            let first = positions.iter().flatten().next().copied().unwrap_or(0);
            index.extend(positions.iter().map(|p| p.unwrap_or(first) as u32));
        }
    }
    index.into()
}
