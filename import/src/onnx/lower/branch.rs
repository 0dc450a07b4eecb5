//! Graphs inside of nodes, lowered in their place: `If` on a condition that is known, `Loop` with a
//! number of steps that is known.

use ndarray::{ArrayD, IxDyn};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, Tensor, Values};
use crate::onnx::proto::{AttributeProto, AttributeType, GraphProto, NodeProto};
use crate::onnx::{constants, graph};

/// Graphs inside each other.
const MAX_DEPTH: usize = 8;

/// Most steps of a loop.
const MAX_STEPS: usize = 1 << 12;

/// The version of `Unsqueeze` and `Concat` whose axes are attributes.
const AXES_OPSET: i64 = 11;

impl Lowering {
    /// `If`: the branch that is taken.
    pub(super) fn branch(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        node.takes(1, 1)?;
        let taken = match args.get(0) {
            Some(condition) => self.decided(node, condition)?,
            None => return Err(node.problem("its condition is missing")),
        };
        let branches =
            [node.attributes.graph("then_branch")?, node.attributes.graph("else_branch")?];
        let branch = branches.into_iter().nth(usize::from(!taken)).flatten();
        let branch = branch.ok_or_else(|| node.problem("the branch that is taken is missing"))?;
        Ok(self.inlined(node, branch, vec![])?.into_iter().map(Some).collect())
    }

    /// `Loop`: the body once for each step, as long as its condition, which must be known at every
    /// step, holds. What a step hands on is the next one's, what it gives beside that is stacked.
    pub(super) fn repeat(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        let carried = node.inputs.len().saturating_sub(2);
        let body = node.attributes.graph("body")?;
        let body = body.ok_or_else(|| node.problem("its body is missing"))?;
        let stacked = body.output.len().checked_sub(1 + carried);
        let (Some(stacked), true) = (stacked, body.input.len() == 2 + carried) else {
            return Err(node.problem("its body has not the inputs and outputs that it needs"));
        };
        node.gives(carried + stacked)?;
        let most = match args.get(0) {
            None => None,
            Some(Value::Constant(tensor)) => Some(
                tensor.as_int().ok_or_else(|| node.problem("its number of steps is no integer"))?,
            ),
            Some(Value::Computed(_)) => {
                return Err(node.problem(
                    "its number of steps depends on an input; unroll it to a fixed number",
                ));
            }
        };
        let mut goes_on = match args.get(1) {
            None => true,
            Some(condition) => self.decided(node, condition)?,
        };
        let mut state = (0..carried)
            .map(|at| args.get(2 + at).cloned().ok_or_else(|| node.problem("a value is left out")))
            .collect::<Result<Vec<_>, _>>()?;
        let mut stacks: Vec<Vec<Value>> = vec![vec![]; stacked];
        let mut step = 0usize;
        while goes_on && most.is_none_or(|most| (step as i64) < most) {
            if step == MAX_STEPS {
                return Err(node.problem(format!("it has more than {MAX_STEPS} steps")));
            }
            if step > 0 {
                self.pay_for_step(node, &body)?;
            }
            let scalar = |kind, value: i64| {
                let values = ArrayD::from_elem(IxDyn(&[]), value).into_shared();
                Value::Constant(Tensor::new(kind, Values::I64(values)))
            };
            let (count, going) = (scalar(Kind::I64, step as i64), scalar(Kind::Bool, 1));
            let names = body.input.iter().map(|input| input.name.clone());
            let given = names.zip([count, going].into_iter().chain(state)).collect();
            let mut results = self.inlined(node, body.clone(), given)?.into_iter();
            goes_on = match results.next() {
                Some(condition) => self.decided(node, &condition)?,
                None => false,
            };
            state = results.by_ref().take(carried).collect();
            stacks.iter_mut().zip(results).for_each(|(stack, value)| stack.push(value));
            step += 1;
        }
        let mut all: Vec<Option<Value>> = state.into_iter().map(Some).collect();
        for stack in stacks {
            all.push(Some(self.stack(node, &stack)?));
        }
        Ok(all)
    }

