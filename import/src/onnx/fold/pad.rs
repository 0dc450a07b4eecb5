//! `Pad`: elements before and after an axis, or fewer of them.

use ndarray::{ArcArray, IxDyn};

use super::super::Problem;
use super::super::tensor::{Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::{Call, flat};

pub(super) const OPERATORS: &[Operator] = &[("Pad", 1, One(pad))];

/// What stands beside the operand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A number.
    Constant,
    /// The operand mirrored at its first and last element, which are not repeated.
    Reflect,
    /// The first and the last element.
    Edge,
    /// The operand again.
    Wrap,
}

/// Negative pads take elements away; what a mode repeats is what they leave.
fn pad(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let mode = match call.attributes().string("mode")?.as_deref() {
        None | Some("constant") => Mode::Constant,
        Some("reflect") => Mode::Reflect,
        Some("edge") => Mode::Edge,
        Some("wrap") if call.opset() >= 19 => Mode::Wrap,
        Some(other) => {
            return Err(call.problem(format!(
                "mode = `{other}`, which is not known at opset {}",
                call.opset()
            )));
        }
    };
    let (pads, value, axes) = if call.opset() < 11 {
        call.arity(1, 1)?;
        let name = if call.opset() < 2 { "paddings" } else { "pads" };
        let pads = call.attributes().ints(name)?.unwrap_or_default();
        let value = f64::from(call.attributes().float("value")?.unwrap_or(0.0));
        (pads, Fill { number: value, integer: value as i64 }, None)
    } else {
        call.arity(2, if call.opset() < 18 { 3 } else { 4 })?;
        (call.ints(1, "pads")?, fill(call)?, call.optional_ints(3, "axes")?)
    };
    let x = call.input(0)?;
    let rank = x.shape().len();
    let axes = match axes {
        Some(axes) => call.axes(&axes, rank)?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(call.problem(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let mut spans: Vec<Span> =
        x.shape().iter().map(|&extent| Span { extent, before: 0, after: 0 }).collect();
    for (at, &axis) in axes.iter().enumerate() {
        (spans[axis].before, spans[axis].after) = (pads[at], pads[at + axes.len()]);
    }
    let padded = |span: &Span| span.padded(mode).map_err(|problem| call.problem(problem));
    let shape = spans.iter().map(padded).collect::<Result<Vec<usize>, Problem>>()?;
    let elements = call.allot(&shape)?;
    let sources_on =
        |(span, &extent): (&Span, &usize)| (0..extent).map(|at| span.source(at, mode)).collect();
    let sources: Vec<Vec<Option<usize>>> =
        spans.iter().zip(&shape).filter(|_| elements > 0).map(sources_on).collect();
    let values = match &x.values {
        Values::F32(array) => {
            Values::F32(call.array(&shape, picked(array, &sources, value.number as f32, elements))?)
        }
        Values::F64(array) => {
            Values::F64(call.array(&shape, picked(array, &sources, value.number, elements))?)
        }
        Values::I64(array) => {
            Values::I64(call.array(&shape, picked(array, &sources, value.integer, elements))?)
        }
    };
    Ok(Tensor::new(x.kind, values))
}

/// The padding number for floats and for integers.
struct Fill {
    number: f64,
    integer: i64,
}

fn fill(call: &Call<'_>) -> Result<Fill, Problem> {
    let Some(value) = call.optional(2) else { return Ok(Fill { number: 0.0, integer: 0 }) };
    call.one_kind(&[call.input(0)?, value])?;
    match value.as_doubles().first() {
        Some(&number) if value.len() == 1 => {
            Ok(Fill { number, integer: value.as_int().unwrap_or(0) })
        }
        _ => Err(call.problem(format!(
            "a padding number of shape {:?}; a single number expected",
            value.shape()
        ))),
    }
}

/// An axis and its pads.
struct Span {
    extent: usize,
    before: i64,
    after: i64,
}

impl Span {
    /// How many elements negative pads leave, and the first of them.
    fn kept(&self) -> Option<(usize, usize)> {
        let cut = |pad: i64| usize::try_from(-pad.clamp(-i64::MAX, 0)).ok();
        let (before, after) = (cut(self.before)?, cut(self.after)?);
        Some((before, self.extent.checked_sub(before)?.checked_sub(after)?))
    }

    /// The extent of the result.
    fn padded(&self, mode: Mode) -> Result<usize, String> {
        let Span { extent, before, after } = self;
        let (_, kept) = self
            .kept()
            .ok_or_else(|| format!("pads {before} and {after} of an axis of extent {extent}"))?;
        let added = [before, after].into_iter().filter_map(|&pad| usize::try_from(pad).ok());
        let padded = added.fold(kept, |sum: usize, pad| sum.saturating_add(pad));
        if mode != Mode::Constant && kept == 0 && padded > 0 {
            return Err(format!("pads {before} and {after} of an axis without elements to repeat"));
        }
        Ok(padded)
    }

    /// Which element of the operand stands at `at`; `None` for the padding number.
    fn source(&self, at: usize, mode: Mode) -> Option<usize> {
        let (first, kept) = self.kept()?;
        let at = at as i64 - self.before.max(0);
        let last = kept as i64 - 1;
        let inside = match mode {
            Mode::Constant => Some(at).filter(|at| (0..=last).contains(at))?,
            Mode::Edge => at.clamp(0, last),
            Mode::Wrap => at.rem_euclid(kept as i64),
            Mode::Reflect => {
                let there_and_back = at.rem_euclid((2 * last).max(1));
                there_and_back.min(2 * last - there_and_back)
            }
        };
        usize::try_from(inside).ok().map(|inside| first + inside)
    }
}

/// The element at `sources[0][i]`, `sources[1][j]`, ... for every `i`, `j`, ..., and `fill` where
/// one of them is missing; nothing where there are no `elements`.
fn picked<T: Copy>(
    array: &ArcArray<T, IxDyn>,
    sources: &[Vec<Option<usize>>],
    fill: T,
    elements: usize,
) -> Vec<T> {
    let mut positions = vec![Some(0); elements.min(1)];
    for (sources, &extent) in sources.iter().zip(array.shape()) {
        let below =
            |at: Option<usize>| sources.iter().map(move |source| Some(at? * extent + (*source)?));
        positions = positions.into_iter().flat_map(below).collect();
    }
    let elements = flat(array);
    positions
        .into_iter()
        .map(|at| at.and_then(|at| elements.get(at)).copied().unwrap_or(fill))
        .collect()
}
