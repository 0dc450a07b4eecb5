//! `dense`, `conv`, `scale`: a constant linear map.

use super::cost::{Cost, Lengths};
use super::quotient::{OVERFLOW, Outside, first, only};
use super::reach::{NOTHING, Reach};
use super::{Operation, Outcome, Refusal};
use crate::linear::{Accumulate, IntegerSum, LinearMap};

/// The map.
pub struct Linear<'a>(pub &'a LinearMap);

impl Operation for Linear<'_> {
    fn name(&self) -> &'static str {
        match self.0 {
            LinearMap::Dense { .. } => "dense",
            LinearMap::Conv(_) => "conv",
            LinearMap::Diagonal(_) => "scale",
        }
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let x = only(operands)?;
        let len = self
            .0
            .is_consistent()
            .then(|| self.0.output_len(x.len))
            .flatten()
            .ok_or("the map does not fit")?;
        Ok(Outcome { len, bounds: self.0.bounds(x.bounds).ok_or(OVERFLOW)? })
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        Ok(self.0.apply::<IntegerSum>(first(operands)))
    }

    fn cost(&self, lengths: Lengths) -> Cost {
        let operand = usize::try_from(lengths.first()).unwrap_or(usize::MAX);
        Cost { cells: 0, multiplications: self.0.multiplications(operand) }
    }

    /// Rows of one reach throughout, which most are, need no look at the weights.
    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        let x = first(operands);
        if let LinearMap::Dense { outputs, inputs, .. } = self.0 {
            let even = |row: &[Reach]| row.iter().all(|reach| Some(reach) == row.first());
            if x.chunks(*inputs).all(even) {
                let heads = x.iter().step_by(*inputs);
                return heads.flat_map(|reach| std::iter::repeat_n(*reach, *outputs)).collect();
            }
        }
        self.0.apply::<Latest>(x)
    }

    fn read(&self, _: usize, element: usize, lengths: &[usize]) -> Vec<usize> {
        match self.0 {
            LinearMap::Dense { outputs, inputs, .. } => {
                let row = element / outputs;
                (row * inputs..(row + 1) * inputs).collect()
            }
            LinearMap::Diagonal(_) => vec![element],
            LinearMap::Conv(_) => (0..lengths.first().copied().unwrap_or(0)).collect(),
        }
    }
}

/// The greatest reach among operands with a weight.
struct Latest(Reach);

impl Default for Latest {
    fn default() -> Latest {
        Latest(NOTHING)
    }
}

impl Accumulate for Latest {
    type Value = Reach;

    fn add(&mut self, weight: i64, value: &Reach) {
        if weight != 0 {
            self.0 = self.0.max(*value);
        }
    }

    fn finish(self) -> Reach {
        self.0
    }
}
