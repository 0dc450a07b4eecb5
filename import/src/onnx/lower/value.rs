//! Values of the file's graph in the making of the model.

use super::super::node::Node;
use super::super::tensor::{Kind, Tensor};
use super::comparison::Comparison;
use lemma_model::NodeId;

/// A value: known, or computed from the inputs.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Known.
    Constant(Tensor),
    /// Computed.
    Computed(Computed),
}

impl Value {
    /// Its shape.
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Value::Constant(tensor) => tensor.shape(),
            Value::Computed(value) => &value.shape,
        }
    }

    /// Type of its elements.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Value::Constant(tensor) => tensor.kind,
            Value::Computed(value) => value.kind,
        }
    }

    /// The tensor, where it is known.
    pub(super) fn tensor(&self) -> Option<&Tensor> {
        match self {
            Value::Constant(tensor) => Some(tensor),
            Value::Computed(_) => None,
        }
    }
}

/// A computed value, in the readings that it has.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    /// Type of its elements.
    pub kind: Kind,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The node whose numbers it is, or why there is none.
    pub plain: Result<NodeId, String>,
    /// What it is to a softmax.
    pub masked: Option<Masked>,
    /// The comparison of numbers that it is the truth of, where it is no flag.
    pub comparison: Option<Comparison>,
}

impl Computed {
    pub(super) fn new(kind: Kind, shape: Vec<usize>, id: NodeId) -> Computed {
        Computed { kind, shape, plain: Ok(id), masked: None, comparison: None }
    }
}

/// Scores of which some are hidden: their number is so low that a softmax leaves nothing of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masked {
    /// The scores; zeros where there is none.
    pub scores: Option<NodeId>,
    /// One where a score is hidden, zero elsewhere; broadcasts to the value's shape.
    pub hidden: NodeId,
}

/// Operands of a node.
#[derive(Default)]
pub(super) struct Args(Vec<Option<Value>>);

impl Args {
    pub(super) fn push(&mut self, value: Option<Value>) {
        self.0.push(value);
    }

    pub(super) fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at)?.as_ref()
    }

    /// The constant that operand `at` is.
    pub(super) fn tensor(&self, at: usize) -> Option<&Tensor> {
        self.get(at)?.tensor()
    }

    pub(super) fn all_constant(&self) -> bool {
        self.0.iter().flatten().all(|value| value.tensor().is_some())
    }

    pub(super) fn tensors(&self) -> Vec<Option<&Tensor>> {
        self.0.iter().map(|value| value.as_ref().and_then(Value::tensor)).collect()
    }

    /// The computed operands.
    pub(super) fn computed(&self) -> impl Iterator<Item = &Computed> {
        self.0.iter().flatten().filter_map(|value| match value {
            Value::Computed(value) => Some(value),
            Value::Constant(_) => None,
        })
    }

    /// The file's name of operand `at`.
    pub(super) fn name<'n>(&self, node: &'n Node, at: usize) -> &'n str {
        node.inputs.get(at).and_then(Option::as_deref).unwrap_or(&node.name)
    }
}
