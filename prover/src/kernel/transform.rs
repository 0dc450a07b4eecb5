//! What the Fourier transforms of all paths are told.

use ark_bn254::Fr;

/// A transform of a power of two, over the coset `shift H`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// From values to coefficients.
    pub(super) inverse: bool,
    /// The shift.
    pub(super) shift: Fr,
}

/// Between three parts of the coefficients and the polynomials of the three blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thirds {
    /// The primitive third root of one z.
    pub(super) root: Fr,
    /// Factors of the parts: before the sums forwards, after them backwards.
    pub(super) factors: [Fr; 3],
    /// From blocks to parts.
    pub(super) inverse: bool,
}
