//! ONNX files.
//!
//! The file is read into messages, checked as a whole (size, names, structure, operators), and
//! lowered in one walk to the float [`Model`], which [`Model::simplify`] then cleans up. Every
//! attribute, input and output of a node is consumed by name; what nobody understands is refused by
//! name, with what to do instead. Constants are folded with ONNX's own semantics, each paid for
//! before it is allocated.
//!
//! Not covered: loops and branches that depend on inputs, integer-quantized operators,
//! three-dimensional convolutions, functions defined in the file, and shapes that depend on input
//! values. Weights of half and double precision are read as `f32`.

mod budget;
mod constants;
mod error;
mod file;
mod fold;
mod graph;
mod inputs;
mod loose;
mod lower;
mod node;
mod proto;
mod tensor;

use std::collections::HashSet;
use std::path::Path;

use lemma_model::{Model, Op};

pub use crate::options::Options;
pub use error::{ImportError, Problem};

/// Reads an ONNX file into a float model.
///
/// Nodes keep the names of the file where one node of the model stands for one of the file, and
/// names that begin with them otherwise. Integer inputs that choose rows of a constant table become
/// [`Op::Tokens`].
///
/// # Errors
/// An [`ImportError`] with the file and the [`Problem`]: a file that cannot be read or decoded, an
/// operator or a form of one that is not supported, a weight that is not finite, a shape that is
/// absurd, a cyclic graph, a dynamic axis that [`Options`] leave open, or an input or output that
/// they name and the file does not have.
pub fn load(path: &Path, options: &Options) -> Result<Model, ImportError> {
    let import = || read(&file::read(path)?, path.parent().unwrap_or(Path::new("")), options);
    import().map_err(|problem| ImportError { path: path.to_path_buf(), problem })
}

/// Reads the contents of an ONNX file; constants that it keeps in other files are looked for in
/// `folder`.
///
/// # Errors
/// As [`load`].
pub fn read(bytes: &[u8], folder: &Path, options: &Options) -> Result<Model, Problem> {
    let (mut graph, opsets) = file::open(file::decode(bytes)?)?;
    graph::keep_outputs(&mut graph, options)?;
    let names = lower::node_names(&graph);
    let model = lower::lower(graph, opsets, folder, options)?;
    loose::check(&model)?;
    let mut model = model.simplify()?;
    restore_names(&mut model, &names);
    Ok(model)
}

/// Gives computing nodes the name of the file's node that they came from, where the lowering has
/// appended to it: the last node that begins with a name gets it.
fn restore_names(model: &mut Model, names: &HashSet<String>) {
    let mut taken: HashSet<String> = model.nodes.iter().map(|node| node.name.clone()).collect();
    for node in model.nodes.iter_mut().rev() {
        if names.contains(&node.name)
            || matches!(node.op, Op::Input | Op::Tokens { .. } | Op::Constant(_) | Op::View(_))
        {
            continue;
        }
        // Parts of a name that were appended begin with a dot or a number sign.
        let ends = node
            .name
            .char_indices()
            .rev()
            .filter(|(_, letter)| ['.', '#'].contains(letter))
            .map(|(at, _)| at);
        let origin = ends.map(|end| &node.name[..end]).find(|prefix| names.contains(*prefix));
        if let Some(origin) = origin.map(str::to_string).filter(|origin| !taken.contains(origin)) {
            taken.insert(origin.clone());
            node.name = origin;
        }
    }
}
