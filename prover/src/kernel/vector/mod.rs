//! The kernel on AVX-512 IFMA: eight field elements at a time.

mod fft;
mod field;
mod fixed_base;
mod memory;
mod msm;
mod points;
mod scalars;
mod sum;
mod tower;
mod windows;

#[cfg(test)]
mod tests;

pub(super) use fft::{Transforms, thirds};
pub(super) use fixed_base::fixed_base;
pub(super) use msm::msm;

use super::path::Path;
use super::processor::Avx512;

/// The processor, if the vector path is the one in use.
pub(super) fn cpu() -> Option<Avx512> {
    match Path::current() {
        Path::Vector => Avx512::detect(),
        Path::Portable => None,
    }
}
