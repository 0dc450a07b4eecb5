//! Tensors that follow from an input by numbers alone: what rounds the input rounds them.

use super::Lowering;
use lemma_model::{NodeId, Op, View};

/// `slope * x + offset` for an input `x`.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) input: NodeId,
    pub(super) slope: f64,
    pub(super) offset: f64,
}

impl Lowering<'_> {
    /// The input that a tensor follows from by numbers and rearrangements alone.
    pub(super) fn line(&self, id: NodeId) -> Option<Line> {
        let node = self.model.node(id)?;
        let of = |index: usize| node.inputs.get(index).and_then(|operand| self.line(*operand));
        let number = |index: usize| {
            let values = self.constant_value(node, index)?;
            let first = values.first().copied()?;
            values.iter().all(|value| *value == first).then_some(f64::from(first))
        };
        let line = match &node.op {
            Op::Input => Line { input: id, slope: 1.0, offset: 0.0 },
            Op::View(View::Pad { .. } | View::Concat(_)) => return None,
            Op::View(_) => of(0)?,
            Op::Mul => {
                let (line, factor) = (of(0).or_else(|| of(1))?, number(1).or_else(|| number(0))?);
                Line { slope: line.slope * factor, offset: line.offset * factor, ..line }
            }
            Op::Add | Op::Sub => {
                let sign = if matches!(node.op, Op::Sub) { -1.0 } else { 1.0 };
                match (of(0), of(1)) {
                    (Some(a), Some(b)) if a.input == b.input => {
                        Line { slope: a.slope + sign * b.slope, offset: a.offset + sign * b.offset, ..a }
                    }
                    (Some(line), None) => Line { offset: line.offset + sign * number(1)?, ..line },
                    (None, Some(line)) => Line { slope: sign * line.slope, offset: sign * line.offset + number(0)?, ..line },
                    _ => return None,
                }
            }
            _ => return None,
        };
        (line.slope != 0.0).then_some(line)
    }
}
