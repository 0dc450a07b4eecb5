//! The same elements under another shape or in another order of axes.

use ndarray::IxDyn;

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::{Many, One};
use super::Operator;
use super::call::Call;
use super::elements::{copied, each};

pub(super) const OPERATORS: &[Operator] = &[
    ("Identity", 1, One(identity)),
    ("Dropout", 7, Many(dropout)),
    ("Reshape", 1, One(reshape)),
    ("Flatten", 1, One(flatten)),
    ("Squeeze", 1, One(squeeze)),
    ("Unsqueeze", 1, One(unsqueeze)),
    ("Transpose", 1, One(transpose)),
    ("Expand", 8, One(expand)),
    ("DepthToSpace", 1, One(depth_to_space)),
    ("SpaceToDepth", 1, One(space_to_depth)),
];

fn identity(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    Ok(call.input(0)?.clone())
}

/// Inference drops nothing; the mask says so from opset 12 on, where its values are defined.
fn dropout(call: &mut Call<'_>) -> Result<Vec<Tensor>, Problem> {
    let x = call.input(0)?;
    if call.opset() < 12 {
        call.arity(1, 1)?;
        call.attributes().float("ratio")?;
        return Ok(vec![x.clone()]);
    }
    call.arity(1, 3)?;
    call.attributes().int("seed")?;
    let training = call.optional(2);
    if training.is_some_and(|training| training.kind != Kind::Bool || training.as_int() != Some(0))
    {
        return Err(call.problem("training_mode must be false"));
    }
    let mut outputs = vec![x.clone()];
    if call.wants(1) {
        let elements = call.allot(x.shape())?;
        outputs.push(call.integers(Kind::Bool, x.shape(), vec![1; elements])?);
    }
    Ok(outputs)
}

/// 0 keeps the operand's extent unless `allowzero` is set, -1 takes what is left.
fn reshape(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let wanted = if call.opset() < 5 {
        call.arity(1, 1)?;
        call.attributes().ints("shape")?.unwrap_or_default()
    } else {
        call.arity(2, 2)?;
        call.ints(1, "extents")?
    };
    let allows_zero = call.opset() >= 14 && call.attributes().flag("allowzero")?.unwrap_or(false);
    let x = call.input(0)?;
    let refused = |problem: &str| {
        call.problem(format!("shape {wanted:?} for an operand of shape {:?}: {problem}", x.shape()))
    };
    let mut shape = vec![];
    let mut open = None;
    for (axis, &extent) in wanted.iter().enumerate() {
        shape.push(match extent {
            0 if allows_zero => 0,
            0 => *x
                .shape()
                .get(axis)
                .ok_or_else(|| refused("0 keeps an axis that the operand does not have"))?,
            -1 if open.replace(axis).is_some() => return Err(refused("-1 is given twice")),
            -1 => 1,
            extent => usize::try_from(extent).map_err(|_| refused("negative"))?,
        });
    }
    if let Some(axis) = open {
        let known = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
        let known =
            known.filter(|&known| known > 0).ok_or_else(|| refused("nothing says what -1 is"))?;
        shape[axis] = x.len() / known;
    }
    call.reshaped(x, &shape)
}

fn flatten(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    let (axis, rank) = (call.attributes().int("axis")?.unwrap_or(1), x.shape().len());
    // Unlike elsewhere, the axis may be the rank.
    let axis = if axis == rank as i64 { rank } else { call.axis(axis, rank)? };
    let (rows, columns) = x.shape().split_at(axis);
    call.reshaped(x, &[rows.iter().product(), columns.iter().product()])
}

impl Call<'_> {
    /// The axes of an operator that has them as an attribute until `opset` and as its second input
    /// from there on.
    pub(super) fn axes_until(&mut self, opset: i64) -> Result<Option<Vec<i64>>, Problem> {
        if self.opset() < opset {
            self.arity(1, 1)?;
            self.attributes().ints("axes")
        } else {
            self.arity(1, 2)?;
            self.optional_ints(1, "axes")
        }
    }
}

fn squeeze(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let axes = call.axes_until(13)?;
    let x = call.input(0)?;
    let gone = match axes {
        None => (0..x.shape().len()).filter(|&axis| x.shape()[axis] == 1).collect(),
        Some(axes) if axes.is_empty() && x.shape().contains(&1) => {
            return Err(call.problem(
                "an empty list of axes is read as none by some and as all by others; name the axes",
            ));
        }
        Some(axes) => call.axes(&axes, x.shape().len())?,
    };
    if let Some(&axis) = gone.iter().find(|&&axis| x.shape()[axis] != 1) {
        return Err(
            call.problem(format!("axis {axis} of shape {:?} is not of extent 1", x.shape()))
        );
    }
    let kept = x.shape().iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    call.reshaped(x, &kept.map(|(_, &extent)| extent).collect::<Vec<_>>())
}

