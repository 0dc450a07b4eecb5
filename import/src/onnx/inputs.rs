//! Inputs with static shapes: the batch axis is 1, other dynamic axes take the number of tokens.

use std::collections::HashSet;

use super::budget::MAX_PORTS;
use super::proto::{Dimension, GraphProto, ValueInfoProto};
use super::tensor::Kind;
use super::{Options, Problem};
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
    let mut batch_names = HashSet::new();
    let mut names = HashSet::new();
    for input in &inputs {
        if !names.insert(&input.name) {
            return Err(Problem::Duplicate(input.name.clone()));
        }
        if let [Dimension { dim_param: Some(name), .. }, _, ..] = extents(input)?.1 {
            batch_names.insert(name.as_str());
        }
    }
    inputs.into_iter().map(|input| fix(input, &batch_names, options)).collect()
}

fn fix(
    input: &ValueInfoProto,
    batch_names: &HashSet<&str>,
    options: &Options,
) -> Result<Input, Problem> {
    let (kind, extents) = extents(input)?;
    let bad = |problem: String| Problem::BadInput { input: input.name.clone(), problem };
    if extents.len() > MAX_RANK {
        return Err(bad(format!(
            "it has {} axes; at most {MAX_RANK} are supported",
            extents.len()
        )));
    }
    let mut shape = Vec::with_capacity(extents.len());
    for (axis, extent) in extents.iter().enumerate() {
        let is_batch = match &extent.dim_param {
            Some(name) if batch_names.contains(name.as_str()) => true,
            _ => axis == 0 && extents.len() > 1,
        };
        shape.push(match extent.dim_value {
            Some(size) if size > 0 => {
                usize::try_from(size).map_err(|error| bad(error.to_string()))?
            }
            Some(size) if size < 0 && !is_batch && options.tokens.is_none() => {
                return Err(bad(format!("axis {axis} has size {size}")));
            }
            _ if is_batch => 1,
            _ => options
                .tokens
                .ok_or_else(|| Problem::DynamicAxis { input: input.name.clone(), axis })?,
        });
    }
    volume(&shape).map_err(bad)?;
    Ok(Input { name: input.name.clone(), kind, shape })
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
