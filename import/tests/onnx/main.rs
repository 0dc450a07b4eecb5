//! The ONNX importer against onnxruntime: real models, small files for every operator, and damaged
//! files.
#![cfg(feature = "onnx")]

mod damaged;
mod file;
mod forms;
mod masks;
mod operators;
#[path = "../../src/onnx/proto.rs"]
mod proto;
mod real_models;
mod support;
mod tabular;
