//! What classifiers give: the label of the largest score, and scores that are transformed.

use std::collections::BTreeSet;

use ndarray::{Array1, Array2};

use super::super::Value;
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{NodeId, Op, Unary, View};

/// Labels beyond this are not exact numbers of every scale.
const LARGEST_LABEL: i64 = 1 << 20;

/// Most classes.
const MOST_CLASSES: usize = 1 << 16;

/// What happens to scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
}

impl Transform {
    /// The attribute `post_transform`.
    pub(super) fn of(node: &mut Node) -> Result<Transform, Problem> {
        let name = node.attributes.string("post_transform")?;
        match name.as_deref() {
            None | Some("NONE") => Ok(Transform::None),
            Some("LOGISTIC") => Ok(Transform::Logistic),
            Some("SOFTMAX") => Ok(Transform::Softmax),
            Some(other) => Err(node.problem(format!(
                "post_transform {other} is not supported; NONE, LOGISTIC and SOFTMAX are, or a \
                    node of its own"
            ))),
        }
    }
}

/// The labels of a classifier's classes.
pub(super) enum Labels {
    /// Numbers.
    Numbers(Vec<i64>),
    /// Texts, which have no numbers: a class stands for its place.
    Texts(Vec<String>),
}

impl Labels {
    /// The labels that a node has: the integers of `numbers`, or `classlabels_strings`.
    pub(super) fn taken(node: &mut Node, numbers: &str) -> Result<Labels, Problem> {
        let numbers = node.attributes.ints(numbers)?.filter(|numbers| !numbers.is_empty());
        let texts =
            node.attributes.strings("classlabels_strings")?.filter(|texts| !texts.is_empty());
        let labels = match (numbers, texts) {
            (Some(numbers), None) => {
                let distinct = numbers.iter().collect::<BTreeSet<_>>().len() == numbers.len();
                if !distinct || numbers.iter().any(|label| label.abs() > LARGEST_LABEL) {
                    return Err(node.problem(format!(
                        "its labels are not distinct integers up to {LARGEST_LABEL}"
                    )));
                }
                Labels::Numbers(numbers)
            }
            (None, Some(texts)) => {
                if texts.iter().collect::<BTreeSet<_>>().len() != texts.len() {
                    return Err(node.problem("two classes have the same label"));
                }
                Labels::Texts(texts)
            }
            _ => {
                return Err(node.problem("labels as integers or as strings expected, and not both"));
            }
        };
        if labels.len() < 2 || labels.len() > MOST_CLASSES {
            return Err(node
                .problem(format!("{} classes; 2 to {MOST_CLASSES} are supported", labels.len())));
        }
        Ok(labels)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Labels::Numbers(numbers) => numbers.len(),
            Labels::Texts(names) => names.len(),
        }
    }
}

impl Lowering {
    /// The label of the largest of `scores[1, classes]`, the first one on ties.
    pub(super) fn label(
        &mut self,
        node: &Node,
        scores: NodeId,
        labels: &Labels,
    ) -> Result<Value, Problem> {
        let index = self.push(&format!("{}.label", node.name), Op::ArgMax, &[scores])?;
        match labels {
            Labels::Numbers(numbers) => self.renamed(node, index, numbers),
            Labels::Texts(names) => {
                self.classes.insert(index, names.clone());
                Ok(self.computed(Kind::I64, index))
            }
        }
    }

    /// Notes whose scores a node holds: the classes' names, or numbers that are not their places.
    pub(super) fn name_scores(&mut self, scores: NodeId, labels: &Labels) {
        let names = match labels {
            Labels::Texts(names) => names.clone(),
            Labels::Numbers(numbers) if numbers.iter().copied().ne(0..numbers.len() as i64) => {
                numbers.iter().map(i64::to_string).collect()
            }
            Labels::Numbers(_) => return,
        };
        if self.shape_of(scores).last() == Some(&names.len()) {
            self.classes.insert(scores, names);
        }
    }

    /// The numbers that stand for indices `0, 1, ..`.
    pub(super) fn renamed(
        &mut self,
        node: &Node,
        index: NodeId,
        numbers: &[i64],
    ) -> Result<Value, Problem> {
        if numbers.iter().copied().eq(0..numbers.len() as i64) {
            return Ok(self.computed(Kind::I64, index));
        }
        let table: Array2<f32> = Array1::from_iter(numbers.iter().map(|label| *label as f32))
            .insert_axis(ndarray::Axis(1));
        let shape = self.shape_of(index).to_vec();
        let row = self.push(&format!("{}.number", node.name), Op::Embedding { table }, &[index])?;
        let id = self.reshaped(&format!("{}.numbers", node.name), row, &shape)?;
        Ok(self.computed(Kind::I64, id))
    }

    /// Scores `[1, n]` behind a transform.
    pub(super) fn transformed(
        &mut self,
        node: &Node,
        scores: NodeId,
        transform: Transform,
    ) -> Result<NodeId, Problem> {
        let name = format!("{}.transformed", node.name);
        match transform {
            Transform::None => Ok(scores),
            Transform::Logistic => self.push(&name, Op::Unary(Unary::Sigmoid), &[scores]),
            Transform::Softmax => self.push(&name, Op::Softmax, &[scores]),
        }
    }

    /// `[-x, x]` of one score `[1, 1]`: the second is the largest where `x > 0`.
    pub(super) fn two_signs(&mut self, node: &Node, x: NodeId) -> Result<NodeId, Problem> {
        let weight = ndarray::array![[-1.0, 1.0]];
        self.push(&format!("{}.signs", node.name), Op::Dense { weight, bias: None }, &[x])
    }

    /// `[1 - x, x]` of one probability `[1, 1]`.
    pub(super) fn with_complement(&mut self, node: &Node, x: NodeId) -> Result<NodeId, Problem> {
        let other = self.complement(&format!("{}.negative", node.name), x)?;
        let both =
            self.push(&format!("{}.both", node.name), Op::View(View::Concat(1)), &[other, x])?;
        self.unit_rows.insert(both);
        Ok(both)
    }
}
