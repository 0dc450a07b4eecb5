//! Padding, by a constant or by the operand's own elements; negative amounts crop.

use ndarray::ArrayD;

use super::value::{Args, Value};
use super::{Lowering, Node, Problem, axes_of, axis_of};
use lemma_model::{NodeId, Op, View};

impl Lowering {
    pub(super) fn pad(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let rank = shape.len();
        let mode = node.attributes.string("mode")?.unwrap_or_else(|| "constant".into());
        let (amounts, value, axes) = if node.opset < 11 {
            node.takes(1, 1)?;
            let name = if node.opset < 2 { "paddings" } else { "pads" };
            (
                node.attributes.ints(name)?.unwrap_or_default(),
                node.attributes.float("value")?.unwrap_or(0.0),
                None,
            )
        } else {
            node.takes(2, 4)?;
            let amounts = self.integers(node, args, 1, "amounts")?;
            let value = match node.has(2) && mode == "constant" {
                true => self.weights(node, args, 2, "padding value")?,
                false => ArrayD::zeros(vec![1]),
            };
            let value = if value.len() == 1 {
                value.sum()
            } else {
                return Err(node.problem("the padding value is not one number"));
            };
            let axes = node.has(3).then(|| self.integers(node, args, 3, "axes")).transpose()?;
            (amounts, value, axes)
        };
        let axes = match axes {
            Some(axes) => {
                axes_of(node, &axes, rank)?;
                axes.iter().map(|&axis| axis_of(node, axis, rank)).collect::<Result<Vec<_>, _>>()?
            }
            None => (0..rank).collect(),
        };
        if amounts.len() != 2 * axes.len() {
            return Err(node.problem(format!("{} amounts for {} axes", amounts.len(), axes.len())));
        }
        let mut pads = vec![(0i64, 0i64); rank];
        for (at, &axis) in axes.iter().enumerate() {
            pads[axis] = (amounts[at], amounts[at + axes.len()]);
        }
        for (axis, &(before, after)) in pads.iter().enumerate() {
            let total = before
                .checked_add(after)
                .and_then(|sum| sum.checked_add(shape[axis] as i64))
                .filter(|&total| total > 0);
            let total = total
                .and_then(|total| usize::try_from(total).ok())
                .filter(|&total| total <= super::MAX_VALUE);
            if total.is_none() {
                return Err(node.problem(format!(
                    "padding ({before}, {after}) for an axis of {}",
                    shape[axis]
                )));
            }
        }
        self.view(node, args, |lowering, name, x| {
            let mut x = x;
            for (axis, &(before, after)) in pads.iter().enumerate() {
                x = lowering.cropped(node, x, axis, negative(before), negative(after))?;
            }
            let amounts: Vec<(usize, usize)> =
                pads.iter().map(|&(before, after)| (positive(before), positive(after))).collect();
            match mode.as_str() {
                _ if amounts.iter().all(|&amount| amount == (0, 0)) => Ok(x),
                "constant" => lowering.push(name, Op::View(View::Pad { amounts, value }), &[x]),
                mode => lowering.mirrored(node, name, x, &amounts, mode),
            }
        })
    }

    /// Padding by the operand's own elements.
    fn mirrored(
        &mut self,
        node: &Node,
        name: &str,
        mut x: NodeId,
        amounts: &[(usize, usize)],
        mode: &str,
    ) -> Result<NodeId, Problem> {
        for (axis, &(before, after)) in
            amounts.iter().enumerate().filter(|(_, amounts)| **amounts != (0, 0))
        {
            let extent = self.shape_of(x)[axis];
            let last = extent - 1;
            let source = |at: i64| -> Option<usize> {
                let inside = match mode {
                    "edge" => at.clamp(0, last as i64),
                    "wrap" => at.rem_euclid(extent as i64),
                    "reflect" if at < 0 => -at,
                    "reflect" if at > last as i64 => 2 * last as i64 - at,
                    "reflect" => at,
                    _ => return None,
                };
                usize::try_from(inside).ok().filter(|&at| at <= last)
            };
            self.budget.elements(&[before + extent + after])?;
            let indices =
                (-(before as i64)..(extent + after) as i64).map(source).collect::<Option<Vec<_>>>();
            let indices = indices.ok_or_else(|| {
                let mode = mode.escape_default();
                node.problem(format!(
                    "axis {axis} of {extent} elements is padded by ({before}, \
                    {after}) in mode {mode}"
                ))
            })?;
            x = self.push(name, Op::View(View::Select { axis, indices }), &[x])?;
        }
        Ok(x)
    }
}

fn positive(amount: i64) -> usize {
    usize::try_from(amount).unwrap_or(0)
}

fn negative(amount: i64) -> usize {
    usize::try_from(amount.saturating_neg()).unwrap_or(0)
}
