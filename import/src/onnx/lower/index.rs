//! Parts of a value: slices, pieces, rows by constant indices, and rows of a table by token ids.

use super::value::{Args, Computed, Value};
use super::views::extents;
use super::{Kind, Lowering, Node, Problem, axis_of, taken_axis};
use lemma_model::{NodeId, Op, View};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    pub(super) fn slice(&mut self, node: &mut Node, args: &Args) -> Results {
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let (starts, ends, axes, steps) = if node.opset < 10 {
            node.takes(1, 1)?;
            let missing = || Problem::Malformed("a slice without bounds".into());
            let starts = node.attributes.ints("starts")?.ok_or_else(missing)?;
            (
                starts,
                node.attributes.ints("ends")?.ok_or_else(missing)?,
                node.attributes.ints("axes")?,
                None,
            )
        } else {
            node.takes(3, 5)?;
            let optional = |at: usize, what: &str| {
                node.has(at).then(|| self.integers(node, args, at, what)).transpose()
            };
            let bound = |at: usize, what: &str| self.integers(node, args, at, what);
            (bound(1, "starts")?, bound(2, "ends")?, optional(3, "axes")?, optional(4, "steps")?)
        };
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()].iter().any(|&length| length != starts.len()) {
            return Err(node.problem("its bounds are of different numbers of axes"));
        }
        super::axes_of(node, &axes, shape.len())?;
        let mut cuts = vec![];
        let mut result = shape.clone();
        for at in 0..starts.len() {
            let axis = axis_of(node, axes[at], shape.len())?;
            let (start, count) =
                cut(shape[axis], starts[at], ends[at], steps[at]).ok_or_else(|| {
                    node.problem(format!("it leaves nothing of axis {axis}, or has a step of 0"))
                })?;
            result[axis] = count;
            cuts.push((axis, start, if count == 1 { 1 } else { steps[at] as isize }, count));
        }
        self.view(node, args, |lowering, name, mut x| {
            for &(axis, start, step, count) in &cuts {
                let mut shape = lowering.shape_of(x).to_vec();
                if shape[axis] == count && start == 0 && step == 1 {
                    continue;
                }
                shape[axis] = count;
                x = lowering.push_shaped(
                    name,
                    Op::View(View::Slice { axis, start, step }),
                    &[x],
                    &shape,
                )?;
            }
            Ok(x)
        })
    }

    pub(super) fn split(&mut self, node: &mut Node, args: &Args) -> Results {
        let count = node.outputs.len();
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = taken_axis(node, 0, shape.len())?;
        let extent = shape[axis];
        let given = if node.opset < 13 {
            node.takes(1, 1)?;
            node.attributes.ints("split")?
        } else {
            node.takes(1, 2)?;
            node.has(1).then(|| self.integers(node, args, 1, "sizes")).transpose()?
        };
        let parts = match node.attributes.int("num_outputs")? {
            Some(parts) if parts != count as i64 => {
                return Err(
                    node.problem(format!("attribute `num_outputs` is {parts} for {count} outputs"))
                );
            }
            Some(_) if given.is_some() => {
                return Err(node.problem("both sizes and `num_outputs` are given"));
            }
            parts => parts.is_some(),
        };
        let sizes = match given {
            Some(sizes) => extents(node, &sizes)?,
            None if extent.is_multiple_of(count) => vec![extent / count; count],
            None if parts => {
                let size = extent.div_ceil(count);
                (0..count).map(|at| extent.saturating_sub(at * size).min(size)).collect()
            }
            None => return Err(node.problem(format!("{extent} elements in {count} equal parts"))),
        };
        if sizes.len() != count
            || sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size)) != Some(extent)
            || sizes.contains(&0)
        {
            return Err(node.problem(format!(
                "parts of {sizes:?} for an axis of {extent} and {count} outputs"
            )));
        }
        let value = self.computed_operand(node, args, 0)?;
        let mut results = vec![];
        let mut start = 0;
        for (at, &size) in sizes.iter().enumerate() {
            let mut part = shape.clone();
            part[axis] = size;
            let wanted = node.outputs[at].is_some();
            results.push(match wanted {
                true if size == extent => Some(Value::Computed(value.clone())),
                true => {
                    let moved = self.moved(node, &value, |lowering, name, x| {
                        lowering.push_shaped(
                            &format!("{name}.{at}"),
                            Op::View(View::Slice { axis, start, step: 1 }),
                            &[x],
                            &part,
                        )
                    })?;
                    Some(Value::Computed(moved))
                }
                false => None,
            });
            start += size;
        }
        Ok(results)
    }

    /// Constant rows of a computed value, or rows of a constant table by token ids.
    pub(super) fn gather(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = taken_axis(node, 0, shape.len())?;
        let chosen = args.get(1).map(|x| x.shape().to_vec()).unwrap_or_default();
        let result = [&shape[..axis], &chosen, &shape[axis + 1..]].concat();
        if args.tensor(1).is_some() {
            let indices =
                indices(node, &self.integers(node, args, 1, "indices")?, shape[axis], axis)?;
            return self.view(node, args, |lowering, name, x| {
                let rows = lowering.selected(name, x, axis, &indices)?;
                lowering.reshaped(&format!("{name}.shape"), rows, &result)
            });
        }
        let what = "table of a lookup by computed ids";
        let table = self.weights(node, args, 0, what)?;
        if axis != 0 {
            return Err(node.problem(format!(
                "a lookup by computed ids along axis {axis}; transpose the table"
            )));
        }
        let ids = self.operand(node, args, 1)?;
        let (rows, width): (usize, usize) = (shape[0], shape[1..].iter().product());
        self.choose_rows(node, ids, rows)?;
        let table = table
            .into_shape_with_order((rows, width))
            .map_err(|error| node.problem(error.to_string()))?;
        let chosen = self.push(&node.name, Op::Embedding { table }, &[ids])?;
        let id = self.reshaped(&format!("{}.shape", node.name), chosen, &result)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// `indices` of an axis; a slice where they follow each other.
    pub(super) fn selected(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        indices: &[usize],
    ) -> Result<NodeId, Problem> {
        let mut shape = self.shape_of(x).to_vec();
        if indices.iter().copied().eq(0..shape[axis]) {
            return Ok(x);
        }
        if let [start] = *indices {
            shape[axis] = 1;
            return self.push_shaped(
                name,
                Op::View(View::Slice { axis, start, step: 1 }),
                &[x],
                &shape,
            );
        }
        self.push(name, Op::View(View::Select { axis, indices: indices.to_vec() }), &[x])
    }

    /// One element for each constant index, from the same place on the other axes.
    pub(super) fn gather_elements(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = taken_axis(node, 0, shape.len())?;
        let values = self.integers(node, args, 1, "indices")?;
        let result = args.get(1).map(|x| x.shape().to_vec()).unwrap_or_default();
        let fits = result.len() == shape.len()
            && (0..shape.len()).all(|at| at == axis || result[at] <= shape[at]);
        if !fits {
            return Err(node.problem(format!("indices of {result:?} for {shape:?}")));
        }
        let chosen = indices(node, &values, shape[axis], axis)?;
        let places = ndarray::ArrayD::from_shape_vec(result.clone(), chosen)
            .map_err(|error| node.problem(error.to_string()))?;
        let flat = places.indexed_iter().map(|(place, &chosen)| {
            let at = |axis_at: usize| if axis_at == axis { chosen } else { place[axis_at] };
            (0..shape.len()).fold(0, |flat, axis_at| flat * shape[axis_at] + at(axis_at))
        });
        let flat: Vec<usize> = flat.collect();
        self.view(node, args, |lowering, name, x| lowering.picked(name, x, &flat, &result))
    }

    /// Elements by their positions in row-major order.
    fn picked(
        &mut self,
        name: &str,
        x: NodeId,
        flat: &[usize],
        result: &[usize],
    ) -> Result<NodeId, Problem> {
        let whole = self.shape_of(x).iter().product();
        let x = self.reshaped(&format!("{name}.flat"), x, &[whole])?;
        let x =
            self.push(name, Op::View(View::Select { axis: 0, indices: flat.to_vec() }), &[x])?;
        self.reshaped(&format!("{name}.shape"), x, result)
    }

    /// `GatherND` with constant indices: rows of the operand with its leading axes made one.
    pub(super) fn gather_points(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let batch_axes = node.attributes.int("batch_dims")?.unwrap_or(0);
        let batch_axes = usize::try_from(batch_axes)
            .map_err(|_| node.problem("attribute `batch_dims` is negative"))?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        if args.tensor(1).is_none() {
            return Err(node.problem("the indices depend on an input"));
        }
        let values = self.integers(node, args, 1, "indices")?;
        let points_shape = args.get(1).map(|x| x.shape().to_vec()).unwrap_or_default();
        let depth = points_shape.last().copied().unwrap_or(0);
        let misfit =
            || node.problem(format!("indices {points_shape:?} do not fit an operand {shape:?}"));
        let (Some(batch), Some(chosen)) =
            (shape.get(..batch_axes), shape.get(batch_axes..batch_axes + depth))
        else {
            return Err(misfit());
        };
        if points_shape.get(..batch_axes) != Some(batch) {
            return Err(misfit());
        }
        let (batch, block): (usize, usize) = (batch.iter().product(), chosen.iter().product());
        let points = values
            .len()
            .checked_div(depth)
            .filter(|points| *points > 0 && points.is_multiple_of(batch))
            .ok_or_else(misfit)?;
        let mut rows = Vec::with_capacity(points);
        for (at, point) in values.chunks(depth).enumerate() {
            let mut row = at / (points / batch);
            for (&index, &extent) in point.iter().zip(chosen) {
                let wrapped = if index < 0 { index.saturating_add(extent as i64) } else { index };
                let inside = usize::try_from(wrapped).ok().filter(|&index| index < extent);
                let outside =
                    || node.problem(format!("index {index} is outside an axis of {extent}"));
                row = row * extent + inside.ok_or_else(outside)?;
            }
            rows.push(row);
        }
        let flat = [&[batch * block], &shape[batch_axes + depth..]].concat();
        let result =
            [&points_shape[..points_shape.len() - 1], &shape[batch_axes + depth..]].concat();
        self.view(node, args, |lowering, name, x| {
            let flat = lowering.reshaped(&format!("{name}.flat"), x, &flat)?;
            let chosen = lowering.selected(name, flat, 0, &rows)?;
            lowering.reshaped(&format!("{name}.shape"), chosen, &result)
        })
    }

    /// Rows of an identity table, scaled and moved: `OneHot` of token ids.
    pub(super) fn one_hot(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 3)?;
        let depth = self
            .known(node, args, 1, "depth")?
            .as_float()
            .filter(|depth| (1.0..1e6).contains(depth));
        let depth =
            depth.ok_or_else(|| node.problem("the depth is not one positive number"))? as usize;
        let values = self.weights(node, args, 2, "values")?;
        let &[off, on] = values.as_slice().unwrap_or_default() else {
            return Err(node.problem("two values expected"));
        };
        let kind = args.get(2).map_or(Kind::F32, Value::kind);
        let ids = self.operand(node, args, 0)?;
        let rank = self.shape_of(ids).len();
        let axis = taken_axis(node, -1, rank + 1)?;
        self.budget.elements(&[depth, depth])?;
        self.choose_rows(node, ids, depth)?;
        let table =
            ndarray::Array2::from_shape_fn(
                (depth, depth),
                |(row, column)| if row == column { on } else { off },
            );
        let chosen = self.push(&node.name, Op::Embedding { table }, &[ids])?;
        let mut order: Vec<usize> = (0..rank).collect();
        order.insert(axis, rank);
        let id = self.transposed(&format!("{}.order", node.name), chosen, &order)?;
        Ok(vec![Some(Value::Computed(Computed::new(kind, self.shape_of(id).to_vec(), id)))])
    }
}

