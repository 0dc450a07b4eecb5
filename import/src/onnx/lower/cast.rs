//! Changes of type. The numbers of a model are real: a change that keeps every number changes
//! nothing; one to integers cuts fractions off, and one to fewer bits wraps around.

use super::super::tensor::Tensor;
use super::integers::is_narrow;
use super::value::{Args, Computed, Value};
use super::{Kind, Lowering, Node, Problem};
use lemma_model::{Op, Unary};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    pub(super) fn cast(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        node.attributes.ignore("saturate");
        node.attributes.ignore("round_mode");
        let to = match node.opset < 6 {
            true => node.attributes.string("to")?.and_then(|name| named(&name)),
            false => node
                .attributes
                .int("to")?
                .and_then(|kind| i32::try_from(kind).ok())
                .and_then(Kind::of),
        };
        let to = to.ok_or_else(|| node.problem("attribute `to` is no type that is supported"))?;
        self.cast_to(node, args, to)
    }

    pub(super) fn cast_like(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        node.attributes.ignore("saturate");
        node.attributes.ignore("round_mode");
        let to = args.get(1).map(Value::kind).ok_or_else(|| node.problem("input 1 is missing"))?;
        self.cast_to(node, args, to)
    }

    fn cast_to(&mut self, node: &Node, args: &Args, to: Kind) -> Results {
        let Some(Value::Computed(value)) = args.get(0) else {
            // Only the type of the other operand depends on an input.
            let tensor = self.known(node, args, 0, "operand")?;
            if tensor.kind.is_float() && to.is_integer() {
                return Err(node.problem("a constant that is cut off; store the result instead"));
            }
            return Ok(vec![Some(Value::Constant(Tensor::new(to, tensor.values.clone())))]);
        };
        let from = value.kind;
        let problem = |problem: &str| {
            node.problem(format!(
                "a change of values that depend on an input from {} to {}: {problem}",
                from.name(),
                to.name()
            ))
        };
        let plain = value.plain.as_ref().ok().copied();
        let is_flag = plain.is_some_and(|id| self.flags.contains(&id));
        let keeps = match (from, to) {
            _ if from == to || from == Kind::Bool || is_flag => true,
            (_, Kind::Bool) => {
                let id = plain.ok_or_else(|| problem("it has no numbers"))?;
                if !self.assume_flags(node, id) {
                    return Err(problem(
                        "only flags, and inputs that are masks, become truth values",
                    ));
                }
                return Ok(vec![Some(self.truth(id))]);
            }
            _ if to.is_float() => true,
            _ if from.is_float() => {
                let id = plain.ok_or_else(|| problem("it has no numbers"))?;
                let cut =
                    self.push(&format!("{}.cut", node.name), Op::Unary(Unary::Trunc), &[id])?;
                let id = if is_narrow(to) { self.wrapped(&node.name, cut, to)? } else { cut };
                return Ok(vec![Some(self.computed(to, id))]);
            }
            _ => range(from).0 >= range(to).0 && range(from).1 <= range(to).1,
        };
        if !keeps {
            let wide = problem(
                "it drops high bits; leave the cast out, or declare the input with the smaller \
                    type",
            );
            let inputs = plain
                .and_then(|id| self.inputs_behind(id))
                .filter(|_| matches!(to, Kind::I32 | Kind::U32));
            // Token ids and flags have a range that is known once every reader has been seen.
            match inputs {
                Some(inputs) => {
                    self.narrowed.extend(inputs.into_iter().map(|input| (input, copy(&wide))))
                }
                None if plain.is_some_and(|id| self.is_index(id)) => {}
                None => {
                    let id = plain.ok_or(wide)?;
                    let id = self.wrapped(&node.name, id, to)?;
                    return Ok(vec![Some(self.computed(to, id))]);
                }
            }
        }
        if to == Kind::Bool
            && let Some(id) = plain
        {
            self.flags.insert(id);
        }
        Ok(vec![Some(Value::Computed(Computed { kind: to, ..value.clone() }))])
    }

    /// Whether a value is the index of an element, which every integer type of 32 bits holds.
    fn is_index(&self, id: lemma_model::NodeId) -> bool {
        match (self.op_of(id), self.inputs_of(id)) {
            (Op::ArgMax | Op::Top { .. }, _) => true,
            (Op::View(_), &[x]) => self.is_index(x),
            _ => false,
        }
    }
}

fn copy(problem: &Problem) -> Problem {
    match problem {
        Problem::Unsupported { node, operator, problem } => Problem::Unsupported {
            node: node.clone(),
            operator: operator.clone(),
            problem: problem.clone(),
        },
        other => Problem::Malformed(other.to_string()),
    }
}

/// Smallest and largest number of an integer kind.
fn range(kind: Kind) -> (i128, i128) {
    match kind {
        Kind::I8 => (-128, 127),
        Kind::I16 => (-(1 << 15), (1 << 15) - 1),
        Kind::I32 => (-(1 << 31), (1 << 31) - 1),
        Kind::U8 => (0, 255),
        Kind::U16 => (0, (1 << 16) - 1),
        Kind::U32 => (0, (1 << 32) - 1),
        Kind::U64 => (0, i128::from(u64::MAX)),
        Kind::Bool => (0, 1),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    }
}

/// The kind that the oldest operator sets call by its name.
fn named(name: &str) -> Option<Kind> {
    let kinds = [
        ("FLOAT", Kind::F32),
        ("DOUBLE", Kind::F64),
        ("FLOAT16", Kind::F16),
        ("INT8", Kind::I8),
        ("INT16", Kind::I16),
        ("INT32", Kind::I32),
        ("INT64", Kind::I64),
        ("UINT8", Kind::U8),
        ("UINT16", Kind::U16),
        ("UINT32", Kind::U32),
        ("UINT64", Kind::U64),
        ("BOOL", Kind::Bool),
    ];
    kinds.into_iter().find(|(own, _)| *own == name).map(|(_, kind)| kind)
}
