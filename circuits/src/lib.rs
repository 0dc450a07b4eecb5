//! Gadgets and the lowering of integer graphs to rank-1 constraints.
//!
//! Every relation is written once, generic over a [`builder::Builder`], and read several ways: see
//! [`shape`], [`trace`], [`count`] and [`check`]. [`Compiled`] ties them to a graph.

pub mod builder;
pub mod check;
pub mod commitment;
mod compiled;
pub mod count;
mod error;
pub mod field;
pub mod gadgets;
pub mod lower;
pub mod plan;
pub mod poseidon2;
pub mod relation;
pub mod shape;
pub mod soundness;
pub mod trace;

pub use commitment::Salt;
pub use compiled::{Compiled, Inference, LOWERING_VERSION};
pub use error::CompileError;
pub use gadgets::Plan;
