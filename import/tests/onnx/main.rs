//! The ONNX importer against onnxruntime: real models, small files for every operator, and damaged
//! files.
#![cfg(feature = "onnx")]

mod damaged;
mod file;
mod forms;
mod loops;
mod machines;
mod masks;
mod operators;
mod options;
#[path = "../../src/onnx/proto.rs"]
mod proto;
mod real_models;
mod support;
mod tabular;