fn unsqueeze(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let axes = call.axes_until(13)?.ok_or_else(|| call.problem("the axes are missing"))?;
    let x = call.input(0)?;
    let rank = x.shape().len() + axes.len();
    let added = call.axes(&axes, rank)?;
    let mut old = x.shape().iter();
    let shape: Vec<usize> = (0..rank)
        .map(|axis| if added.contains(&axis) { 1 } else { old.next().copied().unwrap_or(1) })
        .collect();
    call.reshaped(x, &shape)
}

/// The axes are reversed where no order is given.
fn transpose(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, 1)?;
    let x = call.input(0)?;
    let rank = x.shape().len();
    let order = match call.attributes().ints("perm")? {
        Some(order) if order.len() != rank || order.iter().any(|&axis| axis < 0) => {
            return Err(call.problem(format!("perm = {order:?} for {rank} axes")));
        }
        Some(order) => call.axes(&order, rank)?,
        None => (0..rank).rev().collect(),
    };
    permuted(call, x, &order)
}

/// `x` with its axes in another order, which is a permutation of all of them.
fn permuted(call: &mut Call<'_>, x: &Tensor, order: &[usize]) -> Result<Tensor, Problem> {
    call.allot(x.shape())?;
    let values = each!(&x.values, array => copied(array.view().permuted_axes(IxDyn(order))));
    Ok(Tensor { kind: x.kind, values })
}

/// Both shapes broadcast against each other.
fn expand(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let x = call.input(0)?;
    let wanted = call.ints(1, "extents")?;
    let wanted = call.extents(&wanted, "extents")?;
    let unfit = || {
        call.problem(format!(
            "an operand of shape {:?} does not broadcast with shape {wanted:?}",
            x.shape()
        ))
    };
    let shape = lemma_model::broadcast(x.shape(), &wanted).ok_or_else(unfit)?;
    call.allot(&shape)?;
    let unfit = || {
        call.problem(format!("an operand of shape {:?} does not broadcast to {shape:?}", x.shape()))
    };
    let values =
        each!(&x.values, array => copied(array.broadcast(IxDyn(&shape)).ok_or_else(unfit)?));
    Ok(Tensor { kind: x.kind, values })
}

impl Call<'_> {
    /// The extents of an operand of four axes and the attribute `blocksize`.
    fn blocks(&mut self) -> Result<([usize; 4], usize), Problem> {
        self.arity(1, 1)?;
        let x = self.input(0)?;
        let size = self
            .attributes()
            .int("blocksize")?
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size > 0);
        match (<[usize; 4]>::try_from(x.shape()), size) {
            (Ok(shape), Some(size)) => Ok((shape, size)),
            _ => Err(self
                .problem(format!("blocksize = {size:?} on an operand of shape {:?}", x.shape()))),
        }
    }
}

fn depth_to_space(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let ([n, c, h, w], size) = call.blocks()?;
    let mode = if call.opset() < 11 { None } else { call.attributes().string("mode")? };
    let depth = size.checked_mul(size).filter(|&area| c % area == 0).map(|area| c / area);
    let depth = depth.ok_or_else(|| {
        call.problem(format!("{c} channels do not fill blocks of {size} by {size}"))
    })?;
    let x = call.input(0)?;
    let (split, order) = match mode.as_deref() {
        None | Some("DCR") => ([n, size, size, depth, h, w], [0, 3, 4, 1, 5, 2]),
        Some("CRD") => ([n, depth, size, size, h, w], [0, 1, 4, 2, 5, 3]),
        Some(other) => return Err(call.problem(format!("mode = `{other}`; DCR or CRD expected"))),
    };
    let blocks = call.reshaped(x, &split)?;
    let spread = permuted(call, &blocks, &order)?;
    call.reshaped(&spread, &[n, depth, h.saturating_mul(size), w.saturating_mul(size)])
}

fn space_to_depth(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    let ([n, c, h, w], size) = call.blocks()?;
    if h % size != 0 || w % size != 0 {
        return Err(call.problem(format!(
            "an image of {h} by {w} does not divide into blocks of {size} by {size}"
        )));
    }
    let x = call.input(0)?;
    let blocks = call.reshaped(x, &[n, c, h / size, size, w / size, size])?;
    let stacked = permuted(call, &blocks, &[0, 3, 5, 1, 2, 4])?;
    call.reshaped(&stacked, &[n, c.saturating_mul(size).saturating_mul(size), h / size, w / size])
}
