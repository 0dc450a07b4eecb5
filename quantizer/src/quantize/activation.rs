//! ReLU with and without slopes.

use ndarray::ArrayD;

use super::{Lowering, QuantizeError, Tensor, quantize_value};
use lemma_graph::{Leak, Op as Primitive};
use lemma_model::{Node, NodeId};

/// Fractional bits of slopes.
const SLOPE_BITS: u32 = 12;

impl Lowering<'_> {
    /// ReLU, or with `slope` its leaky kind.
    pub(super) fn relu(
        &mut self,
        node: &Node,
        slope: Option<&ArrayD<f32>>,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, 0)?;
        let source = node.inputs.first().copied().unwrap_or(NodeId(0));
        let (operand, shift, frac) = self.shifted(node, operand, self.natural(source))?;
        let leak = match slope {
            None => Leak::none(),
            Some(slope) => {
                let bits = if slope.iter().all(|s| *s == 0.0) { 0 } else { SLOPE_BITS };
                let broadcast = slope.broadcast(node.shape.clone()).ok_or_else(|| {
                    QuantizeError::Unsupported {
                        layer: node.name.clone(),
                        problem: format!(
                            "slopes of shape {:?} for a tensor of shape {:?}",
                            slope.shape(),
                            node.shape
                        ),
                    }
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
        self.push(
            node,
            Primitive::Relu { shift, bits: self.options.bits, leak },
            &[operand],
            &node.shape,
            frac,
        )
    }
}
