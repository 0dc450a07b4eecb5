//! Operators of images: grids of places, the response to neighbouring channels, the middle, and
//! normalization over chosen axes.

use ndarray::{Array2, IxDyn};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, axis_of};
use lemma_model::{Norm, Op, Unary, View};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// `AffineGrid` of computed matrices: the places of a grid of constant size.
    pub(super) fn affine_grid(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let corners = node.attributes.flag("align_corners")?.unwrap_or(false);
        let size = self.integers(node, args, 1, "size")?;
        let size = super::views::extents(node, &size)?;
        let theta = self.operand(node, args, 0)?;
        let shape = self.shape_of(theta).to_vec();
        let axes = size.len().saturating_sub(2);
        if axes == 0 || shape != [size[0], axes, axes + 1] {
            return Err(node.problem(format!("matrices of {shape:?} for a grid of {size:?}")));
        }
        let extents = &size[2..];
        let points: usize = extents.iter().product();
        self.budget.elements(&[points, axes + 1])?;
        let coordinate = |at: usize, extent: usize| match (corners, extent) {
            (true, 1) => 0.0,
            (true, _) => 2.0 * at as f32 / (extent - 1) as f32 - 1.0,
            (false, _) => (2 * at + 1) as f32 / extent as f32 - 1.0,
        };
        let mut base = Array2::<f32>::ones((axes + 1, points));
        for (point, at) in ndarray::indices(IxDyn(extents)).into_iter().enumerate() {
            for axis in 0..axes {
                // The last axis comes first.
                base[[axis, point]] = coordinate(at[axes - 1 - axis], extents[axes - 1 - axis]);
            }
        }
        let places = self.push(&node.name, Op::Dense { weight: base, bias: None }, &[theta])?;
        let last = self.transposed(&format!("{}.order", node.name), places, &[0, 2, 1])?;
        let result = [&size[..1], extents, &[axes]].concat();
        let id = self.reshaped(&format!("{}.shape", node.name), last, &result)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// `LRN`: each element over a power of the mean square of its neighbouring channels.
    pub(super) fn local_response(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let size = node.attributes.int("size")?.and_then(|size| usize::try_from(size).ok());
        let size = size
            .filter(|&size| size > 0)
            .ok_or_else(|| node.problem("attribute `size` is missing or not positive"))?;
        let alpha = node.attributes.float("alpha")?.unwrap_or(1e-4);
        let beta = node.attributes.float("beta")?.unwrap_or(0.75);
        let bias = node.attributes.float("bias")?.unwrap_or(1.0);
        let x = self.operand(node, args, 0)?;
        let Some(&channels) = self.shape_of(x).get(1) else {
            return Err(node.problem("its operand has no channels"));
        };
        let part = |part: &str| format!("{}.{part}", node.name);
        self.budget.elements(&[channels, channels])?;
        let (before, after) = ((size - 1) / 2, size / 2);
        let share = alpha / size as f32;
        let weight = Array2::from_shape_fn((channels, channels), |(from, to)| {
            if from + before >= to && from <= to + after { share } else { 0.0 }
        });
        let squares = self.push(&part("squares"), Op::Unary(Unary::Square), &[x])?;
        let means = self.along(&part("means"), squares, 1, |lowering, name, x| {
            lowering.push(name, Op::Dense { weight: weight.clone(), bias: None }, &[x])
        })?;
        let bias = self.number(&part("bias"), bias, means)?;
        let sum = self.push(&part("sum"), Op::Add, &[means, bias])?;
        let factor = self.push(&part("factor"), Op::Unary(Unary::Pow(-beta)), &[sum])?;
        let id = self.push(&node.name, Op::Mul, &[x, factor])?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }

    /// `CenterCropPad`: as many elements around the middle of each axis as its shape says.
    pub(super) fn center(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 2)?;
        let wanted = self.integers(node, args, 1, "shape")?;
        let wanted = super::views::extents(node, &wanted)?;
        let shape = args.get(0).map(|x| x.shape().to_vec()).unwrap_or_default();
        let axes = match node.attributes.ints("axes")? {
            Some(axes) => {
                super::axes_of(node, &axes, shape.len())?;
                axes.iter()
                    .map(|&axis| axis_of(node, axis, shape.len()))
                    .collect::<Result<_, _>>()?
            }
            None => (0..shape.len()).collect::<Vec<_>>(),
        };
        if axes.len() != wanted.len() || wanted.contains(&0) {
            return Err(node.problem(format!("a shape of {wanted:?} for {} axes", axes.len())));
        }
        self.view(node, args, |lowering, name, mut x| {
            let mut amounts = vec![(0, 0); shape.len()];
            for (&axis, &wanted) in axes.iter().zip(&wanted) {
                let extent = shape[axis];
                if wanted < extent {
                    x = lowering.part(
                        &format!("{name}.middle"),
                        x,
                        axis,
                        (extent - wanted) / 2,
                        wanted,
                    )?;
                } else {
                    let missing = wanted - extent;
                    amounts[axis] = (missing / 2, missing - missing / 2);
                }
            }
            match amounts.iter().all(|&amount| amount == (0, 0)) {
                true => Ok(x),
                false => lowering.push(name, Op::View(View::Pad { amounts, value: 0.0 }), &[x]),
            }
        })
    }

    /// `MeanVarianceNormalization`: less the mean, over the deviation, of some axes together.
    pub(super) fn mean_variance(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let axes = node.attributes.ints("axes")?.unwrap_or(vec![0, 2, 3]);
        let axes = super::axes_of(node, &axes, shape.len())?;
        let order: Vec<usize> = (0..shape.len())
            .filter(|axis| !axes.contains(axis))
            .chain(axes.iter().copied())
            .collect();
        let moved = self.transposed(&format!("{}.order", node.name), x, &order)?;
        let ordered = self.shape_of(moved).to_vec();
        let (lead, last) = ordered.split_at(shape.len() - axes.len());
        let rows = [lead, &[last.iter().product()]].concat();
        let rows = self.reshaped(&format!("{}.rows", node.name), moved, &rows)?;
        let norm = Op::Norm(Norm::layer(1e-12));
        let id = self.push(&node.name, norm, &[rows])?;
        let id = self.reshaped(&format!("{}.split", node.name), id, &ordered)?;
        let mut back = vec![0; shape.len()];
        order.iter().enumerate().for_each(|(at, &from)| back[from] = at);
        let id = self.transposed(&format!("{}.back", node.name), id, &back)?;
        Ok(vec![Some(self.computed(args.get(0).map_or(Kind::F32, Value::kind), id))])
    }
}
