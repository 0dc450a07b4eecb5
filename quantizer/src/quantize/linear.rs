//! Dense layers, convolutions, sums and products.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4};

use super::weights::{Size, columns};
use super::{FEWEST, Lowering, QuantizeError, Tensor, quantize_values};
use lemma_graph::{Conv, LinearMap, Op as Primitive};
use lemma_model::{Node, NodeId, Window};

/// Most bits of a weight.
const MAX_WEIGHT_BITS: i32 = 30;

/// Bits that weights have beyond the fewest when nothing rounds their layer's result: no limb is
/// filled up for them.
pub(super) const UNROUNDED_WEIGHT_BITS: i32 = 2;

/// Sums of unrounded products stay below this.
const ROOM: f64 = (1u64 << 60) as f64;

/// Products of two tensors stay unrounded up to these bounds, so that their sums do too.
const PRODUCT_BOUND: u64 = 1 << 50;

impl Lowering<'_> {
    pub(super) fn dense(
        &mut self,
        id: NodeId,
        node: &Node,
        weight: &Array2<f32>,
        bias: Option<&Array1<f32>>,
    ) -> Result<Tensor, QuantizeError> {
        let (inputs, outputs) = weight.dim();
        let values = || columns(weight);
        let rows = node.shape.iter().product::<usize>() / outputs.max(1);
        let build = |weight: Arc<[i32]>| LinearMap::Dense { weight, outputs, inputs };
        let product = self.weighted(id, node, inputs, values, build)?;
        let bias = bias.map(|b| (0..rows).flat_map(|_| b.iter().copied()).collect::<Vec<f32>>());
        self.biased(node, product, bias)
    }

    pub(super) fn conv(
        &mut self,
        id: NodeId,
        node: &Node,
        weight: &Array4<f32>,
        bias: Option<&Array1<f32>>,
        window: &Window,
        groups: usize,
    ) -> Result<Tensor, QuantizeError> {
        let values = || weight.iter().copied().collect();
        let operand = self.operand(node, 0)?;
        let outputs = weight.dim().0;
        let geometry = self.geometry(node, operand, window, outputs, groups)?;
        let inputs = weight.len() / outputs.max(1);
        let area: usize = geometry.output.iter().product();
        let build = |weight: Arc<[i32]>| LinearMap::Conv(Conv { weight, ..geometry.clone() });
        let product = self.weighted(id, node, inputs, values, build)?;
        let bias = bias
            .map(|b| b.iter().flat_map(|b| std::iter::repeat_n(*b, area)).collect::<Vec<f32>>());
        self.biased(node, product, bias)
    }

    /// A convolution without weights for the window of a node.
    pub(super) fn geometry(
        &self,
        node: &Node,
        operand: Tensor,
        window: &Window,
        out_channels: usize,
        groups: usize,
    ) -> Result<Conv, QuantizeError> {
        let unsupported = || QuantizeError::Unsupported {
            layer: node.name.clone(),
            problem: format!(
                "a window over {:?}; one image [1, channels, height, width] is expected",
                node.shape
            ),
        };
        let plane = |shape: &[usize]| match shape {
            [1, channels, height, width] => Some((*channels, [*height, *width])),
            [1, channels, width] => Some((*channels, [1, *width])),
            _ => None,
        };
        let (in_channels, input) = plane(&self.shape(operand)).ok_or_else(unsupported)?;
        let (_, output) = plane(&node.shape).ok_or_else(unsupported)?;
        Ok(Conv {
            weight: Arc::from([]),
            in_channels,
            out_channels,
            groups,
            input,
            output,
            kernel: window.kernel,
            stride: window.stride,
            dilation: window.dilation,
            before: window.before,
        })
    }

    /// A layer with constant weights, which `values` makes: `inputs` of them for each result. The
    /// layer's result has the fractional bits that its users want and one limb
    /// more.
    fn weighted(
        &mut self,
        id: NodeId,
        node: &Node,
        inputs: usize,
        values: impl Fn() -> Vec<f32>,
        build: impl Fn(Arc<[i32]>) -> LinearMap,
    ) -> Result<Tensor, QuantizeError> {
        let limb = self.limb();
        let Size { largest, heaviest } = self.shared.weights.size(id, inputs, &values);
        let finest = MAX_WEIGHT_BITS - exponent(largest);
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let fewest = self.wanted[id.0] <= FEWEST / 2;
        let mut coarsest = self.coarsest(largest);
        if !fewest {
            // What is too small to be seen by the users needs no bits of its own.
            let terms = inputs.max(1) as f64;
            coarsest = coarsest.min(
                self.wanted[id.0]
                    + (self.ranges.magnitude(source) * terms).log2().ceil() as i32
                    + 1,
            );
        }
        let target = self.wanted[id.0] + limb;
        let mut operand = self.operand(node, 0)?;
        // Whole limbs more than the users want, until the weights have their bits.
        let limbs_for = |frac: i32| {
            if fewest { 0 } else { ((coarsest - (target - frac)).max(0) + limb - 1) / limb }
        };
        let bits_for = |frac: i32| {
            if fewest {
                coarsest + UNROUNDED_WEIGHT_BITS
            } else {
                target - frac + limbs_for(frac) * limb
            }
        };
        let mut bits = bits_for(operand.frac);
        if limbs_for(operand.frac) > 0 {
            // Either the operand is rounded, or the result's rescale takes those limbs, one
            // constraint each.
            let operand_len: usize = self.graph.node(operand.id).len();
            let result_len: usize = node.shape.iter().product();
            let rounding = self.rescale_cost(operand, self.ranges.magnitude(source)) * operand_len;
            // Sums stay far below 2^62, if need be with as few bits as the weights may have.
            let magnitude = self.bounds(operand).magnitude() as f64 * heaviest;
            let room = [bits, coarsest]
                .into_iter()
                .find(|bits| magnitude * f64::from(*bits).exp2() < ROOM);
            match room {
                Some(room) if rounding >= limbs_for(operand.frac) as usize * result_len => {
                    bits = room
                }
                _ => {
                    operand = self.rescale_operand(node, 0)?;
                    bits = bits_for(operand.frac);
                }
            }
        }
        let bits = bits.min(finest);
        let integers = self.shared.weights.integers(id, bits, values);
        let map = Primitive::Linear(Arc::new(build(integers)));
        self.push(node, map, &[operand], &node.shape, operand.frac + bits)
    }

    /// Fewest fractional bits of weights of which this is the largest.
    pub(super) fn coarsest(&self, largest: f64) -> i32 {
        self.options.weight_bits as i32 - exponent(largest)
    }

    /// Adds constants, element by element.
    pub(super) fn biased(
        &mut self,
        node: &Node,
        product: Tensor,
        bias: Option<Vec<f32>>,
    ) -> Result<Tensor, QuantizeError> {
        let Some(bias) = bias.filter(|b| b.iter().any(|v| *v != 0.0)) else { return Ok(product) };
        let integers: Arc<[i64]> = quantize_values(&bias, product.frac).collect();
        let constant =
            self.push(node, Primitive::Constant(integers), &[], &node.shape, product.frac)?;
        self.push(
            node,
            Primitive::Sum([1, 1].into()),
            &[product, constant],
            &node.shape,
            product.frac,
        )
    }

    /// `a + sign * b` with broadcasting.
    pub(super) fn sum(
        &mut self,
        id: NodeId,
        node: &Node,
        sign: i64,
    ) -> Result<Tensor, QuantizeError> {
        let constant = (0..2).find(|i| self.constant_value(node, *i).is_some());
        if let Some(index) = constant
            && let Some(values) = self.constant_value(node, index)
            && let Some(values) = values.broadcast(node.shape.clone())
        {
            let factor = if index == 1 { sign as f32 } else { 1.0 };
            let values: Vec<f32> = values.iter().map(|v| v * factor).collect();
            let other = self.operand(node, 1 - index)?;
            let other = self.broadcast(node, other, &node.shape)?;
            // Enough fractional bits for the constants, whatever the operand has.
            let other = self.raise(node, other, self.wanted[id.0])?;
            let signed = if index == 0 && sign < 0 {
                self.push(node, Primitive::Sum([-1].into()), &[other], &node.shape, other.frac)?
            } else {
                other
            };
            return self.biased(node, signed, Some(values));
        }
        let (a, b) = (self.operand(node, 0)?, self.operand(node, 1)?);
        let a = self.broadcast(node, a, &node.shape)?;
        let b = self.broadcast(node, b, &node.shape)?;
        let frac = a.frac.max(b.frac);
        let factors = [a, b].map(|t| 1i64.checked_shl((frac - t.frac) as u32).filter(|f| *f > 0));
        let [Some(fa), Some(fb)] = factors else {
            return Err(QuantizeError::Unsupported {
                layer: node.name.clone(),
                problem: "the scales of the two operands differ by more than 62 bits".into(),
            });
        };
        self.push(node, Primitive::Sum([fa, sign * fb].into()), &[a, b], &node.shape, frac)
    }

    /// `a * b` with broadcasting: free when one is constant.
    pub(super) fn multiply(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        for index in 0..2 {
            if let Some(values) = self.constant_value(node, index)
                && let Some(values) = values.broadcast(node.shape.clone())
            {
                let factors: Vec<f32> = values.iter().copied().collect();
                let operand = self.operand(node, 1 - index)?;
                let operand = self.broadcast(node, operand, &node.shape)?;
                if let Some(exponents) = self.column_exponents(node) {
                    return self.scale_columns(id, node, operand, &exponents);
                }
                return self.scale(id, node, operand, &factors);
            }
        }
        let mut operands = [self.operand(node, 0)?, self.operand(node, 1)?];
        let product = self.bounds(operands[0]).magnitude() as u128
            * self.bounds(operands[1]).magnitude() as u128;
        if product > PRODUCT_BOUND.into() {
            operands = [self.rescale_operand(node, 0)?, self.rescale_operand(node, 1)?];
        }
        let [a, b] = operands;
        let a = self.broadcast(node, a, &node.shape)?;
        let b = self.broadcast(node, b, &node.shape)?;
        self.push(node, Primitive::Product, &[a, b], &node.shape, a.frac + b.frac)
    }

    /// Multiplication by constants, element by element.
    pub(super) fn scale(
        &mut self,
        id: NodeId,
        node: &Node,
        operand: Tensor,
        factors: &[f32],
    ) -> Result<Tensor, QuantizeError> {
        self.scale_to(node, operand, factors, self.wanted[id.0] + self.limb())
    }

    /// The same with a result of about `frac` fractional bits: factors have at least their fewest
    /// bits and at most those of a weight.
    pub(super) fn scale_to(
        &mut self,
        node: &Node,
        operand: Tensor,
        factors: &[f32],
        frac: i32,
    ) -> Result<Tensor, QuantizeError> {
        let largest = factors.iter().fold(0f64, |m, w| m.max(f64::from(w.abs())));
        // A power of two moves the point and nothing else.
        let bits = if let Some(exponent) = power_of_two(factors) {
            -exponent
        } else {
            (frac - operand.frac).clamp(self.coarsest(largest), MAX_WEIGHT_BITS - exponent(largest))
        };
        let integers: Arc<[i64]> = quantize_values(factors, bits).collect();
        let map = Arc::new(LinearMap::Diagonal(integers));
        self.push(node, Primitive::Linear(map), &[operand], &node.shape, operand.frac + bits)
    }
}

/// `e` when all factors are `2^e`, or all of them its negative.
pub(super) fn power_of_two(factors: &[f32]) -> Option<i32> {
    let first = factors.first()?;
    let exponent = first.abs().log2();
    (factors.iter().all(|f| f == first) && exponent.fract() == 0.0).then_some(exponent as i32)
}

/// `e` with `2^(e-1) <= x < 2^e`.
fn exponent(x: f64) -> i32 {
    if x > 0.0 { x.log2().floor() as i32 + 1 } else { 0 }
}
