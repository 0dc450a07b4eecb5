//! Inputs with static shapes. A dynamic axis has the size that the options give it; the batch axis
//! is 1 where they give none.

use std::collections::{HashMap, HashSet};

use ndarray::{ArrayD, IxDyn};

use super::budget::MAX_PORTS;
use super::proto::{Dimension, GraphProto, ValueInfoProto};
use super::tensor::{Kind, Tensor, Values};
use super::{Options, Problem};
use crate::Role;
use lemma_model::{MAX_RANK, volume};

/// An input of the graph.
#[derive(Debug)]
pub(super) struct Input {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub kind: Kind,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its value, where the options fix it, or where it has no elements.
    pub value: Option<Tensor>,
}

/// The graph's inputs with their shapes fixed. Old files also list initializers as inputs; those
/// are left out.
pub(super) fn fixed(graph: &GraphProto, options: &Options) -> Result<Vec<Input>, Problem> {
    let constants: HashSet<&str> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|input| !constants.contains(input.name.as_str())).collect();
    if inputs.len() > MAX_PORTS {
        let problem = format!("{} inputs; at most {MAX_PORTS} are supported", inputs.len());
        return Err(Problem::Budget { place: "the graph".into(), problem });
    }
    let mut sizes = Sizes {
        options,
        batches: HashSet::new(),
        named: HashMap::new(),
        tokens: None,
        alone: inputs.len() == 1,
    };
    let mut names = HashSet::new();
    for input in &inputs {
        if !names.insert(input.name.as_str()) {
            return Err(Problem::Duplicate(input.name.clone()));
        }
        if let [Dimension { dim_param: Some(name), .. }, _, ..] = extents(input)?.1 {
            sizes.batches.insert(name.as_str());
        }
    }
    if let Some(wanted) = options.shapes.keys().find(|name| !names.contains(name.as_str())) {
        let known = inputs.iter().map(|input| input.name.clone()).collect();
        return Err(Problem::NoInput { wanted: wanted.clone(), known });
    }
    for &input in &inputs {
        sizes.note(input)?;
    }
    inputs.into_iter().map(|input| sizes.fix(input)).collect()
}

/// What gives sizes to axes.
struct Sizes<'a> {
    options: &'a Options,
    /// Names of batch axes.
    batches: HashSet<&'a str>,
    /// Named axes of inputs whose shapes are given, and the input that says so.
    named: HashMap<&'a str, (usize, &'a str)>,
    /// Positions of a whole text.
    tokens: Option<usize>,
    /// Whether there is one input.
    alone: bool,
}

