//! Arithmetic of several operands, which broadcast against each other.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::Call;
use super::cast::cut_off;
use super::elements::{Real, wrapped};

pub(super) const OPERATORS: &[Operator] = &[
    ("Add", 1, One(|call| binary(call, ADD))),
    ("Sub", 1, One(|call| binary(call, (|a, b| a - b, |a, b| Ok(a - b))))),
    ("Mul", 1, One(|call| binary(call, (|a, b| a * b, |a, b| Ok(a * b))))),
    ("Div", 1, One(|call| binary(call, DIVIDE))),
    ("Mod", 10, One(modulo)),
    ("Pow", 1, One(power)),
    ("Max", 1, One(|call| variadic(call, (maximum, |a, b| Ok(a.max(b)))))),
    ("Min", 1, One(|call| variadic(call, (minimum, |a, b| Ok(a.min(b)))))),
    ("Sum", 1, One(sum)),
    ("Mean", 1, One(mean)),
];

/// An operation on floats, and on integers.
type Rule = (fn(f64, f64) -> f64, fn(i128, i128) -> Result<i128, &'static str>);

const ADD: Rule = (|a, b| a + b, |a, b| Ok(a + b));
const DIVIDE: Rule = (|a, b| a / b, |a, b| a.checked_div(b).ok_or(BY_ZERO));
const BY_ZERO: &str = "an integer is divided by zero";

/// The larger one; not a number where either is not.
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The smaller one; not a number where either is not.
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

fn binary(call: &mut Call<'_>, rule: Rule) -> Result<Tensor, Problem> {
    let (a, b) = call.pair()?;
    apply(call, &a, &b, rule)
}

fn apply(
    call: &mut Call<'_>,
    a: &Tensor,
    b: &Tensor,
    (float, integer): Rule,
) -> Result<Tensor, Problem> {
    let kind = call.one_kind(&[a, b])?;
    let shape = call.common_shape(&[a, b])?;
    call.allot(&shape)?;
    let values = match (&a.values, &b.values) {
        (Values::F32(a), Values::F32(b)) => Values::F32(
            call.zipped(a, b, &shape, |a, b| Ok(f32::narrow(float(a.wide(), b.wide()))))?,
        ),
        (Values::F64(a), Values::F64(b)) => {
            Values::F64(call.zipped(a, b, &shape, |a, b| Ok(float(a, b)))?)
        }
        (Values::I64(a), Values::I64(b)) if kind != Kind::Bool => {
            Values::I64(
                call.zipped(a, b, &shape, |a, b| wrapped(kind, integer(a.into(), b.into())?))?,
            )
        }
        _ => return Err(call.not_on(kind)),
    };
    Ok(Tensor::new(kind, values))
}

/// Floats need the remainder with the sign of the dividend (`fmod`); integers have it with the
/// divisor's sign otherwise.
fn modulo(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let has_sign_of_dividend = call.attributes().flag("fmod")?.unwrap_or(false);
    let (a, b) = call.pair()?;
    if a.kind.is_float() && !has_sign_of_dividend {
        return Err(call.problem("floats need fmod = 1"));
    }
    let floored: fn(i128, i128) -> Result<i128, &'static str> = |a, b| {
        let remainder = a.checked_rem(b).ok_or(BY_ZERO)?;
        Ok(if remainder != 0 && (remainder < 0) != (b < 0) { remainder + b } else { remainder })
    };
    let truncated = |a: i128, b: i128| a.checked_rem(b).ok_or(BY_ZERO);
    apply(call, &a, &b, (|a, b| a % b, if has_sign_of_dividend { truncated } else { floored }))
}

