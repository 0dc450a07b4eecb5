//! Constants: initializers and tensors in attributes. Data fits the shape, values are finite, shapes that operators
//! read are sane.
//!
//! Minus infinity is allowed where it can only be part of an additive attention mask; the lowering replaces it by a
//! large negative number there and rejects it everywhere else.

use std::path::{Component, Path};

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

use super::node_name;
use crate::import::onnx::Problem;
use crate::model::MAX_ELEMENTS;

/// Operators through which minus infinity may pass on its way into a mask.
const MASK_OPERATORS: &[&str] = &[
    "Add",
    "Cast",
    "CastLike",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Expand",
    "Gather",
    "Identity",
    "Mul",
    "Reshape",
    "Slice",
    "Squeeze",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// Operands that are shapes: operator and position.
const SHAPE_OPERANDS: &[(&str, usize)] = &[("ConstantOfShape", 0), ("Expand", 1), ("Reshape", 1), ("Tile", 1)];

/// Operands that are lengths.
const LENGTH_OPERANDS: &[(&str, usize)] = &[("Pad", 1), ("Range", 0), ("Range", 1), ("Range", 2)];

/// Checks every constant of the graph.
pub(super) fn check(graph: &GraphProto, directory: &Path) -> Result<(), Problem> {
    if let Some(sparse) = graph.sparse_initializer.first() {
        let tensor = sparse.values.as_ref().map(|values| values.name.clone()).unwrap_or_default();
        return Err(Problem::BadTensor { tensor, problem: "sparse initializers are not supported".into() });
    }
    for tensor in &graph.initializer {
        check_tensor(tensor, &tensor.name, directory)?;
        let masks = || readers(graph, &tensor.name).all(|node| MASK_OPERATORS.contains(&node.op_type.as_str()));
        check_finite(tensor, &tensor.name, masks)?;
        check_as_shape(graph, tensor, &tensor.name, &tensor.name)?;
    }
    for node in &graph.node {
        for attribute in &node.attribute {
            let name = node_name(node);
            if attribute.sparse_tensor.is_some() || attribute.g.is_some() || !attribute.graphs.is_empty() {
                let problem = format!("attribute `{}` is a graph or a sparse tensor", attribute.name);
                return Err(Problem::Unsupported { node: name, operator: node.op_type.clone(), problem });
            }
            for tensor in attribute.t.iter().chain(&attribute.tensors) {
                check_tensor(tensor, &name, directory)?;
                check_finite(tensor, &name, || MASK_OPERATORS.contains(&node.op_type.as_str()))?;
                if let ("Constant", Some(value)) = (node.op_type.as_str(), node.output.first()) {
                    check_as_shape(graph, tensor, value, &name)?;
                }
            }
        }
    }
    Ok(())
}

fn readers<'g>(graph: &'g GraphProto, value: &str) -> impl Iterator<Item = &'g NodeProto> {
    graph.node.iter().filter(move |node| node.input.iter().any(|input| input == value))
}

/// Shape, type and amount of data.
fn check_tensor(tensor: &TensorProto, name: &str, directory: &Path) -> Result<(), Problem> {
    let bad = |problem: String| Problem::BadTensor { tensor: name.to_string(), problem };
    let mut elements = 1usize;
    for &extent in &tensor.dims {
        elements = usize::try_from(extent)
            .ok()
            .and_then(|extent| elements.checked_mul(extent))
            .filter(|&elements| elements <= MAX_ELEMENTS)
            .ok_or_else(|| bad(format!("shape {:?} is negative or too large", tensor.dims)))?;
    }
    let width = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float | DataType::Int32 | DataType::Uint32) => 4,
        Ok(DataType::Double | DataType::Int64 | DataType::Uint64) => 8,
        Ok(DataType::Float16 | DataType::Int16 | DataType::Uint16) => 2,
        Ok(DataType::Bool | DataType::Int8 | DataType::Uint8) => 1,
        other => return Err(bad(format!("data type {other:?} is not supported"))),
    };
    if tensor.data_location == Some(DataLocation::External as i32) {
        return check_external(tensor, name, elements * width, directory);
    }
    if !tensor.raw_data.is_empty() {
        return if tensor.raw_data.len() == elements * width {
            Ok(())
        } else {
            Err(bad(format!("{} bytes of data for shape {:?}", tensor.raw_data.len(), tensor.dims)))
        };
    }
    let given = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) => tensor.float_data.len(),
        Ok(DataType::Double) => tensor.double_data.len(),
        Ok(DataType::Int64) => tensor.int64_data.len(),
        Ok(DataType::Uint64 | DataType::Uint32) if elements > 0 => {
            return Err(bad("unsigned data is only read in raw form".into()));
        }
        _ => tensor.int32_data.len(),
    };
    if given == elements { Ok(()) } else { Err(bad(format!("{given} elements for shape {:?}", tensor.dims))) }
}

