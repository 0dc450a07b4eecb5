//! Gains and biases of normalisations, moved into the dense layers that follow.
//!
//! `(u * g + b) W = u (diag(g) W) + b W`. What stays of the normalisation is `x / sqrt(sum x^2)`,
//! without even the root of the row's length, so its result lies in `[-1, 1]` and nothing stands
//! between it and the next matrix.

use ndarray::{Array1, Axis};

use super::{Model, NodeId, NormForm, Op, View};

impl Model {
    /// Folds the gain and bias of every normalisation whose users are all dense layers, directly or
    /// behind reshapes that keep the last axis.
    pub fn fold_norm_gains(mut self) -> Model {
        for id in 0..self.nodes.len() {
            let Some(width) = self.norm_width(id) else { continue };
            let mut layers = Vec::new();
            if !self.dense_users(NodeId(id), width, &mut layers) || layers.is_empty() {
                continue;
            }
            let root = (width as f32).sqrt();
            let Some(node) = self.nodes.get_mut(id) else { continue };
            let Op::Norm(norm) = &mut node.op else { continue };
            let factors = norm.gain.take().unwrap_or_else(|| Array1::ones(width)) * root;
            let bias = norm.bias.take();
            norm.gain = Some(Array1::from_elem(width, 1.0 / root));
            for layer in layers {
                self.fold_into(layer, &factors, bias.as_ref());
            }
        }
        self
    }

    /// Length of the rows of a norm that divides by a mean; an L2 norm has no root to give away.
    fn norm_width(&self, id: usize) -> Option<usize> {
        let node = self.nodes.get(id)?;
        match &node.op {
            Op::Norm(norm) if norm.form != NormForm::L2 => node.shape.last().copied(),
            _ => None,
        }
    }

    /// Collects the dense layers that use `id`; false when anything else does.
    fn dense_users(&self, id: NodeId, width: usize, layers: &mut Vec<usize>) -> bool {
        if self.outputs.iter().any(|(_, output)| *output == id) {
            return false;
        }
        self.nodes.iter().enumerate().filter(|(_, node)| node.inputs.contains(&id)).all(
            |(user, node)| match &node.op {
                Op::Dense { .. } => {
                    layers.push(user);
                    true
                }
                Op::View(View::Reshape) if node.shape.last() == Some(&width) => {
                    self.dense_users(NodeId(user), width, layers)
                }
                _ => false,
            },
        )
    }

    fn fold_into(&mut self, layer: usize, factors: &Array1<f32>, shift: Option<&Array1<f32>>) {
        if let Some(Op::Dense { weight, bias }) = self.nodes.get_mut(layer).map(|node| &mut node.op)
        {
            if let Some(shift) = shift {
                let constant = shift.dot(weight);
                *bias = Some(bias.take().map_or(constant.clone(), |bias| bias + &constant));
            }
            *weight = &*weight * &factors.view().insert_axis(Axis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::{Array2, ArrayD, IxDyn};

    use super::super::Norm;
    use super::*;

    #[test]
    fn the_result_does_not_change() {
        let wave = |i: usize| (i as f32 * 0.7).sin();
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 2, 3]).unwrap();
        let gain = Some(Array1::from_shape_fn(3, |i| wave(i + 1)));
        let bias = Some(Array1::from_shape_fn(3, |i| wave(i + 5)));
        let norm =
            model.push("norm", Op::Norm(Norm { gain, bias, ..Norm::layer(1e-5) }), &[x]).unwrap();
        let rows = model.push_shaped("rows", Op::View(View::Reshape), &[norm], &[2, 3]).unwrap();
        let weight = Array2::from_shape_fn((3, 4), |(i, j)| wave(i * 4 + j));
        let y = model.push("dense", Op::Dense { weight, bias: None }, &[rows]).unwrap();
        model.outputs.push(("y".into(), y));
        let inputs = BTreeMap::from([(
            "x".to_owned(),
            ArrayD::from_shape_fn(IxDyn(&[1, 2, 3]), |i| wave(i[1] * 3 + i[2] + 9)),
        )]);
        let expected = model.run(&inputs).unwrap();
        let folded = model.fold_norm_gains();
        assert!(matches!(&folded.nodes[1].op, Op::Norm(Norm { bias: None, .. })));
        let found = folded.run(&inputs).unwrap();
        assert!(expected[0].iter().zip(&found[0]).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
