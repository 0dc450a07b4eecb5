//! tract's constant tensors as arrays.

use std::borrow::Cow;

use ndarray::ArrayD;
use tract_onnx::prelude::{Datum, Tensor};
use tract_onnx::tract_core::internal::TDim;

use crate::import::onnx::Problem;

/// A tensor's values as `f32`; every one must be finite.
pub(super) fn floats(tensor: &Tensor, name: &str) -> Result<ArrayD<f32>, Problem> {
    let array = raw_floats(tensor, name)?;
    match array.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((position, &value)) => Err(Problem::NotFinite { tensor: name.to_string(), position, value }),
        None => Ok(array),
    }
}

/// A tensor's values as `f32`, finite or not.
pub(super) fn raw_floats(tensor: &Tensor, name: &str) -> Result<ArrayD<f32>, Problem> {
    let bad = |problem: String| Problem::BadTensor { tensor: name.to_string(), problem };
    let values: Vec<f32> = if tensor.datum_type() == bool::datum_type() {
        let view = tensor.to_plain_array_view::<bool>().map_err(|error| bad(error.to_string()))?;
        view.iter().map(|&truth| f32::from(u8::from(truth))).collect()
    } else {
        let numbers = if tensor.datum_type() == TDim::datum_type() {
            tensor.cast_to::<i64>().map_err(|error| bad(error.to_string()))?
        } else {
            Cow::Borrowed(tensor)
        };
        let tensor = numbers.cast_to::<f32>().map_err(|error| bad(error.to_string()))?;
        let view = tensor.to_plain_array_view::<f32>().map_err(|error| bad(error.to_string()))?;
        view.iter().copied().collect()
    };
    ArrayD::from_shape_vec(tensor.shape(), values).map_err(|error| bad(error.to_string()))
}

/// A tensor's values as integers.
pub(super) fn integers(tensor: &Tensor, name: &str) -> Result<Vec<i64>, Problem> {
    let bad = |problem: String| Problem::BadTensor { tensor: name.to_string(), problem };
    let tensor = tensor.cast_to::<i64>().map_err(|error| bad(error.to_string()))?;
    let view = tensor.to_plain_array_view::<i64>().map_err(|error| bad(error.to_string()))?;
    Ok(view.iter().copied().collect())
}
