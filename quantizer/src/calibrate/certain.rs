//! Ranges that no row can leave, whatever the samples were: what leaves of trees are worth.
//!
//! A row comes to one leaf of each tree, so a sum over the leaves lies between the sums of the
//! least and of the greatest leaf of each tree. What follows from such sums by simple arithmetic
//! has bounds as well.

use lemma_model::{Branch, Model, Node, NodeId, Op, Trees, Unary, View};
use ndarray::{Array1, Array2};

/// The least and the greatest value of each node's elements, where trees say so.
pub(super) fn bounds(model: &Model) -> Vec<Option<(f32, f32)>> {
    let mut bounds: Vec<Option<(f32, f32)>> = Vec::with_capacity(model.nodes.len());
    for node in &model.nodes {
        let known = bounded(model, node, &bounds);
        bounds.push(known.filter(|(low, high)| low.is_finite() && high.is_finite()));
    }
    bounds
}

type Bounds = (f32, f32);

fn bounded(model: &Model, node: &Node, known: &[Option<Bounds>]) -> Option<Bounds> {
    let of = |at: usize| -> Option<Bounds> {
        let id = node.inputs.get(at)?;
        match &model.node(*id)?.op {
            Op::Constant(values) => Some(hull(values.iter().copied())),
            _ => known.get(id.0).copied().flatten(),
        }
    };
    // Constants alone are no matter of trees.
    node.inputs.iter().find(|id| known.get(id.0).is_some_and(Option::is_some)).or(
        match node.op {
            Op::Trees(_) => node.inputs.first(),
            _ => None,
        },
    )?;
    Some(match &node.op {
        Op::Trees(_) => (0.0, 1.0),
        Op::Dense { weight, bias } => match leaves(model, *node.inputs.first()?) {
            Some(trees) => sums(trees, weight, bias.as_ref()),
            None => products(of(0)?, weight, bias.as_ref()),
        },
        Op::Add => (of(0)?.0 + of(1)?.0, of(0)?.1 + of(1)?.1),
        Op::Sub => (of(0)?.0 - of(1)?.1, of(0)?.1 - of(1)?.0),
        Op::Mul => {
            let (a, b) = (of(0)?, of(1)?);
            hull([a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1].into_iter())
        }
        Op::Unary(Unary::Relu) => (of(0)?.0.max(0.0), of(0)?.1.max(0.0)),
        Op::Unary(Unary::Sigmoid) => (0.0, 1.0),
        Op::Unary(Unary::Tanh) => (-1.0, 1.0),
        Op::View(View::Pad { value, .. }) => hull([of(0)?.0, of(0)?.1, *value].into_iter()),
        Op::View(_) => {
            let parts = (0..node.inputs.len()).map(of).collect::<Option<Vec<_>>>()?;
            hull(parts.into_iter().flat_map(|(low, high)| [low, high]))
        }
        _ => return None,
    })
}

/// The trees whose leaves a value is.
fn leaves(model: &Model, id: NodeId) -> Option<&Trees> {
    let node = model.node(id)?;
    match &node.op {
        Op::Trees(trees) => Some(trees),
        Op::View(View::Reshape) => leaves(model, *node.inputs.first()?),
        _ => None,
    }
}

/// Sums over one leaf of each tree.
fn sums(trees: &Trees, weight: &Array2<f32>, bias: Option<&Array1<f32>>) -> Bounds {
    let members = members(trees);
    let columns = (0..weight.ncols()).map(|output| {
        let base = bias.and_then(|bias| bias.get(output)).copied().unwrap_or(0.0);
        let worth = |leaf: &usize| weight.get((*leaf, output)).copied().unwrap_or(0.0);
        members.iter().fold((base, base), |(low, high), leaves| {
            let (least, most) = hull(leaves.iter().map(worth));
            (low + least, high + most)
        })
    });
    hull(columns.flat_map(|(low, high)| [low, high]))
}

/// The leaves of each tree.
fn members(trees: &Trees) -> Vec<Vec<usize>> {
    let mut tree_of = vec![0; trees.splits.len()];
    let mut members = vec![Vec::new(); trees.roots.len()];
    for (tree, root) in trees.roots.iter().enumerate() {
        match root {
            Branch::Split(at) => tree_of[*at] = tree,
            Branch::Leaf(at) => members[tree].push(*at),
        }
    }
    // Children come after their parents.
    for (at, split) in trees.splits.iter().enumerate() {
        let tree = tree_of[at];
        for branch in [split.at_most, split.above] {
            match branch {
                Branch::Split(at) => tree_of[at] = tree,
                Branch::Leaf(at) => members[tree].push(at),
            }
        }
    }
    members
}

fn products((low, high): Bounds, weight: &Array2<f32>, bias: Option<&Array1<f32>>) -> Bounds {
    let columns = weight.columns().into_iter().enumerate().map(|(output, column)| {
        let base = bias.and_then(|bias| bias.get(output)).copied().unwrap_or(0.0);
        column.iter().fold((base, base), |(least, most), w| {
            let (a, b) = (w * low, w * high);
            (least + a.min(b), most + a.max(b))
        })
    });
    hull(columns.flat_map(|(low, high)| [low, high]))
}

fn hull(values: impl Iterator<Item = f32>) -> Bounds {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lemma_model::Split;
    use ndarray::array;

    use super::*;

    #[test]
    fn a_sum_of_leaves_takes_one_of_each_tree() {
        let split = |at_most, above| Split { column: 0, bound: 0.0, at_most, above };
        let trees = Trees {
            roots: vec![Branch::Split(0), Branch::Split(1)],
            splits: vec![
                split(Branch::Leaf(0), Branch::Leaf(1)),
                split(Branch::Split(2), Branch::Leaf(2)),
                split(Branch::Leaf(3), Branch::Leaf(4)),
            ],
            leaves: 5,
        };
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 1]).unwrap();
        let leaves = model.push("leaves", Op::Trees(Arc::new(trees)), &[x]).unwrap();
        let weight = array![[1.0], [-2.0], [10.0], [30.0], [-5.0]];
        let bias = Some(array![0.5]);
        let score = model.push("score", Op::Dense { weight, bias }, &[leaves]).unwrap();
        let signs = Op::Dense { weight: array![[-1.0, 1.0]], bias: None };
        let signs = model.push("signs", signs, &[score]).unwrap();
        let positive = model.push("positive", Op::Unary(Unary::Sigmoid), &[score]).unwrap();
        let found = bounds(&model);
        assert_eq!(found[x.0], None);
        assert_eq!(found[score.0], Some((-6.5, 31.5)));
        assert_eq!(found[signs.0], Some((-31.5, 31.5)));
        assert_eq!(found[positive.0], Some((0.0, 1.0)));
    }
}
