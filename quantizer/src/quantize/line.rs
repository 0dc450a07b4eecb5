//! Tensors that follow from an input by numbers alone: what rounds the input rounds them.

use ndarray::ArrayD;

use super::Lowering;
use lemma_model::{Model, Node, NodeId, Op, View};

/// `slope * x + offset` for an input `x`.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) input: NodeId,
    pub(super) slope: f64,
    pub(super) offset: f64,
}

/// For every node the input that it follows from by numbers and rearrangements alone.
pub(super) fn lines(model: &Model) -> Vec<Option<Line>> {
    let mut lines = Vec::with_capacity(model.nodes.len());
    for (id, node) in model.nodes.iter().enumerate() {
        let line = line(model, NodeId(id), node, &lines).filter(|line| line.slope != 0.0);
        lines.push(line);
    }
    lines
}

/// The line of a node, where `lines` has those of its operands.
fn line(model: &Model, id: NodeId, node: &Node, lines: &[Option<Line>]) -> Option<Line> {
    let of = |index: usize| lines.get(node.inputs.get(index)?.0).copied().flatten();
    let number = |index: usize| {
        let values = constant_operand(model, node, index)?;
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
                (Some(a), Some(b)) if a.input == b.input => Line {
                    slope: a.slope + sign * b.slope,
                    offset: a.offset + sign * b.offset,
                    ..a
                },
                (Some(line), None) => Line { offset: line.offset + sign * number(1)?, ..line },
                (None, Some(line)) => Line {
                    slope: sign * line.slope,
                    offset: sign * line.offset + number(0)?,
                    ..line
                },
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(line)
}

/// The constant that an operand is.
pub(super) fn constant_operand<'a>(
    model: &'a Model,
    node: &Node,
    index: usize,
) -> Option<&'a ArrayD<f32>> {
    match &model.node(*node.inputs.get(index)?)?.op {
        Op::Constant(values) => Some(values),
        _ => None,
    }
}

impl Lowering<'_> {
    /// The input that a tensor follows from by numbers and rearrangements alone.
    pub(super) fn line(&self, id: NodeId) -> Option<Line> {
        self.shared.lines.get(id.0).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_followed_through_sums_of_itself() {
        let mut model = Model::default();
        let mut at = model.push_input("x", Op::Input, &[1, 2]).unwrap();
        let half = model.push("half", Op::Constant(ndarray::arr1(&[0.5]).into_dyn()), &[]).unwrap();
        // As many paths as 2^60.
        for step in 0..60 {
            let sum = model.push(format!("sum {step}"), Op::Add, &[at, at]).unwrap();
            at = model.push(format!("half {step}"), Op::Mul, &[sum, half]).unwrap();
        }
        let at = model.push("more", Op::Add, &[at, half]).unwrap();
        let softmax = model.push("softmax", Op::Softmax, &[at]).unwrap();
        let lines = lines(&model);
        let line = lines[at.0].unwrap();
        assert_eq!((line.input, line.slope, line.offset), (NodeId(0), 1.0, 0.5));
        assert!(lines[softmax.0].is_none());
    }
}
