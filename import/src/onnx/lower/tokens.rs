//! Token ids: integer inputs that choose rows of constant tables.

use super::{Lowering, Node, Problem};
use lemma_model::{NodeId, Op};

impl Lowering {
    /// Notes that `ids` choose one of `rows` rows: the inputs that they are become tokens of the
    /// smallest table that they choose from.
    pub(super) fn choose_rows(
        &mut self,
        node: &Node,
        ids: NodeId,
        rows: usize,
    ) -> Result<(), Problem> {
        let refused = || {
            node.problem(
                "rows of a table may be chosen by integer inputs only, moved but not computed with",
            )
        };
        let inputs = self.inputs_behind(ids).ok_or_else(refused)?;
        for input in inputs {
            if self.inputs.get(&input).is_none_or(|kind| kind.is_float()) {
                return Err(refused());
            }
            match self.op_of(input) {
                Op::Tokens { vocabulary } if *vocabulary <= rows => {}
                _ => self.model.nodes[input.0].op = Op::Tokens { vocabulary: rows },
            }
        }
        Ok(())
    }
}
