//! Quantized constants: an integer for every float, on a scale that is common to a tensor, a
//! position of an axis, or a block of positions.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::{Many, One};
use super::Operator;
use super::call::Call;
use super::elements::{range, rounded};

pub(super) const OPERATORS: &[Operator] = &[
    ("QuantizeLinear", 10, One(quantize)),
    ("DequantizeLinear", 10, One(dequantize)),
    ("DynamicQuantizeLinear", 11, Many(quantize_dynamically)),
];

/// Scale and zero point of every element.
struct Scales {
    kind: Kind,
    scale: Vec<f64>,
    zero: Vec<i64>,
}

impl Call<'_> {
    /// Spreads the scale (input 1) and the zero point (input 2, of type `zero` where it is given)
    /// over `x`. One number may be a scalar or a list of one.
    fn scales(&mut self, x: &Tensor, zero: Kind) -> Result<Scales, Problem> {
        let (scale, point) = (self.input(1)?, self.optional(2));
        if !scale.kind.is_float() {
            return Err(self.not_on(scale.kind));
        }
        let single = |tensor: &Tensor| tensor.len() == 1 && tensor.shape().len() <= 1;
        let fits =
            |point: &Tensor| point.shape() == scale.shape() || single(point) && single(scale);
        if let Some(point) = point.filter(|point| !fits(point) || point.kind != zero) {
            let (expected, found) = (scale.shape(), point.shape());
            let kinds = (zero.name(), point.kind.name());
            return Err(self.problem(format!(
                "a zero point of shape {found:?} and type {}; {expected:?} and {} expected",
                kinds.1, kinds.0
            )));
        }
        let axis = if self.opset() < 13 { 1 } else { self.attributes().int("axis")?.unwrap_or(1) };
        let block =
            if self.opset() < 21 { 0 } else { self.attributes().int("block_size")?.unwrap_or(0) };
        let block = usize::try_from(block).map_err(|_| self.problem("block_size is negative"))?;
        let places = self.places(x.shape(), scale.shape(), axis, block)?;
        self.allot(x.shape())?;
        let (scales, points) = (scale.as_doubles(), point.and_then(Tensor::as_ints));
        let scales: Vec<f64> = scales.iter().copied().collect();
        Ok(Scales {
            kind: scale.kind,
            scale: places.iter().map(|&place| scales[place]).collect(),
            zero: places
                .iter()
                .map(|&place| points.as_ref().map_or(0, |points| points[place]))
                .collect(),
        })
    }

    /// The type in an attribute that exists from an opset on.
    fn kind_since(&mut self, opset: i64, name: &str) -> Result<Option<Kind>, Problem> {
        if self.opset() < opset { Ok(None) } else { self.kind_attribute(name) }
    }

    /// For each element of `shape`, the place of its scale among scales of shape `scales`.
    fn places(
        &self,
        shape: &[usize],
        scales: &[usize],
        axis: i64,
        block: usize,
    ) -> Result<Vec<usize>, Problem> {
        let elements: usize = shape.iter().product();
        let unfit = || {
            self.problem(format!(
                "scales of shape {scales:?} and blocks of {block} for an operand of shape {shape:?}"
            ))
        };
        if scales.iter().product::<usize>() == 1 && block == 0 && scales.len() <= 1 {
            return Ok(vec![0; elements]);
        }
        let axis = self.axis(axis, shape.len())?;
        let inner: usize = shape[axis + 1..].iter().product();
        if block == 0 {
            let fits = self.opset() >= 13 && scales == [shape[axis]];
            return if fits {
                Ok((0..elements).map(|at| at / inner % shape[axis]).collect())
            } else {
                Err(unfit())
            };
        }
        let blocks = shape[axis].div_ceil(block);
        let mut expected = shape.to_vec();
        expected[axis] = blocks;
        if scales != expected {
            return Err(unfit());
        }
        let place = |at: usize| {
            (at / (inner * shape[axis]) * blocks + at / inner % shape[axis] / block) * inner
                + at % inner
        };
        Ok((0..elements).map(place).collect())
    }
}

