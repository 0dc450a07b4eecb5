//! `matmul`: products of matrices that both depend on inputs.

use serde::{Deserialize, Serialize};

use super::cost::{Cost, Lengths};
use super::quotient::{OVERFLOW, Outside, first, second};
use super::reach::{NOTHING, Reach, product};
use super::{Operation, Outcome, Refusal};
use crate::interval::Interval;

/// Dimensions of [`Op::MatMul`](super::Op::MatMul).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatMul {
    /// Pairs of matrices.
    pub batch: usize,
    /// Rows of the left matrix.
    pub m: usize,
    /// Columns of the left and rows of the right matrix.
    pub k: usize,
    /// Columns of the right matrix.
    pub n: usize,
    /// What a causal mask leaves of it.
    pub causal: Causal,
}

/// The part of a matrix product that a causal mask leaves: row `i` sees nothing after position `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Causal {
    /// All of it.
    No,
    /// Cells `(i, l)` of the result with `l > i` are zero, whatever the operands hold; `m = n`.
    Result,
    /// Cells `(i, l)` of the left operand with `l > i` count as zero, whatever they hold; `m = k`.
    Left,
}

impl MatMul {
    /// A product without a mask.
    pub fn full(batch: usize, m: usize, k: usize, n: usize) -> MatMul {
        MatMul { batch, m, k, n, causal: Causal::No }
    }

    /// Elements of the left, the right and the result; `None` when a dimension is zero, a product
    /// overflows or a mask is not square.
    pub fn lengths(&self) -> Option<[usize; 3]> {
        let MatMul { batch, m, k, n, causal } = *self;
        match causal {
            Causal::Result if m != n => return None,
            Causal::Left if m != k => return None,
            _ => {}
        }
        let length =
            |a: usize, b: usize| batch.checked_mul(a)?.checked_mul(b).filter(|len| *len > 0);
        Some([length(m, k)?, length(k, n)?, length(m, n)?])
    }
}

/// [`Op::MatMul`](super::Op::MatMul).
pub fn matmul(dims: &MatMul, a: &[i64], b: &[i64]) -> Vec<i64> {
    cells(dims, a, b, 0, |sum, x, y| *sum = sum.wrapping_add(x.wrapping_mul(*y)))
}

/// The result cell by cell: `zero`, and `add` for each term that the mask leaves.
fn cells<T: Copy>(
    dims: &MatMul,
    a: &[T],
    b: &[T],
    zero: T,
    add: impl Fn(&mut T, &T, &T),
) -> Vec<T> {
    let MatMul { m, k, n, causal, .. } = *dims;
    let mut c = Vec::with_capacity(a.len() / k * n);
    for (a, b) in a.chunks(m * k).zip(b.chunks(k * n)) {
        for (i, row) in a.chunks(k).enumerate() {
            let terms = if causal == Causal::Left { i + 1 } else { k };
            let cells = if causal == Causal::Result { i + 1 } else { n };
            let mut sums = vec![zero; n];
            for (x, right) in row.iter().zip(b.chunks(n)).take(terms) {
                sums.iter_mut().zip(right).take(cells).for_each(|(sum, y)| add(sum, x, y));
            }
            c.extend(sums);
        }
    }
    c
}

impl Operation for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn outcome(&self, operands: &[Outcome]) -> Result<Outcome, Refusal> {
        let [left, right, len] =
            self.lengths().ok_or("a dimension is zero or too large, or a mask is not square")?;
        match operands {
            [a, b] if a.len == left && b.len == right => {
                let terms = i64::try_from(self.k).map_err(|_| OVERFLOW)?;
                let sum =
                    a.bounds.product(b.bounds).and_then(|p| p.scale(terms)).ok_or(OVERFLOW)?;
                // Sums of fewer terms and the zeros of a mask lie between zero and the bounds of
                // the full sum.
                let zero = Interval { low: 0, high: 0 };
                let bounds = if self.causal == Causal::No { sum } else { sum.hull(zero) };
                Ok(Outcome { len, bounds })
            }
            [_, _] => Err("operands do not match the dimensions"),
            _ => Err("wrong number of operands"),
        }
    }

    fn evaluate(&self, _: usize, operands: &[&[i64]]) -> Result<Vec<i64>, Outside> {
        Ok(matmul(self, first(operands), second(operands)))
    }

    fn cost(&self, _: Lengths) -> Cost {
        let MatMul { batch, m, k, n, .. } = *self;
        let multiplications = [m, k, n]
            .into_iter()
            .fold(batch as u64, |product, extent| product.saturating_mul(extent as u64));
        Cost { cells: 0, multiplications }
    }

    fn reach(&self, _: usize, operands: &[&[Reach]]) -> Vec<Reach> {
        cells(self, first(operands), second(operands), NOTHING, |sum, x, y| {
            *sum = (*sum).max(product(*x, *y))
        })
    }

    fn read(&self, operand: usize, element: usize, _: &[usize]) -> Vec<usize> {
        let MatMul { m, k, n, .. } = *self;
        let (batch, row, column) = (element / (m * n), element / n % m, element % n);
        match operand {
            0 => ((batch * m + row) * k..(batch * m + row + 1) * k).collect(),
            _ => (0..k).map(|t| (batch * k + t) * n + column).collect(),
        }
    }
}
