//! Flags: truth values that depend on an input, as numbers that are 0 or 1.
//!
//! A model has no booleans. A boolean tensor is lowered to numbers where it follows from flag
//! inputs and constants, and from then on the importer knows that every element is 0 or 1:
//!
//! ```text
//! and      a b                    not      1 - a
//! or       1 - (1 - a)(1 - b)     xor      a + b - 2ab
//! a < c, a = c, ..  for constants c: the two values of the comparison, chosen by a
//! ```
//!
//! A comparison of numbers that are no flags is a step of their difference.
//!
//! An input is a flag where the file declares it as booleans. One of integers or numbers that the
//! file compares with zeros and ones, casts to booleans or subtracts from one is read as if it
//! were, and that is an assumption: it holds where the file says that it is a mask, by hiding
//! scores from a softmax or by its name; everywhere else the file is refused. A flag becomes
//! [`Op::Tokens`] of two values: 0 and 1 are the only ones that are accepted and proven.

use std::collections::HashSet;

use ndarray::ArrayD;

use super::comparison::{Comparison, Relation};
use super::value::{Args, Computed, Value};
use super::{Kind, Lowering, Node, Problem, uniform};
use lemma_model::{NodeId, Op, Unary, View};

/// A reading of an input's numbers that holds for flags only.
pub(super) struct Assumption {
    /// The input.
    input: NodeId,
    /// The node that reads it so.
    node: String,
    /// Its operator.
    op: String,
}

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// A value of truths: the node of its flags.
    pub(super) fn truth(&mut self, id: NodeId) -> Value {
        self.flags.insert(id);
        self.computed(Kind::Bool, id)
    }

    pub(super) fn not(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let x = self.flag_operand(node, args, 0)?;
        let result = self.complement(&node.name, x)?;
        Ok(vec![Some(self.truth(result))])
    }

    pub(super) fn connective(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let (a, b) = (self.flag_operand(node, args, 0)?, self.flag_operand(node, args, 1)?);
        let name = node.name.clone();
        let result = match node.op.as_str() {
            "And" => self.push(&name, Op::Mul, &[a, b])?,
            "Or" => self.either(&name, a, b)?,
            _ => {
                let both = self.push(&format!("{name}.both"), Op::Mul, &[a, b])?;
                let twice = self.scaled(&format!("{name}.twice"), both, 2.0)?;
                let sum = self.push(&format!("{name}.sum"), Op::Add, &[a, b])?;
                self.push(&name, Op::Sub, &[sum, twice])?
            }
        };
        Ok(vec![Some(self.truth(result))])
    }

    /// The node of an operand that must be flags.
    pub(super) fn flag_operand(
        &mut self,
        node: &Node,
        args: &Args,
        at: usize,
    ) -> Result<NodeId, Problem> {
        let id = self.operand(node, args, at)?;
        if self.flags.contains(&id) {
            Ok(id)
        } else {
            Err(node.problem("an operand is neither a flag nor a constant"))
        }
    }

    pub(super) fn comparison(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let relation = match node.op.as_str() {
            "Equal" => Relation::Equal,
            "Less" => Relation::Less,
            "LessOrEqual" => Relation::LessOrEqual,
            "Greater" => Relation::Greater,
            _ => Relation::GreaterOrEqual,
        };
        let (x, bound, relation) = match (args.get(0), args.get(1)) {
            (Some(Value::Computed(x)), Some(Value::Constant(bound))) => (x, bound, relation),
            (Some(Value::Constant(bound)), Some(Value::Computed(x))) => {
                (x, bound, relation.turned())
            }
            _ => {
                let result = self.step(node, args, relation)?;
                return Ok(vec![Some(self.truth(result))]);
            }
        };
        let bound = bound.as_floats();
        let id = x.plain.clone().map_err(|problem| node.problem(problem))?;
        let is_truths = bound.iter().all(|&value| value == 0.0 || value == 1.0);
        let may_be_flag = x.kind.is_integer() && is_truths && self.assume_flags(node, id);
        if self.flags.contains(&id) || may_be_flag {
            return self.compared(node, id, &bound, relation);
        }
        let comparison = uniform(&bound).filter(|_| bound.len() == 1).map(|bound| Comparison {
            x: id,
            relation,
            bound,
        });
        let plain = match self.step(
            node,
            args,
            if args.get(0).is_some_and(|x| x.tensor().is_some()) {
                relation.turned()
            } else {
                relation
            },
        ) {
            Ok(result) => Ok(result),
            // It may still be a choice that is known.
            Err(problem) if comparison.is_some() => Err(problem.to_string()),
            Err(problem) => return Err(problem),
        };
        let shape = plain
            .as_ref()
            .map_or_else(|_| x.shape.clone(), |result| self.shape_of(*result).to_vec());
        if let Ok(result) = &plain {
            self.flags.insert(*result);
        }
        Ok(vec![Some(Value::Computed(Computed {
            kind: Kind::Bool,
            shape,
            plain,
            masked: None,
            comparison,
        }))])
    }

    /// How the first operand stands to the second, element by element: a function of their
    /// difference that steps at zero. It is exact where the difference is a multiple of the integer
    /// model's step, as that of whole numbers is while their range leaves a step of at most 1;
    /// elsewhere numbers closer than a step count as equal.
    pub(super) fn step(
        &mut self,
        node: &Node,
        args: &Args,
        relation: Relation,
    ) -> Result<NodeId, Problem> {
        let whole =
            [args.get(0), args.get(1)].into_iter().flatten().all(|value| value.kind().is_integer());
        if relation == Relation::Equal && !whole {
            return Err(node.problem(
                "whether two real numbers are equal depends on how they are \
                rounded; compare whole numbers",
            ));
        }
        let name = node.name.clone();
        let (a, b) = (self.operand(node, args, 0)?, self.operand(node, args, 1)?);
        let (a, b) = if matches!(relation, Relation::Less | Relation::GreaterOrEqual) {
            (b, a)
        } else {
            (a, b)
        };
        let difference = self.push(&format!("{name}.difference"), Op::Sub, &[a, b])?;
        let sign = self.push(&format!("{name}.sign"), Op::Unary(Unary::Sign), &[difference])?;
        match relation {
            Relation::Greater | Relation::Less => self.push(&name, Op::Unary(Unary::Relu), &[sign]),
            Relation::GreaterOrEqual | Relation::LessOrEqual => {
                let beyond =
                    self.push(&format!("{name}.beyond"), Op::Unary(Unary::Relu), &[sign])?;
                self.complement(&name, beyond)
            }
            Relation::Equal => {
                let apart = self.push(&format!("{name}.apart"), Op::Unary(Unary::Abs), &[sign])?;
                self.complement(&name, apart)
            }
        }
    }

    /// A comparison of flags with constants.
    fn compared(
        &mut self,
        node: &Node,
        flags: NodeId,
        bound: &ArrayD<f32>,
        relation: Relation,
    ) -> Results {
        let at = |flag: f32| bound.mapv(|bound| f32::from(u8::from(relation.holds(flag, bound))));
        let (yes, no) = (at(1.0), at(0.0));
        let fits = lemma_model::broadcast(bound.shape(), self.shape_of(flags)).as_deref()
            == Some(self.shape_of(flags));
        let result = match (uniform(&yes), uniform(&no)) {
            (Some(1.0), Some(0.0)) if fits => flags,
            (Some(0.0), Some(1.0)) if fits => self.complement(&node.name, flags)?,
            _ => {
                let yes = self.constant(&format!("{}.one", node.name), yes)?;
                let no = self.constant(&format!("{}.zero", node.name), no)?;
                self.chosen(&node.name, flags, yes, no)?
            }
        };
        Ok(vec![Some(self.truth(result))])
    }

    /// Whether a value is an input, rearranged, that may be read as flags; notes that it is.
    pub(super) fn assume_flags(&mut self, node: &Node, id: NodeId) -> bool {
        let complemented = self.less_from_one(id);
        let Some(inputs) = self.inputs_behind(complemented.unwrap_or(id)) else { return false };
        for input in inputs.into_iter().filter(|input| !self.declared.contains(input)) {
            self.assumptions.push(Assumption {
                input,
                node: node.name.clone(),
                op: node.op.clone(),
            });
        }
        true
    }

    /// The inputs that a value is a rearrangement of.
    pub(super) fn inputs_behind(&self, id: NodeId) -> Option<Vec<NodeId>> {
        let (mut found, mut waiting, mut seen) = (vec![], vec![id], HashSet::new());
        while let Some(id) = waiting.pop().filter(|_| seen.len() <= self.model.nodes.len()) {
            if !seen.insert(id) {
                continue;
            }
            match self.op_of(id) {
                Op::Input | Op::Tokens { .. } => found.push(id),
                Op::View(View::Pad { .. }) => return None,
                Op::View(_) => waiting.extend(self.inputs_of(id)),
                _ => return None,
            }
        }
        Some(found)
    }

    /// Declares the inputs that flags are made of to be flags.
    pub(super) fn declare(&mut self, id: NodeId) {
        let (mut waiting, mut seen) = (vec![id], HashSet::new());
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.op_of(id) {
                Op::Input | Op::Tokens { .. } => {
                    self.declared.insert(id);
                    if matches!(self.op_of(id), Op::Input) {
                        self.model.nodes[id.0].op = Op::Tokens { vocabulary: 2 };
                    }
                }
                _ => waiting.extend(self.inputs_of(id).to_vec()),
            }
        }
    }

    /// Decides what each input is: flags, tokens or numbers. Refuses a file that reads an input as
    /// what nothing says it is.
    pub(super) fn settle(&mut self) -> Result<(), Problem> {
        for assumption in &self.assumptions {
            let named = self.model.nodes[assumption.input.0].name.to_lowercase().contains("mask");
            if named {
                self.declared.insert(assumption.input);
            }
        }
        for assumption in &self.assumptions {
            let input = &self.model.nodes[assumption.input.0];
            let unsupported = |problem: String| Problem::Unsupported {
                node: assumption.node.clone(),
                operator: assumption.op.clone(),
                problem,
            };
            if let Op::Tokens { vocabulary } = input.op
                && vocabulary > 2
            {
                let problem = format!(
                    "it reads the token ids `{}` as truth values; give the mask as an input of its \
                        own",
                    input.name
                );
                return Err(unsupported(problem));
            }
            if !self.declared.contains(&assumption.input) {
                let problem = format!(
                    "it reads input `{}` as truth values, and nothing in the file says that it is \
                        a mask; declare the input as bool",
                    input.name
                );
                return Err(unsupported(problem));
            }
        }
        for &id in &self.declared {
            let node = &mut self.model.nodes[id.0];
            match node.op {
                Op::Tokens { vocabulary } if vocabulary > 2 => {
                    let problem = "it is used as a mask and as token ids; give the mask as an \
                        input of its own"
                        .into();
                    return Err(Problem::BadInput { input: node.name.clone(), problem });
                }
                _ => node.op = Op::Tokens { vocabulary: 2 },
            }
        }
        let wide = self
            .narrowed
            .iter()
            .find(|(input, _)| !matches!(self.op_of(*input), Op::Tokens { .. }));
        match wide.map(|(input, _)| *input) {
            None => Ok(()),
            Some(input) => {
                let at =
                    self.narrowed.iter().position(|(other, _)| *other == input).unwrap_or_default();
                Err(self.narrowed.swap_remove(at).1)
            }
        }
    }

    /// Records whether a new node's every element is 0 or 1.
    pub(super) fn note_flag(&mut self, id: NodeId) {
        let node = &self.model.nodes[id.0];
        let of_flags =
            !node.inputs.is_empty() && node.inputs.iter().all(|id| self.flags.contains(id));
        let is_flag = match &node.op {
            Op::Constant(values) => values.iter().all(|&value| value == 0.0 || value == 1.0),
            Op::View(View::Pad { value, .. }) => of_flags && (*value == 0.0 || *value == 1.0),
            Op::View(_) | Op::Mul => of_flags,
            Op::Sub => of_flags && node.inputs.first().is_some_and(|&id| self.is_number(id, 1.0)),
            _ => false,
        };
        if is_flag {
            self.flags.insert(id);
        }
    }

    /// Whether a node is a constant of one number.
    pub(super) fn is_number(&self, id: NodeId, number: f32) -> bool {
        matches!(self.op_of(id), Op::Constant(values) if values.iter().all(|&value| value == number))
    }

    /// `1 - x`.
    pub(super) fn complement(&mut self, name: &str, x: NodeId) -> Result<NodeId, Problem> {
        let one = self.number(&format!("{name}.one"), 1.0, x)?;
        self.push(name, Op::Sub, &[one, x])
    }

    /// Where either of two flags is one.
    pub(super) fn either(&mut self, name: &str, a: NodeId, b: NodeId) -> Result<NodeId, Problem> {
        let neither = [
            self.complement(&format!("{name}.left"), a)?,
            self.complement(&format!("{name}.right"), b)?,
        ];
        let neither = self.push(&format!("{name}.neither"), Op::Mul, &neither)?;
        self.complement(name, neither)
    }

    /// One of two flags, as a third one says.
    pub(super) fn chosen(
        &mut self,
        name: &str,
        condition: NodeId,
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, Problem> {
        let inverse = self.complement(&format!("{name}.inverse"), condition)?;
        let yes = self.push(&format!("{name}.true"), Op::Mul, &[condition, yes])?;
        let no = self.push(&format!("{name}.false"), Op::Mul, &[inverse, no])?;
        self.either(name, yes, no)
    }
}
