//! Products of two computed matrices, `C = A B`, by Freivalds (1977) with powers of the challenge,
//! or multiplied out where that is cheaper.
//!
//! `C` is fixed in round 1. With `x = chi` and `z = chi^(2^j)`, `2^j >= m`,
//!
//! ```text
//! sum_k (sum_i x^i A_ik) (sum_l z^l B_kl)  =  sum_il x^i z^l C_il
//! ```
//!
//! is an identity of polynomials in `chi` of degree below `2^j (n + 1)` that holds only if every
//! cell does: the monomials `x^i z^l` are distinct powers. The inner sums are Horner evaluations
//! (`horner.rs`), the products over `k` one constraint each, the equation one.
//!
//! Cost for each matrix: `(m - 1) k + (n - 1) k + k + m n` constraints, against `m k n` for
//! multiplying out. Without an inner evaluation, a product or the equation, one wrong cell passes.
//!
//! Under a causal mask the cells above the diagonal have no wire and no constraint.
//! - Scores (the mask on the result): cell `(i, l)` exists for `l <= i`. With the products
//!   `z^l B_kl`, whose prefix sums are linear forms,
//!
//!   ```text
//!   sum_i x^i sum_k A_ik (sum_{l <= i} z^l B_kl)  =  sum_i x^i sum_{l <= i} z^l C_il
//!   ```
//!
//!   costs `k (n - 1) + m k + m (m + 1) / 2` constraints.
//! - Weighted values (the mask on the left operand): the sums over `i` run from `l` on, each term
//!   `x^i A_il` a product of its own: `m (m + 1) / 2 - 1 + (n - 1) k + k + m n` constraints.
//!
//! Both need the powers of `x` or `z` besides, one constraint each, and are the same identity with
//! zeros where the mask is.

use std::sync::Arc;

