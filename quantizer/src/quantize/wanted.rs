//! How many fractional bits the users of a tensor want of it.

use super::Lowering;
use super::norm::Norm;
use super::reciprocal::Division;
use lemma_model::{Node, NodeId, Op, Unary};

impl Lowering<'_> {
    /// Fractional bits at which the calibrated range of a node fills the activation bits.
    pub(super) fn natural(&self, id: NodeId) -> i32 {
        self.fitting(self.ranges.magnitude(id))
    }

    /// Bits of a limb of a rescale: shifts are whole numbers of them where the integers have room.
    pub(super) fn limb(&self) -> i32 {
        (self.options.bits + self.options.placement.wider_limbs) as i32
    }

    /// Fractional bits at which a magnitude, with headroom, fills the activation bits.
    pub(super) fn fitting(&self, magnitude: f64) -> i32 {
        self.options.bits as i32 - (magnitude * self.options.headroom).log2().ceil() as i32
    }

    /// For every node, the fewest fractional bits that any user wants, seen through linear
    /// operations that keep the scale.
    pub(super) fn wanted_bits(&self) -> Vec<i32> {
        let mut wanted: Vec<Option<i32>> = vec![None; self.model.nodes.len()];
        for (id, node) in self.model.nodes.iter().enumerate().rev() {
            let through = match &node.op {
                Op::Mul if self.is_free_product(node) => wanted.get(id).copied().flatten(),
                Op::Add | Op::Sub | Op::Mask | Op::View(_) | Op::Sum { .. } => {
                    wanted.get(id).copied().flatten()
                }
                Op::AveragePool { .. } | Op::Mean { .. } => {
                    wanted.get(id).copied().flatten().map(|bits| bits - self.averaging_bits(node))
                }
                _ => None,
            };
            // Flags have no scale.
            let values = if matches!(node.op, Op::Mask) { 1 } else { node.inputs.len() };
            for operand in node.inputs.iter().take(values) {
                let own =
                    wanted.get(id).copied().flatten().unwrap_or_else(|| self.natural(NodeId(id)));
                let bits = through.unwrap_or_else(|| self.wants(NodeId(id), node, *operand, own));
                if let Some(slot) = wanted.get_mut(operand.0) {
                    *slot = Some(slot.map_or(bits, |old| old.min(bits)));
                }
            }
        }
        wanted
            .iter()
            .enumerate()
            .map(|(id, bits)| bits.unwrap_or_else(|| self.natural(NodeId(id))))
            .collect()
    }

    /// Fractional bits that a node which does not keep the scale wants of an operand, when `own`
    /// are wanted of its result. Whoever makes the operand adds a limb, for the rounding that most
    /// nodes begin with.
    fn wants(&self, id: NodeId, node: &Node, operand: NodeId, own: i32) -> i32 {
        let limb = self.limb();
        match &node.op {
            Op::MatMul => self.factor_bits(id, node, operand, own),
            Op::Unary(Unary::Relu | Unary::LeakyRelu(_)) | Op::PRelu { .. } => {
                self.natural(operand)
            }
            Op::Unary(_) | Op::Composed(_) => {
                let division = self.shared.reciprocals.get(&id).map(Division::operand_bits);
                division
                    .or(self.shared.tables.operand_bits(id))
                    .unwrap_or_else(|| self.natural(operand))
            }
            Op::Trees(_) => self
                .shared
                .trees
                .get(&id)
                .map_or_else(|| self.natural(operand), |planned| planned.finest()),
            Op::Softmax => self.shared.softmax_bits,
            Op::LogSoftmax => self.log_softmax_bits(operand),
            // A signed range keeps one bit for the sign.
            Op::Norm(norm) if self.options.placement.norm_limbs > 0 => {
                let limbs = self.options.placement.norm_limbs as i32;
                self.norm_operand_bits(id, &Norm::of(norm, node), operand, limbs) - limb
            }
            _ => self.natural(operand) - 1,
        }
    }
}
