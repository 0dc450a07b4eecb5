//! Softmax and normalisations.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::{Many, One};
use super::Operator;
use super::arithmetic::maximum;
use super::call::Call;
use super::reduce::log_sum_exp;

pub(super) const OPERATORS: &[Operator] = &[
    (
        "Softmax",
        1,
        One(|call| rows(call, |row| log_softmax(row).into_iter().map(libm::exp).collect())),
    ),
    ("LogSoftmax", 1, One(|call| rows(call, log_softmax))),
    ("Hardmax", 1, One(|call| rows(call, hardmax))),
    ("LayerNormalization", 17, Many(layer_norm)),
    ("RMSNormalization", 23, One(rms_norm)),
];

/// `f` of each row along the axis; until opset 12, of everything from the axis on at once.
fn rows(call: &mut Call<'_>, f: fn(&[f64]) -> Vec<f64>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    let rank = x.shape().len();
    if call.opset() >= 13 {
        let axis = call.axis_or(-1, rank)?;
        return call.float_rows(x, axis, |row| Ok(f(row)));
    }
    let axis = call.axis_or(1, rank)?;
    let (outer, inner) = x.shape().split_at(axis);
    let matrix = call.reshaped(x, &[outer.iter().product(), inner.iter().product()])?;
    let result = call.float_rows(&matrix, 1, |row| Ok(f(row)))?;
    call.reshaped(&result, x.shape())
}

fn log_softmax(row: &[f64]) -> Vec<f64> {
    let total = log_sum_exp(row);
    row.iter().map(|x| x - total).collect()
}

/// One at the first of the largest elements.
fn hardmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, maximum);
    let first = row.iter().position(|&x| x == largest);
    (0..row.len()).map(|at| if Some(at) == first { 1.0 } else { 0.0 }).collect()
}

/// The axes from `axis` on that a normalisation takes together, as rows: their number, their
/// length, and the shape of what there is one of for each row.
struct Rows {
    count: usize,
    length: usize,
    shape: Vec<usize>,
    epsilon: f64,
}

impl Call<'_> {
    fn normalized_rows(&mut self, x: &Tensor) -> Result<Rows, Problem> {
        let epsilon = f64::from(self.attributes().float("epsilon")?.unwrap_or(1e-5));
        if self.attributes().int("stash_type")?.unwrap_or(1) != 1 {
            return Err(self.problem("stash_type must be 1"));
        }
        if !x.kind.is_float() {
            return Err(self.not_on(x.kind));
        }
        let axis = self.axis_or(-1, x.shape().len())?;
        let (outer, inner) = x.shape().split_at(axis);
        let shape = [outer, &vec![1; inner.len()]].concat();
        Ok(Rows { count: outer.iter().product(), length: inner.iter().product(), shape, epsilon })
    }

    /// `x`, whose shape is paid for, times `scale` and plus `bias`, which broadcast to it.
    fn scaled(
        &mut self,
        x: &[f64],
        like: &Tensor,
        scale: &Tensor,
        bias: Option<&Tensor>,
    ) -> Result<Tensor, Problem> {
        let shape = like.shape();
        let operands: Vec<&Tensor> = [Some(scale), bias].into_iter().flatten().collect();
        let kinds: Vec<&Tensor> = [&[like], &operands[..]].concat();
        self.one_kind(&kinds)?;
        if self.common_shape(&kinds)? != shape {
            return Err(
                self.problem(format!("scale and bias do not fit an operand of shape {shape:?}"))
            );
        }
        self.allot(shape)?;
        let mut result = self.array(shape, x.to_vec())?;
        result = self
            .zipped(&result, &scale.as_doubles().into_shared(), shape, |x, scale| Ok(x * scale))?;
        if let Some(bias) = bias {
            result = self
                .zipped(&result, &bias.as_doubles().into_shared(), shape, |x, bias| Ok(x + bias))?;
        }
        Ok(Tensor::new(like.kind, Values::F64(result)))
    }
}

/// The result, the mean of each row, and one over its standard deviation.
fn layer_norm(call: &mut Call<'_>) -> Result<Vec<Tensor>, Problem> {
    call.arity(2, 3)?;
    let (x, scale, bias) = (call.input(0)?, call.input(1)?, call.optional(2));
    let Rows { count, length, shape, epsilon } = call.normalized_rows(x)?;
    call.allot(x.shape())?;
    call.allot(&shape)?;
    call.allot(&shape)?;
    let (mut normalized, mut means, mut inverses) = (vec![], vec![], vec![]);
    let elements: Vec<f64> = x.as_doubles().iter().copied().collect();
    for row in (0..count).map(|row| &elements[row * length..][..length]) {
        let mean = row.iter().sum::<f64>() / length as f64;
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / length as f64;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        normalized.extend(row.iter().map(|x| (x - mean) * inverse));
        means.push(mean);
        inverses.push(inverse);
    }
    let result = call.scaled(&normalized, x, scale, bias)?;
    let (means, inverses) = (call.array(&shape, means)?, call.array(&shape, inverses)?);
    let statistic = |values| Tensor::new(Kind::F32, Values::F64(values));
    Ok(vec![result, statistic(means), statistic(inverses)])
}

fn rms_norm(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let Rows { count, length, epsilon, .. } = call.normalized_rows(x)?;
    call.allot(x.shape())?;
    let elements: Vec<f64> = x.as_doubles().iter().copied().collect();
    let mut normalized = vec![];
    for row in (0..count).map(|row| &elements[row * length..][..length]) {
        let square = row.iter().map(|x| x * x).sum::<f64>() / length as f64;
        normalized.extend(row.iter().map(|x| x / (square + epsilon).sqrt()));
    }
    call.scaled(&normalized, x, scale, None)
}
