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

/// Shows that the processor has the instructions this module is compiled for.
///
/// Every function here that needs them takes this value at the boundary, where the one `unsafe`
/// call into such code stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

impl Avx512 {
    /// `None` when the processor lacks one of the instruction sets.
    pub(super) fn detect() -> Option<Self> {
        let present = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("avx512ifma");
        present.then_some(Self(()))
    }
}

/// The processor, if the vector path is the one in use.
pub(super) fn cpu() -> Option<Avx512> {
    match Path::current() {
        Path::Vector => Avx512::detect(),
        Path::Portable => None,
    }
}
