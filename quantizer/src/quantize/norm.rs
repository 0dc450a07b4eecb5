//! Normalisations over the last axis.
//!
//! With `c = x - mean(x)` (or `c = x`), `e = sum(c^2)` and the epsilon, rounded to twice the
//! activation bits, and `y = floor(sqrt(2^n / e))`, the result `c y` stands for `x / sqrt(sum x^2)`
//! ([`Energy`]); gain, bias and the root of `d` follow as constants, and then one rounding. The
//! row's elements enter as they are or rounded first, whichever takes fewer constraints: a limb of
//! the operand's rounding, or of the result's.

use std::sync::Arc;

use ndarray::Array1;

use super::pool::divisor;
use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::calibrate::RowStatistics;
use lemma_graph::{Energy, Interval, LinearMap, Op as Primitive};
use lemma_model::{Node, NodeId, NormForm};

/// Most fractional bits of the root's numerator.
const ROOT_BITS: i32 = 60;

/// Fewest bits of the least root: a row is scaled by up to this much too little.
const LEAST_ROOT_BITS: i32 = 8;

/// Bits of the integers of a normalisation.
const ROOM: f64 = 61.0;

/// Most bits dropped from a sum of squares.
const ENERGY_SHIFT: i32 = 62;

/// Fractional bits of a mean beyond those of an activation.
const MEAN_BITS: i32 = 8;

/// A normalisation's parameters in one form.
pub(super) struct Norm<'a> {
    /// Whether the mean is subtracted.
    centered: bool,
    /// Added to the sum of squares.
    epsilon: f64,
    /// What the normalised row is multiplied by besides its gain.
    factor: f64,
    /// Gain of each element.
    gain: Option<&'a Array1<f32>>,
    /// Bias of each element.
    bias: Option<&'a Array1<f32>>,
}

impl<'a> Norm<'a> {
    /// The parameters of `node`, which is the operation `norm`.
    pub(super) fn of(norm: &'a lemma_model::Norm, node: &Node) -> Norm<'a> {
        let width = node.shape.last().copied().unwrap_or(1) as f64;
        let epsilon = f64::from(norm.epsilon);
        let (epsilon, factor) = match norm.form {
            NormForm::Layer | NormForm::Rms => (epsilon * width, width.sqrt()),
            NormForm::L2 => (epsilon.powi(2), 1.0),
        };
        let centered = norm.form == NormForm::Layer;
        Norm { centered, epsilon, factor, gain: norm.gain.as_ref(), bias: norm.bias.as_ref() }
    }

    /// What each element of a row is multiplied by; `None` when all factors are one.
    fn factors(&self, width: usize) -> Option<Vec<f32>> {
        let factor = |i: usize| {
            self.gain.and_then(|g| g.get(i)).map_or(1.0, |g| f64::from(*g)) * self.factor
        };
        let factors: Vec<f32> = (0..width).map(|i| factor(i) as f32).collect();
        factors.iter().any(|f| (f - 1.0).abs() >= 1e-6).then_some(factors)
    }
}

/// Scales of a normalisation, in bits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Widths {
    /// Bits dropped from the sum of squares, an even number.
    shift: i32,
    /// Fractional bits of `c y`, which stands for `x / sqrt(sum x^2)`.
    unit: i32,
    /// Fractional bits after the factors.
    scaled: i32,
    /// Limbs of the result's rounding.
    limbs: i32,
}

