//! Integer graphs of neural networks.
//!
//! `model` is the float model that importers produce and calibration runs; `graph` is the integer graph, the only
//! thing that is ever proven.

pub mod calibrate;
pub mod columns;
pub mod data;
mod file;
pub mod graph;
pub mod import;
pub mod model;
pub mod quantize;
pub mod report;
