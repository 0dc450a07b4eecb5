//! Rescales: tensors brought to other scales, exactly where they get finer, by rounding where they
//! get coarser, with the range that the result must keep.

use super::{Lowering, QuantizeError, Tensor};
use lemma_graph::{Interval, Op as Primitive};
use lemma_model::{Node, NodeId};

impl Lowering<'_> {
    /// Operand `index`, rounded to the activation bits; later users of the same tensor take the
    /// rounded one too.
    pub(super) fn rescale_operand(
        &mut self,
        node: &Node,
        index: usize,
    ) -> Result<Tensor, QuantizeError> {
        let operand = self.operand(node, index)?;
        let source = node.inputs.get(index).copied().unwrap_or(NodeId(0));
        let rescaled = self.rescale(node, operand, self.ranges.magnitude(source))?;
        let is_output = self.model.outputs.iter().any(|(_, id)| *id == source);
        if let Some(slot) =
            self.tensors.get_mut(source.0).filter(|slot| slot.is_some() && !is_output)
        {
            *slot = Some(rescaled);
        }
        Ok(rescaled)
    }

    /// The same values with `frac` fractional bits, `frac >= tensor.frac`: exact and free.
    pub(super) fn raise(
        &mut self,
        node: &Node,
        tensor: Tensor,
        frac: i32,
    ) -> Result<Tensor, QuantizeError> {
        if frac <= tensor.frac {
            return Ok(tensor);
        }
        let factor =
            1i64.checked_shl((frac - tensor.frac) as u32).filter(|f| *f > 0).ok_or_else(|| {
                QuantizeError::Unsupported {
                    layer: node.name.clone(),
                    problem: "scales differ by more than 62 bits".into(),
                }
            })?;
        let shape = self.shape(tensor);
        self.push(node, Primitive::Sum([factor].into()), &[tensor], &shape, frac)
    }

    /// Prepares a rescale to `frac` fractional bits: the operand, raised so that the shift is a
    /// whole number of limbs, the shift, and the fractional bits after it (fewer than asked when
    /// the operand has no more).
    pub(super) fn shifted(
        &mut self,
        node: &Node,
        tensor: Tensor,
        frac: i32,
    ) -> Result<(Tensor, u32, i32), QuantizeError> {
        let limb = self.limb();
        let excess = tensor.frac - frac;
        if excess <= 0 {
            return Ok((tensor, 0, tensor.frac));
        }
        let shift = (excess + limb - 1) / limb * limb;
        match self.raise(node, tensor, frac + shift) {
            Ok(raised) => Ok((raised, shift as u32, frac)),
            Err(_) => Ok((tensor, excess as u32, frac)),
        }
    }

    /// Constraints an element that [`Lowering::rescale`] costs: the limbs of the shift and the
    /// range.
    pub(super) fn rescale_cost(&self, tensor: Tensor, magnitude: f64) -> usize {
        let (frac, _) = self.declared(magnitude, self.bounds(tensor).low >= 0);
        let excess = (tensor.frac - frac).max(0) as usize;
        excess.div_ceil(self.limb() as usize) + 1
    }

    /// The tensor rounded to the activation bits of its calibrated range; unchanged when it has no
    /// more.
    pub(super) fn rescale(
        &mut self,
        node: &Node,
        tensor: Tensor,
        magnitude: f64,
    ) -> Result<Tensor, QuantizeError> {
        // Elements that gathers repeat are rounded once.
        let gathered = self.graph.node(tensor.id);
        if let (Primitive::Gather(index), [source]) = (&gathered.op, gathered.inputs.as_slice())
            && self.gathered_from(*source) < index.len()
        {
            let (index, shape) = (index.clone(), gathered.shape.clone());
            let source =
                self.rescale(node, Tensor { id: *source, frac: tensor.frac }, magnitude)?;
            return self.push(node, Primitive::Gather(index), &[source], &shape, source.frac);
        }
        let nonnegative = self.bounds(tensor).low >= 0;
        let (frac, range) = self.declared(magnitude, nonnegative);
        if tensor.frac <= frac && range.covers(self.bounds(tensor)) {
            return Ok(tensor);
        }
        let (raised, shift, frac) = self.shifted(node, tensor, frac)?;
        let shape = self.shape(raised);
        self.push(node, Primitive::Rescale { shift, range }, &[raised], &shape, frac)
    }

    /// Elements of the tensor that gathers, one after the other, made this one from.
    fn gathered_from(&self, id: lemma_graph::NodeId) -> usize {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Primitive::Gather(_), [source]) => self.gathered_from(*source),
            _ => node.len(),
        }
    }

    /// The tensor with `frac` fractional bits, rounded where it has more, and the range that a
    /// magnitude has there. `name` stands in the error.
    pub(super) fn rounded_to(
        &mut self,
        (name, node): (&str, &Node),
        tensor: Tensor,
        frac: i32,
        (magnitude, nonnegative): (f64, bool),
    ) -> Result<Tensor, QuantizeError> {
        let range = self.range_at(name, magnitude, frac, nonnegative)?;
        let (raised, shift) = if tensor.frac > frac {
            let (raised, shift, _) = self.shifted(node, tensor, frac)?;
            (raised, shift)
        } else {
            (self.raise(node, tensor, frac)?, 0)
        };
        let shape = self.shape(raised);
        self.push(node, Primitive::Rescale { shift, range }, &[raised], &shape, frac)
    }

    /// Fractional bits and declared range, one range table wide, of a tensor of the given
    /// magnitude.
    pub(super) fn declared(&self, magnitude: f64, nonnegative: bool) -> (i32, Interval) {
        let bits = self.options.bits;
        let frac = self.fitting(magnitude);
        if nonnegative {
            (frac, Interval { low: 0, high: (1 << bits) - 1 })
        } else {
            (frac - 1, Interval { low: -(1 << (bits - 1)), high: (1 << (bits - 1)) - 1 })
        }
    }

    /// The declared range, a whole number of bits wide, of a tensor that must have `frac`
    /// fractional bits.
    pub(super) fn range_at(
        &self,
        name: &str,
        magnitude: f64,
        frac: i32,
        nonnegative: bool,
    ) -> Result<Interval, QuantizeError> {
        let bits = frac
            .saturating_add(self.options.bits as i32)
            .saturating_sub(self.fitting(magnitude))
            .max(1);
        if frac.unsigned_abs() > 256 || bits > 60 {
            return Err(QuantizeError::Options(format!(
                "{frac} fractional bits for `{name}` make integers of {bits} bits; 256 and 60 are \
                    the most"
            )));
        }
        Ok(if nonnegative {
            Interval { low: 0, high: (1 << bits) - 1 }
        } else {
            Interval { low: -(1 << bits), high: (1 << bits) - 1 }
        })
    }
}
