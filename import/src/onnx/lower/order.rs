//! The largest and smallest elements of an axis, and their places.

use ndarray::{Array2, ArrayD};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, taken_axis};
use lemma_model::{NodeId, Op, View};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// `ArgMax` and `ArgMin`: the first of equal elements, or the last one.
    pub(super) fn arg_extremum(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let keeps = node.attributes.flag("keepdims")?.unwrap_or(true);
        let last = node.attributes.flag("select_last_index")?.unwrap_or(false);
        let mut x = self.operand(node, args, 0)?;
        let name = node.name.clone();
        let shape = self.shape_of(x).to_vec();
        let axis = taken_axis(node, 0, shape.len())?;
        if node.op == "ArgMin" {
            x = self.scaled(&format!("{name}.negative"), x, -1.0)?;
        }
        let id = self.place_of_largest(&name, x, axis, last)?;
        let mut shape = shape;
        if keeps {
            shape[axis] = 1;
        } else {
            shape.remove(axis);
        }
        let id = self.reshaped(&format!("{name}.keep"), id, &shape)?;
        Ok(vec![Some(self.computed(Kind::I64, id))])
    }

    /// The index of the largest element of an axis, which is gone.
    fn place_of_largest(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        last: bool,
    ) -> Result<NodeId, Problem> {
        let shape = self.shape_of(x).to_vec();
        let mut order: Vec<usize> = (0..shape.len()).filter(|&at| at != axis).collect();
        order.push(axis);
        let mut x = self.transposed(&format!("{name}.order"), x, &order)?;
        if !last {
            return self.push(name, Op::ArgMax, &[x]);
        }
        let (end, extents) = (shape.len() - 1, self.shape_of(x).to_vec());
        let turn = View::Slice { axis: end, start: shape[axis] - 1, step: -1 };
        x = self.push_shaped(&format!("{name}.turned"), Op::View(turn), &[x], &extents)?;
        let from_end = self.push(&format!("{name}.from_end"), Op::ArgMax, &[x])?;
        let axes = vec![1; self.shape_of(from_end).len()];
        let top = self
            .constant(&format!("{name}.last"), ArrayD::from_elem(axes, (shape[axis] - 1) as f32))?;
        self.push(name, Op::Sub, &[top, from_end])
    }

    /// The `k` largest or smallest elements of an axis and their places, the extreme ones first and
    /// the lower place first of equal ones. Unsorted ones are given in that order too.
    pub(super) fn top(&mut self, node: &mut Node, args: &Args) -> Results {
        let count = if node.opset < 10 {
            node.takes(1, 1)?;
            node.attributes.int("k")?.into_iter().collect()
        } else {
            node.takes(2, 2)?;
            self.integers(node, args, 1, "number of elements")?
        };
        let (largest, _) =
            (node.attributes.flag("largest")?.unwrap_or(true), node.attributes.flag("sorted")?);
        let x = self.operand(node, args, 0)?;
        let (name, kind) = (node.name.clone(), args.get(0).map_or(Kind::F32, Value::kind));
        let shape = self.shape_of(x).to_vec();
        let axis = taken_axis(node, -1, shape.len())?;
        let count = match count[..] {
            [count] if (1..=shape[axis] as i64).contains(&count) => count as usize,
            _ => {
                return Err(node
                    .problem(format!("{count:?} of the {} elements of axis {axis}", shape[axis])));
            }
        };
        let x = if largest { x } else { self.scaled(&format!("{name}.negative"), x, -1.0)? };
        let (mut value, place) = if count == 1 {
            let value = self.largest(&format!("{name}.value"), x, &[axis])?;
            let place = self.place_of_largest(&format!("{name}.index"), x, axis, false)?;
            let mut one = shape;
            one[axis] = 1;
            (value, self.reshaped(&format!("{name}.keep"), place, &one)?)
        } else {
            self.several(&name, x, axis, count)?
        };
        if !largest {
            value = self.scaled(&format!("{name}.positive"), value, -1.0)?;
        }
        Ok(vec![Some(self.computed(kind, value)), Some(self.computed(Kind::I64, place))])
    }

    /// The `count` largest elements of an axis and their places.
    fn several(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        count: usize,
    ) -> Result<(NodeId, NodeId), Problem> {
        let part = |part: &str| format!("{name}.{part}");
        let last = self.shape_of(x).len() - 1;
        let mut order: Vec<usize> = (0..=last).collect();
        order.swap(axis, last);
        let x = self.transposed(&part("order"), x, &order)?;
        let places = self.push(&part("index"), Op::Top { count }, &[x])?;
        let rows = self.one_hot_rows(&part("rows"), places, self.shape_of(x)[last])?;
        let mut shape = self.shape_of(x).to_vec();
        shape.insert(last, 1);
        let x = self.reshaped(&part("each"), x, &shape)?;
        let chosen = self.push(&part("chosen"), Op::Mul, &[rows, x])?;
        let values = self.push(&part("value"), Op::Sum { axes: vec![last + 1] }, &[chosen])?;
        let shape = self.shape_of(places).to_vec();
        let values = self.reshaped(&part("line"), values, &shape)?;
        Ok((
            self.transposed(&part("back"), values, &order)?,
            self.transposed(&part("place"), places, &order)?,
        ))
    }

    /// For every index of `places` a row of `width` elements that is 1 there and 0 elsewhere.
    pub(super) fn one_hot_rows(
        &mut self,
        name: &str,
        places: NodeId,
        width: usize,
    ) -> Result<NodeId, Problem> {
        self.budget.elements(&[width, width])?;
        let rows = self.push(name, Op::Embedding { table: Array2::eye(width) }, &[places])?;
        self.flags.insert(rows);
        Ok(rows)
    }

    /// `Hardmax`: 1 at the first largest element, 0 elsewhere.
    pub(super) fn hardmax(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let x = self.operand(node, args, 0)?;
        let (name, kind) = (node.name.clone(), args.get(0).map_or(Kind::F32, Value::kind));
        let shape = self.shape_of(x).to_vec();
        let rank = shape.len();
        // All axes from this one on are one in older operator sets.
        let flattens = node.opset < 13;
        let axis = taken_axis(node, if flattens { 1 } else { -1 }, rank)?;
        let mut order: Vec<usize> = (0..rank).collect();
        let x = if flattens {
            let rows = [&shape[..axis], &[shape[axis..].iter().product()]].concat();
            self.reshaped(&format!("{name}.rows"), x, &rows)?
        } else {
            order.swap(axis, rank - 1);
            self.transposed(&format!("{name}.order"), x, &order)?
        };
        let width = self.shape_of(x).last().copied().unwrap_or(1);
        let place = self.push(&format!("{name}.place"), Op::ArgMax, &[x])?;
        let rows = self.one_hot_rows(&name, place, width)?;
        let id = if flattens {
            self.reshaped(&format!("{name}.split"), rows, &shape)?
        } else {
            self.transposed(&format!("{name}.back"), rows, &order)?
        };
        Ok(vec![Some(self.computed(kind, id))])
    }
}
