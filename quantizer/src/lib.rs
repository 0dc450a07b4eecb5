//! From a float model to an integer graph: data, calibration, quantization and the report of what
//! was lost.

pub mod calibrate;
pub mod columns;
pub mod data;
pub mod guards;
pub mod quantize;
pub mod report;
