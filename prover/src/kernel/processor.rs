//! What the processor can do.

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
