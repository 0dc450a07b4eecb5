//! `TreeEnsemble`, which replaced the classifier and the regressor in operator set 5 of `ai.onnx.ml`:
//! inner nodes and leaves in lists of their own, modes and transforms as numbers.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2};

use super::forest::{Entry, Forest, MOST_NODES, Places, at_most, grown};
use super::scores::Transform;
use super::{Args, Kind, Lowering, Node, Problem, Results};
use crate::onnx::constants;

/// The lists of inner nodes: column, bound and mode, and where each leads, whether to a leaf.
struct Lists {
    columns: Vec<i64>,
    bounds: Vec<f64>,
    modes: Vec<i64>,
    ways: [Vec<i64>; 2],
    to_leaf: [Vec<i64>; 2],
}

/// Which leaf of the lists a leaf is, by its tree and its number there.
type Leaves = BTreeMap<(i64, i64), usize>;

/// A node that is still to be visited: its place in the lists and whether it is a leaf.
type Waiting = (i64, bool);

impl Lowering {
    /// `TreeEnsemble`.
    pub(in crate::onnx::lower) fn tree_ensemble(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Results {
        node.takes(1, 1)?;
        let columns = self.table(node, args, 0)?;
        let transform = match node.attributes.int("post_transform")?.unwrap_or(0) {
            0 => Transform::None,
            1 => Transform::Softmax,
            2 => Transform::Logistic,
            other => {
                return Err(node.problem(format!(
                    "post_transform {other}; 0 (none), 1 (softmax) and 2 (logistic) are supported"
                )));
            }
        };
        let average = match node.attributes.int("aggregate_function")?.unwrap_or(1) {
            0 => true,
            1 => false,
            other => {
                return Err(node.problem(format!(
                    "aggregate_function {other}; 0 (average) and 1 (sum) are supported"
                )));
            }
        };
        let targets = node.attributes.int("n_targets")?.unwrap_or(1);
        let targets = usize::try_from(targets).ok().filter(|n| (1..=MOST_NODES).contains(n));
        let targets = targets
            .ok_or_else(|| node.problem("attribute `n_targets` is not positive, or too large"))?;
        let (forest, leaf_of) = self.listed(node, columns)?;
        let mut ints =
            |name: &str| Ok::<_, Problem>(node.attributes.ints(name)?.unwrap_or_default());
        let ids = ints("leaf_targetids")?;
        let weights = self.numbers(node, "leaf_weights")?;
        if ids.len() != weights.len() {
            return Err(node.problem("as many `leaf_targetids` as `leaf_weights` expected"));
        }
        self.budget.elements(&[forest.trees.leaves, targets])?;
        let (mut weight, mut base) =
            (Array2::zeros((forest.trees.leaves, targets)), Array1::<f32>::zeros(targets));
        let share = if average { 1.0 / forest.count as f64 } else { 1.0 };
        for (key, place) in &forest.leaves {
            let leaf = leaf_of.get(key).copied().unwrap_or(usize::MAX);
            let target = ids.get(leaf).and_then(|id| usize::try_from(*id).ok());
            let (Some(target), Some(worth)) =
                (target.filter(|target| *target < targets), weights.get(leaf))
            else {
                return Err(
                    node.problem(format!("leaf {leaf} has no target, or none of {targets}"))
                );
            };
            let worth = (worth * share) as f32;
            match place {
                Some(place) => weight[[*place, target]] = worth,
                None => base[target] += worth,
            }
        }
        let scores = self.worth_of(node, args, forest.trees, weight, base)?;
        let scores = self.transformed(node, scores, transform)?;
        Ok(vec![Some(self.computed(Kind::F32, scores))])
    }

    /// The trees, and which leaf of the lists each of their leaves is.
    fn listed(&self, node: &mut Node, columns: usize) -> Result<(Forest, Leaves), Problem> {
        // Without missing numbers it makes no difference which way they go.
        for unused in ["nodes_missing_value_tracks_true", "nodes_hitrates"] {
            node.attributes.ignore(unused);
        }
        if node.attributes.has("membership_values") {
            return Err(node
                .problem("comparisons with sets; encode categories as columns of zeros and ones"));
        }
        let mut ints =
            |name: &str| Ok::<_, Problem>(node.attributes.ints(name)?.unwrap_or_default());
        let roots = ints("tree_roots")?;
        let (features, yes, no) =
            (ints("nodes_featureids")?, ints("nodes_truenodeids")?, ints("nodes_falsenodeids")?);
        let to_leaf = [ints("nodes_trueleafs")?, ints("nodes_falseleafs")?];
        let bounds = self.numbers(node, "nodes_splits")?;
        let modes =
            self.numbers(node, "nodes_modes")?.into_iter().map(|mode| mode as i64).collect();
        let lists = Lists { columns: features, bounds, modes, ways: [yes, no], to_leaf };
        let count = lists.columns.len();
        let lengths = [
            lists.bounds.len(),
            lists.modes.len(),
            lists.ways[0].len(),
            lists.ways[1].len(),
            lists.to_leaf[0].len(),
            lists.to_leaf[1].len(),
        ];
        if lengths.iter().any(|length| *length != count) || !(1..=MOST_NODES).contains(&count) {
            return Err(node.problem(format!(
                "lists of {count} and {lengths:?} nodes; as many of each, up to {MOST_NODES}, expected"
            )));
        }
        let (entries, index, leaf_of) = entries(node, &lists, &roots)?;
        Ok((grown(node, &entries, &index, columns)?, leaf_of))
    }

    /// Numbers of a tensor.
    fn numbers(&self, node: &mut Node, name: &str) -> Result<Vec<f64>, Problem> {
        let Some(tensor) = node.attributes.tensor(name)? else { return Ok(vec![]) };
        let values = constants::read(tensor, name, &self.directory)?.as_doubles();
        match values.iter().position(|value| !(*value as f32).is_finite()) {
            None => Ok(values.iter().copied().collect()),
            Some(at) => Err(node.problem(format!(
                "attribute `{name}` has a number at position {at} that is not finite"
            ))),
        }
    }
}

/// The nodes of all trees from their roots on. A leaf that two nodes lead to is a leaf for each.
fn entries(
    node: &Node,
    lists: &Lists,
    roots: &[i64],
) -> Result<(Vec<Entry>, Places, Leaves), Problem> {
    let (mut entries, mut index, mut leaf_of) = (vec![], Places::new(), BTreeMap::new());
    for (tree, root) in roots.iter().enumerate() {
        let tree = tree as i64;
        let mut next = 1i64;
        let mut waiting: Vec<(i64, Waiting)> = vec![(0, (*root, false))];
        while let Some((id, (place, is_leaf))) = waiting.pop() {
            // Each way has a node of its own, so circles make more and more of them.
            if entries.len() > 2 * MOST_NODES {
                return Err(node.problem("its trees have too many nodes, or lead in a circle"));
            }
            index.insert((tree, id), entries.len());
            let missing =
                || node.problem(format!("tree {tree} names node {place}, which is not there"));
            let at = usize::try_from(place).map_err(|_| missing())?;
            if is_leaf {
                leaf_of.insert((tree, id), at);
                entries.push(Entry { tree, split: None });
                continue;
            }
            let (Some(column), Some(bound), Some(mode)) =
                (lists.columns.get(at), lists.bounds.get(at), lists.modes.get(at))
            else {
                return Err(missing());
            };
            let column = usize::try_from(*column)
                .map_err(|_| node.problem(format!("column {column} of a row")))?;
            let ids = [next, next + 1];
            next += 2;
            for (id, side) in ids.into_iter().zip(0..2) {
                let way = (lists.ways[side][at], lists.to_leaf[side][at] != 0);
                waiting.push((id, way));
            }
            let (up_to, below) = (at_most(*bound), at_most(bound.next_down()));
            let [yes, no] = ids;
            let split = match mode {
                0 => (column, up_to, [yes, no]),
                1 => (column, below, [yes, no]),
                2 => (column, below, [no, yes]),
                3 => (column, up_to, [no, yes]),
                mode => {
                    return Err(node.problem(format!(
                        "mode {mode} is not supported; 0 to 3 (<=, <, >=, >) are: encode categories \
                            as columns of zeros and ones"
                    )));
                }
            };
            entries.push(Entry { tree, split: Some(split) });
        }
    }
    Ok((entries, index, leaf_of))
}
