//! Products of two computed matrices, `C = A B`, by Freivalds (1977) with powers of the challenge, or multiplied out where that is cheaper.
//!
//! `C` is fixed in round 1. With `x = chi` and `z = chi^(2^j)`, `2^j >= m`,
//!
//! ```text
//! sum_k (sum_i x^i A_ik) (sum_l z^l B_kl)  =  sum_il x^i z^l C_il
//! ```
//!
//! is an identity of polynomials in `chi` of degree below `2^j (n + 1)` that holds only if every cell does: the monomials `x^i z^l` are distinct
//! powers. The inner sums are Horner evaluations ([`super::horner`]), the products over `k` one constraint each, the equation one.
//!
//! Cost for each matrix: `(m - 1) k + (n - 1) k + k + m n` constraints, against `m k n` for multiplying out. Without an inner evaluation, a product
//! or the equation, one wrong cell passes.

use ark_bn254::Fr;
use lemma_quantizer::graph::{MatMul, matmul};
use std::sync::Arc;

use super::Gadgets;
use crate::builder::{Builder, Values};

/// A product that waits for the challenge.
pub struct Claim<F> {
    layer: Arc<str>,
    dims: MatMul,
    a: F,
    b: F,
    c: F,
}

impl<B: Builder> Gadgets<B> {
    /// [`Op::MatMul`](lemma_quantizer::graph::Op::MatMul).
    pub fn matmul(&mut self, dims: MatMul, a: &B::Form, b: &B::Form) -> B::Form {
        let MatMul { batch, m, k, n } = dims;
        if m * k * n <= freivalds_cost(&dims) {
            let cell = |i: usize| (i / (m * n * k), i / (n * k) % m, i / k % n, i % k);
            let total = batch * m * n * k;
            let left = self.pick(
                a,
                (0..total).map(|i| {
                    let (p, r, _, t) = cell(i);
                    (p * m + r) * k + t
                }),
            );
            let right = self.pick(
                b,
                (0..total).map(|i| {
                    let (p, _, c, t) = cell(i);
                    (p * k + t) * n + c
                }),
            );
            let products = self.product(&left, &right);
            return self.group_sums(&products, k);
        }
        self.enter("matmul");
        let c = self.builder.witness("cell", batch * m * n, &[a, b], |v| matmul(&dims, v[0], v[1]));
        self.claims.push(Claim { layer: self.layer.clone(), dims, a: a.clone(), b: b.clone(), c: c.clone() });
        c
    }

    /// Checks every waiting product, in round 2.
    pub fn prove_matmuls(&mut self) {
        for claim in std::mem::take(&mut self.claims) {
            self.layer = claim.layer.clone();
            self.enter("matmul");
            self.prove_matmul(&claim);
        }
    }

    fn prove_matmul(&mut self, claim: &Claim<B::Form>) {
        let MatMul { batch, m, k, n } = claim.dims;
        let x = self.builder.chi();
        let z = self.squared(&x, m.next_power_of_two().trailing_zeros());
        // Coefficients step by step, all matrices of the batch side by side.
        let rows = self.pick(&claim.a, (0..m * batch * k).map(|i| (i / k % batch * m + i / (batch * k)) * k + i % k));
        let left = self.horner("left", &rows, batch * k, &x);
        let columns = self.pick(&claim.b, (0..n * batch * k).map(|i| i % (batch * k) * n + i / (batch * k)));
        let right = self.horner("right", &columns, batch * k, &z);
        let multiply = |v: &[&Values]| (0..v[0].len()).map(|i| v[0].field(i) * v[1].field(i)).collect::<Vec<Fr>>();
        let products = self.builder.late_witness("inner", batch * k, &[&left, &right], multiply);
        self.builder.enforce("inner", &left, &right, Some(&products));
        let cells = self.pick(&claim.c, (0..m * batch * n).map(|i| (i / n % batch * m + i / (batch * n)) * n + i % n));
        let cells = self.horner("cells by row", &cells, batch * n, &x);
        let columns = self.pick(&cells, (0..n * batch).map(|i| i % batch * n + i / batch));
        let claimed = self.horner("cells by column", &columns, batch, &z);
        let sums = self.group_sums(&products, k);
        let difference = self.builder.combine(&[(1, &sums), (-1, &claimed)], 0);
        let ones = self.ones(batch);
        self.builder.enforce("equation", &difference, &ones, None);
    }
}

/// Degree in `chi` of the identities of a product, all matrices of the batch together; an upper bound for those multiplied out.
pub fn degree(dims: &MatMul) -> f64 {
    dims.batch as f64 * dims.m.next_power_of_two() as f64 * (dims.n as f64 + 1.0)
}

/// Constraints of the check for one matrix.
fn freivalds_cost(dims: &MatMul) -> usize {
    let MatMul { m, k, n, .. } = *dims;
    (m - 1) * k + (n - 1) * k + k + m * n
}
