//! Softmax over the last axis.

use std::sync::Arc;

use super::{Lowering, QuantizeError, Tensor, Weighing, quantize_value};
use lemma_graph::{Interval, LinearMap, Op as Primitive, Table, ZERO};
use lemma_model::{Node, NodeId, Op, View};

impl Lowering<'_> {
    /// `exp(x - max) / sum`: the exponential by table of the distance to the maximum, the
    /// reciprocal of the sum once a row. Scores that are always hidden are left out altogether;
    /// those that an input may hide come with its flags. Before a matrix product the division waits
    /// until after it.
    pub(super) fn softmax(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let operand = self.operand(node, 0)?;
        let group = node.shape.last().copied().unwrap_or(1);
        let live = self.live_scores(id)?;
        let groups: Arc<[u32]> = live.iter().map(|row| row.len() as u32).collect();
        let index: Arc<[u32]> = live.iter().flatten().copied().collect();
        let scores = self.push(
            node,
            Primitive::Gather(index.clone()),
            &[operand],
            &[index.len()],
            operand.frac,
        )?;
        let (scores, shift, frac) = self.shifted(node, scores, self.shared.softmax_bits)?;
        let table = self
            .exponentials(frac)
            .ok_or_else(|| self.unsupported(node, "the exponential's table is too long"))?;
        let edge = 1i64 << (2 * bits - 1);
        let range = Interval { low: -edge, high: edge - 1 };
        let op = Primitive::TableBelowMax { shift, groups, range, table };
        let hidden = self.hidden_scores(id, node)?;
        let hidden = hidden
            .map(|hidden| {
                self.push(node, Primitive::Gather(index.clone()), &[hidden], &[index.len()], 0)
            })
            .transpose()?;
        let operands: Vec<Tensor> = std::iter::once(scores).chain(hidden).collect();
        let compact = self.push(node, op, &operands, &[index.len()], self.unit_bits())?;
        let mut places = vec![ZERO; node.shape.iter().product()];
        for (from, to) in index.iter().enumerate() {
            places.get_mut(*to as usize).into_iter().for_each(|place| *place = from as u32);
        }
        let places: Arc<[u32]> = places.into();
        let exponentials = self.push(
            node,
            Primitive::Gather(places.clone()),
            &[compact],
            &node.shape,
            compact.frac,
        )?;
        let weighs = self.only_weighs(id);
        let rounded = weighs && self.options.placement.divide_first;
        // A probability that is rounded has one limb more before.
        let spare = if rounded { self.limb() } else { bits as i32 + 3 };
        let reciprocal = self.reciprocal_sums(node, exponentials, group, spare)?;
        if weighs {
            let divisor = (!rounded).then_some(reciprocal);
            self.weighings.insert(id, Weighing { divisor, causal: is_causal(&live, group) });
        }
        if weighs && !rounded {
            return Ok(exponentials);
        }
        let reciprocals = self.broadcast(node, reciprocal, &node.shape)?;
        let frac = exponentials.frac + reciprocal.frac;
        if !rounded {
            return self.push(
                node,
                Primitive::Product,
                &[exponentials, reciprocals],
                &node.shape,
                frac,
            );
        }
        // Only the live cells are divided and rounded.
        let reciprocals = self.push(
            node,
            Primitive::Gather(index.clone()),
            &[reciprocals],
            &[index.len()],
            reciprocals.frac,
        )?;
        let probabilities =
            self.push(node, Primitive::Product, &[compact, reciprocals], &[index.len()], frac)?;
        let (probabilities, shift, frac) = self.shifted(node, probabilities, exponentials.frac)?;
        let range = Interval { low: 0, high: (1 << bits) - 1 };
        let probabilities = self.push(
            node,
            Primitive::Rescale { shift, range },
            &[probabilities],
            &[index.len()],
            frac,
        )?;
        self.push(node, Primitive::Gather(places), &[probabilities], &node.shape, frac)
    }

    /// The table of `exp(-x)` for keys with `frac` fractional bits, which softmaxes share.
    fn exponentials(&self, frac: i32) -> Option<Arc<Table>> {
        let mut known = self.shared.exponentials.borrow_mut();
        if let Some(table) = known.get(&frac) {
            return Some(table.clone());
        }
        let keys = Interval { low: 0, high: (1 << self.options.bits) - 1 };
        let exponential = |distance: i64| {
            quantize_value(libm::exp(-super::dequantize(distance, frac)), self.unit_bits())
        };
        let table = Arc::new(Table::tabulate(&format!("exp -{frac}"), keys, exponential)?);
        known.insert(frac, table.clone());
        Some(table)
    }

    /// Flat indices of the scores of each row of a softmax that are not always hidden.
    fn live_scores(&self, id: NodeId) -> Result<Vec<Vec<u32>>, QuantizeError> {
        let Some(node) = self.model.node(id) else { return Ok(vec![]) };
        let group = node.shape.last().copied().unwrap_or(1);
        let allowed: Vec<bool> = match self.model.always_hidden(id) {
            Some(hidden) => hidden.iter().map(|flag| *flag == 0.0).collect(),
            None => vec![true; node.shape.iter().product()],
        };
        let rows = allowed.chunks(group).enumerate();
        let live: Vec<Vec<u32>> = rows
            .map(|(row, flags)| {
                (0..flags.len()).filter(|i| flags[*i]).map(|i| (row * group + i) as u32).collect()
            })
            .collect();
        if live.iter().any(Vec::is_empty) {
            return Err(
                self.unsupported(node, "a row of the softmax has no score that the mask allows")
            );
        }
        Ok(live)
    }

    /// Where an input decides what a softmax does not see: 1 for hidden, for every score. Masks one
    /// after the other hide what any of them hides.
    fn hidden_scores(&mut self, id: NodeId, node: &Node) -> Result<Option<Tensor>, QuantizeError> {
        let mut all: Option<Tensor> = None;
        for mask in self.model.masks_before(id) {
            if self.model.is_constant(mask.hidden) {
                continue;
            }
            let hidden = self.flags(mask.hidden)?;
            let mut hidden = self.broadcast(node, hidden, &mask.shape)?;
            for id in mask.views {
                if let Some((node, Op::View(view))) =
                    self.model.node(id).map(|node| (node, &node.op))
                {
                    hidden = self.rearranged(node, view, &[hidden])?;
                }
            }
            all = Some(match all {
                None => hidden,
                Some(other) => self.either(node, hidden, other)?,
            });
        }
        Ok(all)
    }

    /// When the only use of a matrix product is a softmax under a causal mask: the nodes from the
    /// product to the masked scores, elementwise all of them.
    pub(super) fn causal_scores(&self, product: NodeId) -> Option<Vec<NodeId>> {
        let mut path = vec![product];
        loop {
            let at = *path.last()?;
            if self.model.outputs.iter().any(|(_, output)| *output == at) {
                return None;
            }
            let mut users = self.readers(at);
            let (user, node) = users.next().filter(|_| users.next().is_none())?;
            match &node.op {
                Op::Mul if (0..2).any(|i| self.constant_value(node, i).is_some()) => {}
                // A mask, or a bias that may depend on the inputs: a cell that is left out does not
                // show what is added to it.
                Op::Add => {}
                Op::Mask if node.inputs.first() == Some(&at) => {}
                Op::View(View::Reshape) => {}
                Op::Softmax => {
                    // Only leading axes may have been added or taken away.
                    let square = |shape: &[usize]| {
                        (
                            shape.iter().product::<usize>(),
                            shape.iter().rev().take(2).copied().collect::<Vec<_>>(),
                        )
                    };
                    let same = path
                        .iter()
                        .filter_map(|id| self.model.node(*id))
                        .all(|scores| square(&scores.shape) == square(&node.shape));
                    let group = node.shape.last().copied().unwrap_or(1);
                    let causal =
                        same && self.live_scores(user).is_ok_and(|live| is_causal(&live, group));
                    return causal.then_some(path);
                }
                _ => return None,
            }
            path.push(user);
        }
    }

    /// Fractional bits of an exponential: a little fewer than an activation's, so that its product
    /// with the reciprocal of a long row's sum, which has as many more, still fits two limbs.
    fn unit_bits(&self) -> i32 {
        self.options.bits as i32 - 3
    }

    /// `1 / sum` of each row with `frac` fractional bits. The largest entry of a row is the table's
    /// first, one; the range check of the sum says so.
    fn reciprocal_sums(
        &mut self,
        node: &Node,
        exponentials: Tensor,
        group: usize,
        frac: i32,
    ) -> Result<Tensor, QuantizeError> {
        let bits = self.options.bits;
        let mut row = node.shape.clone();
        row.last_mut().into_iter().for_each(|last| *last = 1);
        let ones =
            Arc::new(LinearMap::Dense { weight: vec![1; group].into(), outputs: 1, inputs: group });
        let sums =
            self.push(node, Primitive::Linear(ones), &[exponentials], &row, exponentials.frac)?;
        let one = 1i64 << exponentials.frac;
        let range = Interval { low: one, high: one + (1i64 << (2 * bits)) - 1 };
        let sums =
            self.push(node, Primitive::Rescale { shift: 0, range }, &[sums], &row, sums.frac)?;
        let numerator = (frac + sums.frac) as u32;
        self.push(node, Primitive::Reciprocal { bits: numerator }, &[sums], &row, frac)
    }

    /// Fractional bits at which the differences inside a row fill the activation bits: the fewest
    /// of all softmaxes, which share the table.
    pub(super) fn softmax_bits(&self) -> i32 {
        let softmaxes = self.model.nodes.iter().filter(|node| matches!(node.op, Op::Softmax));
        let bits = softmaxes.filter_map(|node| node.inputs.first()).map(|operand| {
            let spread =
                self.ranges.of(*operand).map_or(1.0, |range| f64::from(range.spread)).max(1e-3);
            self.fitting(spread).min(self.natural(*operand))
        });
        bits.min().unwrap_or(0)
    }
}

