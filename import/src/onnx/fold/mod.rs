//! Constant folding: a node whose inputs are all known is evaluated, as ONNX defines its operator
//! for the file's opset.
//!
//! Every family of operators is one file with a table of what it knows on top. An operator that no
//! table holds, an attribute that nobody reads, an input too many and a type that the operator does
//! not have are refused by name. What a node makes is paid from the [`Budget`] before it is
//! allocated. Results are in row-major order.
//!
//! Not covered: texts, sequences, sparse tensors, numbers below 8 bits, `uint64` from 2^63 on,
//! random numbers, and the operators of networks whose operands are hardly ever all constant
//! (convolutions, pooling, resizing, recurrence).

mod arithmetic;
mod call;
mod cast;
mod contraction;
mod elements;
mod elementwise;
mod equation;
mod gather;
mod generate;
mod lanes;
mod layout;
mod logic;
mod order;
mod pad;
mod pieces;
mod pointwise;
mod quantized;
mod reduce;
mod scatter;
mod softmax;
#[cfg(test)]
mod tests;

use super::Problem;
use super::budget::Budget;
use super::node::Node;
use super::tensor::Tensor;
use call::Call;
use lemma_model::Unary;

/// How an operator is evaluated.
enum Evaluate {
    /// It has one output.
    One(fn(&mut Call<'_>) -> Result<Tensor, Problem>),
    /// It may have several.
    Many(fn(&mut Call<'_>) -> Result<Vec<Tensor>, Problem>),
}

/// An operator: its name, the opset that introduced it, how it is evaluated.
type Operator = (&'static str, i64, Evaluate);

/// Every operator that can be folded.
const FAMILIES: &[&[Operator]] = &[
    arithmetic::OPERATORS,
    cast::OPERATORS,
    contraction::OPERATORS,
    gather::OPERATORS,
    generate::OPERATORS,
    layout::OPERATORS,
    logic::OPERATORS,
    order::OPERATORS,
    pad::OPERATORS,
    pieces::OPERATORS,
    pointwise::OPERATORS,
    quantized::OPERATORS,
    reduce::OPERATORS,
    scatter::OPERATORS,
    softmax::OPERATORS,
];

/// Whether an operator of ONNX's own can be folded.
pub(super) fn knows(op: &str) -> bool {
    find(op).is_some()
}

/// Names of all operators that can be folded, sorted.
#[cfg(test)]
pub(super) fn names() -> std::collections::BTreeSet<&'static str> {
    FAMILIES.iter().copied().flatten().map(|(name, _, _)| *name).chain(Unary::operators()).collect()
}

/// The operator set that introduced an operator, and how it is evaluated; functions of one number
/// that no family has are those of the float model.
fn find(op: &str) -> Option<(i64, Known)> {
    let known = FAMILIES.iter().copied().flatten().find(|(name, ..)| *name == op);
    let own = known.map(|(_, since, evaluate)| (*since, Known::Own(evaluate)));
    own.or_else(|| {
        Unary::of_operator(op).map(|(function, since)| (since, Known::Function(function)))
    })
}

/// How an operator that is known is evaluated.
enum Known {
    /// By its family.
    Own(&'static Evaluate),
    /// As a function of one number.
    Function(Unary),
}

/// Evaluates a node whose inputs are all constants; `inputs` are in the order of the node's, `None`
/// where one is left out. Returns one tensor for each of the node's outputs, `None` where nobody
/// wants it.
///
/// # Errors
/// A [`Problem`] that names the node: an operator or a form of one that is not known, operands that
/// do not fit, or a result that the budget does not allow.
pub(super) fn fold(
    node: &mut Node,
    inputs: &[Option<&Tensor>],
    budget: &mut Budget,
) -> Result<Vec<Option<Tensor>>, Problem> {
    let Some((since, known)) = find(&node.op).filter(|_| node.domain.is_empty()) else {
        let operator = if node.domain.is_empty() {
            node.op.clone()
        } else {
            format!("{}.{}", node.domain, node.op)
        };
        return Err(Problem::UnsupportedOperator { node: node.name.clone(), operator });
    };
    if node.opset < since {
        return Err(
            node.problem(format!("exists from opset {since}; the file declares {}", node.opset))
        );
    }
    let mut call = Call::new(node, inputs, budget)?;
    let results = match known {
        Known::Own(Evaluate::One(evaluate)) => vec![evaluate(&mut call)?],
        Known::Own(Evaluate::Many(evaluate)) => evaluate(&mut call)?,
        Known::Function(function) => vec![pointwise::plain(&mut call, function)?],
    };
    node.attributes.finish()?;
    node.gives(results.len())?;
    let mut results = results.into_iter();
    Ok(node.outputs.iter().map(|wanted| results.next().filter(|_| wanted.is_some())).collect())
}
