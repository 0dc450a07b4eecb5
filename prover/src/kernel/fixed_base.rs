//! Many multiples of one point, for setup.

use ark_bn254::Fr;

use super::point::{G1, G2, Point};
use super::portable;

/// `base * scalars[k]` for every k, from a table of multiples of the base.
pub fn fixed_base_g1(base: &G1, scalars: &[Fr]) -> Vec<G1> {
    fixed_base(base, scalars)
}

/// [`fixed_base_g1`] in G2.
pub fn fixed_base_g2(base: &G2, scalars: &[Fr]) -> Vec<G2> {
    fixed_base(base, scalars)
}

fn fixed_base<P: Point>(base: &P, scalars: &[Fr]) -> Vec<P> {
    portable::fixed_base(base, scalars)
}
