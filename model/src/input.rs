//! The inputs of a model, as data are fitted to them.

use super::{Model, Op};

/// An input: all that arrays and texts need to know of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPort {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub kind: InputKind,
}

/// What the elements of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Real numbers.
    Real,
    /// Whole numbers from 0: ids or flags.
    Whole,
}

impl Model {
    /// The inputs, in the order of the source file.
    pub fn input_ports(&self) -> Vec<InputPort> {
        let nodes = self.inputs.iter().filter_map(|id| self.node(*id));
        let port = nodes.map(|node| InputPort {
            name: node.name.clone(),
            shape: node.shape.clone(),
            kind: match node.op {
                Op::Tokens { .. } => InputKind::Whole,
                _ => InputKind::Real,
            },
        });
        port.collect()
    }
}
