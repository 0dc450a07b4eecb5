//! Horner: polynomials with given coefficients at a power of the challenge, many at once.
//!
//! For coefficients `v_0 .. v_(s-1)` (each a vector of `width` forms) the value
//! `h_0 = sum_i v_i x^i` by `h_i = v_i + p_i` with
//!
//! ```text
//! (v_(i+1) + p_(i+1)) * x = p_i,        p_(s-1) = 0.
//! ```
//!
//! Cost: `(s - 1) width` constraints and round-2 wires. Each is needed: a free `p_i` frees the
//! value. The wires stand on the A side.

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use lemma_graph::ZERO;

use super::Gadgets;
use crate::builder::{Builder, Values};

impl<B: Builder> Gadgets<B> {
    /// `sum_i v_i x^i`, a vector of `width` forms; `v` holds `v_0`, then `v_1`, and so on. `x` has
    /// length 1.
    #[track_caller]
    pub(super) fn horner(
        &mut self,
        name: &'static str,
        v: &B::Form,
        width: usize,
        x: &B::Form,
    ) -> B::Form {
        let len = self.builder.len(v);
        let free = len - width;
        if free == 0 {
            return v.clone();
        }
        let evaluate = |of: &[&Values]| {
            let x = of[1].field(0);
            let mut p = vec![Fr::ZERO; free];
            for i in (0..free).rev() {
                let next = if i + width < free { p[i + width] } else { Fr::ZERO };
                p[i] = (of[0].field(i + width) + next) * x;
            }
            p
        };
        let p = self.builder.late_witness(name, free, &[v, x], evaluate);
        let upper = self.pick(v, width..len);
        let later: Arc<[u32]> =
            (width..len).map(|i| if i < free { i as u32 } else { ZERO }).collect();
        let later = self.builder.gather(&later, &[&p]);
        let sum = self.builder.combine(&[(1, &upper), (1, &later)], 0);
        let points = self.builder.repeat(x, free);
        self.builder.enforce(name, &sum, &points, Some(&p));
        let first = self.pick(v, 0..width);
        let rest = self.pick(&p, 0..width);
        self.builder.combine(&[(1, &first), (1, &rest)], 0)
    }

    /// `x^(2^k)` by `k` squarings; `x` itself for `k = 0`.
    #[track_caller]
    pub(super) fn squared(&mut self, name: &'static str, x: &B::Form, k: u32) -> B::Form {
        if k == 0 {
            return x.clone();
        }
        let squares = self.squares(name, x, k);
        self.pick(&squares, std::iter::once(k as usize - 1))
    }

    /// `x^2, x^4, .., x^(2^k)`: one constraint each.
    #[track_caller]
    pub(super) fn squares(&mut self, name: &'static str, x: &B::Form, k: u32) -> B::Form {
        let square = |v: &[&Values]| {
            std::iter::successors(Some(v[0].field(0)), |x| Some(*x * x))
                .skip(1)
                .take(k as usize)
                .collect()
        };
        let squares = self.builder.late_witness(name, k as usize, &[x], square);
        let index: Arc<[u32]> = (0..k).collect();
        let bases = self.builder.gather(&index, &[x, &squares]);
        self.builder.enforce(name, &bases, &bases, Some(&squares));
        squares
    }

    /// `1, x, .., x^(n-1)`: one constraint each from `x^2` on.
    #[track_caller]
    pub(super) fn powers_from_one(&mut self, name: &'static str, x: &B::Form, n: usize) -> B::Form {
        let one = self.ones(1);
        let higher = if n > 2 { vec![self.powers(name, x, n - 2)] } else { Vec::new() };
        let index: Arc<[u32]> = (0..n as u32).collect();
        self.builder.gather(&index, &[&one, x].into_iter().chain(&higher).collect::<Vec<_>>())
    }

    /// `x^2, x^3, .., x^(n+1)`: one constraint each.
    #[track_caller]
    pub(super) fn powers(&mut self, name: &'static str, x: &B::Form, n: usize) -> B::Form {
        let power = |v: &[&Values]| {
            let x = v[0].field(0);
            std::iter::successors(Some(x), |p| Some(*p * x)).skip(1).take(n).collect()
        };
        let powers = self.builder.late_witness(name, n, &[x], power);
        let index: Arc<[u32]> = (0..n as u32).collect();
        let bases = self.builder.gather(&index, &[x, &powers]);
        let factors = self.builder.repeat(x, n);
        self.builder.enforce(name, &bases, &factors, Some(&powers));
        powers
    }
}
