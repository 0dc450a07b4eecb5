//! The trees of a node, from lists of nodes that name their children.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lowering, Node, Problem};
use crate::onnx::constants;
use lemma_model::{Branch, Split, Trees};

/// Most nodes of an ensemble.
pub(super) const MOST_NODES: usize = 1 << 20;

/// The trees of a node.
pub(super) struct Forest {
    /// Those that compare something.
    pub trees: Trees,
    /// Where each leaf is, by its tree and its number there; `None` where it is the whole tree.
    pub leaves: BTreeMap<(i64, i64), Option<usize>>,
    /// Number of trees.
    pub count: usize,
}

/// A node of the lists.
pub(super) struct Entry {
    pub tree: i64,
    /// Column, bound, and the nodes for values up to the bound and above; `None` for a leaf.
    pub split: Option<(usize, f32, [i64; 2])>,
}

/// Nodes by their tree and their number there.
pub(super) type Places = BTreeMap<(i64, i64), usize>;

impl Lowering {
    /// The trees in the attributes of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`.
    pub(super) fn forest(&self, node: &mut Node, columns: usize) -> Result<Forest, Problem> {
        let (entries, index) = self.entries(node)?;
        grown(node, &entries, &index, columns)
    }

    /// The nodes of the lists, and each by its tree and number.
    fn entries(&self, node: &mut Node) -> Result<(Vec<Entry>, Places), Problem> {
        // Without missing numbers it makes no difference which way they go.
        for unused in
            ["nodes_missing_value_tracks_true", "nodes_hitrates", "nodes_hitrates_as_tensor"]
        {
            node.attributes.ignore(unused);
        }
        let mut ints =
            |name: &str| Ok::<_, Problem>(node.attributes.ints(name)?.unwrap_or_default());
        let (trees, ids, columns) =
            (ints("nodes_treeids")?, ints("nodes_nodeids")?, ints("nodes_featureids")?);
        let (yes, no) = (ints("nodes_truenodeids")?, ints("nodes_falsenodeids")?);
        let modes = node.attributes.strings("nodes_modes")?.unwrap_or_default();
        let values = self.doubles(node, "nodes_values")?;
        let count = trees.len();
        let lengths = [ids.len(), columns.len(), yes.len(), no.len(), modes.len(), values.len()];
        if lengths.iter().any(|length| *length != count) || !(1..=MOST_NODES).contains(&count) {
            return Err(node.problem(format!(
                "lists of {count} and {lengths:?} nodes; as many of each, up \
                    to {MOST_NODES}, expected"
            )));
        }
        let (mut entries, mut index) = (Vec::with_capacity(count), BTreeMap::new());
        for at in 0..count {
            if index.insert((trees[at], ids[at]), at).is_some() {
                return Err(
                    node.problem(format!("node {} of tree {} is given twice", ids[at], trees[at]))
                );
            }
            let column = usize::try_from(columns[at])
                .map_err(|_| node.problem(format!("column {} of a row", columns[at])))?;
            let (up_to, below) = (at_most(values[at]), at_most(values[at].next_down()));
            let split = match modes[at].as_str() {
                "LEAF" => None,
                "BRANCH_LEQ" => Some((column, up_to, [yes[at], no[at]])),
                "BRANCH_GT" => Some((column, up_to, [no[at], yes[at]])),
                "BRANCH_LT" => Some((column, below, [yes[at], no[at]])),
                "BRANCH_GTE" => Some((column, below, [no[at], yes[at]])),
                mode => {
                    return Err(node.problem(format!(
                        "mode {mode} is not supported; BRANCH_LEQ, LT, GTE and GT are: encode \
                            categories as columns of zeros and ones"
                    )));
                }
            };
            entries.push(Entry { tree: trees[at], split });
        }
        Ok((entries, index))
    }

    /// Numbers that an attribute holds, or a tensor of its name.
    pub(super) fn doubles(&self, node: &mut Node, name: &str) -> Result<Vec<f64>, Problem> {
        let listed = node.attributes.floats(name)?.unwrap_or_default();
        let as_tensor = format!("{name}_as_tensor");
        let mut values: Vec<f64> = listed.into_iter().map(f64::from).collect();
        if let Some(tensor) = node.attributes.tensor(&as_tensor)? {
            if !values.is_empty() {
                return Err(node.problem(format!("both `{name}` and `{as_tensor}` are given")));
            }
            values = constants::read(tensor, &as_tensor, &self.directory)?
                .as_doubles()
                .iter()
                .copied()
                .collect();
        }
        match values.iter().position(|value| !(*value as f32).is_finite()) {
            None => Ok(values),
            Some(at) => {
                Err(node.problem(format!("attribute `{name}` has {} at position {at}", values[at])))
            }
        }
    }
}

