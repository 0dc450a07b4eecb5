//! `RotaryEmbedding`.

use super::step::{int, list};
use super::value::{Args, Value};
use super::{Lowering, Node, Problem};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// Pairs of columns turned by an angle that depends on the place in the sequence.
    pub(super) fn rotary(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 4)?;
        let interleaved = node.attributes.flag("interleaved")?.unwrap_or(false);
        let count = node.attributes.int("num_heads")?.filter(|&count| count != 0);
        let turned = node.attributes.int("rotary_embedding_dim")?.unwrap_or(0);
        let Some(x) = args.get(0) else { return Err(node.problem("input 0 is missing")) };
        let (flat, given) = (x.shape().len() == 3, x.shape().to_vec());
        let heads = self.by_heads(node, "input", x, count)?;
        let shape = heads.shape().to_vec();
        let width = shape[3];
        let turned = usize::try_from(turned)
            .ok()
            .map(|turned| if turned == 0 { width } else { turned })
            .filter(|&turned| turned <= width && turned % 2 == 0)
            .ok_or_else(|| {
                node.problem(format!("`rotary_embedding_dim` is {turned} of {width} columns"))
            })?;
        let half = turned / 2;
        let mut tables = vec![];
        for (at, part) in [(1, "cosines"), (2, "sines")] {
            let Some(table) = args.get(at) else {
                return Err(node.problem(format!("input {at} is missing")));
            };
            let mut table = table.clone();
            if let Some(places) = args.get(3) {
                table = self.step_of(
                    node,
                    &format!("{part}_here"),
                    "Gather",
                    &[&table, places],
                    vec![],
                )?;
            }
            // [batch, length, half] to [batch, 1, length, half].
            let [batch, length, columns] = *table.shape() else {
                return Err(node.problem(format!("the {part} have not three axes")));
            };
            if columns != half {
                return Err(node.problem(format!("{columns} columns of {part}; {half} expected")));
            }
            tables.push(self.step_shaped(node, part, &table, &[batch, 1, length, columns])?);
        }
        let columns = |first: usize, step: usize, count: usize| -> Value {
            list(&(0..count).map(|at| (first + step * at) as i64).collect::<Vec<_>>())
        };
        let (even, odd) = match interleaved {
            true => (columns(0, 2, half), columns(1, 2, half)),
            false => (columns(0, 1, half), columns(half, 1, half)),
        };
        let last = || vec![int("axis", 3)];
        let a = self.step_of(node, "left", "Gather", &[&heads, &even], last())?;
        let b = self.step_of(node, "right", "Gather", &[&heads, &odd], last())?;
        let mut product = |part: &str, x: &Value, table: usize| {
            self.step_of(node, part, "Mul", &[x, &tables[table]], vec![])
        };
        let (ac, bs) = (product("left_cosine", &a, 0)?, product("right_sine", &b, 1)?);
        let (as_, bc) = (product("left_sine", &a, 1)?, product("right_cosine", &b, 0)?);
        let real = self.step_of(node, "real", "Sub", &[&ac, &bs], vec![])?;
        let imaginary = self.step_of(node, "imaginary", "Add", &[&as_, &bc], vec![])?;
        let mut result = self.step_of(node, "pairs", "Concat", &[&real, &imaginary], last())?;
        if interleaved {
            let back: Vec<i64> = (0..turned).map(|at| (at / 2 + at % 2 * half) as i64).collect();
            result = self.step_of(node, "order", "Gather", &[&result, &list(&back)], last())?;
        }
        if turned < width {
            let rest = columns(turned, 1, width - turned);
            let rest = self.step_of(node, "rest", "Gather", &[&heads, &rest], last())?;
            result = self.step_of(node, "whole", "Concat", &[&result, &rest], last())?;
        }
        if flat {
            let beside = self.step_ordered(node, "beside", &result, &[0, 2, 1, 3])?;
            result = self.step_shaped(node, "joined", &beside, &given)?;
        }
        Ok(vec![Some(result)])
    }
}
