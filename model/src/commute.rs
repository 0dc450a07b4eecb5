//! ReLU after max pooling instead of before it.
//!
//! Both are monotone, so `max_pool(relu(x)) = relu(max_pool(x))` exactly, and a window of `n`
//! elements then needs one ReLU instead of `n`.

use super::{Model, Op, Unary};

impl Model {
    /// Moves every ReLU whose only user is a max pooling behind it.
    pub fn relu_after_max_pool(mut self) -> Model {
        for pool in 0..self.nodes.len() {
            let Some(relu) = self.relu_before(pool) else { continue };
            let shape = self.nodes[pool].shape.clone();
            let (before, after) = self.nodes.split_at_mut(pool);
            if let (Some(relu), Some(pool)) = (before.get_mut(relu), after.first_mut()) {
                std::mem::swap(&mut relu.op, &mut pool.op);
                std::mem::swap(&mut relu.name, &mut pool.name);
                relu.shape = shape;
            }
        }
        self
    }

    /// The ReLU that feeds the max pooling `pool` and nothing else.
    fn relu_before(&self, pool: usize) -> Option<usize> {
        let node = self.nodes.get(pool)?;
        let source = *node.inputs.first()?;
        let is_pair = matches!(node.op, Op::MaxPool { .. })
            && matches!(self.node(source)?.op, Op::Unary(Unary::Relu));
        if !is_pair {
            return None;
        }
        let users = self.nodes.iter().flat_map(|n| &n.inputs).filter(|id| **id == source).count();
        let is_output = self.outputs.iter().any(|(_, id)| *id == source);
        (users == 1 && !is_output).then_some(source.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Window;

    #[test]
    fn the_result_does_not_change() {
        let mut model = Model::default();
        let window = Window {
            kernel: [2, 2],
            stride: [1, 2],
            dilation: [1, 1],
            before: [1, 0],
            after: [0, 0],
        };
        let x = model.push_input("x", Op::Input, &[1, 2, 4, 4]).unwrap();
        let relu = model.push("relu", Op::Unary(Unary::Relu), &[x]).unwrap();
        let pool = model.push("pool", Op::MaxPool { window }, &[relu]).unwrap();
        model.outputs.push(("y".into(), pool));
        let values = ndarray::ArrayD::from_shape_fn(vec![1, 2, 4, 4], |i| {
            ((i[1] * 16 + i[2] * 4 + i[3]) as f32).sin()
        });
        let inputs = BTreeMap::from([("x".to_owned(), values)]);
        let expected = model.run(&inputs).unwrap();
        let moved = model.relu_after_max_pool();
        moved.check().unwrap();
        assert!(matches!(moved.nodes[2].op, Op::Unary(Unary::Relu)));
        assert_eq!(moved.run(&inputs).unwrap(), expected);
    }
}
