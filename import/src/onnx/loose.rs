//! Numbers that are meant to hide scores and were not recognized as a mask.
//!
//! What is a mask to the lowering is an [`Op::Mask`]. A number as large as masks have that still
//! reaches a softmax through sums, products and rearrangements would be a number among the scores:
//! no range holds both, and an input may leave it.

use super::error::Problem;
use lemma_model::{Model, NodeId, Op, View};

/// Scores have no terms of this size.
const LARGE: f32 = 9000.0;

/// Refuses a model whose softmax reads scores with such a number.
pub(super) fn check(model: &Model) -> Result<(), Problem> {
    for node in &model.nodes {
        let (Op::Softmax | Op::LogSoftmax, Some(&scores)) = (&node.op, node.inputs.first()) else {
            continue;
        };
        if reaches(model, scores) {
            return Err(Problem::Unsupported {
                node: node.name.clone(),
                operator: "Softmax".into(),
                problem: "its scores hold numbers of 9000 and more that are not recognized as a \
                    mask; add one term to the scores that is 0 \
                    where they are seen and minus infinity where they are hidden, or choose with \
                    Where"
                    .into(),
            });
        }
    }
    Ok(())
}

fn reaches(model: &Model, scores: NodeId) -> bool {
    let (mut seen, mut open) = (vec![false; model.nodes.len()], vec![scores]);
    while let Some(id) = open.pop() {
        let Some(node) = model.node(id) else { continue };
        if std::mem::replace(&mut seen[id.0], true) {
            continue;
        }
        match &node.op {
            Op::Constant(values) if values.iter().any(|value| value.abs() >= LARGE) => return true,
            Op::View(View::Pad { value, .. }) if value.abs() >= LARGE => return true,
            Op::Add | Op::Sub | Op::Mul | Op::View(_) => open.extend(&node.inputs),
            // The other operand says what is hidden.
            Op::Mask => open.extend(node.inputs.first()),
            _ => {}
        }
    }
    false
}
