//! Ensembles of decision trees: which leaf each tree of an ensemble gives to a row.

/// Trees that compare columns of a row with constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// Where each tree begins.
    pub roots: Vec<Branch>,
    /// The inner nodes of all trees; the children of each come after it.
    pub splits: Vec<Split>,
    /// Number of leaves of all trees.
    pub leaves: usize,
}

/// An inner node: `row[column] <= bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// The column.
    pub column: usize,
    /// What it is compared with.
    pub bound: f32,
    /// Where it leads when the column is at most the bound.
    pub at_most: Branch,
    /// Where it leads when the column is above the bound.
    pub above: Branch,
}

/// What comes next in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// An inner node.
    Split(usize),
    /// A leaf.
    Leaf(usize),
}

impl Trees {
    /// Checks that every inner node and every leaf has one way to it, and that rows of `columns`
    /// are long enough.
    ///
    /// # Errors
    /// The first node that breaks this.
    pub fn check(&self, columns: usize) -> Result<(), String> {
        let (mut splits, mut leaves) = (vec![0usize; self.splits.len()], vec![0usize; self.leaves]);
        let mut enter = |branch: Branch, after: Option<usize>| {
            let seen = match branch {
                Branch::Split(at) if after.is_none_or(|after| at > after) => splits.get_mut(at),
                Branch::Split(_) => None,
                Branch::Leaf(at) => leaves.get_mut(at),
            };
            seen.map(|seen| *seen += 1)
                .ok_or_else(|| format!("{branch:?} is no node, or comes before its parent"))
        };
        for root in &self.roots {
            enter(*root, None)?;
        }
        for (at, split) in self.splits.iter().enumerate() {
            enter(split.at_most, Some(at))?;
            enter(split.above, Some(at))?;
            if split.column >= columns || !split.bound.is_finite() {
                return Err(format!(
                    "node {at} compares column {} of {columns} with {}",
                    split.column, split.bound
                ));
            }
        }
        match splits.iter().chain(&leaves).all(|seen| *seen == 1) {
            true => Ok(()),
            false => Err("a node of a tree has not one way to it".into()),
        }
    }

    /// For each leaf 1 where its tree leads `row` to it, 0 elsewhere.
    pub(crate) fn evaluate(&self, row: &[f32]) -> Vec<f32> {
        let mut reached = vec![0.0; self.leaves];
        for root in &self.roots {
            let mut branch = *root;
            // Children come after their parents, so this ends.
            while let Branch::Split(at) = branch {
                let split = &self.splits[at];
                branch = if row[split.column] <= split.bound { split.at_most } else { split.above };
            }
            if let Branch::Leaf(at) = branch {
                reached[at] = 1.0;
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stump(bound: f32) -> Trees {
        let split = Split { column: 1, bound, at_most: Branch::Leaf(1), above: Branch::Leaf(0) };
        Trees { roots: vec![Branch::Split(0)], splits: vec![split], leaves: 2 }
    }

    #[test]
    fn a_bound_belongs_to_the_side_below() {
        assert_eq!(stump(0.5).evaluate(&[9.0, 0.5]), [0.0, 1.0]);
        assert_eq!(stump(0.5).evaluate(&[0.0, 0.6]), [1.0, 0.0]);
    }

    #[test]
    fn rejects_what_is_no_tree() {
        assert!(stump(0.5).check(2).is_ok());
        assert!(stump(0.5).check(1).is_err(), "a column that is not there");
        assert!(stump(f32::NAN).check(2).is_err());
        let with = |change: fn(&mut Trees)| {
            let mut trees = stump(0.5);
            change(&mut trees);
            trees.check(2)
        };
        assert!(
            with(|trees| trees.splits[0].above = Branch::Leaf(1)).is_err(),
            "two ways to a leaf"
        );
        assert!(with(|trees| trees.splits[0].above = Branch::Split(0)).is_err(), "a circle");
        assert!(with(|trees| trees.leaves = 3).is_err(), "a leaf without a way");
        assert!(with(|trees| trees.roots.clear()).is_err());
    }
}
