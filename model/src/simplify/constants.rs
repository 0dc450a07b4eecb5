//! Nodes whose operands are all constant become constants; products with a constant matrix become
//! dense layers.

use ndarray::{ArrayD, Ix2};

use crate::float::evaluate;
use crate::{Model, NodeId, Op};

/// A folded constant may be this large even when its operands are smaller.
const GROWTH: usize = 1 << 20;

pub(super) fn fold(model: &mut Model) -> bool {
    let mut changed = false;
    for at in 0..model.nodes.len() {
        let id = NodeId(at);
        if let Some(value) = folded(model, id) {
            model.nodes[at].op = Op::Constant(value);
            model.nodes[at].inputs.clear();
            changed = true;
        } else if let Some(op) = dense(model, id) {
            model.nodes[at].op = op;
            model.nodes[at].inputs.truncate(1);
            changed = true;
        }
    }
    changed
}

fn folded(model: &Model, id: NodeId) -> Option<ArrayD<f32>> {
    let operands = model.operands(id);
    if operands.is_empty() {
        return None;
    }
    let operands = operands.iter().map(|&id| model.constant(id)).collect::<Option<Vec<_>>>()?;
    let given: usize = operands.iter().map(|operand| operand.len()).sum();
    if model.extents(id).iter().product::<usize>() > given.max(GROWTH) {
        return None;
    }
    let views: Vec<_> = operands.iter().map(|operand| operand.view()).collect();
    let value = evaluate(&model.nodes[id.0], &views).ok()?;
    value.iter().all(|value| value.is_finite()).then_some(value)
}

/// `x · W` for a constant `W` without leading axes.
fn dense(model: &Model, id: NodeId) -> Option<Op> {
    let (Op::MatMul, &[x, w]) = (model.op(id), model.operands(id)) else {
        return None;
    };
    let weight = model.constant(w)?;
    let [lead @ .., k, n] = weight.shape() else {
        return None;
    };
    if lead.iter().any(|&extent| extent != 1) || lead.len() + 2 > model.extents(x).len() {
        return None;
    }
    let weight = weight.to_shape((*k, *n)).ok()?.into_owned().into_dimensionality::<Ix2>().ok()?;
    Some(Op::Dense { weight, bias: None })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::testing::*;
    use crate::{Op, View};

    #[test]
    fn folds_through_operations_and_views() {
        let after = simplified(model(&[2, 2], |model, x| {
            let c = constant(model, random(&[1, 4], 1));
            let c = model.push_shaped("reshape", Op::View(View::Reshape), &[c], &[2, 2]).unwrap();
            let c = apply(model, Op::View(View::Transpose(vec![1, 0])), &[c]);
            let two = scalar(model, 2.0);
            let c = apply(model, Op::Mul, &[c, two]);
            apply(model, Op::Add, &[x, c])
        }));
        assert_eq!(after.nodes.len(), 3);
    }

    #[test]
    fn a_product_with_a_constant_matrix_is_dense() {
        let after = simplified(model(&[1, 2, 3], |model, x| {
            let w = constant(model, array![[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]].into_dyn());
            apply(model, Op::MatMul, &[x, w])
        }));
        assert!(matches!(after.nodes[1].op, Op::Dense { .. }));
    }

    #[test]
    fn does_not_blow_a_number_up_to_a_tensor() {
        let after = simplified(model(&[2048, 1024], |model, x| {
            let c = scalar(model, 3.0);
            let wide =
                model.push_shaped("wide", Op::View(View::Broadcast), &[c], &[2048, 1024]).unwrap();
            apply(model, Op::Add, &[x, wide])
        }));
        assert!(
            after
                .nodes
                .iter()
                .all(|node| !matches!(&node.op, Op::Constant(value) if value.len() > 1))
        );
    }
}
