//! `Attention`: of every head, with caches, masks, windows and what else ONNX gives it.
//!
//! A query that sees no key has the result 0, whoever hides the keys.

use super::step::{constant, int, list, number};
use super::value::{Args, Value};
use super::visible::{Seeing, flags};
use super::{Lowering, Node, Problem};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Queries, keys and values as `[batch, heads, length, width]`.
struct Heads {
    query: Value,
    key: Value,
    value: Value,
    /// Whether the operands were `[batch, length, heads * width]`.
    flat: bool,
}

impl Lowering {
    /// `softmax(scale * Q K^T + mask) V` for every head.
    pub(super) fn attention(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 7)?;
        node.gives(4)?;
        let causal = node.attributes.flag("is_causal")?.unwrap_or(false);
        let mode = node.attributes.int("qk_matmul_output_mode")?.unwrap_or(0);
        let (scale, cap) = (node.attributes.float("scale")?, node.attributes.float("softcap")?);
        node.attributes.ignore("softmax_precision");
        let mut bounds = [None; 2];
        for (bound, name) in bounds.iter_mut().zip(["left_window_size", "right_window_size"]) {
            *bound = node.attributes.int(name)?.filter(|&size| size >= 0);
        }
        let mut heads = self.heads(node, args)?;
        let (past_key, past_value) = (args.get(4), args.get(5));
        if past_key.is_some() != past_value.is_some() {
            return Err(node.problem("only one of past keys and past values is given"));
        }
        let past = past_key.map_or(0, |past| past.shape().get(2).copied().unwrap_or(0));
        for (part, past, now) in
            [("keys", past_key, &mut heads.key), ("values", past_value, &mut heads.value)]
        {
            if let Some(past) = past.filter(|past| !past.shape().contains(&0)) {
                *now = self.step_of(node, part, "Concat", &[past, now], vec![int("axis", 2)])?;
            }
        }
        let presents = [heads.key.clone(), heads.value.clone()];
        let [queries, keys] = [&heads.query, &heads.key].map(|x| x.shape().to_vec());
        let ([batch, count, rows, width], [_, shared, columns, _]) = (&queries[..], &keys[..])
        else {
            return Err(node.problem("its operands have no heads"));
        };
        let (batch, rows, columns) = (*batch, *rows, *columns);
        for (part, x) in [("every_key", &mut heads.key), ("every_value", &mut heads.value)] {
            *x = self.repeated(node, part, x, *count, *shared)?;
        }
        // softmax(cap(scale * Q K^T) + mask) V
        let turned = self.step_ordered(node, "turned", &heads.key, &[0, 1, 3, 2])?;
        let scale = scale.unwrap_or(1.0 / (*width as f32).sqrt());
        let query = self.step_of(node, "scaled", "Mul", &[&heads.query, &number(scale)], vec![])?;
        let mut scores = self.step_of(node, "products", "MatMul", &[&query, &turned], vec![])?;
        let mut seen = vec![scores.clone()];
        if let Some(cap) = cap.filter(|&cap| cap > 0.0) {
            let parts = self.step_of(node, "parts", "Div", &[&scores, &number(cap)], vec![])?;
            let bent = self.step_of(node, "bent", "Tanh", &[&parts], vec![])?;
            scores = self.step_of(node, "capped", "Mul", &[&bent, &number(cap)], vec![])?;
        }
        seen.push(scores.clone());
        let lengths = match args.get(6) {
            Some(_) => Some(self.integers(node, args, 6, "numbers of keys")?),
            None => None,
        };
        if lengths.as_ref().is_some_and(|lengths| lengths.len() != batch) {
            return Err(node.problem("the numbers of keys are not one for each sample"));
        }
        let allowed = |at: &[usize]| {
            let length = lengths.as_ref().map(|lengths| lengths[at[0]]);
            let (row, column) = (at[2] as i64, at[3] as i64);
            let offset = length.map_or(past as i64, |length| length - rows as i64);
            let ahead = column - (row + offset);
            (!causal || ahead <= 0)
                && length.is_none_or(|length| column < length)
                && bounds[0].is_none_or(|left| -ahead <= left)
                && bounds[1].is_none_or(|right| ahead <= right)
        };
        self.budget.elements(&[batch, rows, columns])?;
        let limited = causal || lengths.is_some() || bounds != [None; 2];
        let allowed = limited.then(|| flags(&[batch, 1, rows, columns], allowed));
        let (biased, scores, seeing) =
            self.visible(node, scores, allowed, args.get(3), columns, mode == 2)?;
        seen.push(biased);
        let mut weights = self.step_of(node, "weights", "Softmax", &[&scores], vec![])?;
        let mut result =
            self.step_of(node, "products_of_values", "MatMul", &[&weights, &heads.value], vec![])?;
        if let Some(seeing) = seeing {
            let seeing = match seeing {
                Seeing::Known(seeing) => constant(seeing),
                Seeing::Computed(seeing) => seeing,
            };
            result = self.step_of(node, "result", "Mul", &[&result, &seeing], vec![])?;
            if mode == 3 && node.outputs.get(3).is_some_and(Option::is_some) {
                weights = self.step_of(node, "seen", "Mul", &[&weights, &seeing], vec![])?;
            }
        }
        if heads.flat {
            let shape = result.shape().to_vec();
            result = self.step_ordered(node, "beside", &result, &[0, 2, 1, 3])?;
            let joined = [shape[0], shape[2], shape[1] * shape[3]];
            result = self.step_shaped(node, "joined", &result, &joined)?;
        }
        seen.push(weights);
        let seen = usize::try_from(mode).ok().and_then(|mode| seen.get(mode).cloned());
        let seen = seen.ok_or_else(|| {
            node.problem(format!("attribute `qk_matmul_output_mode` is {mode}; 0 to 3 expected"))
        })?;
        let [key, value] = presents;
        Ok(vec![Some(result), Some(key), Some(value), Some(seen)])
    }

    /// The operands by heads.
    fn heads(&mut self, node: &mut Node, args: &Args) -> Result<Heads, Problem> {
        let counts = [node.attributes.int("q_num_heads")?, node.attributes.int("kv_num_heads")?];
        let flat = args.get(0).is_some_and(|query| query.shape().len() == 3);
        let mut found = vec![];
        for (at, part) in ["query", "key", "value"].into_iter().enumerate() {
            let x = args.get(at).ok_or_else(|| node.problem(format!("the {part} is missing")))?;
            // The number of heads of keys is that of values.
            let count = counts[at.min(1)];
            found.push(self.by_heads(node, part, x, count)?);
        }
        let (value, key) = (found.pop(), found.pop());
        let (Some(query), Some(key), Some(value)) = (found.pop(), key, value) else {
            return Err(node.problem("three operands expected"));
        };
        Ok(Heads { query, key, value, flat })
    }

    /// `[batch, length, heads * width]` as `[batch, heads, length, width]`.
    pub(super) fn by_heads(
        &mut self,
        node: &Node,
        part: &str,
        x: &Value,
        count: Option<i64>,
    ) -> Result<Value, Problem> {
        match *x.shape() {
            [_, _, _, _] => Ok(x.clone()),
            [batch, length, width] => {
                let count = count
                    .and_then(|count| usize::try_from(count).ok())
                    .filter(|&count| count > 0 && width % count == 0)
                    .ok_or_else(|| {
                        node.problem(format!(
                            "the {part} of {width} columns is not divided into heads by \
                                `q_num_heads` and `kv_num_heads`"
                        ))
                    })?;
                let split = [batch, length, count, width / count];
                let split = self.step_shaped(node, &format!("{part}_split"), x, &split)?;
                self.step_ordered(node, &format!("{part}_heads"), &split, &[0, 2, 1, 3])
            }
            _ => Err(node.problem(format!("the {part} has neither three nor four axes"))),
        }
    }

    /// Heads that several queries share, once for each of them.
    fn repeated(
        &mut self,
        node: &Node,
        part: &str,
        x: &Value,
        count: usize,
        shared: usize,
    ) -> Result<Value, Problem> {
        if count == shared {
            return Ok(x.clone());
        }
        if shared == 0 || !count.is_multiple_of(shared) {
            return Err(node.problem(format!("{count} heads of queries for {shared} of keys")));
        }
        self.budget.elements(&[count])?;
        let heads: Vec<i64> = (0..count).map(|head| (head / (count / shared)) as i64).collect();
        self.step_of(node, part, "Gather", &[x, &list(&heads)], vec![int("axis", 1)])
    }
}