/// `round(x / scale) + zero`, ties to even, in the range of the type of the zero point.
fn quantize(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 3)?;
    let (x, point) = (call.input(0)?, call.optional(2));
    let declared = call.kind_since(21, "output_dtype")?;
    let kind = point.map(|point| point.kind).or(declared).unwrap_or(Kind::U8);
    if declared.is_some_and(|declared| declared != kind) || !is_quantized(kind, call.opset()) {
        return Err(call.problem(format!("quantized to {}, declared as {declared:?}", kind.name())));
    }
    if call.opset() >= 19 {
        // Speaks of types below 8 bits alone.
        call.attributes().int("saturate")?;
    }
    if !x.kind.is_float() && x.kind != Kind::I32 {
        return Err(call.not_on(x.kind));
    }
    let precision = call.kind_since(23, "precision")?;
    let scales = call.scales(x, kind)?;
    if x.kind.is_float() && call.opset() < 23 && x.kind != scales.kind {
        return Err(call.problem(format!(
            "an operand of type {} on a scale of type {}",
            x.kind.name(),
            scales.kind.name()
        )));
    }
    let precision = precision.unwrap_or(if x.kind == Kind::F64 { Kind::F64 } else { scales.kind });
    if !precision.is_float() {
        return Err(call.not_on(precision));
    }
    let quantized = |((x, scale), zero): ((&f64, f64), i64)| {
        saturated(kind, rounded(precision, x / scale).round_ties_even() + zero as f64)
    };
    let elements = x
        .as_doubles()
        .iter()
        .zip(scales.scale)
        .zip(scales.zero)
        .map(quantized)
        .collect::<Result<Vec<i64>, &str>>();
    let elements = elements.map_err(|problem| call.problem(problem))?;
    call.integers(kind, x.shape(), elements)
}

fn is_quantized(kind: Kind, opset: i64) -> bool {
    matches!(kind, Kind::U8 | Kind::I8) || opset >= 21 && matches!(kind, Kind::U16 | Kind::I16)
}

/// A whole number as the integer of a kind that is next to it.
fn saturated(kind: Kind, value: f64) -> Result<i64, &'static str> {
    if value.is_nan() {
        return Err("a value that is not a number cannot be quantized");
    }
    let (least, most) = range(kind);
    Ok(value.clamp(least as f64, most as f64) as i64)
}

/// `(x - zero) scale`, in the type of the scale.
fn dequantize(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 3)?;
    let x = call.input(0)?;
    let declared = call.kind_since(23, "output_dtype")?;
    if !is_quantized(x.kind, call.opset()) && x.kind != Kind::I32 {
        return Err(call.not_on(x.kind));
    }
    let scales = call.scales(x, x.kind)?;
    let kind = declared.unwrap_or(scales.kind);
    if !kind.is_float() {
        return Err(call.not_on(kind));
    }
    let integers = x.as_ints().unwrap_or_default();
    let elements = integers
        .iter()
        .zip(scales.zero)
        .zip(scales.scale)
        .map(|((x, zero), scale)| (x - zero) as f64 * scale);
    Ok(Tensor::new(kind, Values::F64(call.array(x.shape(), elements.collect())?)))
}

/// Quantized to `uint8` on the scale on which the operand's range, with zero, just fits; the scale;
/// the zero point.
fn quantize_dynamically(call: &mut Call<'_>) -> Result<Vec<Tensor>, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    if x.kind != Kind::F32 {
        return Err(call.not_on(x.kind));
    }
    call.allot(x.shape())?;
    let elements = x.as_doubles();
    let (least, most) =
        elements.iter().fold((0f64, 0f64), |(least, most), &x| (least.min(x), most.max(x)));
    let scale = rounded(Kind::F32, rounded(Kind::F32, most - least) / 255.0);
    if !scale.is_finite() || scale == 0.0 {
        return Err(call.problem("the range of the operand is empty or infinite"));
    }
    let single = |value: f64| rounded(Kind::F32, value).round_ties_even();
    let zero = single(-least / scale).clamp(0.0, 255.0);
    let quantized = elements
        .iter()
        .map(|x| saturated(Kind::U8, single(x / scale) + zero))
        .collect::<Result<Vec<i64>, &str>>();
    let quantized = quantized.map_err(|problem| call.problem(problem))?;
    Ok(vec![
        call.integers(Kind::U8, x.shape(), quantized)?,
        Tensor::new(Kind::F32, Values::F64(call.array(&[], vec![scale])?)),
        call.integers(Kind::U8, &[], vec![zero as i64])?,
    ])
}
