//! Columns brought to one size: multiplication by powers of two that differ.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor};
use lemma_graph::Op as Primitive;
use lemma_model::{Node, NodeId, Op};

impl Lowering<'_> {
    /// `operand * 2^e` with an `e` for each element, rounded to the activation bits. Multiplying
    /// moves the point, so that elements of one `e` are rounded together: by the bits that they
    /// have in excess of the result.
    pub(super) fn scale_columns(
        &mut self,
        id: NodeId,
        node: &Node,
        operand: Tensor,
        exponents: &[i32],
    ) -> Result<Tensor, QuantizeError> {
        let nonnegative = self.bounds(operand).low >= 0;
        let (frac, range) = self.declared(self.ranges.magnitude(id), nonnegative);
        let mut groups: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
        for (at, exponent) in exponents.iter().enumerate() {
            groups.entry(*exponent).or_default().push(at as u32);
        }
        let mut parts = Vec::new();
        let mut places = vec![0u32; exponents.len()];
        let mut place = 0;
        for (exponent, members) in groups {
            for member in &members {
                places.get_mut(*member as usize).into_iter().for_each(|slot| *slot = place);
                place += 1;
            }
            let shape = [members.len()];
            let part = self.push(
                node,
                Primitive::Gather(members.into()),
                &[operand],
                &shape,
                operand.frac - exponent,
            )?;
            let (part, shift) = if part.frac > frac {
                let (raised, shift, _) = self.shifted(node, part, frac)?;
                (raised, shift)
            } else {
                (self.raise(node, part, frac)?, 0)
            };
            parts.push(self.push(
                node,
                Primitive::Rescale { shift, range },
                &[part],
                &shape,
                frac,
            )?);
        }
        let places: Arc<[u32]> = places.into();
        self.push(node, Primitive::Gather(places), &parts, &node.shape, frac)
    }
}

impl Lowering<'_> {
    /// Whether a product has a constant factor and rounds nothing, as columns do.
    pub(super) fn is_free_product(&self, node: &Node) -> bool {
        (0..2).any(|i| self.constant_value(node, i).is_some())
            && self.column_exponents(node).is_none()
    }

    /// The exponents by which a node scales the columns of an input, as [`crate::columns`] makes
    /// it: an input, or one less its centres, times powers of two that differ.
    pub(super) fn column_exponents(&self, node: &Node) -> Option<Vec<i32>> {
        let (Op::Mul, [source, _]) = (&node.op, node.inputs.as_slice()) else { return None };
        let operand = self.model.node(*source)?;
        let input = match (&operand.op, operand.inputs.as_slice()) {
            (Op::Sub, [input, _]) if self.constant_value(operand, 1).is_some() => {
                self.model.node(*input)?
            }
            _ => operand,
        };
        let factors = self.constant_value(node, 1).filter(|factors| factors.shape() == node.shape);
        let factors: Vec<f32> =
            factors.filter(|_| matches!(input.op, Op::Input))?.iter().copied().collect();
        mixed_powers(&factors)
    }
}

/// The exponents of factors that are powers of two and not all the same.
pub(super) fn mixed_powers(factors: &[f32]) -> Option<Vec<i32>> {
    let exponent = |factor: &f32| {
        let exponent = factor.log2();
        (exponent.is_finite() && exponent.fract() == 0.0).then_some(exponent as i32)
    };
    let exponents: Vec<i32> = factors.iter().map(exponent).collect::<Option<_>>()?;
    let first = *exponents.first()?;
    exponents.iter().any(|exponent| *exponent != first).then_some(exponents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_powers_are_powers_of_two_that_differ() {
        assert_eq!(mixed_powers(&[0.5, 4.0, 1.0]), Some(vec![-1, 2, 0]));
        for factors in [&[2.0, 2.0][..], &[1.0, 3.0], &[1.0, -2.0], &[1.0, 0.0], &[]] {
            assert_eq!(mixed_powers(factors), None, "{factors:?}");
        }
    }
}
