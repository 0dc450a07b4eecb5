//! The arithmetic that a prover spends its time in: multi-scalar multiplication, Fourier
//! transforms, fixed-base multiplication and batch inversion over BN254.
//!
//! This module is a narrow door. What passes through it are plain slices of field elements and of
//! points; which instructions do the work is decided inside, by [`Path`]. Every path returns the
//! same results, bit for bit (group elements: the same element).
//!
//! Not covered: constant-time execution. Running times depend on the scalars, so a prover that
//! shares a machine with an adversary who can time it leaks how many of its wires are zero or
//! small.

mod buckets;
mod domain;
mod fixed_base;
mod inverse;
mod msm;
mod path;
mod point;
mod portable;
#[cfg(target_arch = "x86_64")]
mod processor;
mod scalars;
mod transform;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)] // entering code compiled for AVX-512, and prefetches
mod vector;

pub use domain::Domain;
pub use fixed_base::{fixed_base_g1, fixed_base_g2};
pub use inverse::batch_inverse;
pub use msm::{msm, msm_g1, msm_g1_small, msm_g2, msm_g2_small};
pub use path::{Path, set_path};
pub use point::{G1, G2, Point};
pub use scalars::Scalars;
