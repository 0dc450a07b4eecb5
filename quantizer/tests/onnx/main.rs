//! The ONNX importer against tract's own interpreter: real models, small files for every operator, and damaged files.
#![cfg(feature = "onnx")]

mod damaged;
mod file;
mod forms;
mod masks;
mod operators;
mod real_models;
mod support;
