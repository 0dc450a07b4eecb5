//! Comparisons, truth values, bits.

use ndarray::{ArcArray, IxDyn};

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::Call;
use super::elements::wrapped;

pub(super) const OPERATORS: &[Operator] = &[
    ("Equal", 1, One(|call| compare(call, |a, b| a == b, |a, b| a == b))),
    ("Greater", 1, One(|call| compare(call, |a, b| a > b, |a, b| a > b))),
    ("Less", 1, One(|call| compare(call, |a, b| a < b, |a, b| a < b))),
    ("GreaterOrEqual", 12, One(|call| compare(call, |a, b| a >= b, |a, b| a >= b))),
    ("LessOrEqual", 12, One(|call| compare(call, |a, b| a <= b, |a, b| a <= b))),
    ("And", 1, One(|call| truth(call, |a, b| a & b))),
    ("Or", 1, One(|call| truth(call, |a, b| a | b))),
    ("Xor", 1, One(|call| truth(call, |a, b| a ^ b))),
    ("Not", 1, One(not)),
    ("BitwiseAnd", 18, One(|call| bits(call, |a, b| Ok(a & b)))),
    ("BitwiseOr", 18, One(|call| bits(call, |a, b| Ok(a | b)))),
    ("BitwiseXor", 18, One(|call| bits(call, |a, b| Ok(a ^ b)))),
    ("BitwiseNot", 18, One(bitwise_not)),
    ("BitShift", 11, One(shift)),
    ("IsNaN", 9, One(is_nan)),
    ("IsInf", 10, One(is_infinite)),
    ("Where", 9, One(choose)),
];

fn compare(
    call: &mut Call<'_>,
    floats: fn(f64, f64) -> bool,
    integers: fn(i64, i64) -> bool,
) -> Result<Tensor, Problem> {
    let (a, b) = call.pair()?;
    let shape = call.common_shape(&[&a, &b])?;
    call.allot(&shape)?;
    let results = match (&a.values, &b.values) {
        (Values::F32(a), Values::F32(b)) => {
            call.zipped(a, b, &shape, |a, b| Ok(i64::from(floats(a.into(), b.into()))))?
        }
        (Values::F64(a), Values::F64(b)) => {
            call.zipped(a, b, &shape, |a, b| Ok(i64::from(floats(a, b))))?
        }
        (Values::I64(a), Values::I64(b)) => {
            call.zipped(a, b, &shape, |a, b| Ok(i64::from(integers(a, b))))?
        }
        _ => return Err(call.not_on(a.kind)),
    };
    Ok(Tensor::new(Kind::Bool, Values::I64(results)))
}

fn truth(call: &mut Call<'_>, rule: fn(i64, i64) -> i64) -> Result<Tensor, Problem> {
    let (a, b) = call.pair()?;
    if a.kind == Kind::Bool {
        combine(call, &a, &b, |a, b| Ok(rule(a, b)))
    } else {
        Err(call.not_on(a.kind))
    }
}

fn bits(
    call: &mut Call<'_>,
    rule: impl Fn(i64, i64) -> Result<i64, &'static str>,
) -> Result<Tensor, Problem> {
    let (a, b) = call.pair()?;
    if a.kind.is_integer() { combine(call, &a, &b, rule) } else { Err(call.not_on(a.kind)) }
}

fn combine(
    call: &mut Call<'_>,
    a: &Tensor,
    b: &Tensor,
    rule: impl Fn(i64, i64) -> Result<i64, &'static str>,
) -> Result<Tensor, Problem> {
    let shape = call.common_shape(&[a, b])?;
    call.allot(&shape)?;
    let (Values::I64(left), Values::I64(right)) = (&a.values, &b.values) else {
        return Err(call.not_on(a.kind));
    };
    let values = Values::I64(call.zipped(left, right, &shape, rule)?);
    Ok(Tensor::new(a.kind, values))
}

fn not(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    if x.kind == Kind::Bool {
        call.whole(x, |x| i128::from(x == 0))
    } else {
        Err(call.not_on(x.kind))
    }
}

fn bitwise_not(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    if x.kind.is_integer() { call.whole(x, |x| !x) } else { Err(call.not_on(x.kind)) }
}

/// Bits that leave the width of the type are lost.
fn shift(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let direction = call.attributes().string("direction")?;
    let kind = call.input(0)?.kind;
    if !matches!(kind, Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64) {
        return Err(call.not_on(kind));
    }
    let by = |distance: i64| u32::try_from(distance).ok().filter(|&distance| distance < 64);
    match direction.as_deref() {
        Some("LEFT") => bits(call, |a, distance| {
            by(distance).map_or(Ok(0), |by| wrapped(kind, i128::from(a) << by))
        }),
        Some("RIGHT") => bits(call, |a, distance| Ok(by(distance).map_or(0, |by| a >> by))),
        other => Err(call.problem(format!("direction = {other:?}; LEFT or RIGHT expected"))),
    }
}

fn is_nan(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    test(call, f64::is_nan)
}

fn is_infinite(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let positive = call.attributes().flag("detect_positive")?.unwrap_or(true);
    let negative = call.attributes().flag("detect_negative")?.unwrap_or(true);
    test(call, |x| positive && x == f64::INFINITY || negative && x == f64::NEG_INFINITY)
}

fn test(call: &mut Call<'_>, holds: impl Fn(f64) -> bool) -> Result<Tensor, Problem> {
    let x = call.input(0)?;
    call.allot(x.shape())?;
    let results: Vec<i64> = match &x.values {
        Values::F32(array) => array.iter().map(|&x| i64::from(holds(x.into()))).collect(),
        Values::F64(array) => array.iter().map(|&x| i64::from(holds(x))).collect(),
        Values::I64(_) => return Err(call.not_on(x.kind)),
    };
    call.integers(Kind::Bool, x.shape(), results)
}

/// The second operand where the first one is true, the third one elsewhere.
fn choose(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(3, 3)?;
    let (condition, a, b) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let Values::I64(flags) = condition.values.clone() else {
        return Err(call.not_on(condition.kind));
    };
    if condition.kind != Kind::Bool {
        return Err(call.not_on(condition.kind));
    }
    let kind = call.one_kind(&[a, b])?;
    let shape = call.common_shape(&[condition, a, b])?;
    call.allot(&shape)?;
    let values = match (&a.values, &b.values) {
        (Values::F32(a), Values::F32(b)) => Values::F32(chosen(call, &flags, a, b, &shape)?),
        (Values::F64(a), Values::F64(b)) => Values::F64(chosen(call, &flags, a, b, &shape)?),
        (Values::I64(a), Values::I64(b)) => Values::I64(chosen(call, &flags, a, b, &shape)?),
        _ => return Err(call.not_on(kind)),
    };
    Ok(Tensor { kind, values })
}

fn chosen<T: Copy>(
    call: &Call<'_>,
    flags: &ArcArray<i64, IxDyn>,
    a: &ArcArray<T, IxDyn>,
    b: &ArcArray<T, IxDyn>,
    shape: &[usize],
) -> Result<ArcArray<T, IxDyn>, Problem> {
    let first = call.zipped(flags, a, shape, |flag, a| Ok(Some(a).filter(|_| flag != 0)))?;
    call.zipped(&first, b, shape, |first, b| Ok(first.unwrap_or(b)))
}
