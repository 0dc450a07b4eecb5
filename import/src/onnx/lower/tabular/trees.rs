//! Ensembles of trees: [`Op::Trees`] for the leaves that a row comes to, and a dense layer for what
//! they are worth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ndarray::{Array1, Array2};

use super::forest::MOST_NODES;
use super::scores::{Labels, Transform};
use super::{Args, Kind, Lowering, Node, Problem, Results};
use lemma_model::{NodeId, Op, Trees, Unary};

/// An ensemble and what its leaves are worth.
struct Ensemble {
    trees: Trees,
    /// `[leaves, outputs]`.
    weight: Array2<f32>,
    /// `[outputs]`: what is added, with trees that are a leaf.
    base: Array1<f32>,
    /// Number of trees.
    count: usize,
    /// Outputs that some leaf has a weight for.
    named: BTreeSet<usize>,
    /// Outputs that every leaf of some tree has a weight for.
    always: BTreeSet<usize>,
    /// Whether no weight is negative.
    positive: bool,
}

impl Lowering {
    /// `TreeEnsembleClassifier`.
    pub(in crate::onnx::lower) fn tree_classifier(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        node.gives(2)?;
        let transform = Transform::of(node)?;
        let labels = Labels::taken(node, "classlabels_int64s")?;
        let base = self.bases(node)?;
        let mut ensemble = self.ensemble(node, args, "class", labels.len())?;
        if labels.len() == 2 {
            if ensemble.named.iter().ne([&0]) || base.len() > 1 {
                return Err(node.problem(
                    "two classes with scores of their own; export one score, \
                    that of the second class",
                ));
            }
            ensemble.base[0] += base.first().copied().unwrap_or(0.0);
            return self.one_score(node, args, ensemble, &labels, transform);
        }
        if !base.is_empty() {
            if base.len() != labels.len() {
                return Err(node.problem(format!(
                    "{} base values for {} classes",
                    base.len(),
                    labels.len()
                )));
            }
            ensemble.base += &Array1::from(base);
        } else if !ensemble.positive && ensemble.always.len() < labels.len() {
            return Err(node.problem(
                "classes that may be left without a score beside negative scores; give base values",
            ));
        }
        let scores = self.worth(node, args, ensemble)?;
        let label = self.label(node, scores, &labels)?;
        let scores = self.transformed(node, scores, transform)?;
        self.name_scores(scores, &labels);
        Ok(vec![Some(label), Some(self.computed(Kind::F32, scores))])
    }

    /// One score for two classes: a probability where no weight is negative, a number with a sign
    /// otherwise.
    fn one_score(
        &mut self,
        node: &Node,
        args: &Args,
        mut ensemble: Ensemble,
        labels: &Labels,
        transform: Transform,
    ) -> Results {
        let positive = ensemble.positive;
        if transform == Transform::Softmax || !positive && transform == Transform::None {
            return Err(node.problem(
                "one score of two classes that is no probability; use the transform LOGISTIC",
            ));
        }
        ensemble.weight = ensemble.weight.slice_move(ndarray::s![.., ..1]);
        ensemble.base = ensemble.base.slice_move(ndarray::s![..1]);
        let score = self.worth(node, args, ensemble)?;
        let both = if positive {
            self.with_complement(node, score)?
        } else {
            self.two_signs(node, score)?
        };
        let label = self.label(node, both, labels)?;
        let scores = if transform == Transform::Logistic {
            let logistic =
                self.push(&format!("{}.positive", node.name), Op::Unary(Unary::Sigmoid), &[score])?;
            self.with_complement(node, logistic)?
        } else {
            both
        };
        self.name_scores(scores, labels);
        Ok(vec![Some(label), Some(self.computed(Kind::F32, scores))])
    }

