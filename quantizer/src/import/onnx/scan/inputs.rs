//! Inputs with static shapes: the batch axis is 1, other dynamic axes take the number of tokens.

use std::collections::HashSet;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, ValueInfoProto};

use super::is_initializer;
use crate::import::onnx::{Options, Problem};
use crate::model::volume;

/// An input of the graph.
#[derive(Debug)]
pub(in crate::import::onnx) struct Input {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub kind: DataType,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// The graph's inputs with their shapes fixed. Old files also list initializers as inputs; those are left out.
pub(super) fn fixed(graph: &GraphProto, options: &Options) -> Result<Vec<Input>, Problem> {
    let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(|input| !is_initializer(graph, &input.name)).collect();
    let mut batch_names = HashSet::new();
    let mut names = HashSet::new();
    for input in &inputs {
        if !names.insert(&input.name) {
            return Err(Problem::Duplicate(input.name.clone()));
        }
        if let [Some(Extent::DimParam(name)), _, ..] = extents(input)?.1.as_slice() {
            batch_names.insert(name.clone());
        }
    }
    inputs.into_iter().map(|input| fix(input, &batch_names, options)).collect()
}

fn fix(input: &ValueInfoProto, batch_names: &HashSet<String>, options: &Options) -> Result<Input, Problem> {
    let (kind, extents) = extents(input)?;
    let bad = |problem: String| Problem::BadInput { input: input.name.clone(), problem };
    let mut shape = Vec::with_capacity(extents.len());
    for (axis, extent) in extents.iter().enumerate() {
        let is_batch = match extent {
            Some(Extent::DimParam(name)) if batch_names.contains(name) => true,
            _ => axis == 0 && extents.len() > 1,
        };
        shape.push(match extent {
            Some(Extent::DimValue(size)) if *size > 0 => usize::try_from(*size).map_err(|error| bad(error.to_string()))?,
            Some(Extent::DimValue(size)) if *size < 0 && !is_batch && options.tokens.is_none() => {
                return Err(bad(format!("axis {axis} has size {size}")));
            }
            _ if is_batch => 1,
            _ => options.tokens.ok_or_else(|| Problem::DynamicAxis { input: input.name.clone(), axis })?,
        });
    }
    volume(&shape).map_err(bad)?;
    Ok(Input { name: input.name.clone(), kind, shape })
}

fn extents(input: &ValueInfoProto) -> Result<(DataType, Vec<Option<Extent>>), Problem> {
    let bad = |problem: &str| Problem::BadInput { input: input.name.clone(), problem: problem.into() };
    let kind = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()).ok_or_else(|| bad("it has no type"))?;
    let Type::TensorType(tensor) = kind;
    let element = DataType::try_from(tensor.elem_type).map_err(|_| bad("its element type is unknown"))?;
    let usable = [DataType::Float, DataType::Float16, DataType::Double, DataType::Int32, DataType::Int64, DataType::Bool];
    if !usable.contains(&element) {
        return Err(bad("its elements are neither floats nor 32- or 64-bit integers nor truth values"));
    }
    let shape = tensor.shape.as_ref().ok_or_else(|| bad("it has no shape"))?;
    Ok((element, shape.dim.iter().map(|extent| extent.value.clone()).collect()))
}
