//! `If` on a condition that is known: the branch that is taken, in place of the node.

use super::value::{Args, Value};
use super::{Lowering, Node, Problem};
use crate::onnx::{constants, graph};

/// Branches inside each other.
const MAX_DEPTH: usize = 8;

impl Lowering {
    pub(super) fn branch(
        &mut self,
        node: &mut Node,
        args: &Args,
    ) -> Result<Vec<Option<Value>>, Problem> {
        node.takes(1, 1)?;
        let taken = match args.tensor(0) {
            Some(condition) => {
                condition
                    .as_int()
                    .ok_or_else(|| node.problem("its condition is not one truth value"))?
                    != 0
            }
            None => {
                return Err(node.problem(
                    "its condition depends on an input; only constant conditions are supported",
                ));
            }
        };
        let branches =
            [node.attributes.graph("then_branch")?, node.attributes.graph("else_branch")?];
        let branch = branches.into_iter().nth(usize::from(!taken)).flatten();
        let branch = branch.ok_or_else(|| node.problem("the branch that is taken is missing"))?;
        if self.depth >= MAX_DEPTH
            || !branch.input.is_empty()
            || !branch.sparse_initializer.is_empty()
        {
            return Err(node.problem("its branch is too deep, or has inputs or sparse constants"));
        }
        let names: Vec<String> = branch.output.iter().map(|output| output.name.clone()).collect();
        let order = graph::branch_order(&branch)?;
        super::operators::check(order.iter().map(|&at| &branch.node[at]))?;
        let mut own = vec![];
        for tensor in branch.initializer {
            let name = tensor.name.clone();
            let tensor = constants::read(tensor, &name, &self.directory)?;
            own.push(name.clone());
            if self.values.insert(name.clone(), Value::Constant(tensor)).is_some() {
                return Err(Problem::Duplicate(name));
            }
        }
        own.extend(
            branch
                .node
                .iter()
                .flat_map(|node| node.output.iter().filter(|name| !name.is_empty()).cloned()),
        );
        self.depth += 1;
        self.nodes(branch.node, &order)?;
        self.depth -= 1;
        let results = names
            .iter()
            .map(|name| self.value(name, &node.name).cloned().map(Some))
            .collect::<Result<Vec<_>, _>>()?;
        for name in own {
            self.values.remove(&name);
        }
        Ok(results)
    }
}
