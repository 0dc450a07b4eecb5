//! What a file may cost: every constant that is made while it is read is paid for before it is
//! allocated.
//!
//! A file of a few bytes can ask for any number of elements (`ConstantOfShape`, `Expand`, `Tile`,
//! doubled `Concat`s). What it makes is bounded by what it brings: [`FREE_ELEMENTS`], and
//! [`PER_ELEMENT`] times as many as its initializers hold.

use super::Problem;
use lemma_model::{MAX_ELEMENTS, MAX_RANK};

/// Nodes of one file.
pub(super) const MAX_NODES: usize = 1 << 15;

/// Initializers of one file.
pub(super) const MAX_INITIALIZERS: usize = 1 << 14;

/// Inputs or outputs of one file: each is a tensor of the statement.
pub(super) const MAX_PORTS: usize = 1 << 10;

/// Bytes of one name.
pub(super) const MAX_NAME: usize = 1 << 10;

/// Elements that every file may make.
const FREE_ELEMENTS: usize = 1 << 23;

/// Elements that a file may make for each that it brings.
const PER_ELEMENT: usize = 6;

/// Multiplications that computing constants may take.
const MAX_WORK: u64 = 1 << 30;

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Budget {
    place: String,
    elements: usize,
    work: u64,
}

impl Budget {
    /// The budget of a file whose initializers hold `brought` elements.
    pub(super) fn new(brought: usize) -> Budget {
        let elements = brought.saturating_mul(PER_ELEMENT).saturating_add(FREE_ELEMENTS);
        Budget { place: String::new(), elements, work: MAX_WORK }
    }

    /// Says which node spends from now on.
    pub(super) fn enter(&mut self, node: &str, operator: &str) {
        self.place = format!("node `{node}` ({operator})");
    }

    /// Pays for a tensor of `shape`, and returns how many elements it has. A shape may be empty.
    pub(super) fn elements(&mut self, shape: &[usize]) -> Result<usize, Problem> {
        if shape.len() > MAX_RANK {
            return Err(self.refused(format!(
                "a constant of {} axes; at most {MAX_RANK} are supported",
                shape.len()
            )));
        }
        let product = if shape.contains(&0) {
            Some(0)
        } else {
            shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b))
        };
        let volume = product.filter(|&volume| volume <= MAX_ELEMENTS);
        let volume = volume
            .ok_or_else(|| self.refused(format!("a constant of shape {shape:?} is too large")))?;
        match self.elements.checked_sub(volume) {
            Some(left) => {
                self.elements = left;
                Ok(volume)
            }
            None => Err(self.refused(format!(
                "a constant of shape {shape:?}; with it the computed constants are too large for \
                    what the file holds"
            ))),
        }
    }

    /// Pays for `steps` multiplications, comparisons or the like.
    pub(super) fn work(&mut self, steps: usize) -> Result<(), Problem> {
        match u64::try_from(steps).ok().and_then(|steps| self.work.checked_sub(steps)) {
            Some(left) => {
                self.work = left;
                Ok(())
            }
            None => Err(self.refused(
                "computing constants takes too many steps; store the results instead".into(),
            )),
        }
    }

    fn refused(&self, problem: String) -> Problem {
        Problem::Budget { place: self.place.clone(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_paid_for_once() {
        let mut budget = Budget::new(0);
        assert_eq!(budget.elements(&[1 << 22]).unwrap(), 1 << 22);
        assert_eq!(budget.elements(&[2, 1 << 21]).unwrap(), 1 << 22);
        assert!(matches!(budget.elements(&[1]), Err(Problem::Budget { .. })));
        assert_eq!(budget.elements(&[1 << 40, 0]).unwrap(), 0);
    }

    #[test]
    fn a_shape_that_overflows_is_refused() {
        assert!(matches!(
            Budget::new(usize::MAX).elements(&[usize::MAX, 2]),
            Err(Problem::Budget { .. })
        ));
        assert!(matches!(Budget::new(usize::MAX).elements(&[1; 9]), Err(Problem::Budget { .. })));
        assert!(matches!(Budget::new(0).work(1 << 31), Err(Problem::Budget { .. })));
    }
}
