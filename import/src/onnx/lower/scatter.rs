//! Elements put at constant places of another value: `ScatterElements`, `ScatterND` and the oldest
//! `Scatter`.

use ndarray::{ArrayD, IxDyn};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, taken_axis};
use lemma_model::{NodeId, Op, Unary, View};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Most updates of one place.
const MAX_ROUNDS: usize = 64;

impl Lowering {
    pub(super) fn scatter_elements(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 3)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = taken_axis(node, 0, shape.len())?;
        let indices = self.integers(node, args, 1, "indices")?;
        let given = args.get(1).map(|x| x.shape().to_vec()).unwrap_or_default();
        if args.get(2).map(Value::shape) != Some(&given[..]) || given.len() != shape.len() {
            return Err(node.problem(format!("indices of {given:?} do not fit its operands")));
        }
        let given = ArrayD::from_shape_vec(IxDyn(&given), indices)
            .map_err(|error| node.problem(error.to_string()))?;
        let mut places = vec![];
        for (at, &index) in given.indexed_iter() {
            let place = (0..shape.len()).try_fold(0, |flat, other| {
                let index = if other == axis { index } else { at[other] as i64 };
                Some(flat * shape[other] + inside(index, shape[other])?)
            });
            places.push(place.ok_or_else(|| {
                node.problem(format!("index {index} is outside axis {axis} of {shape:?}"))
            })?);
        }
        self.scattered(node, args, &places)
    }

    pub(super) fn scatter_points(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(3, 3)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let indices = self.integers(node, args, 1, "indices")?;
        let given = args.get(1).map(|x| x.shape().to_vec()).unwrap_or_default();
        let Some((&depth, lead)) = given.split_last() else {
            return Err(node.problem("its indices have no axes"));
        };
        let Some(inner) = shape.get(depth..).filter(|_| depth > 0) else {
            return Err(node.problem(format!("indices of {given:?} for an operand {shape:?}")));
        };
        if args.get(2).map(Value::shape) != Some(&[lead, inner].concat()[..]) {
            return Err(node.problem(format!("its updates are not {lead:?} blocks of {inner:?}")));
        }
        let block: usize = inner.iter().product();
        let mut places = vec![];
        for point in indices.chunks(depth) {
            let row = point
                .iter()
                .zip(&shape)
                .try_fold(0, |row, (&index, &extent)| Some(row * extent + inside(index, extent)?));
            let row = row
                .ok_or_else(|| node.problem(format!("the point {point:?} is outside {shape:?}")))?;
            places.extend(row * block..(row + 1) * block);
        }
        self.scattered(node, args, &places)
    }

    /// The first operand with the updates at `places` in row-major order.
    fn scattered(&mut self, node: &mut Node, args: &Args, places: &[usize]) -> Results {
        let reduction = node.attributes.string("reduction")?.unwrap_or_else(|| "none".into());
        let (x, updates) = (self.operand(node, args, 0)?, self.operand(node, args, 2)?);
        let shape = self.shape_of(x).to_vec();
        let elements: usize = shape.iter().product();
        let name = node.name.clone();
        let mut x = self.reshaped(&format!("{name}.flat"), x, &[elements])?;
        let updates = self.reshaped(&format!("{name}.updates"), updates, &[places.len()])?;
        // Updates in rounds, of which each has at most one for a place.
        let mut rounds: Vec<Vec<Option<usize>>> = vec![];
        let mut counts = vec![0usize; elements];
        for (update, &place) in places.iter().enumerate() {
            let round = if reduction == "none" { 0 } else { counts[place] };
            counts[place] += 1;
            if round == rounds.len() {
                rounds.push(vec![None; elements]);
            }
            // Of several for the same place the last one stays.
            rounds[round][place] = Some(update);
        }
        if rounds.len() > MAX_ROUNDS {
            return Err(node.problem(format!(
                "{} updates of the same place; at most {MAX_ROUNDS} are supported",
                rounds.len()
            )));
        }
        for round in rounds {
            x = self.update(node, x, updates, &round, &reduction)?;
        }
        let id = self.reshaped(&format!("{name}.shape"), x, &shape)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// Every element with the update that it has.
    fn update(
        &mut self,
        node: &Node,
        x: NodeId,
        updates: NodeId,
        round: &[Option<usize>],
        reduction: &str,
    ) -> Result<NodeId, Problem> {
        let name = node.name.as_str();
        let part = |part: &str| format!("{name}.{part}");
        let neutral = match reduction {
            "add" => Some(0.0),
            "mul" => Some(1.0),
            "none" | "max" | "min" => None,
            other => {
                let other = other.escape_default();
                return Err(node.problem(format!("attribute `reduction` is {other}")));
            }
        };
        // Behind the updates comes what stands for none.
        let count = self.shape_of(updates)[0];
        let (behind, rest) = match neutral {
            Some(value) => {
                (self.constant(&part("neutral"), ArrayD::from_elem(vec![1], value))?, false)
            }
            None => (x, true),
        };
        let all = self.push(&part("all"), Op::View(View::Concat(0)), &[updates, behind])?;
        let indices = round.iter().enumerate().map(|(place, update)| match update {
            Some(update) => *update,
            None if rest => count + place,
            None => count,
        });
        let indices: Vec<usize> = indices.collect();
        let other =
            self.push(&part("here"), Op::View(View::Select { axis: 0, indices }), &[all])?;
        match reduction {
            "none" => Ok(other),
            "add" => self.push(name, Op::Add, &[x, other]),
            "mul" => self.push(name, Op::Mul, &[x, other]),
            _ => {
                let order = if reduction == "max" { [other, x] } else { [x, other] };
                let difference = self.push(&part("difference"), Op::Sub, &order)?;
                let excess = self.push(&part("excess"), Op::Unary(Unary::Relu), &[difference])?;
                let op = if reduction == "max" { Op::Add } else { Op::Sub };
                self.push(name, op, &[x, excess])
            }
        }
    }

    /// Rows of an axis where a constant is true.
    pub(super) fn compressed(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = match node.attributes.has("axis") {
            true => Some(taken_axis(node, 0, shape.len())?),
            false => None,
        };
        let condition = self.known(node, args, 1, "condition")?.as_floats();
        let indices: Vec<usize> = condition
            .iter()
            .enumerate()
            .filter(|(_, truth)| **truth != 0.0)
            .map(|(at, _)| at)
            .collect();
        let extent = axis.map_or(shape.iter().product(), |axis| shape[axis]);
        if indices.is_empty() || indices.last().is_some_and(|&last| last >= extent) {
            return Err(node.problem(format!(
                "its condition keeps {} of {extent} elements, the last of them {:?}",
                indices.len(),
                indices.last()
            )));
        }
        self.view(node, args, |lowering, name, x| {
            let x = match axis {
                Some(_) => x,
                None => lowering.reshaped(&format!("{name}.flat"), x, &[extent])?,
            };
            lowering.selected(name, x, axis.unwrap_or(0), &indices)
        })
    }

    /// Elements of an axis in the opposite order, as many as each sample of the batch says.
    pub(super) fn reversed(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let (batch, time) = (
            node.attributes.int("batch_axis")?.unwrap_or(1),
            node.attributes.int("time_axis")?.unwrap_or(0),
        );
        let batch = super::axis_of(node, batch, shape.len())?;
        let time = super::axis_of(node, time, shape.len())?;
        let lengths = self.integers(node, args, 1, "lengths")?;
        if lengths.len() != shape[batch]
            || lengths.iter().any(|&length| length < 0 || length > shape[time] as i64)
        {
            return Err(node.problem(format!("lengths {lengths:?} for an operand {shape:?}")));
        }
        self.budget.elements(&shape)?;
        let whole: usize = shape.iter().product();
        let places = ArrayD::from_shape_fn(IxDyn(&shape), |at| {
            let length = lengths[at[batch]] as usize;
            (0..shape.len()).fold(0, |flat, axis| {
                let own = at[axis];
                let own = if axis == time && own < length { length - 1 - own } else { own };
                flat * shape[axis] + own
            })
        });
        let indices: Vec<usize> = places.into_iter().collect();
        self.view(node, args, |lowering, name, x| {
            let flat = lowering.reshaped(&format!("{name}.flat"), x, &[whole])?;
            let turned = lowering.selected(name, flat, 0, &indices)?;
            lowering.reshaped(&format!("{name}.shape"), turned, &shape)
        })
    }
}

/// An index counted from the end where it is negative, inside an axis.
fn inside(index: i64, extent: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(extent as i64)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < extent)
}