    /// `TreeEnsembleRegressor`.
    pub(in crate::onnx::lower) fn tree_regressor(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        let transform = Transform::of(node)?;
        let targets = node.attributes.int("n_targets")?.unwrap_or(0);
        let targets =
            usize::try_from(targets).ok().filter(|targets| (1..=MOST_NODES).contains(targets));
        let targets = targets.ok_or_else(|| {
            node.problem("attribute `n_targets` is missing, not positive, or too large")
        })?;
        if targets == 1 && transform != Transform::None {
            return Err(node.problem(
                "a transform of one target, which runtimes leave out; write it \
                as a node of its own",
            ));
        }
        let average = match node.attributes.string("aggregate_function")?.as_deref() {
            None | Some("SUM") => false,
            Some("AVERAGE") => true,
            Some(other) => {
                return Err(node.problem(format!(
                    "aggregate_function {other}; SUM and AVERAGE are supported"
                )));
            }
        };
        let base = self.bases(node)?;
        if !base.is_empty() && base.len() != targets {
            return Err(node.problem(format!("{} base values for {targets} targets", base.len())));
        }
        let mut ensemble = self.ensemble(node, args, "target", targets)?;
        if average {
            let share = 1.0 / ensemble.count as f32;
            ensemble.weight *= share;
            ensemble.base *= share;
        }
        if !base.is_empty() {
            ensemble.base += &Array1::from(base);
        }
        let scores = self.worth(node, args, ensemble)?;
        let scores = self.transformed(node, scores, transform)?;
        Ok(vec![Some(self.computed(Kind::F32, scores))])
    }

    /// `[1, outputs]`: what the leaves that the row comes to are worth.
    fn worth(&mut self, node: &Node, args: &Args, ensemble: Ensemble) -> Result<NodeId, Problem> {
        self.worth_of(node, args, ensemble.trees, ensemble.weight, ensemble.base)
    }

    /// What leaves are worth by `weight[leaves, outputs]`, and `base` in any case.
    pub(super) fn worth_of(
        &mut self,
        node: &Node,
        args: &Args,
        trees: Trees,
        weight: Array2<f32>,
        base: Array1<f32>,
    ) -> Result<NodeId, Problem> {
        let x = self.operand(node, args, 0)?;
        let leaves = Op::Trees(Arc::new(trees));
        let leaves = self.push(&format!("{}.leaves", node.name), leaves, &[x])?;
        let dense = Op::Dense { weight, bias: Some(base) };
        self.push(&format!("{}.scores", node.name), dense, &[leaves])
    }

    fn bases(&self, node: &mut Node) -> Result<Vec<f32>, Problem> {
        Ok(self.doubles(node, "base_values")?.into_iter().map(|value| value as f32).collect())
    }

    /// The trees of a node and what their leaves are worth, by the attributes that begin with
    /// `kind`.
    fn ensemble(
        &mut self,
        node: &mut Node,
        args: &Args,
        kind: &str,
        outputs: usize,
    ) -> Result<Ensemble, Problem> {
        let columns = self.table(node, args, 0)?;
        let forest = self.forest(node, columns)?;
        let mut ints = |name: &str| {
            Ok::<_, Problem>(node.attributes.ints(&format!("{kind}_{name}"))?.unwrap_or_default())
        };
        let (trees, nodes, ids) = (ints("treeids")?, ints("nodeids")?, ints("ids")?);
        let weights = self.doubles(node, &format!("{kind}_weights"))?;
        if [trees.len(), nodes.len(), ids.len()].iter().any(|length| *length != weights.len()) {
            return Err(node.problem(format!("attributes `{kind}_...` of different lengths")));
        }
        self.budget.elements(&[forest.trees.leaves, outputs])?;
        let (mut weight, mut base) =
            (Array2::zeros((forest.trees.leaves, outputs)), Array1::zeros(outputs));
        let mut given = BTreeSet::new();
        for (at, value) in weights.iter().enumerate() {
            let (leaf, id) =
                ((trees[at], nodes[at]), usize::try_from(ids[at]).ok().filter(|id| *id < outputs));
            let (Some(place), Some(id)) = (forest.leaves.get(&leaf), id) else {
                let problem = format!(
                    "a weight of output {} at node {} of tree {}, which is no leaf",
                    ids[at], leaf.1, leaf.0
                );
                return Err(node.problem(problem));
            };
            match place {
                Some(place) => weight[[*place, id]] += *value as f32,
                None => base[id] += *value as f32,
            }
            given.insert((leaf, id));
        }
        let (mut leaves, mut scored) = (BTreeMap::new(), BTreeMap::new());
        forest.leaves.keys().for_each(|(tree, _)| *leaves.entry(*tree).or_insert(0usize) += 1);
        given.iter().for_each(|((tree, _), id)| *scored.entry((*tree, *id)).or_insert(0usize) += 1);
        let whole = scored.iter().filter(|((tree, _), count)| leaves.get(tree) == Some(count));
        Ok(Ensemble {
            trees: forest.trees,
            weight,
            base,
            count: forest.count,
            named: given.iter().map(|(_, id)| *id).collect(),
            always: whole.map(|((_, id), _)| *id).collect(),
            positive: weights.iter().all(|value| *value >= 0.0),
        })
    }
}
