//! The ONNX importer against tract's own interpreter: real models, small files for every operator, and damaged files.
#![cfg(feature = "onnx")]

mod real_models;
mod support;
