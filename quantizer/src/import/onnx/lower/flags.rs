//! Flags: truth values that depend on an input, as numbers that are 0 or 1.
//!
//! A model has no booleans. A boolean tensor is lowered to numbers where it follows from flag inputs and constants, and from then on the importer
//! knows that every element is 0 or 1:
//!
//! ```text
//! and      a b                    not      1 - a
//! or       1 - (1 - a)(1 - b)     a ? b : c    as and, or, not
//! a < c, a = c, ..  for constants c: the two values of the comparison, chosen by a
//! ```
//!
//! An input is a flag where the file declares it as booleans, casts it to them, compares its integers with zeros and ones, or subtracts it from one
//! and multiplies by a number that hides scores. It becomes [`Op::Tokens`] of two values: 0 and 1 are the only ones that are accepted and proven,
//! where the file's own cast would take any other number for true.
//!
//! Not covered: comparisons of two computed tensors, and of token ids.

use ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::{Datum, OutletId, TypedModel, TypedNode};
use tract_onnx::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::logic::{And, CompEq, CompGT, CompGTE, CompLT, CompLTE, CompNE, Iff, Not, Or};
use tract_onnx::tract_core::ops::math::{Add, Mul, Sub};

use super::masks::only_softmax_reads;
use super::tokens::is_rearrangement;
use super::{Lowering, Problem, Value, raw_floats};
use crate::model::{NodeId, Op, View, is_hiding};

/// Whether an input's elements are read as truth values.
pub(super) fn is_read_as_truth(typed: &TypedModel, input: OutletId) -> bool {
    let is_boolean = |outlet: OutletId| typed.outlet_fact(outlet).is_ok_and(|fact| fact.datum_type == bool::datum_type());
    // Functions of numbers are chosen by comparisons with zero too.
    let is_whole = typed.outlet_fact(input).is_ok_and(|fact| !fact.datum_type.is_float());
    let mut waiting = vec![(input, Form::Input)];
    while let Some((outlet, form)) = waiting.pop() {
        if is_boolean(outlet) && form != Form::LessOne {
            return true;
        }
        for reader in typed.outlet_successors(outlet) {
            let node = typed.node(reader.node);
            let result = OutletId::new(reader.node, 0);
            let Some(op) = node.op_as::<TypedBinOp>() else {
                if is_rearrangement(typed, reader.node) && reader.slot == 0 {
                    waiting.push((result, form));
                }
                continue;
            };
            let Some(other) = node.inputs.get(1 - reader.slot.min(1)).and_then(|&outlet| constant(typed, outlet)) else {
                continue;
            };
            let all = |holds: fn(f32) -> bool| other.iter().all(|&value| holds(value));
            let op = op.0.as_ref();
            let is_mask = op.is::<Mul>()
                && match form {
                    Form::Input => false,
                    Form::Complement => all(is_hiding),
                    Form::LessOne => all(|factor| is_hiding(-factor)),
                }
                && only_softmax_reads(typed, result);
            if is_mask || is_whole && comparison(op).is_some() && form != Form::LessOne && all(is_truth) {
                return true;
            }
            if form == Form::Input && op.is::<Sub>() && all(|value| value == 1.0) {
                waiting.push((result, if reader.slot == 1 { Form::Complement } else { Form::LessOne }));
            } else if form == Form::Input && op.is::<Add>() && all(|value| value == -1.0) {
                waiting.push((result, Form::LessOne));
            }
        }
    }
    false
}

/// Whether a comparison of two numbers holds.
type Comparison = fn(f32, f32) -> bool;

/// What has become of an input on the way to where it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing.
    Input,
    /// One less it.
    Complement,
    /// It less one.
    LessOne,
}

