//! The scalars of the H query.
//!
//! On a coset `g D` of the domain the vanishing polynomial `t = X^N - 1` is the constant `g^N - 1`.
//! The H query holds the Lagrange basis of that coset, divided by this constant (see
//! [setup](mod@crate::setup)), so that for the quotient `h = (u v - w) / t`
//!
//! ```text
//! h(tau) t(tau) / delta2 = sum_j (u v)(g e_j) H_j - w(tau) T
//! ```
//!
//! The last term is linear in the wires and has points of its own. The scalars are `u v` on the
//! coset: an inverse and a forward transform for each of u and v, four in all. With w among them
//! there would be six, and a query in powers of tau would need a seventh to return to coefficients.

use ark_bn254::Fr;
use ark_ff::Zero;
use lemma_circuits::relation::PUBLIC_WIRES;
use rayon::prelude::*;

use crate::kernel::Domain;

/// Adds the rows of the public wires, `z_j * 0 = 0`, and fills up to the domain.
pub(crate) fn pad(domain: &Domain, public: [Fr; PUBLIC_WIRES], [a, b]: [&mut Vec<Fr>; 2]) {
    a.reserve_exact(domain.size().saturating_sub(a.len()));
    a.extend(public);
    for rows in [a, b] {
        rows.reserve_exact(domain.size().saturating_sub(rows.len()));
        rows.resize(domain.size(), Fr::zero());
    }
}

/// `u v` on the coset, from the padded rows of A z and B z.
pub(crate) fn product(domain: &Domain, mut a: Vec<Fr>, mut b: Vec<Fr>) -> Vec<Fr> {
    for rows in [&mut a, &mut b] {
        domain.ifft(rows);
        domain.coset_fft(rows);
    }
    a.par_iter_mut().zip(b).for_each(|(a, b)| *a *= b);
    a
}
