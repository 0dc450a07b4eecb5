//! Functions of one operand, element by element.

use std::f64::consts::PI;

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::arithmetic::{maximum, minimum};
use super::call::Call;
use super::elements::{Real, rounded};
use lemma_model::Unary;

pub(super) const OPERATORS: &[Operator] = &[
    ("Neg", 1, One(|call| number(call, |x| -x, |x| -x))),
    ("Abs", 1, One(|call| number(call, f64::abs, i128::abs))),
    (
        "Sign",
        9,
        One(|call| number(call, |x| if x == 0.0 { 0.0 } else { x.signum() }, i128::signum)),
    ),
    ("Relu", 1, One(|call| number(call, |x| x.max(0.0), |x| x.max(0)))),
    ("Tan", 7, One(|call| float(call, libm::tan))),
    ("HardSigmoid", 1, One(hard_sigmoid)),
    ("LeakyRelu", 1, One(leaky_relu)),
    ("Elu", 1, One(elu)),
    ("Celu", 12, One(celu)),
    ("Selu", 1, One(selu)),
    ("ThresholdedRelu", 10, One(thresholded_relu)),
    ("Shrink", 9, One(shrink)),
    ("Gelu", 20, One(gelu)),
    ("Swish", 24, One(swish)),
    ("PRelu", 1, One(parametric_relu)),
    ("Clip", 1, One(clip)),
    ("HannWindow", 17, One(|call| window(call, [0.5, 0.5, 0.0]))),
    ("HammingWindow", 17, One(|call| window(call, [25.0 / 46.0, 21.0 / 46.0, 0.0]))),
    ("BlackmanWindow", 17, One(|call| window(call, [0.42, 0.5, 0.08]))),
];

/// A function of one number that the float model has too.
pub(super) fn plain(call: &mut Call<'_>, function: Unary) -> Result<Tensor, Problem> {
    call.attributes().ignore("consumed_inputs");
    unary(call, function)
}

fn float(call: &mut Call<'_>, f: impl Fn(f64) -> f64) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    call.floats(x, f)
}

fn number(
    call: &mut Call<'_>,
    on_floats: fn(f64) -> f64,
    on_integers: fn(i128) -> i128,
) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    if x.kind.is_integer() { call.whole(x, on_integers) } else { call.floats(x, on_floats) }
}

fn unary(call: &mut Call<'_>, function: Unary) -> Result<Tensor, Problem> {
    float(call, |x| function.evaluate(x))
}

impl Call<'_> {
    /// A number in an attribute.
    fn parameter(&mut self, name: &str, default: f32) -> Result<f32, Problem> {
        Ok(self.attributes().float(name)?.unwrap_or(default))
    }
}

fn hard_sigmoid(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let (alpha, beta) = (call.parameter("alpha", 0.2)?, call.parameter("beta", 0.5)?);
    unary(call, Unary::HardSigmoid(alpha, beta))
}

fn leaky_relu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let slope = call.parameter("alpha", 0.01)?;
    unary(call, Unary::LeakyRelu(slope))
}

fn elu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let alpha = call.parameter("alpha", 1.0)?;
    unary(call, Unary::Elu(alpha))
}

fn celu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let alpha = f64::from(call.parameter("alpha", 1.0)?);
    float(call, |x| x.max(0.0) + (alpha * libm::expm1(x / alpha)).min(0.0))
}

fn selu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let (alpha, gamma) =
        (call.parameter("alpha", 1.673_263_2)?, call.parameter("gamma", 1.050_701)?);
    float(call, |x| f64::from(gamma) * Unary::Elu(alpha).evaluate(x))
}

fn thresholded_relu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let alpha = f64::from(call.parameter("alpha", 1.0)?);
    float(call, |x| if x > alpha { x } else { 0.0 })
}

fn shrink(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let (bias, threshold) =
        (f64::from(call.parameter("bias", 0.0)?), f64::from(call.parameter("lambd", 0.5)?));
    float(call, |x| match x {
        x if x < -threshold => x + bias,
        x if x > threshold => x - bias,
        _ => 0.0,
    })
}

