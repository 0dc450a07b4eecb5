//! Proofs, forgeries and damaged files over a small hand-made relation.

mod adversary;
mod completeness;
mod disk;
mod oracle;
mod toy;
mod trapdoors;