/// The trees of some nodes, each known by its tree and its number there, over rows of `columns`.
pub(super) fn grown(
    node: &Node,
    entries: &[Entry],
    index: &Places,
    columns: usize,
) -> Result<Forest, Problem> {
    let child = |entry: &Entry, id: i64| {
        let missing =
            || node.problem(format!("tree {} names node {id}, which it does not have", entry.tree));
        index.get(&(entry.tree, id)).copied().ok_or_else(missing)
    };
    let mut has_parent = vec![false; entries.len()];
    for entry in entries {
        for id in entry.split.iter().flat_map(|(.., children)| children) {
            let at = child(entry, *id)?;
            if std::mem::replace(&mut has_parent[at], true) {
                return Err(
                    node.problem(format!("two nodes of tree {} lead to node {id}", entry.tree))
                );
            }
        }
    }
    let roots: Vec<usize> = index.values().copied().filter(|at| !has_parent[*at]).collect();
    let count = entries.iter().map(|entry| entry.tree).collect::<BTreeSet<_>>().len();
    if roots.len() != count {
        return Err(
            node.problem(format!("{} nodes without a parent in {count} trees", roots.len()))
        );
    }
    // Every node but the roots has one parent, so a walk comes to each node once, or leaves out
    // those on circles.
    let (mut waiting, mut order) = (roots.iter().rev().copied().collect::<Vec<_>>(), vec![]);
    while let Some(at) = waiting.pop() {
        order.push(at);
        for id in entries[at].split.iter().flat_map(|(.., children)| children) {
            waiting.push(child(&entries[at], *id)?);
        }
    }
    if order.len() != entries.len() {
        return Err(node.problem("nodes of a tree lead to each other in a circle"));
    }
    let stump = |at: usize| !has_parent[at] && entries[at].split.is_none();
    let mut trees = Trees { roots: vec![], splits: vec![], leaves: 0 };
    let mut branches = vec![None; entries.len()];
    let mut splits = 0;
    for &at in order.iter().filter(|at| !stump(**at)) {
        let (number, make): (&mut usize, fn(usize) -> Branch) = match entries[at].split {
            Some(_) => (&mut splits, Branch::Split),
            None => (&mut trees.leaves, Branch::Leaf),
        };
        branches[at] = Some(make(*number));
        *number += 1;
    }
    let branch = |entry: &Entry, id: i64| {
        let circle = || node.problem(format!("node {id} of tree {} is out of place", entry.tree));
        branches[child(entry, id)?].ok_or_else(circle)
    };
    for &at in &order {
        let entry = &entries[at];
        let Some((column, bound, [at_most, above])) = entry.split else { continue };
        trees.splits.push(Split {
            column,
            bound,
            at_most: branch(entry, at_most)?,
            above: branch(entry, above)?,
        });
    }
    trees.roots = roots.iter().filter_map(|at| branches[*at]).collect();
    if trees.splits.is_empty() {
        return Err(node.problem("its trees compare nothing: its result is a constant"));
    }
    trees.check(columns).map_err(|problem| node.problem(problem))?;
    let is_leaf = |at: usize| entries[at].split.is_none();
    let leaves = index.iter().filter(|(_, at)| is_leaf(**at)).map(|(key, at)| {
        let place = branches[*at]
            .and_then(|branch| if let Branch::Leaf(leaf) = branch { Some(leaf) } else { None });
        (*key, place)
    });
    Ok(Forest { leaves: leaves.collect(), trees, count })
}

/// The largest number of an input that is at most `bound`: inputs are `f32`.
pub(super) fn at_most(bound: f64) -> f32 {
    let near = bound as f32;
    if f64::from(near) > bound { near.next_down() } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_the_largest_inputs_below() {
        assert_eq!(at_most(0.5), 0.5);
        assert_eq!(at_most(0.5f64.next_down()), 0.5f32.next_down());
        assert_eq!(at_most(0.1), 0.1f32.next_down(), "the nearest f32 is above a tenth");
        assert_eq!(at_most(-0.1), -0.1f32);
    }
}
