//! The quotient `h = (u v - w) / t` as the scalars of the H query.
//!
//! On a coset `g D` of the domain the vanishing polynomial `t = X^N - 1` is the constant `g^N - 1`. The H query holds
//! the Lagrange basis of that coset, divided by this constant (see [setup](mod@crate::setup)), so that
//!
//! ```text
//! h(tau) t(tau) / delta2 = sum_j (u v - w)(g w^j) H_j
//! ```
//!
//! and the scalars are `u v - w` on the coset: an inverse and a forward transform for each of u, v and w, six in
//! all. A query in powers of tau would need a seventh to return to coefficients.

use ark_bn254::Fr;
use ark_ff::Zero;
use lemma_circuits::relation::PUBLIC_WIRES;
use rayon::prelude::*;

use crate::kernel::Domain;

/// Adds the rows of the public wires, `z_j * 0 = 0`, and fills up to the domain.
pub(crate) fn pad(domain: &Domain, public: [Fr; PUBLIC_WIRES], [a, b, c]: [&mut Vec<Fr>; 3]) {
    a.reserve_exact(domain.size().saturating_sub(a.len()));
    a.extend(public);
    for rows in [a, b, c] {
        rows.reserve_exact(domain.size().saturating_sub(rows.len()));
        rows.resize(domain.size(), Fr::zero());
    }
}

/// `u v - w` on the coset, from the padded rows of A z, B z and C z.
pub(crate) fn quotient(domain: &Domain, mut a: Vec<Fr>, mut b: Vec<Fr>, mut c: Vec<Fr>) -> Vec<Fr> {
    for rows in [&mut a, &mut b, &mut c] {
        domain.ifft(rows);
        domain.coset_fft(rows);
    }
    a.par_iter_mut().zip(b).zip(c).for_each(|((a, b), c)| *a = *a * b - c);
    a
}