use ark_bn254::Fr;
use lemma_graph::{Causal, LinearMap, MatMul, ZERO, matmul};

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
    /// [`Op::MatMul`](lemma_graph::Op::MatMul).
    pub fn matmul(&mut self, dims: MatMul, a: &B::Form, b: &B::Form) -> B::Form {
        if multiplied_cost(&dims) <= freivalds_cost(&dims) {
            return self.multiplied_out(&dims, a, b);
        }
        self.enter("matmul");
        let MatMul { batch, m, n, causal, .. } = dims;
        let live: Vec<usize> =
            (0..batch * m * n).filter(|i| causal != Causal::Result || i % n <= i / n % m).collect();
        let cells = |v: &[&[i64]]| {
            let all = matmul(&dims, v[0], v[1]);
            live.iter().map(|i| all[*i]).collect()
        };
        let c = self.builder.witness("cell", live.len(), &[a, b], cells);
        self.claims.push(Claim {
            layer: self.layer.clone(),
            dims,
            a: a.clone(),
            b: b.clone(),
            c: c.clone(),
        });
        if live.len() == batch * m * n {
            return c;
        }
        let mut places = vec![ZERO; batch * m * n];
        live.iter().enumerate().for_each(|(from, to)| places[*to] = from as u32);
        self.builder.gather(&places.into(), &[&c])
    }

    /// One product a term of a live cell.
    fn multiplied_out(&mut self, dims: &MatMul, a: &B::Form, b: &B::Form) -> B::Form {
        let MatMul { batch, m, k, n, causal } = *dims;
        let masked = |l: usize, i: usize| l > i;
        let cells: Vec<[usize; 3]> = (0..batch * m * n)
            .map(|cell| [cell / (m * n), cell / n % m, cell % n])
            .filter(|[_, i, l]| causal != Causal::Result || !masked(*l, *i))
            .collect();
        let terms = || cells.iter().flat_map(|cell| (0..k).map(move |t| (*cell, t)));
        let left: Arc<[u32]> = terms()
            .map(|([p, i, _], t)| {
                if causal == Causal::Left && masked(t, i) {
                    ZERO
                } else {
                    ((p * m + i) * k + t) as u32
                }
            })
            .collect();
        let left = self.builder.gather(&left, &[a]);
        let right = self.pick(b, terms().map(|([p, _, l], t)| (p * k + t) * n + l));
        let products = self.product(&left, &right);
        let sums = self.group_sums(&products, k);
        let mut places = vec![ZERO; batch * m * n];
        cells
            .iter()
            .enumerate()
            .for_each(|(from, [p, i, l])| places[(p * m + i) * n + l] = from as u32);
        self.builder.gather(&places.into(), &[&sums])
    }

    /// Checks every waiting product, in round 2.
    pub fn prove_matmuls(&mut self) {
        for claim in std::mem::take(&mut self.claims) {
            self.layer = claim.layer.clone();
            self.enter("matmul");
            match claim.dims.causal {
                Causal::Result => self.prove_scores(&claim),
                Causal::No | Causal::Left => self.prove_matmul(&claim),
            }
        }
    }

    fn prove_matmul(&mut self, claim: &Claim<B::Form>) {
        let MatMul { batch, m, k, n, causal } = claim.dims;
        let x = self.builder.chi();
        let z = self.squared("power", &x, row_bits(m));
        // Coefficients step by step, all matrices of the batch side by side.
        let left = if causal == Causal::Left {
            self.columns_from_the_diagonal(claim, &x)
        } else {
            let rows = self.pick(
                &claim.a,
                (0..m * batch * k).map(|i| (i / k % batch * m + i / (batch * k)) * k + i % k),
            );
            self.horner("left", &rows, batch * k, &x)
        };
        let columns =
            self.pick(&claim.b, (0..n * batch * k).map(|i| i % (batch * k) * n + i / (batch * k)));
        let right = self.horner("right", &columns, batch * k, &z);
        let products = self.late_product("inner", &left, &right);
        let cells = self.pick(
            &claim.c,
            (0..m * batch * n).map(|i| (i / n % batch * m + i / (batch * n)) * n + i % n),
        );
        let cells = self.horner("cells by row", &cells, batch * n, &x);
        let columns = self.pick(&cells, (0..n * batch).map(|i| i % batch * n + i / batch));
        let claimed = self.horner("cells by column", &columns, batch, &z);
        let sums = self.group_sums(&products, k);
        self.equal("equation", &sums, &claimed);
    }

    /// `sum_{i >= l} x^i A_il` for each column `l` of a square left operand.
    fn columns_from_the_diagonal(&mut self, claim: &Claim<B::Form>, x: &B::Form) -> B::Form {
        let MatMul { batch, m, .. } = claim.dims;
        let powers = self.powers_from_one("column power", x, m);
        // Terms column by column; those of row 0 need no product.
        let terms = || {
            (0..batch * m * m)
                .map(|t| (t / (m * m), t / m % m, t % m))
                .filter(|(_, l, i)| *i > 0 && i >= l)
        };
        let factors = self.pick(&powers, terms().map(|(_, _, i)| i));
        let entries = self.pick(&claim.a, terms().map(|(p, l, i)| (p * m + i) * m + l));
        let products = self.late_product("column", &factors, &entries);
        let mut places = vec![ZERO; batch * m * m];
        terms().enumerate().for_each(|(from, (p, l, i))| places[(p * m + l) * m + i] = from as u32);
        // The corner of each matrix is a term as it stands.
        let offset = self.builder.len(&products);
        (0..batch).for_each(|p| places[p * m * m] = (offset + p * m * m) as u32);
        let filled = self.builder.gather(&places.into(), &[&products, &claim.a]);
        self.group_sums(&filled, m)
    }

    /// The product whose result a causal mask halves; `m = n`.
    fn prove_scores(&mut self, claim: &Claim<B::Form>) {
        let MatMul { batch, m, k, n, .. } = claim.dims;
        let x = self.builder.chi();
        let z = self.squared("score base", &x, row_bits(m));
        let powers = self.powers_from_one("score power", &z, n);
        // Column 0 has the power 1 and needs no product.
        let later = || (0..batch * k * n).filter(|t| t % n > 0);
        let factors = self.pick(&powers, later().map(|t| t % n));
        let entries = self.pick(&claim.b, later());
        let scaled = self.late_product("score column", &factors, &entries);
        let offset = batch * k * (n - 1);
        let places = (0..batch * k * n)
            .map(|t| if t % n > 0 { t / n * (n - 1) + t % n - 1 } else { offset + t });
        let places: Arc<[u32]> = places.map(|place| place as u32).collect();
        let scaled = self.builder.gather(&places, &[&scaled, &claim.b]);
        let weight = (0..m * n).map(|cell| i32::from(cell % n <= cell / n)).collect();
        let prefixes = self
            .builder
            .linear(&Arc::new(LinearMap::Dense { weight, outputs: m, inputs: n }), &scaled);
        // By matrix, row and inner index, as the left operand is.
        let prefixes = self
            .pick(&prefixes, (0..batch * m * k).map(|t| (t / (m * k) * k + t % k) * m + t / k % m));
        let products = self.late_product("score inner", &prefixes, &claim.a);
        let expected = self.group_sums(&products, k);

        let live =
            || (0..batch * m).flat_map(|row| (0..=row % m).map(move |l| (row, l))).enumerate();
        let later = || live().filter(|(_, (_, l))| *l > 0);
        let factors = self.pick(&powers, later().map(|(_, (_, l))| l));
        let entries = self.pick(&claim.c, later().map(|(place, _)| place));
        let scaled = self.late_product("score cell", &factors, &entries);
        let offset = self.builder.len(&scaled);
        let mut places = vec![ZERO; batch * m * n];
        later().enumerate().for_each(|(from, (_, (row, l)))| places[row * n + l] = from as u32);
        live()
            .filter(|(_, (_, l))| *l == 0)
            .for_each(|(place, (row, _))| places[row * n] = (offset + place) as u32);
        let filled = self.builder.gather(&places.into(), &[&scaled, &claim.c]);
        let claimed = self.group_sums(&filled, n);

        let difference = self.builder.combine(&[(1, &expected), (-1, &claimed)], 0);
        let rows = self.pick(&difference, (0..m * batch).map(|i| i % batch * m + i / batch));
        let sum = self.horner("score row", &rows, batch, &x);
        let ones = self.ones(batch);
        self.builder.enforce("score equation", &sum, &ones, None);
    }

    /// `a b`, element by element, in round 2; the wide factor is the first.
    #[track_caller]
    fn late_product(&mut self, name: &'static str, a: &B::Form, b: &B::Form) -> B::Form {
        let len = self.builder.len(a);
        let multiply = |v: &[&Values]| {
            (0..v[0].len()).map(|i| v[0].field(i) * v[1].field(i)).collect::<Vec<Fr>>()
        };
        let products = self.builder.late_witness(name, len, &[a, b], multiply);
        self.builder.enforce(name, a, b, Some(&products));
        products
    }

    #[track_caller]
    fn equal(&mut self, name: &'static str, a: &B::Form, b: &B::Form) {
        let len = self.builder.len(a);
        let difference = self.builder.combine(&[(1, a), (-1, b)], 0);
        let ones = self.ones(len);
        self.builder.enforce(name, &difference, &ones, None);
    }
}

/// `j` with `2^j >= m`: the columns' variable is the rows' to the power `2^j`.
fn row_bits(m: usize) -> u32 {
    m.next_power_of_two().trailing_zeros()
}

/// Degree in `chi` of the identities of a product, all matrices of the batch together; an upper
/// bound for those multiplied out.
pub fn degree(dims: &MatMul) -> f64 {
    dims.batch as f64 * f64::from(row_bits(dims.m)).exp2() * (dims.n as f64 + 1.0)
}

/// Constraints of the check for one matrix.
fn freivalds_cost(dims: &MatMul) -> usize {
    let MatMul { m, k, n, causal, .. } = *dims;
    let triangle = m * (m + 1) / 2;
    match causal {
        Causal::No => (m - 1) * k + (n - 1) * k + k + m * n,
        Causal::Result => k * (n - 1) + m * k + triangle,
        Causal::Left => triangle - 1 + (n - 1) * k + k + m * n,
    }
}

/// Constraints of multiplying out one matrix.
fn multiplied_cost(dims: &MatMul) -> usize {
    let MatMul { m, k, n, causal, .. } = *dims;
    if causal == Causal::Result { m * (m + 1) / 2 * k } else { m * k * n }
}
