//! Conversions between types.
//!
//! Floats become integers by cutting off the fraction; what the integer type cannot hold is
//! undefined in ONNX and refused. Integers wrap to a narrower type, floats are rounded to it. A
//! truth value is whether a number is not zero.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::Call;
use super::elements::{range, wrapped};

pub(super) const OPERATORS: &[Operator] =
    &[("Cast", 6, One(cast)), ("CastLike", 15, One(cast_like))];

impl Call<'_> {
    /// The type that an attribute names.
    pub(super) fn kind_attribute(&mut self, name: &str) -> Result<Option<Kind>, Problem> {
        let Some(code) = self.attributes().int(name)?.filter(|code| *code != 0) else {
            return Ok(None);
        };
        let kind = i32::try_from(code).ok().and_then(Kind::of);
        kind.map(Some)
            .ok_or_else(|| self.problem(format!("{name} = {code}, a type that is not supported")))
    }

    /// Attributes that speak of types below 16 bits alone.
    fn ignore_saturation(&mut self) -> Result<(), Problem> {
        if self.opset() >= 19 {
            self.attributes().int("saturate")?;
        }
        if self.opset() >= 24 {
            self.attributes().string("round_mode")?;
        }
        Ok(())
    }

    /// `x` as a tensor of another kind.
    pub(super) fn converted(&mut self, x: &Tensor, kind: Kind) -> Result<Tensor, Problem> {
        if x.kind == kind {
            return Ok(x.clone());
        }
        self.allot(x.shape())?;
        let is_whole = kind.is_integer();
        let integers: Vec<i64> = match &x.values {
            Values::F32(array) if is_whole => {
                self.each(array.iter().map(|&x| cut_off(kind, x.into())))?
            }
            Values::F64(array) if is_whole => self.each(array.iter().map(|&x| cut_off(kind, x)))?,
            Values::I64(array) if is_whole => {
                self.each(array.iter().map(|&x| wrapped(kind, x.into())))?
            }
            values => return Ok(Tensor::new(kind, values.clone())),
        };
        self.integers(kind, x.shape(), integers)
    }

    fn each(
        &self,
        results: impl Iterator<Item = Result<i64, &'static str>>,
    ) -> Result<Vec<i64>, Problem> {
        results.collect::<Result<_, _>>().map_err(|problem| self.problem(problem))
    }
}

/// A number without its fraction, which must be in the range of the kind.
pub(super) fn cut_off(kind: Kind, value: f64) -> Result<i64, &'static str> {
    if !value.is_finite() {
        return Err("an infinite value, or one that is not a number, has no integer");
    }
    let whole = value.trunc();
    let (least, most) = range(kind);
    // Powers of two, or one below: the double next to the upper bound may be one too large.
    if whole < least as f64 || whole >= (most + 1) as f64 {
        return Err("a value is out of the range of its integer type");
    }
    wrapped(kind, whole as i128)
}

fn cast(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    call.ignore_saturation()?;
    let kind = call.kind_attribute("to")?.ok_or_else(|| call.problem("the type is missing"))?;
    let x = call.input(0)?;
    call.converted(x, kind)
}

fn cast_like(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    call.ignore_saturation()?;
    let (x, kind) = (call.input(0)?, call.input(1)?.kind);
    call.converted(x, kind)
}
