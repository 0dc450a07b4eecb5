//! Proofs, forgeries and damaged files over a small hand-made relation.

mod adversary;
mod completeness;
mod disk;
mod oracle;
#[cfg(target_os = "linux")]
mod remains;
mod toy;
mod trapdoors;
