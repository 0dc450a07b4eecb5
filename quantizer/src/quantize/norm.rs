//! Normalisations over the last axis, composed from exact integer steps.
//!
//! With `c = x - mean(x)` (or `c = x`), `v = sum(c^2)` plus the epsilon in the same units, rounded to the bits that its calibrated range needs, and
//! `y = floor(sqrt(2^n / v))`, the result `c y` stands for `x / sqrt(sum x^2)`; gains and the root of `d` follow as constants, or have been folded
//! into the next layer. A square, a product and two roundings an element; the root once a row.

use std::sync::Arc;

use ndarray::Array1;

use super::pool::divisor;
use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::calibrate::RowStatistics;
use crate::graph::{Interval, LinearMap, Op as Primitive};
use crate::model::{Node, NodeId};

/// Most fractional bits of the root's numerator.
const ROOT_BITS: u32 = 60;

/// A normalisation's parameters in one form.
pub(super) struct Norm<'a> {
    /// Whether the mean is subtracted.
    pub(super) centred: bool,
    /// Added to the sum of squares.
    pub(super) epsilon: f64,
    /// What the normalised row is multiplied by besides its gain.
    pub(super) factor: f64,
    /// Gain of each element.
    pub(super) gain: Option<&'a Array1<f32>>,
    /// Bias of each element.
    pub(super) bias: Option<&'a Array1<f32>>,
}

impl Lowering<'_> {
    pub(super) fn norm(&mut self, id: NodeId, node: &Node, norm: &Norm<'_>) -> Result<Tensor, QuantizeError> {
        let width = node.shape.last().copied().unwrap_or(1);
        let rows = node.shape.iter().product::<usize>() / width.max(1);
        let factor = |i: usize| norm.gain.and_then(|g| g.get(i)).map_or(1.0, |g| f64::from(*g)) * norm.factor;
        let factors: Vec<f32> = (0..width).map(|i| factor(i) as f32).collect();
        let unchanged = factors.iter().all(|f| (f - 1.0).abs() < 1e-6);
        let repeated = |values: &[f32]| (0..rows).flat_map(|_| values.iter().copied()).collect::<Vec<f32>>();
        let (unit, peak) = self.normalised(node, norm, width)?;
        if unchanged && norm.bias.is_none() {
            return self.narrow(node, unit, peak);
        }
        // Rounded once, after gain and bias: every user then finds an activation.
        let scaled = if unchanged { unit } else { self.scale(id, node, unit, &repeated(&factors))? };
        let bias = norm.bias.map(|bias| repeated(&bias.to_vec()));
        let biased = self.biased(node, scaled, bias)?;
        self.narrow(node, biased, self.ranges.magnitude(id))
    }

    /// `x / sqrt(sum x^2 + epsilon)` for each row, rounded to the activation bits.
    fn normalised(&mut self, node: &Node, norm: &Norm<'_>, width: usize) -> Result<(Tensor, f64), QuantizeError> {
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let statistics = self.ranges.of(source).map(|range| if norm.centred { range.centred } else { range.raw });
        let statistics = statistics.unwrap_or(RowStatistics { least: 1.0, most: 1.0, peak: 1.0 });
        let x = self.narrow_operand(node, 0)?;
        let mut row = node.shape.clone();
        row.last_mut().into_iter().for_each(|last| *last = 1);
        let unit = f64::from(x.frac).exp2();
        let c = if norm.centred { self.centred(node, x, &row, width)? } else { x };
        let squares = self.push(node, Primitive::Product, &[c, c], &node.shape, 2 * c.frac)?;
        let ones = LinearMap::Dense { weight: vec![1; width].into(), outputs: 1, inputs: width };
        let energy = self.push(node, Primitive::Linear(Arc::new(ones)), &[squares], &row, squares.frac)?;
        let (energy, shift) = self.energy(node, energy, norm.epsilon, unit, &statistics)?;
        // The product then has one limb more than its rounding keeps.
        let peak = statistics.peak.clamp(1e-3, 1.0 / self.options.headroom);
        let frac = (self.declared(peak, false).0 + self.options.bits as i32).min((ROOT_BITS + shift) as i32 / 2);
        let bits = (2 * frac - shift as i32).max(2) as u32;
        let root = self.push(node, Primitive::Rsqrt { bits }, &[energy], &row, 0)?;
        let roots = self.broadcast(node, root, &node.shape)?;
        let product = self.push(node, Primitive::Product, &[c, roots], &node.shape, frac)?;
        Ok((product, peak))
    }

    /// `x` less the mean of its row, which is rounded to the scale of `x`: half a unit, the same for the whole row.
    fn centred(&mut self, node: &Node, x: Tensor, row: &[usize], width: usize) -> Result<Tensor, QuantizeError> {
        let (factor, bits) = divisor(width);
        let map = LinearMap::Dense { weight: vec![factor as i32; width].into(), outputs: 1, inputs: width };
        let mean = self.push(node, Primitive::Linear(Arc::new(map)), &[x], row, x.frac + bits)?;
        let (mean, shift, frac) = self.shifted(node, mean, x.frac)?;
        let edge = 1i64 << self.options.bits;
        let range = Interval { lo: -edge / 2, hi: edge / 2 - 1 };
        let mean = self.push(node, Primitive::Requantize { shift, range }, &[mean], row, frac)?;
        let means = self.broadcast(node, mean, &node.shape)?;
        self.push(node, Primitive::Sum([1, -1].into()), &[x, means], &node.shape, x.frac)
    }

    /// The sum of squares with its epsilon, rounded by an even shift to about twice the activation bits.
    fn energy(
        &mut self,
        node: &Node,
        energy: Tensor,
        epsilon: f64,
        unit: f64,
        statistics: &RowStatistics,
    ) -> Result<(Tensor, u32), QuantizeError> {
        let shape = self.shape(energy);
        let constant = quantize_value(epsilon * unit * unit, 0);
        let len = shape.iter().product();
        let constants = self.push(node, Primitive::Constant(vec![constant; len].into()), &[], &shape, energy.frac)?;
        let energy = self.push(node, Primitive::Sum([1, 1].into()), &[energy, constants], &shape, energy.frac)?;
        let headroom = self.options.headroom * self.options.headroom;
        let most = (statistics.most * headroom + epsilon) * unit * unit;
        let least = (statistics.least / headroom + epsilon) * unit * unit;
        let bits = 2 * self.options.bits as i32;
        let shift = (most.log2().ceil() as i32 - bits).max(0) as u32;
        let shift = shift + shift % 2;
        let lo = (least * f64::from(-(shift as i32)).exp2()).floor().max(1.0) as i64;
        let range = Interval { lo, hi: lo + (1i64 << bits) - 1 };
        let rounded = self.push(node, Primitive::Requantize { shift, range }, &[energy], &shape, energy.frac)?;
        Ok((rounded, shift))
    }
}