    /// A condition that must be known.
    fn decided(&self, node: &Node, condition: &Value) -> Result<bool, Problem> {
        let known = condition.tensor().ok_or_else(|| {
            node.problem(
                "its condition depends on an input; only constant conditions are supported",
            )
        })?;
        let value = known.as_int();
        Ok(value.ok_or_else(|| node.problem("its condition is not one truth value"))? != 0)
    }

    /// Another copy of a body.
    fn pay_for_step(&mut self, node: &Node, body: &GraphProto) -> Result<(), Problem> {
        self.repeated = self
            .repeated
            .checked_sub(body.node.len())
            .ok_or_else(|| node.problem("all steps of loops together have too many nodes"))?;
        for tensor in &body.initializer {
            let shape: Option<Vec<usize>> =
                tensor.dims.iter().map(|&extent| usize::try_from(extent).ok()).collect();
            self.budget.elements(&shape.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Values one behind the other along a new first axis.
    fn stack(&mut self, node: &Node, values: &[Value]) -> Result<Value, Problem> {
        if values.is_empty() {
            return Err(node.problem("it has no steps, and nothing says what they would give"));
        }
        let first = AttributeProto { ints: vec![0], ..attribute("axes", AttributeType::Ints) };
        let mut rows = vec![];
        for value in values {
            rows.push(self.made(
                node,
                "Unsqueeze",
                std::slice::from_ref(value),
                vec![first.clone()],
            )?);
        }
        let axis = AttributeProto { i: Some(0), ..attribute("axis", AttributeType::Int) };
        self.made(node, "Concat", &rows, vec![axis])
    }

    /// What a node that the file does not have gives.
    fn made(
        &mut self,
        node: &Node,
        op: &str,
        operands: &[Value],
        attributes: Vec<AttributeProto>,
    ) -> Result<Value, Problem> {
        let name = |at: usize| format!("{}.{op}.{at}", node.name);
        let input: Vec<String> = (0..operands.len()).map(name).collect();
        let result = name(operands.len());
        for (name, value) in input.iter().zip(operands) {
            if self.values.insert(name.clone(), value.clone()).is_some() {
                return Err(Problem::Duplicate(name.clone()));
            }
        }
        let made = NodeProto {
            name: format!("{}.{op}", node.name),
            op_type: op.into(),
            input: input.clone(),
            output: vec![result.clone()],
            attribute: attributes,
            ..NodeProto::default()
        };
        let lowered = self.node(Node::new(made, AXES_OPSET));
        input.iter().for_each(|name| drop(self.values.remove(name)));
        lowered?;
        self.values.remove(&result).ok_or_else(|| node.problem("it gives nothing"))
    }

    /// What a graph gives for the values of its inputs; it may read what is around it.
    fn inlined(
        &mut self,
        node: &Node,
        graph: GraphProto,
        given: Vec<(String, Value)>,
    ) -> Result<Vec<Value>, Problem> {
        if self.depth >= MAX_DEPTH
            || graph.input.len() != given.len()
            || !graph.sparse_initializer.is_empty()
        {
            return Err(
                node.problem("a graph in it is too deep, or has inputs or sparse constants")
            );
        }
        let names: Vec<String> = graph.output.iter().map(|output| output.name.clone()).collect();
        let order = graph::branch_order(&graph)?;
        super::operators::check(order.iter().map(|&at| &graph.node[at]))?;
        let mut own = given;
        for tensor in graph.initializer {
            let name = tensor.name.clone();
            let tensor = constants::read(tensor, &name, &self.directory)?;
            own.push((name, Value::Constant(tensor)));
        }
        let mut inner: Vec<String> = vec![];
        for (name, value) in own {
            inner.push(name.clone());
            if self.values.insert(name.clone(), value).is_some() {
                return Err(Problem::Duplicate(name));
            }
        }
        let outputs = graph.node.iter().flat_map(|node| &node.output);
        inner.extend(outputs.filter(|name| !name.is_empty()).cloned());
        self.depth += 1;
        self.nodes(graph.node, &order)?;
        self.depth -= 1;
        self.budget.enter(&node.name, &node.op);
        let results = names
            .iter()
            .map(|name| self.value(name, &node.name).cloned())
            .collect::<Result<Vec<_>, _>>()?;
        for name in inner {
            self.values.remove(&name);
        }
        Ok(results)
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind as i32, ..AttributeProto::default() }
}