impl Lowering<'_> {
    /// The numbers 0 and 1 that a node's truth values are; `None` for a condition that does not follow from flags.
    pub(super) fn truth(&mut self, node: &TypedNode) -> Result<Option<NodeId>, Problem> {
        let from_flags = |outlet: &OutletId| match self.values.get(outlet) {
            Some(Value::Constant(_)) => true,
            Some(Value::Node(id)) => self.flags.contains(id),
            None => false,
        };
        if !node.inputs.iter().all(from_flags) {
            return Ok(None);
        }
        let name = node.name.as_str();
        if let (Some(op), &[left, right]) = (node.op_as::<TypedBinOp>(), &node.inputs[..]) {
            let mini = op.0.as_ref();
            if let Some(holds) = comparison(mini) {
                return self.compared(node, left, right, holds);
            }
            let (a, b) = (self.operand(left)?, self.operand(right)?);
            if mini.is::<And>() {
                self.push(name, Op::Mul, &[a, b]).map(Some)
            } else if mini.is::<Or>() {
                self.either(name, a, b).map(Some)
            } else {
                Ok(None)
            }
        } else if let (Some(_), &[condition, yes, no]) = (node.op_as::<Iff>(), &node.inputs[..]) {
            let (condition, yes, no) = (self.operand(condition)?, self.operand(yes)?, self.operand(no)?);
            self.chosen(name, condition, yes, no).map(Some)
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            let negates = op.0.is::<Not>();
            let x = self.operand(node.inputs[0])?;
            if negates { self.complement(name, x).map(Some) } else { Ok(None) }
        } else if node.op_is::<Cast>() {
            self.operand(node.inputs[0]).map(Some)
        } else {
            self.computed(node).map(Some)
        }
    }

    /// Records which of the model's nodes from `first` on are flags.
    pub(super) fn note_flags(&mut self, first: usize) {
        for at in first..self.model.nodes.len() {
            let node = &self.model.nodes[at];
            let of_flags = node.inputs.iter().all(|id| self.flags.contains(id));
            let is_flag = match &node.op {
                Op::Constant(values) => values.iter().all(|value| is_truth(*value)),
                Op::View(View::Pad { value, .. }) => of_flags && is_truth(*value),
                Op::View(_) | Op::Mul => of_flags,
                Op::Sub => of_flags && node.inputs.first().is_some_and(|&id| self.is_one(id)),
                _ => false,
            };
            if is_flag {
                self.flags.insert(NodeId(at));
            }
        }
    }

    /// `1 - x`.
    pub(super) fn complement(&mut self, name: &str, x: NodeId) -> Result<NodeId, Problem> {
        let one = ArrayD::from_elem(IxDyn(&vec![1; self.shape_of(x).len()]), 1.0);
        let one = self.push(&format!("{name}.one"), Op::Constant(one), &[])?;
        self.push(name, Op::Sub, &[one, x])
    }

    /// Whether a node is a constant of ones.
    pub(super) fn is_one(&self, id: NodeId) -> bool {
        matches!(&self.model.nodes[id.0].op, Op::Constant(values) if values.iter().all(|&value| value == 1.0))
    }

    pub(super) fn either(&mut self, name: &str, a: NodeId, b: NodeId) -> Result<NodeId, Problem> {
        let neither = [self.complement(&format!("{name}.left"), a)?, self.complement(&format!("{name}.right"), b)?];
        let neither = self.push(&format!("{name}.neither"), Op::Mul, &neither)?;
        self.complement(name, neither)
    }

    fn chosen(&mut self, name: &str, condition: NodeId, yes: NodeId, no: NodeId) -> Result<NodeId, Problem> {
        let inverse = self.complement(&format!("{name}.inverse"), condition)?;
        let yes = self.push(&format!("{name}.true"), Op::Mul, &[condition, yes])?;
        let no = self.push(&format!("{name}.false"), Op::Mul, &[inverse, no])?;
        self.either(name, yes, no)
    }

    /// A comparison of flags with a constant.
    fn compared(
        &mut self,
        node: &TypedNode,
        left: OutletId,
        right: OutletId,
        holds: Comparison,
    ) -> Result<Option<NodeId>, Problem> {
        let (flags, other, flags_first) = match (self.tensor(left), self.tensor(right)) {
            (None, Some(other)) => (left, other, true),
            (Some(other), None) => (right, other, false),
            _ => return Ok(None),
        };
        let other = raw_floats(&other, &node.name)?;
        let at = |flag: f32| other.mapv(|c| f32::from(u8::from(if flags_first { holds(flag, c) } else { holds(c, flag) })));
        let flags = self.operand(flags)?;
        let yes = self.push(&format!("{}.one", node.name), Op::Constant(at(1.0)), &[])?;
        let no = self.push(&format!("{}.zero", node.name), Op::Constant(at(0.0)), &[])?;
        let shape = self.shape(OutletId::new(node.id, 0))?;
        let uniform = |id: NodeId| match &self.model.nodes[id.0].op {
            Op::Constant(values) => super::pointwise::uniform(values),
            _ => None,
        };
        match (uniform(yes), uniform(no)) {
            (Some(1.0), Some(0.0)) if self.shape_of(flags) == shape => Ok(Some(flags)),
            (Some(0.0), Some(1.0)) if self.shape_of(flags) == shape => self.complement(&node.name, flags).map(Some),
            _ => self.chosen(&node.name, flags, yes, no).map(Some),
        }
    }
}

fn is_truth(value: f32) -> bool {
    value == 0.0 || value == 1.0
}

/// The comparison that an operation is.
fn comparison(op: &dyn BinMiniOp) -> Option<Comparison> {
    let known: [(bool, Comparison); 6] = [
        (op.is::<CompEq>(), |a, b| a == b),
        (op.is::<CompNE>(), |a, b| a != b),
        (op.is::<CompLT>(), |a, b| a < b),
        (op.is::<CompLTE>(), |a, b| a <= b),
        (op.is::<CompGT>(), |a, b| a > b),
        (op.is::<CompGTE>(), |a, b| a >= b),
    ];
    known.into_iter().find(|(matches, _)| *matches).map(|(_, holds)| holds)
}

fn constant(typed: &TypedModel, outlet: OutletId) -> Option<ArrayD<f32>> {
    let tensor = typed.outlet_fact(outlet).ok()?.konst.clone()?;
    raw_floats(&tensor, "constant").ok()
}