/// Whether row `i` of each square matrix of scores keeps exactly the positions up to `i`.
fn is_causal(live: &[Vec<u32>], group: usize) -> bool {
    live.len().is_multiple_of(group)
        && live.iter().enumerate().all(|(row, kept)| {
            kept.iter().copied().eq((row * group) as u32..=(row * group + row % group) as u32)
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::ArrayD;

    use crate::calibrate::{Method, Ranges};
    use crate::quantize::{Options, quantize};
    use lemma_graph::{Causal, Op as Primitive};
    use lemma_model::{Model, Op, View};

    /// `softmax(x x^T + mask) x` of four positions, with a bias of each key before the mask where
    /// `biased`.
    fn attention(biased: bool, allowed: impl Fn(usize, usize) -> bool) -> Vec<Causal> {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 4, 3]).unwrap();
        let transposed = model.push("t", Op::View(View::Transpose(vec![0, 2, 1])), &[x]).unwrap();
        let scores = model.push("scores", Op::MatMul, &[x, transposed]).unwrap();
        let mask =
            ArrayD::from_shape_fn(vec![1, 4, 4], |i| if allowed(i[1], i[2]) { 0.0 } else { 1.0 });
        let mask = model.push("mask", Op::Constant(mask), &[]).unwrap();
        let bias = model.push_input("bias", Op::Input, &[1, 1, 4]).unwrap();
        let scores =
            if biased { model.push("biased", Op::Add, &[scores, bias]).unwrap() } else { scores };
        let masked = model.push("masked", Op::Mask, &[scores, mask]).unwrap();
        let softmax = model.push("softmax", Op::Softmax, &[masked]).unwrap();
        let values = model.push("values", Op::MatMul, &[softmax, x]).unwrap();
        model.outputs.push(("y".into(), values));
        let sample =
            ArrayD::from_shape_fn(vec![1, 4, 3], |i| (i[1] as f32 - 1.3 * i[2] as f32) / 2.0);
        let bias = ArrayD::from_shape_fn(vec![1, 1, 4], |i| i[2] as f32);
        let inputs = BTreeMap::from([("x".to_owned(), sample), ("bias".to_owned(), bias)]);
        let ranges = Ranges::observe(&model, [inputs], Method::Max).unwrap();
        let graph = quantize(&model, &ranges, &Options::default()).unwrap().graph;
        let products = graph.nodes().iter().filter_map(|node| match &node.op {
            Primitive::MatMul(dims) => Some(dims.causal),
            _ => None,
        });
        products.collect()
    }

    #[test]
    fn products_under_a_causal_mask_are_found_and_no_others() {
        for biased in [false, true] {
            assert_eq!(attention(biased, |i, l| l <= i), [Causal::Result, Causal::Left]);
            assert_eq!(attention(biased, |_, _| true), [Causal::No, Causal::No]);
            assert_eq!(
                attention(biased, |i, l| l <= i && !(i == 3 && l == 1)),
                [Causal::No, Causal::No]
            );
            assert_eq!(attention(biased, |i, l| l >= i), [Causal::No, Causal::No]);
        }
    }
}
