//! ReLU with and without slopes, and functions by table.

use std::sync::Arc;

use ndarray::ArrayD;

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::graph::{Interval, Leak, Op as Primitive, Table};
use crate::model::{Node, NodeId, Op, Unary};

/// Fractional bits of slopes.
const SLOPE_BITS: u32 = 12;

impl Lowering<'_> {
    /// ReLU, or with `slope` its leaky kind.
    pub(super) fn relu(&mut self, node: &Node, slope: Option<&ArrayD<f32>>) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let (operand, shift, frac) = self.shifted(node, operand, self.natural(source))?;
        let leak = match slope {
            None => Leak::none(),
            Some(slope) => {
                let bits = if slope.iter().all(|s| *s == 0.0) { 0 } else { SLOPE_BITS };
                let broadcast = slope.broadcast(node.shape.clone()).ok_or_else(|| QuantizeError::Unsupported {
                    layer: node.name.clone(),
                    problem: format!("slopes of shape {:?} for a tensor of shape {:?}", slope.shape(), node.shape),
                })?;
                let quantized = |s: &f32| quantize_value(f64::from(*s), bits as i32);
                let slopes = if slope.len() == 1 {
                    slope.iter().map(quantized).collect()
                } else {
                    broadcast.iter().map(quantized).collect()
                };
                Leak { slopes, bits }
            }
        };
        let frac = frac + leak.bits as i32;
        self.push(node, Primitive::Relu { shift, bits: self.options.bits, leak }, &[operand], &node.shape, frac)
    }

    /// A function of one number by table. All nodes with the same function share the table, so they share its scale.
    pub(super) fn table(&mut self, node: &Node, function: Unary) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let (magnitude, result, nonnegative) = self.table_magnitudes(function);
        let frac = self.fitting(magnitude);
        let edge = 1i64 << self.options.bits;
        let keys = Interval { lo: if nonnegative { 0 } else { -edge }, hi: edge - 1 };
        let operand = if operand.frac < frac { self.raise(node, operand, frac)? } else { operand };
        let (operand, shift, frac) = self.shifted(node, operand, frac)?;
        let out = self.fitting(result);
        let value = |key: i64| tabulated(function, key, frac, out);
        let name = format!("{function:?} {frac} {out}");
        let table = Table::tabulate(&name, keys, value).ok_or_else(|| QuantizeError::Unsupported {
            layer: node.name.clone(),
            problem: "the function's table is too long; use fewer activation bits".into(),
        })?;
        self.push(node, Primitive::Table { shift, table: Arc::new(table) }, &[operand], &node.shape, out)
    }

    /// Over all nodes with this function: the largest operand, the largest result, and whether no operand is negative.
    pub(super) fn table_magnitudes(&self, function: Unary) -> (f64, f64, bool) {
        let mut found = (0f64, 0f64, true);
        for (id, node) in self.model.nodes.iter().enumerate() {
            let same = matches!(node.op, Op::Unary(other) if other == function);
            if let Some(operand) = node.inputs.first().filter(|_| same) {
                found.0 = found.0.max(self.ranges.magnitude(*operand));
                found.1 = found.1.max(self.ranges.magnitude(NodeId(id)));
                found.2 &= self.ranges.of(*operand).is_some_and(|range| range.lo >= 0.0);
            }
        }
        found
    }
}

/// The function's value for a key. Where the function has none (the logarithm of zero, a pole) the largest magnitude that fits stands for it;
/// calibrated operands never come there.
fn tabulated(function: Unary, key: i64, frac: i32, out: i32) -> i64 {
    const LIMIT: f64 = (1i64 << 40) as f64;
    let exact = function.evaluate(super::dequantize(key, frac)) * f64::from(out).exp2();
    if exact.is_nan() { 0 } else { exact.round().clamp(-LIMIT, LIMIT) as i64 }
}