impl Lowering<'_> {
    pub(super) fn norm(
        &mut self,
        id: NodeId,
        node: &Node,
        norm: &Norm<'_>,
    ) -> Result<Tensor, QuantizeError> {
        let width = node.shape.last().copied().unwrap_or(1);
        let rows = node.shape.iter().product::<usize>() / width.max(1);
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let statistics = self.row_statistics(source, norm.centered);
        let operand = self.operand(node, 0)?;
        let rounded = self.declared(self.ranges.magnitude(source), self.bounds(operand).low >= 0).0;
        let as_it_is = self.norm_widths(id, norm, &statistics, operand.frac);
        let after_rounding = self.norm_widths(id, norm, &statistics, operand.frac.min(rounded));
        let rounding = self.rescale_cost(operand, self.ranges.magnitude(source)) as i32;
        let fits = self.norm_fits(id, operand, norm, width, &as_it_is);
        let (x, widths) = if fits && as_it_is.limbs < after_rounding.limbs + rounding {
            (operand, as_it_is)
        } else {
            let x = self.rescale_operand(node, 0)?;
            (x, self.norm_widths(id, norm, &statistics, x.frac))
        };
        let unit = self.normalized(node, norm, x, &statistics, &widths)?;
        let repeated =
            |values: &[f32]| (0..rows).flat_map(|_| values.iter().copied()).collect::<Vec<f32>>();
        let scaled = match norm.factors(width) {
            Some(factors) => self.scale_to(node, unit, &repeated(&factors), widths.scaled)?,
            None => unit,
        };
        // Rounded once, after gain and bias: every user then finds an activation.
        let biased = self.biased(node, scaled, norm.bias.map(|bias| repeated(&bias.to_vec())))?;
        self.rescale(node, biased, self.norm_magnitude(id, norm, &statistics))
    }

    /// Fractional bits that a normalisation wants of an operand that it takes unrounded: as many as
    /// let the result's rounding do with `limbs` limbs.
    pub(super) fn norm_operand_bits(
        &self,
        id: NodeId,
        norm: &Norm<'_>,
        source: NodeId,
        limbs: i32,
    ) -> i32 {
        let statistics = self.row_statistics(source, norm.centered);
        let natural = self.natural(source) - 1;
        let at_natural = self.norm_excess(id, norm, &statistics, natural).0;
        natural + limbs * self.limb() - at_natural
    }

    fn row_statistics(&self, source: NodeId, centered: bool) -> RowStatistics {
        let statistics =
            self.ranges.of(source).map(|range| if centered { range.centered } else { range.raw });
        statistics.unwrap_or(RowStatistics { least: 1.0, shortest: 1.0, most: 1.0, peak: 1.0 })
    }

    /// The magnitude that the result is rounded to.
    fn norm_magnitude(&self, id: NodeId, norm: &Norm<'_>, statistics: &RowStatistics) -> f64 {
        let width = self.model.node(id).and_then(|node| node.shape.last()).copied().unwrap_or(1);
        if norm.factors(width).is_none() && norm.bias.is_none() {
            return statistics.peak.clamp(1e-3, 1.0 / self.options.headroom);
        }
        self.ranges.magnitude(id)
    }

    /// For an operand of `frac` fractional bits: the least bits that the result has in excess of
    /// its rounded form, those of the unit row and those that the factors add, and the shift of the
    /// sum of squares. The root then has at least [`LEAST_ROOT_BITS`].
    fn norm_excess(
        &self,
        id: NodeId,
        norm: &Norm<'_>,
        statistics: &RowStatistics,
        frac: i32,
    ) -> (i32, i32, i32, i32) {
        let bits = self.options.bits as i32;
        let most = (statistics.most * self.options.headroom.powi(2) + norm.epsilon).log2().ceil()
            as i32
            + 2 * frac;
        let shift = (most - 2 * bits).max(0);
        let shift = shift + shift % 2;
        let unit = most.div_euclid(2) + LEAST_ROOT_BITS;
        let width = self.model.node(id).and_then(|node| node.shape.last()).copied().unwrap_or(1);
        let largest =
            |factors: Vec<f32>| factors.iter().fold(0f64, |m, f| m.max(f64::from(f.abs())));
        let factors = norm.factors(width).map_or(0, |factors| self.coarsest(largest(factors)));
        let rounded = self.declared(self.norm_magnitude(id, norm, statistics), false).0;
        (unit + factors - rounded, unit, factors, shift)
    }

    /// The scales for an operand of `frac` fractional bits. What the last limb leaves, as far as
    /// the integers have room, goes to the root, up to the activation bits, and then to the
    /// factors.
    fn norm_widths(
        &self,
        id: NodeId,
        norm: &Norm<'_>,
        statistics: &RowStatistics,
        frac: i32,
    ) -> Widths {
        let limb = self.limb();
        let (excess, unit, factors, shift) = self.norm_excess(id, norm, statistics, frac);
        let limbs = (excess + limb - 1).div_euclid(limb).max(1);
        let magnitude = self.norm_peak(id, norm);
        let spare =
            (limbs * limb - excess).min((ROOM - magnitude).floor() as i32 - unit - factors).max(0);
        let root = if magnitude == 0.0 {
            spare
        } else {
            spare.min(self.options.bits as i32 - LEAST_ROOT_BITS)
        };
        let unit = (unit + root).min((ROOT_BITS + shift) / 2);
        Widths { shift, unit, scaled: unit + factors + (spare - root), limbs }
    }

    /// Logarithm of the largest factor: a unit row's elements are at most 1.
    fn norm_peak(&self, id: NodeId, norm: &Norm<'_>) -> f64 {
        let width = self.model.node(id).and_then(|node| node.shape.last()).copied().unwrap_or(1);
        norm.factors(width)
            .map_or(0.0, |f| f.iter().fold(1f64, |m, f| m.max(f64::from(f.abs()))).log2())
    }

    /// Whether the integers of a normalisation without a rounding before it stay small enough.
    fn norm_fits(
        &self,
        id: NodeId,
        x: Tensor,
        norm: &Norm<'_>,
        width: usize,
        widths: &Widths,
    ) -> bool {
        let sums = (self.bounds(x).magnitude() as f64 * width as f64).log2();
        let scaled = f64::from(widths.scaled) + self.norm_peak(id, norm);
        let root = 2 * widths.unit - widths.shift;
        (sums <= ROOM || !norm.centered)
            && scaled <= ROOM
            && widths.shift <= ENERGY_SHIFT
            && root <= ROOT_BITS
    }

    /// `x / sqrt(sum x^2 + epsilon)` for each row.
    fn normalized(
        &mut self,
        node: &Node,
        norm: &Norm<'_>,
        x: Tensor,
        statistics: &RowStatistics,
        widths: &Widths,
    ) -> Result<Tensor, QuantizeError> {
        let group = node.shape.last().copied().unwrap_or(1);
        let c = if norm.centered { self.centered(node, x, group)? } else { x };
        let in_units = f64::from(2 * c.frac - widths.shift).exp2();
        let headroom = self.options.headroom.powi(2);
        // A row of zeros has an energy, however small the epsilon.
        let guard = i64::from(norm.epsilon > 0.0 && statistics.least * in_units < 0.5);
        let epsilon = quantize_value(norm.epsilon * in_units, 0).max(guard);
        let least = (statistics.least / headroom + norm.epsilon) * in_units;
        let low = least.floor().max(1.0) as i64;
        let range = Interval { low, high: low + (1i64 << (2 * self.options.bits)) - 1 };
        let bits = (2 * widths.unit - widths.shift).max(2) as u32;
        let energy = Energy { group, shift: widths.shift as u32, epsilon, range };
        self.push(node, Primitive::Normalize { energy, bits }, &[c], &node.shape, widths.unit)
    }

    /// `x` less the mean of its row, which is rounded to the scale of `x`, or a little finer than
    /// an activation when `x` is finer still.
    fn centered(&mut self, node: &Node, x: Tensor, width: usize) -> Result<Tensor, QuantizeError> {
        let mut row = node.shape.clone();
        row.last_mut().into_iter().for_each(|last| *last = 1);
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let magnitude = self.ranges.magnitude(source);
        let frac = x.frac.min(self.natural(source) + MEAN_BITS);
        let ones = LinearMap::Dense { weight: vec![1; width].into(), outputs: 1, inputs: width };
        let sum = self.push(node, Primitive::Linear(Arc::new(ones)), &[x], &row, x.frac)?;
        let sum =
            self.rounded_to((&node.name, node), sum, frac, (magnitude * width as f64, false))?;
        let (factor, bits) = divisor(width);
        let mean =
            self.push(node, Primitive::Sum([factor].into()), &[sum], &row, sum.frac + bits)?;
        let mean = self.rounded_to((&node.name, node), mean, frac, (magnitude, false))?;
        let mean = self.raise(node, mean, x.frac)?;
        let means = self.broadcast(node, mean, &node.shape)?;
        self.push(node, Primitive::Sum([1, -1].into()), &[x, means], &node.shape, x.frac)
    }
}
