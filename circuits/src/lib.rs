//! Gadgets and the lowering of integer graphs to rank-1 constraints.

pub mod relation;