fn gelu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    match call.attributes().string("approximate")?.as_deref() {
        None | Some("none") => unary(call, Unary::Gelu),
        Some("tanh") => unary(call, Unary::GeluTanh),
        Some(other) => Err(call.problem(format!("approximate = `{other}`; none or tanh expected"))),
    }
}

fn swish(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let alpha = f64::from(call.parameter("alpha", 1.0)?);
    float(call, |x| x * Unary::Sigmoid.evaluate(alpha * x))
}

/// The slope broadcasts to the operand; until opset 6 a list of slopes is one for each channel.
fn parametric_relu(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let (x, mut slope) = (call.input(0)?, call.input(1)?.clone());
    let kind = call.one_kind(&[x, &slope])?;
    if call.opset() < 7 && slope.shape().len() == 1 && slope.len() != 1 {
        let after = x.shape().len().saturating_sub(2);
        slope = call.reshaped(&slope, &[&[slope.len()][..], &vec![1; after]].concat())?;
    }
    if call.common_shape(&[x, &slope])? != x.shape() {
        return Err(call.problem(format!(
            "slopes of shape {:?} for an operand of shape {:?}",
            slope.shape(),
            x.shape()
        )));
    }
    call.allot(x.shape())?;
    let f = |x: f64, slope: f64| if x < 0.0 { slope * x } else { x };
    let values = match (&x.values, &slope.values) {
        (Values::F32(a), Values::F32(b)) => Values::F32(
            call.zipped(a, b, a.shape(), |a, b| Ok(f32::narrow(f(a.wide(), b.wide()))))?,
        ),
        (Values::F64(a), Values::F64(b)) => {
            Values::F64(call.zipped(a, b, a.shape(), |a, b| Ok(f(a, b)))?)
        }
        _ => return Err(call.not_on(kind)),
    };
    Ok(Tensor::new(kind, values))
}

/// `min(max(x, low), high)`: where the bounds cross, the upper one holds. Bounds are attributes
/// until opset 10.
fn clip(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    if call.opset() < 11 {
        let (low, high) = (call.parameter("min", f32::MIN)?, call.parameter("max", f32::MAX)?);
        return float(call, |x| x.max(f64::from(low)).min(f64::from(high)));
    }
    call.arity(1, 3)?;
    let x = call.input(0)?;
    let bounds = [call.optional(1), call.optional(2)];
    for bound in bounds.into_iter().flatten() {
        call.one_kind(&[x, bound])?;
        if bound.len() != 1 || bound.shape().len() > 1 {
            return Err(call.problem(format!(
                "a bound of shape {:?}; a single number expected",
                bound.shape()
            )));
        }
    }
    if x.kind.is_integer() {
        let [low, high] = bounds.map(|bound| bound.and_then(Tensor::as_int).map(i128::from));
        return call.whole(x, |x| x.max(low.unwrap_or(i128::MIN)).min(high.unwrap_or(i128::MAX)));
    }
    let [low, high] =
        bounds.map(|bound| bound.and_then(|bound| bound.as_doubles().first().copied()));
    call.floats(x, |x| {
        let raised = low.map_or(x, |low| maximum(x, low));
        high.map_or(raised, |high| minimum(raised, high))
    })
}

/// `a - b cos(2 pi n / size) + c cos(4 pi n / size)` for each `n` below the input.
fn window(call: &mut Call<'_>, [a, b, c]: [f64; 3]) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let count = call.int(0, "size")?;
    let [count] = call.extents(&[count], "size")?[..] else {
        return Err(call.problem("the size is missing"));
    };
    let is_periodic = call.attributes().flag("periodic")?.unwrap_or(true);
    let kind = call.kind_attribute("output_datatype")?.unwrap_or(Kind::F32);
    if !kind.is_float() {
        return Err(call.not_on(kind));
    }
    if !is_periodic && count == 1 {
        return Err(call.problem("a symmetric window of one element is not defined"));
    }
    call.allot(&[count])?;
    let size = if is_periodic { count } else { count.saturating_sub(1) } as f64;
    let value = |n: usize| {
        let angle = 2.0 * PI * n as f64 / size;
        rounded(kind, a - b * libm::cos(angle) + c * libm::cos(2.0 * angle))
    };
    Ok(Tensor::new(kind, Values::F64(call.array(&[count], (0..count).map(value).collect())?)))
}
