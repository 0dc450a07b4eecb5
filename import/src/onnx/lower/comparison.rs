//! Comparisons, as later operators see them.

use lemma_model::NodeId;

/// Which comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(super) fn holds(self, a: f32, b: f32) -> bool {
        match self {
            Relation::Equal => a == b,
            Relation::Less => a < b,
            Relation::LessOrEqual => a <= b,
            Relation::Greater => a > b,
            Relation::GreaterOrEqual => a >= b,
        }
    }

    /// The relation with its sides exchanged.
    pub(super) fn turned(self) -> Relation {
        match self {
            Relation::Equal => Relation::Equal,
            Relation::Less => Relation::Greater,
            Relation::LessOrEqual => Relation::GreaterOrEqual,
            Relation::Greater => Relation::Less,
            Relation::GreaterOrEqual => Relation::LessOrEqual,
        }
    }
}

/// A comparison of a computed number with a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    /// The number.
    pub x: NodeId,
    /// How it stands to the constant.
    pub relation: Relation,
    /// The constant.
    pub bound: f32,
}
