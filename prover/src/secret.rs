//! What a secret leaves behind.
//!
//! Field elements are copied into registers and frames as one computes with them, and no type can
//! prevent that. So all work on secrets runs in [`forgetting`], below a frame that overwrites the
//! stack beneath it afterwards, on this thread and on those of the pool. What lies on the heap is
//! overwritten by its owner ([`zeroize`]).

use std::hint::black_box;

use zeroize::Zeroize;

/// Bytes of a stack that are overwritten; setup and proof go less deep (`tests/remains.rs` looks).
const DEPTH: usize = 1 << 18;

/// Runs `work` and overwrites what it left on the stacks: of this thread, and of the threads of the
/// pool that it ran on. Cost: 256 KiB of zeros on each.
pub(crate) fn forgetting<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    overwrite();
    rayon::broadcast(|_| overwrite());
    result
}

/// A frame of its own, so that nothing of `work` lies above it.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn overwrite() {
    let mut frame = [1u8; DEPTH];
    black_box(&mut frame).zeroize();
    black_box(&frame);
}
