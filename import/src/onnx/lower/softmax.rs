//! Softmax and its logarithm.

use super::value::{Args, Computed, Value};
use super::{Lowering, Node, Problem, axis_of};
use lemma_model::{NodeId, Op};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    pub(super) fn softmax(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let Some(Value::Computed(value)) = args.get(0) else {
            let x = self.operand(node, args, 0)?;
            let value = Computed::new(super::Kind::F32, self.shape_of(x).to_vec(), x);
            return self.softmax_of(node, &value);
        };
        self.softmax_of(node, value)
    }

    fn softmax_of(&mut self, node: &mut Node, value: &Computed) -> Results {
        let rank = value.shape.len();
        let flattens = node.opset < 13;
        let axis = node.attributes.int("axis")?.unwrap_or(if flattens { 1 } else { -1 });
        if rank == 0 {
            return Err(node.problem("its operand has no axes"));
        }
        let name = node.name.clone();
        let logarithm = node.op == "LogSoftmax";
        let id = if flattens {
            // All axes from this one on are one; it may be the one after the last.
            let first = if axis == rank as i64 { rank } else { axis_of(node, axis, rank)? };
            let width = value.shape[first..].iter().product();
            let rows = [&value.shape[..first], &[width]].concat();
            let flat = self.moved(node, value, |lowering, name, x| {
                lowering.reshaped(&format!("{name}.rows"), x, &rows)
            })?;
            let made = self.last_axis(node, &flat, logarithm)?;
            self.reshaped(&format!("{name}.split"), made, &value.shape)?
        } else {
            let axis = axis_of(node, axis, rank)?;
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(axis, rank - 1);
            let moved = self.moved(node, value, |lowering, name, x| {
                lowering.transposed(&format!("{name}.order"), x, &order)
            })?;
            let made = self.last_axis(node, &moved, logarithm)?;
            self.transposed(&format!("{name}.back"), made, &order)?
        };
        Ok(vec![Some(self.computed(value.kind, id))])
    }

    fn last_axis(
        &mut self,
        node: &Node,
        value: &Computed,
        logarithm: bool,
    ) -> Result<NodeId, Problem> {
        if logarithm {
            let x = value.plain.clone().map_err(|problem| node.problem(problem))?;
            return self.push(&node.name, Op::LogSoftmax, &[x]);
        }
        let x = self.seen(node, value)?;
        self.push(&node.name, Op::Softmax, &[x])
    }
}