/// First index and number of elements of a slice; `None` where there is none.
fn cut(extent: usize, start: i64, end: i64, step: i64) -> Option<(usize, usize)> {
    let length = i64::try_from(extent).ok()?;
    let wrapped = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let (first, count) = match step {
        0 => return None,
        step if step > 0 => {
            let (start, end) = (wrapped(start).clamp(0, length), wrapped(end).clamp(0, length));
            (start, (end - start).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
        }
        step => {
            let (start, end) =
                (wrapped(start).clamp(-1, length - 1), wrapped(end).clamp(-1, length - 1));
            (start, (start - end).max(0).unsigned_abs().div_ceil(step.unsigned_abs()))
        }
    };
    let count = usize::try_from(count).ok().filter(|&count| count > 0)?;
    Some((usize::try_from(first).ok()?, count))
}

/// Indices of an axis, counted from the end where they are negative.
fn indices(node: &Node, values: &[i64], extent: usize, axis: usize) -> Result<Vec<usize>, Problem> {
    let wrapped = |index: i64| if index < 0 { index.saturating_add(extent as i64) } else { index };
    let found = values
        .iter()
        .map(|&index| usize::try_from(wrapped(index)).ok().filter(|&index| index < extent));
    let found = found.collect::<Option<Vec<_>>>();
    found.ok_or_else(|| node.problem(format!("an index is outside the {extent} of axis {axis}")))
}