impl<'a> Sizes<'a> {
    /// Takes the sizes that the options give an input, which must be those of its static axes.
    fn note(&mut self, input: &'a ValueInfoProto) -> Result<(), Problem> {
        let (_, extents) = extents(input)?;
        let bad = |problem: String| Problem::BadInput { input: input.name.clone(), problem };
        let Some(shape) = self.options.shapes.get(&input.name) else { return Ok(()) };
        if shape.len() != extents.len() {
            return Err(bad(format!(
                "a shape of {} axes is given; it has {}",
                shape.len(),
                extents.len()
            )));
        }
        for (axis, (extent, &size)) in extents.iter().zip(shape).enumerate() {
            match (extent.dim_value, &extent.dim_param) {
                (Some(known), _) if known > 0 && known as u64 != size as u64 => {
                    return Err(bad(format!(
                        "the size {size} is given for axis {axis}, which is {known}"
                    )));
                }
                (_, Some(name)) if !name.is_empty() => {
                    let (other, by) = *self.named.entry(name).or_insert((size, &input.name));
                    if other != size {
                        return Err(bad(format!(
                            "the size {size} is given for axis `{name}`, which is {other} in the \
                                shape of `{by}`"
                        )));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The shape of the array with samples of an input: that of its name, or the only one for the
    /// only input.
    fn sample_of(&self, input: &ValueInfoProto) -> Option<&'a [usize]> {
        let samples = &self.options.samples;
        let only = || samples.values().next().filter(|_| self.alone && samples.len() == 1);
        samples.get(&input.name).or_else(only).map(Vec::as_slice)
    }

    fn fix(&mut self, input: &ValueInfoProto) -> Result<Input, Problem> {
        let (kind, extents) = extents(input)?;
        let bad = |problem: String| Problem::BadInput { input: input.name.clone(), problem };
        if extents.len() > MAX_RANK {
            return Err(bad(format!(
                "it has {} axes; at most {MAX_RANK} are supported",
                extents.len()
            )));
        }
        let role = Role::of(&input.name).filter(|_| self.options.whole_text);
        let given = self.options.shapes.get(&input.name);
        let sample = self.sample_of(input).and_then(|found| aligned(extents, found));
        let size = |axis: usize, extent: &Dimension| -> Result<Option<usize>, Problem> {
            if let Some(size) = given.and_then(|shape| shape.get(axis)) {
                return Ok(Some(*size));
            }
            let name = extent.dim_param.as_deref().filter(|name| !name.is_empty());
            let is_batch = match name {
                Some(name) if self.batches.contains(name) => true,
                _ => axis == 0 && extents.len() > 1,
            };
            let open = || match role {
                Some(Role::Cache) => Some(0),
                Some(role) if role.is_of_text() => self.options.tokens.or(self.tokens),
                _ => self.options.tokens,
            };
            let seen =
                || sample.and_then(|shape| shape.get(axis)).copied().filter(|&size| size > 0);
            match extent.dim_value {
                Some(size) if size > 0 => {
                    usize::try_from(size).map(Some).map_err(|error| bad(error.to_string()))
                }
                Some(size) if size < 0 && !is_batch && self.options.tokens.is_none() => {
                    Err(bad(format!("axis {axis} has size {size}")))
                }
                _ => Ok(name
                    .and_then(|name| self.named.get(name))
                    .map(|(size, _)| *size)
                    .or(is_batch.then_some(1))
                    .or_else(open)
                    .or_else(seen)),
            }
        };
        let sizes = extents
            .iter()
            .enumerate()
            .map(|(axis, extent)| size(axis, extent))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(axis) = sizes.iter().position(Option::is_none) {
            let input = input.name.clone();
            return Err(Problem::DynamicAxis { input, axis, extents: sizes });
        }
        let shape: Vec<usize> = sizes.into_iter().flatten().collect();
        if role == Some(Role::Tokens) {
            self.tokens = shape.last().copied();
        }
        // Axes of size 0 aside: what an array may have.
        let occupied: Vec<usize> = shape.iter().map(|&size| size.max(1)).collect();
        volume(&occupied).map_err(bad)?;
        let value = if shape.contains(&0) {
            Some(filled(kind, &shape, |_| 0))
        } else {
            role.and_then(|role| of_text(role, kind, &shape))
        };
        Ok(Input { name: input.name.clone(), kind, shape, value })
    }
}

/// What an input holds where a text fills all positions and nothing is before it; `None` where that
/// is not known.
fn of_text(role: Role, kind: Kind, shape: &[usize]) -> Option<Tensor> {
    let row = shape.last().copied().unwrap_or(1);
    let is_row = shape.iter().product::<usize>() == row;
    match role {
        Role::Mask if is_row => Some(filled(kind, shape, |_| 1)),
        Role::Segment if is_row => Some(filled(kind, shape, |_| 0)),
        Role::Position if is_row => Some(filled(kind, shape, |at| at as i64)),
        Role::UsesCache | Role::Kept if is_row && row == 1 => Some(filled(kind, shape, |_| 0)),
        _ => None,
    }
}

/// A tensor whose element at a place of a row is `value` of it.
fn filled(kind: Kind, shape: &[usize], value: impl Fn(usize) -> i64) -> Tensor {
    let at = |index: IxDyn| value(ndarray::Dimension::slice(&index).last().copied().unwrap_or(0));
    let integers = ArrayD::from_shape_fn(IxDyn(shape), at);
    let values = match kind {
        Kind::F64 => Values::F64(integers.mapv(|value| value as f64).into_shared()),
        kind if kind.is_float() => Values::F32(integers.mapv(|value| value as f32).into_shared()),
        _ => Values::I64(integers.into_shared()),
    };
    Tensor::new(kind, values)
}

/// The part of the shape of an array that is the shape of one sample: behind the axis that counts
/// samples, which may be the batch axis. `None` where static axes have other sizes.
fn aligned<'s>(extents: &[Dimension], found: &'s [usize]) -> Option<&'s [usize]> {
    let shape = match found.len().checked_sub(extents.len())? {
        0 => found,
        1 => found.get(1..)?,
        _ => return None,
    };
    let fits = |(axis, (extent, &size)): (usize, (&Dimension, &usize))| match extent.dim_value {
        Some(known) if known > 0 => axis == 0 || known as u64 == size as u64,
        _ => true,
    };
    extents.iter().zip(shape).enumerate().all(fits).then_some(shape)
}

fn extents(input: &ValueInfoProto) -> Result<(Kind, &[Dimension]), Problem> {
    let bad =
        |problem: &str| Problem::BadInput { input: input.name.clone(), problem: problem.into() };
    let declared = input.r#type.as_ref().ok_or_else(|| bad("it has no type"))?;
    let tensor = declared.tensor_type.as_ref().ok_or_else(|| {
        bad("it is no tensor; sequences, maps and optional values are not supported")
    })?;
    let kind = Kind::of(tensor.elem_type);
    let kind = kind.ok_or_else(|| {
        bad("its elements are neither floats nor integers of 8 to 64 bits nor truth values")
    })?;
    let shape = tensor.shape.as_ref().ok_or_else(|| bad("it has no shape"))?;
    Ok((kind, &shape.dim))
}
