//! ONNX files.
//!
//! Three steps: the scan reads the protobuf and rejects what cannot be supported, in the words of the file; tract
//! parses the graph, infers every shape, folds constants and recognises GELU, SiLU, RMSNorm and softmax; the
//! lowering
//! rewrites tract's graph as a float [`Model`] at once, and [`Model::simplify`] cleans it up. No tract type leaves this
//! module, and a panic inside tract becomes an [`ImportError`].
//!
//! Not covered: control flow, recurrent operators, integer-quantized operators, three-dimensional convolutions, and
//! shapes that depend on input values. Half and double precision weights are read as `f32`. Memory is bounded by
//! checks on every declared shape and on every constant that a shape operator reads directly; a hostile file that
//! *computes* an enormous constant shape can still make tract allocate before the bound is seen.

mod amend;
#[allow(dead_code)]
mod budget;
#[allow(dead_code)]
mod constants;
mod error;
#[cfg_attr(not(test), expect(dead_code))]
mod fold;
mod lower;
#[allow(dead_code)]
mod node;
#[allow(dead_code)]
mod proto;
mod scan;
#[allow(dead_code)]
mod tensor;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{InferenceModelExt, TypedModel};
use tract_onnx::tract_core::internal::{DatumType, ToDim};
use tract_onnx::tract_hir::internal::InferenceFact;

use crate::model::{Model, Op};

pub use error::{ImportError, Problem};

/// How to fix what a file leaves open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Size of every dynamic axis other than the batch axis, which is always 1. For language models, the number of
    /// tokens.
    pub tokens: Option<usize>,
}

/// Reads an ONNX file into a float model.
///
/// Nodes keep the names of the file where one node of the model stands for one of the file, and names that begin with
/// them otherwise. Integer inputs that choose rows of a constant table become [`Op::Tokens`].
///
/// # Errors
/// An [`ImportError`] with the file and the [`Problem`]: a file that cannot be read or decoded, an operator or a form
/// of one that is not supported, a weight that is not finite, a shape that is absurd, a cyclic graph, or a dynamic axis
/// that [`Options`] leave open.
pub fn load(path: &Path, options: &Options) -> Result<Model, ImportError> {
    import(path, options).map_err(|problem| ImportError { path: path.to_path_buf(), problem })
}

fn import(path: &Path, options: &Options) -> Result<Model, Problem> {
    let mut file = scan::read(path)?;
    let inputs = scan::check(&file, path.parent().unwrap_or(Path::new("")), options)?;
    amend::amend(&mut file);
    let typed = guarded("shape inference", || typed(&file, path, &inputs))?;
    let outputs: Vec<String> =
        file.graph.iter().flat_map(|graph| graph.output.iter().map(|output| output.name.clone())).collect();
    let model = guarded("lowering", || lower::lower(&typed, &outputs))?;
    let mut model = model.simplify()?;
    restore_names(&mut model, &file);
    Ok(model)
}

/// Gives computing nodes the name of the file's node that they came from, where tract has appended to it: the last
/// node that begins with a name gets it.
fn restore_names(model: &mut Model, file: &ModelProto) {
    let names: HashSet<String> = file.graph.iter().flat_map(|graph| &graph.node).map(scan::node_name).collect();
    let mut taken: HashSet<String> = model.nodes.iter().map(|node| node.name.clone()).collect();
    for node in model.nodes.iter_mut().rev() {
        if names.contains(&node.name) || matches!(node.op, Op::Input | Op::Tokens { .. } | Op::Constant(_) | Op::View(_)) {
            continue;
        }
        let ends = node.name.char_indices().map(|(at, _)| at).rev();
        let origin = ends.map(|end| &node.name[..end]).find(|prefix| names.contains(*prefix));
        if let Some(origin) = origin.map(str::to_string).filter(|origin| !taken.contains(origin)) {
            taken.insert(origin.clone());
            node.name = origin;
        }
    }
}

/// tract's view of the file: every shape known, constants folded.
fn typed(file: &ModelProto, path: &Path, inputs: &[scan::Input]) -> Result<TypedModel, Problem> {
    let refused = |stage: &'static str| {
        move |error: tract_onnx::prelude::TractError| Problem::Refused { stage, problem: format!("{error:#}") }
    };
    let directory = path.parent().and_then(Path::to_str);
    let parsed = tract_onnx::onnx().with_ignore_value_info(true).parse(file, directory).map_err(refused("parsing"))?;
    let mut model = parsed.model;
    for input in inputs {
        let node = model.node_id_by_name(&input.name).map_err(refused("parsing"))?;
        let datum = DatumType::try_from(input.kind).map_err(refused("parsing"))?;
        let shape: Vec<_> = input.shape.iter().map(|extent| extent.to_dim()).collect();
        model.set_outlet_fact(node.into(), InferenceFact::dt_shape(datum, &shape)).map_err(refused("parsing"))?;
    }
    let typed = model.into_typed().map_err(refused("shape inference"))?;
    lower::check_sizes(&typed)?;
    typed.into_decluttered().map_err(refused("constant folding"))
}

/// Runs `work`, turning a panic inside it into an error.
fn guarded<T>(stage: &'static str, work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let problem = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
            .unwrap_or_else(|| "no message".into());
        let problem = problem.lines().next().unwrap_or_default().to_string();
        Err(Problem::Panicked { stage, problem })
    })
}
