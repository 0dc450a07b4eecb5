//! Elements in another shape or order.

use ndarray::ArrayD;

use super::super::tensor::{Tensor, Values};
use super::value::{Args, Computed, Value};
use super::{Kind, Lowering, Node, Problem, axes_of, axis_of};
use lemma_model::{NodeId, Op, View, broadcast, volume};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// The same rearrangement of every reading of the first operand.
    pub(super) fn view(
        &mut self,
        node: &Node,
        args: &Args,
        view: impl Fn(&mut Self, &str, NodeId) -> Result<NodeId, Problem>,
    ) -> Results {
        let value = self.computed_operand(node, args, 0)?;
        Ok(vec![Some(Value::Computed(self.moved(node, &value, view)?))])
    }

    /// Operand `at` as a computed value.
    pub(super) fn computed_operand(
        &mut self,
        node: &Node,
        args: &Args,
        at: usize,
    ) -> Result<Computed, Problem> {
        match args.get(at) {
            Some(Value::Computed(value)) => Ok(value.clone()),
            _ => {
                let id = self.operand(node, args, at)?;
                Ok(Computed::new(
                    args.get(at).map_or(Kind::F32, Value::kind),
                    self.shape_of(id).to_vec(),
                    id,
                ))
            }
        }
    }

    fn reshaped_to(&mut self, node: &Node, args: &Args, shape: &[usize]) -> Results {
        let given = args.get(0).map(Value::shape).unwrap_or_default();
        let (found, wanted) = (
            given.iter().product::<usize>(),
            volume(shape).map_err(|problem| node.problem(problem))?,
        );
        if found != wanted {
            return Err(node.problem(format!(
                "{given:?} cannot have the shape {shape:?}: the element counts differ"
            )));
        }
        self.view(node, args, |lowering, name, x| lowering.reshaped(name, x, shape))
    }

    pub(super) fn reshape(&mut self, node: &mut Node, args: &Args) -> Results {
        let wanted = if node.opset < 5 {
            node.takes(1, 1)?;
            node.attributes.ignore("consumed_inputs");
            node.attributes.ints("shape")?.unwrap_or_default()
        } else {
            node.takes(2, 2)?;
            self.integers(node, args, 1, "shape")?
        };
        let keeps_zero = node.attributes.flag("allowzero")?.unwrap_or(false);
        let given = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let refused = || node.problem(format!("shape {wanted:?} for {given:?}"));
        let mut shape = vec![];
        for (at, &extent) in wanted.iter().enumerate() {
            shape.push(match extent {
                0 if !keeps_zero => *given.get(at).ok_or_else(refused)?,
                -1 => 1,
                extent => usize::try_from(extent).map_err(|_| refused())?,
            });
        }
        match wanted.iter().filter(|&&extent| extent == -1).count() {
            0 => {}
            1 => {
                let others = volume(&shape).map_err(|problem| node.problem(problem))?;
                let elements = given.iter().product::<usize>();
                let open = wanted.iter().position(|&extent| extent == -1).unwrap_or_default();
                if elements % others != 0 {
                    return Err(refused());
                }
                shape[open] = elements / others;
            }
            _ => return Err(refused()),
        }
        self.reshaped_to(node, args, &shape)
    }

    pub(super) fn flatten(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = node.attributes.int("axis")?.unwrap_or(1);
        let first = if axis == shape.len() as i64 {
            shape.len()
        } else {
            axis_of(node, axis, shape.len())?
        };
        let (rows, columns) = (shape[..first].iter().product(), shape[first..].iter().product());
        self.reshaped_to(node, args, &[rows, columns])
    }

    /// Axes as an attribute in older operator sets, as an operand in newer ones.
    fn given_axes(&self, node: &mut Node, args: &Args) -> Result<Option<Vec<i64>>, Problem> {
        if node.opset < 13 {
            node.takes(1, 1)?;
            return node.attributes.ints("axes");
        }
        node.takes(1, 2)?;
        node.has(1).then(|| self.integers(node, args, 1, "axes")).transpose()
    }

    pub(super) fn squeeze(&mut self, node: &mut Node, args: &Args) -> Results {
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axes = match self.given_axes(node, args)? {
            Some(axes) if axes.is_empty() && shape.contains(&1) => {
                return Err(node.problem(
                    "an empty list of axes is read as none by some and as all \
                    by others; name the axes",
                ));
            }
            Some(axes) => axes_of(node, &axes, shape.len())?,
            None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
        };
        if let Some(axis) = axes.iter().find(|&&axis| shape[axis] != 1) {
            return Err(
                node.problem(format!("axis {axis} has {} elements and cannot go", shape[*axis]))
            );
        }
        let kept: Vec<usize> =
            (0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect();
        self.reshaped_to(node, args, &kept)
    }

    pub(super) fn unsqueeze(&mut self, node: &mut Node, args: &Args) -> Results {
        let mut shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axes =
            self.given_axes(node, args)?.ok_or_else(|| node.problem("the axes are missing"))?;
        for axis in axes_of(node, &axes, shape.len() + axes.len())? {
            shape.insert(axis, 1);
        }
        self.reshaped_to(node, args, &shape)
    }

    pub(super) fn transpose(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let rank = args.get(0).map_or(0, |x| x.shape().len());
        let order = match node.attributes.ints("perm")? {
            None => (0..rank).rev().collect(),
            Some(axes) => {
                let found: Vec<usize> =
                    axes.iter().filter_map(|&axis| usize::try_from(axis).ok()).collect();
                let mut sorted = found.clone();
                sorted.sort_unstable();
                if !sorted.into_iter().eq(0..rank) || found.len() != axes.len() {
                    return Err(node.problem(format!(
                        "attribute `perm` is {axes:?}, which is not a permutation of its axes"
                    )));
                }
                found
            }
        };
        self.view(node, args, |lowering, name, x| lowering.transposed(name, x, &order))
    }

    pub(super) fn expand(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let wanted = extents(node, &self.integers(node, args, 1, "shape")?)?;
        let given = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let shape = broadcast(&given, &wanted)
            .ok_or_else(|| node.problem(format!("{given:?} cannot be expanded to {wanted:?}")))?;
        self.view(node, args, |lowering, name, x| lowering.broadcast(name, x, &shape))
    }

    pub(super) fn tile(&mut self, node: &mut Node, args: &Args) -> Results {
        if node.opset < 6 {
            return Err(node.problem("convert the file to operator set 6 or later"));
        }
        node.takes(2, 2)?;
        let times = extents(node, &self.integers(node, args, 1, "repeats")?)?;
        let given = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        if times.len() != given.len() {
            return Err(node.problem(format!("repeats {times:?} for {given:?}")));
        }
        for (axis, &times) in times.iter().enumerate() {
            // Before any list of indices is made.
            self.budget.elements(&[times, given[axis]])?;
        }
        self.view(node, args, |lowering, name, mut x| {
            for (axis, &times) in times.iter().enumerate().filter(|(_, times)| **times != 1) {
                let indices = (0..times).flat_map(|_| 0..given[axis]).collect();
                x = lowering.push(name, Op::View(View::Select { axis, indices }), &[x])?;
            }
            Ok(x)
        })
    }

    pub(super) fn concat(&mut self, node: &mut Node, args: &Args) -> Results {
        let count = node.inputs.len();
        node.takes(count.max(1), count)?;
        let first = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axis = node.attributes.int("axis")?;
        let axis = match axis {
            None if node.opset < 4 => 1,
            None => return Err(node.problem("attribute `axis` is missing")),
            Some(axis) => axis,
        };
        let axis = axis_of(node, axis, first.len())?;
        let mut parts = vec![];
        for at in 0..count {
            // Nothing is added by a part without elements, such as an empty cache.
            if args.get(at).is_some_and(|part| part.shape().get(axis) != Some(&0)) {
                parts.push(self.operand(node, args, at)?);
            }
        }
        let kind = args.get(0).map_or(Kind::F32, Value::kind);
        let of_flags = parts.iter().all(|part| self.flags.contains(part));
        if kind == Kind::Bool && !of_flags {
            return Err(node.problem("truth values that are no flags"));
        }
        let id = self.push(&node.name, Op::View(View::Concat(axis)), &parts)?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// Keeps one triangle of the last two axes and clears the other.
    pub(super) fn triangle(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 2)?;
        let upper = node.attributes.flag("upper")?.unwrap_or(true);
        let offset = match node.has(1) {
            true => self
                .known(node, args, 1, "diagonal")?
                .as_int()
                .ok_or_else(|| node.problem("the diagonal is not one integer"))?,
            false => 0,
        };
        let x = self.operand(node, args, 0)?;
        let [.., height, width] = *self.shape_of(x) else {
            return Err(node.problem("a triangle needs two axes"));
        };
        let keeps = |row: usize, column: usize| {
            let distance = column as i64 - row as i64;
            if upper { distance >= offset } else { distance <= offset }
        };
        let mut shape = vec![1; self.shape_of(x).len() - 2];
        shape.extend([height, width]);
        self.budget.elements(&shape)?;
        let values = (0..height * width)
            .map(|at| f32::from(u8::from(keeps(at / width, at % width))))
            .collect();
        let mask = ArrayD::from_shape_vec(shape, values)
            .map_err(|error| node.problem(error.to_string()))?;
        let mask = self.constant(&format!("{}.mask", node.name), mask)?;
        self.of_operand(node, args, |lowering, name, x| lowering.push(name, Op::Mul, &[x, mask]))
    }

    /// `DepthToSpace` and `SpaceToDepth`.
    pub(super) fn blocks(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let size = node
            .attributes
            .int("blocksize")?
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size > 0);
        let size =
            size.ok_or_else(|| node.problem("attribute `blocksize` is missing or not positive"))?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let [batch, channels, height, width] = shape[..] else {
            return Err(node.problem("its operand has not four axes"));
        };
        let misfit = || node.problem(format!("blocks of {size} do not fit {shape:?}"));
        let area = size.checked_mul(size).ok_or_else(misfit)?;
        let (split, order, joined) = if node.op == "DepthToSpace" {
            let depth = (channels % area == 0).then_some(channels / area).ok_or_else(misfit)?;
            let joined = [batch, depth, height * size, width * size];
            match node.attributes.string("mode")?.as_deref() {
                None | Some("DCR") => {
                    (vec![batch, size, size, depth, height, width], [0, 3, 4, 1, 5, 2], joined)
                }
                Some("CRD") => {
                    (vec![batch, depth, size, size, height, width], [0, 1, 4, 2, 5, 3], joined)
                }
                Some(other) => {
                    return Err(
                        node.problem(format!("attribute `mode` is {}", other.escape_default()))
                    );
                }
            }
        } else {
            if height % size != 0 || width % size != 0 {
                return Err(misfit());
            }
            let split = vec![batch, channels, height / size, size, width / size, size];
            let order = match node.attributes.string("mode")?.as_deref() {
                None | Some("DCR") => [0, 3, 5, 1, 2, 4],
                Some("CRD") => [0, 1, 3, 5, 2, 4],
                Some(other) => {
                    return Err(
                        node.problem(format!("attribute `mode` is {}", other.escape_default()))
                    );
                }
            };
            (split, order, [batch, channels * area, height / size, width / size])
        };
        self.view(node, args, |lowering, name, x| {
            let x = lowering.reshaped(&format!("{name}.split"), x, &split)?;
            let x = lowering.transposed(&format!("{name}.order"), x, &order)?;
            lowering.reshaped(name, x, &joined)
        })
    }

    /// `Shape` and `Size`: constants, since every shape is known.
    pub(super) fn shape(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let shape: Vec<i64> = args
            .get(0)
            .map(Value::shape)
            .unwrap_or_default()
            .iter()
            .map(|&extent| extent as i64)
            .collect();
        if node.op == "Size" {
            let size = ArrayD::from_elem(ndarray::IxDyn(&[]), shape.iter().product::<i64>());
            return Ok(vec![Some(Value::Constant(Tensor::new(
                Kind::I64,
                Values::I64(size.into_shared()),
            )))]);
        }
        let rank = shape.len() as i64;
        let bound = |given: Option<i64>, default: i64| {
            let at = given.unwrap_or(default);
            (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
        };
        let (start, end) =
            (bound(node.attributes.int("start")?, 0), bound(node.attributes.int("end")?, rank));
        Ok(vec![Some(Value::Constant(Tensor::ints(&shape[start..end.max(start)])))])
    }
}

/// Extents, of which none is negative.
pub(super) fn extents(node: &Node, values: &[i64]) -> Result<Vec<usize>, Problem> {
    let found =
        values.iter().map(|&extent| usize::try_from(extent).ok()).collect::<Option<Vec<_>>>();
    found.ok_or_else(|| node.problem(format!("{values:?} holds a negative number")))
}