/// Data in another file: inside the model's directory, present and long enough.
fn check_external(tensor: &TensorProto, name: &str, bytes: usize, directory: &Path) -> Result<(), Problem> {
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let location = entry("location").cloned().unwrap_or_default();
    let bad = |problem: String| Problem::ExternalData { tensor: name.to_string(), location: location.clone(), problem };
    let path = Path::new(&location);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if location.is_empty() || !inside {
        return Err(bad("is not a path inside the model's directory".into()));
    }
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| bad(format!("has an {key} that is no number"))),
    };
    let offset = number("offset")?.unwrap_or(0);
    if number("length")?.is_some_and(|length| length != bytes as u64) {
        return Err(bad(format!("is said to hold another number of bytes than the {bytes} of the shape")));
    }
    let found = match std::fs::metadata(directory.join(path)) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(bad("is not a file".into())),
        Err(error) => return Err(bad(format!("cannot be read: {error}"))),
    };
    if number("length")?.is_none() && found != bytes as u64 {
        return Err(bad(format!("holds {found} bytes; the shape needs {bytes}")));
    }
    match offset.checked_add(bytes as u64) {
        Some(end) if end <= found => Ok(()),
        _ => Err(bad(format!("holds {found} bytes; {bytes} are needed from byte {offset}"))),
    }
}

/// Every float is finite, except minus infinity where `may_mask`.
fn check_finite(tensor: &TensorProto, name: &str, may_mask: impl Fn() -> bool) -> Result<(), Problem> {
    let mut may_mask_known = None;
    for (position, value) in floats(tensor).enumerate() {
        if value.is_finite() {
            continue;
        }
        if value == f32::NEG_INFINITY && *may_mask_known.get_or_insert_with(&may_mask) {
            continue;
        }
        return Err(Problem::NotFinite { tensor: name.to_string(), position, value });
    }
    Ok(())
}

/// The tensor's float data, in whichever form it is kept; nothing for other types and external data.
fn floats(tensor: &TensorProto) -> Box<dyn Iterator<Item = f32> + '_> {
    let raw = &tensor.raw_data;
    match (DataType::try_from(tensor.data_type), raw.is_empty()) {
        (Ok(DataType::Float), true) => Box::new(tensor.float_data.iter().copied()),
        (Ok(DataType::Float), false) => {
            Box::new(raw.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
        }
        (Ok(DataType::Double), true) => Box::new(tensor.double_data.iter().map(|&value| value as f32)),
        (Ok(DataType::Double), false) => Box::new(raw.chunks_exact(8).map(|bytes| {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            f64::from_le_bytes(word) as f32
        })),
        (Ok(DataType::Float16), true) => Box::new(tensor.int32_data.iter().map(|&bits| half(bits as u16))),
        (Ok(DataType::Float16), false) => {
            Box::new(raw.chunks_exact(2).map(|bytes| half(u16::from_le_bytes([bytes[0], bytes[1]]))))
        }
        _ => Box::new(std::iter::empty()),
    }
}

/// Only tells whether a half-precision number is finite; its value does not matter here.
fn half(bits: u16) -> f32 {
    match (bits & 0x7c00 == 0x7c00, bits & 0x03ff == 0, bits >> 15) {
        (false, ..) => 0.0,
        (true, false, _) => f32::NAN,
        (true, true, 0) => f32::INFINITY,
        (true, true, _) => f32::NEG_INFINITY,
    }
}

/// Integers that are read as a shape must not multiply to more elements than a tensor may have, and those that are read
/// as lengths must not exceed it.
fn check_as_shape(graph: &GraphProto, tensor: &TensorProto, value: &str, name: &str) -> Result<(), Problem> {
    let read_as = |operands: &[(&str, usize)]| {
        readers(graph, value).any(|node| {
            operands
                .iter()
                .any(|&(operator, slot)| node.op_type == operator && node.input.get(slot).is_some_and(|input| input == value))
        })
    };
    let (shape, length) = (read_as(SHAPE_OPERANDS), read_as(LENGTH_OPERANDS));
    if !(shape || length) || DataType::try_from(tensor.data_type) != Ok(DataType::Int64) {
        return Ok(());
    }
    let extents: Vec<i64> = if tensor.raw_data.is_empty() {
        tensor.int64_data.clone()
    } else {
        let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |word, &byte| word << 8 | u64::from(byte)) as i64;
        tensor.raw_data.chunks_exact(8).map(word).collect()
    };
    let mut product = 1usize;
    for extent in extents {
        let extent = usize::try_from(extent.unsigned_abs()).unwrap_or(usize::MAX).max(1);
        product = if shape { product.saturating_mul(extent) } else { extent };
        if product > MAX_ELEMENTS {
            let problem = format!("as a shape or length it stands for more than {MAX_ELEMENTS} elements");
            return Err(Problem::BadTensor { tensor: name.to_string(), problem });
        }
    }
    Ok(())
}
