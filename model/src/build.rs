//! Building and checking a [`Model`]: the only place where nodes get their shapes.

use super::shape::{self, ShapeError};
use super::{Model, Node, NodeId, Op};

impl Model {
    /// Appends a node whose shape follows from its operands. Operations whose shape does not
    /// (inputs, reshapes, broadcasts, slices) go through [`Model::push_shaped`].
    ///
    /// # Errors
    /// A name that is taken, an operand that is not in the model, or operands that do not fit the
    /// operation.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: &[NodeId],
    ) -> Result<NodeId, ShapeError> {
        self.append(name.into(), op, inputs, None)
    }

    /// Appends a node with an explicit shape, which must agree with the operation and its operands.
    ///
    /// # Errors
    /// As [`Model::push`], and a shape that the operation contradicts.
    pub fn push_shaped(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: &[NodeId],
        shape: &[usize],
    ) -> Result<NodeId, ShapeError> {
        self.append(name.into(), op, inputs, Some(shape))
    }

    /// Appends an input node and registers it as a model input.
    ///
    /// # Errors
    /// A name that is taken or a shape that is empty or too large.
    pub fn push_input(
        &mut self,
        name: impl Into<String>,
        op: Op,
        shape: &[usize],
    ) -> Result<NodeId, ShapeError> {
        let id = self.append(name.into(), op, &[], Some(shape))?;
        self.inputs.push(id);
        Ok(id)
    }

    /// Appends a node whose name the caller knows to be new, in time that does not grow with the
    /// model; otherwise as [`Model::push`], and where a shape is declared as
    /// [`Model::push_shaped`].
    pub fn push_new(
        &mut self,
        name: String,
        op: Op,
        inputs: &[NodeId],
        declared: Option<&[usize]>,
    ) -> Result<NodeId, ShapeError> {
        let shape = self.shape_of(&name, &op, inputs, declared)?;
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), shape });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// The node of an id, where it exists.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0)
    }

    /// Checks a model as a whole: operands come before their users, shapes follow from the
    /// operations, the inputs are exactly the input nodes, outputs exist, only softmaxes read
    /// masked scores.
    ///
    /// # Errors
    /// The first node or output that breaks one of these.
    pub fn check(&self) -> Result<(), ShapeError> {
        let fail =
            |node: &str, problem: String| Err(ShapeError { node: node.to_string(), problem });
        let mut listed = vec![0usize; self.nodes.len()];
        for id in &self.inputs {
            match listed.get_mut(id.0) {
                Some(count) => *count += 1,
                None => return fail("inputs", "an input id has no node".into()),
            }
        }
        for (at, node) in self.nodes.iter().enumerate() {
            if let Some(late) = node.inputs.iter().find(|id| id.0 >= at) {
                return fail(
                    &node.name,
                    format!("operand {} does not come before node {at}", late.0),
                );
            }
            self.shape_of(&node.name, &node.op, &node.inputs, Some(&node.shape))?;
            let is_input = matches!(node.op, Op::Input | Op::Tokens { .. });
            let listed = listed.get(at).copied().unwrap_or(0);
            if listed != usize::from(is_input) {
                return fail(&node.name, format!("listed {listed} times among the model's inputs"));
            }
        }
        self.check_masks()?;
        match self.outputs.iter().find(|(_, id)| id.0 >= self.nodes.len()) {
            Some((name, id)) => fail(name, format!("output node {} does not exist", id.0)),
            None => Ok(()),
        }
    }

    fn append(
        &mut self,
        name: String,
        op: Op,
        inputs: &[NodeId],
        declared: Option<&[usize]>,
    ) -> Result<NodeId, ShapeError> {
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(ShapeError { node: name, problem: "the name is taken".into() });
        }
        self.push_new(name, op, inputs, declared)
    }

    fn shape_of(
        &self,
        name: &str,
        op: &Op,
        inputs: &[NodeId],
        declared: Option<&[usize]>,
    ) -> Result<Vec<usize>, ShapeError> {
        let error = |problem: String| ShapeError { node: name.to_string(), problem };
        let operands: Vec<&[usize]> = inputs
            .iter()
            .map(|&id| self.node(id).map(|node| node.shape.as_slice()))
            .collect::<Option<_>>()
            .ok_or_else(|| error(format!("an operand of {inputs:?} is not in the model")))?;
        shape::result(op, &operands, declared).map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unary;

    fn relu() -> Model {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 4]).unwrap();
        let y = model.push("y", Op::Unary(Unary::Relu), &[x]).unwrap();
        model.outputs.push(("y".into(), y));
        model
    }

    #[test]
    fn a_built_model_checks() {
        assert_eq!(relu().check(), Ok(()));
    }

    #[test]
    fn rejects_a_name_that_is_taken() {
        let mut model = relu();
        let error = model.push("y", Op::Unary(Unary::Tanh), &[NodeId(0)]).unwrap_err();
        assert_eq!(error.node, "y");
    }

    #[test]
    fn rejects_an_operand_that_does_not_exist() {
        assert!(relu().push("z", Op::Add, &[NodeId(0), NodeId(9)]).is_err());
    }

    #[test]
    fn rejects_a_cycle() {
        let mut model = relu();
        model.nodes[1].inputs[0] = NodeId(1);
        assert_eq!(model.check().unwrap_err().node, "y");
    }

    #[test]
    fn rejects_an_input_node_that_is_not_listed() {
        let mut model = relu();
        model.inputs.clear();
        assert_eq!(model.check().unwrap_err().node, "x");
    }

    #[test]
    fn rejects_an_output_that_does_not_exist() {
        let mut model = relu();
        model.outputs[0].1 = NodeId(7);
        assert!(model.check().is_err());
    }
}