/// The result has the type of the base. Until opset 11 both have one type.
fn power(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let (base, exponent) = call.operands()?;
    if call.opset() < 12 {
        call.one_kind(&[&base, &exponent])?;
    }
    let kind = base.kind;
    if let Some(bool) = [kind, exponent.kind].into_iter().find(|&kind| kind == Kind::Bool) {
        return Err(call.not_on(bool));
    }
    let shape = call.common_shape(&[&base, &exponent])?;
    call.allot(&shape)?;
    let real = || exponent.as_doubles().into_shared();
    let values = match (&base.values, &exponent.values) {
        (Values::F32(base), _) => Values::F32(
            call.zipped(base, &real(), &shape, |a, b| Ok(f32::narrow(libm::pow(a.wide(), b))))?,
        ),
        (Values::F64(base), _) => {
            Values::F64(call.zipped(base, &real(), &shape, |a, b| Ok(libm::pow(a, b)))?)
        }
        (Values::I64(base), Values::I64(exponent)) => {
            Values::I64(call.zipped(base, exponent, &shape, |a, b| whole_power(kind, a, b))?)
        }
        (Values::I64(base), _) => Values::I64(
            call.zipped(base, &real(), &shape, |a, b| cut_off(kind, libm::pow(a as f64, b)))?,
        ),
    };
    Ok(Tensor::new(kind, values))
}

/// `base` to a whole power, wrapped.
fn whole_power(kind: Kind, base: i64, exponent: i64) -> Result<i64, &'static str> {
    let mut left = u64::try_from(exponent).map_err(|_| "an integer to a negative power")?;
    let (mut result, mut square) = (1u64, base as u64);
    while left > 0 {
        if left & 1 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        left >>= 1;
    }
    wrapped(kind, i128::from(result))
}

/// Until opset 7 the operands have one shape.
fn variadic(call: &mut Call<'_>, rule: Rule) -> Result<Tensor, Problem> {
    call.arity(1, usize::MAX)?;
    let operands = call.all()?;
    if call.opset() < 8 && operands.iter().any(|operand| operand.shape() != operands[0].shape()) {
        return Err(call.problem("operands of different shapes, which broadcast only from opset 8"));
    }
    let mut result = operands[0].clone();
    for operand in &operands[1..] {
        result = apply(call, &result, operand, rule)?;
    }
    if result.kind == Kind::Bool { Err(call.not_on(result.kind)) } else { Ok(result) }
}

fn sum(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let sum = variadic(call, ADD)?;
    if sum.kind.is_float() { Ok(sum) } else { Err(call.not_on(sum.kind)) }
}

fn mean(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let (sum, count) = (sum(call)?, call.input_count() as f64);
    call.floats(&sum, |sum| sum / count)
}

impl Call<'_> {
    /// The two operands of an operator, of one type.
    pub(super) fn pair(&mut self) -> Result<(Tensor, Tensor), Problem> {
        let (a, b) = self.operands()?;
        self.one_kind(&[&a, &b])?;
        Ok((a, b))
    }

    /// The two operands of an operator. Until opset 6 the attribute `broadcast` says whether the
    /// second one is repeated along the first one's axes, and `axis` with which of them its first
    /// axis is aligned.
    pub(super) fn operands(&mut self) -> Result<(Tensor, Tensor), Problem> {
        self.arity(2, 2)?;
        let (a, b) = (self.input(0)?.clone(), self.input(1)?.clone());
        if self.opset() >= 7 {
            return Ok((a, b));
        }
        let (axis, broadcasts) =
            (self.attributes().int("axis")?, self.attributes().flag("broadcast")?.unwrap_or(false));
        let (rank, own) = (a.shape().len(), b.shape().len());
        let first = match axis {
            Some(axis) if broadcasts => Some(self.axis(axis, rank)?),
            _ => rank.checked_sub(own),
        };
        let after = first.and_then(|first| rank.checked_sub(first + own));
        let aligned = after
            .map(|after| [b.shape(), &vec![1; after]].concat())
            .filter(|_| broadcasts || a.shape() == b.shape());
        let Some(aligned) = aligned else {
            return Err(self.problem(format!(
                "operands of shapes {:?} and {:?} do not fit",
                a.shape(),
                b.shape()
            )));
        };
        let b = self.reshaped(&b, &aligned)?;
        if self.common_shape(&[&a, &b])? != a.shape() {
            return Err(self.problem(format!(
                "the second operand of shape {:?} is larger than the first",
                b.shape()
            )));
        }
        Ok((a, b))
    }
}
