//! Quantized tensors: integers that stand for numbers on a scale.
//!
//! The integers are values of the model, so that what the file rounds and cuts off is rounded and
//! cut off here too: a function of one number with a step for each integer. Scales and zero points
//! are constants, but for those that `DynamicQuantizeLinear` computes.

use ndarray::{ArrayD, Axis};

use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem, axis_of, uniform};
use lemma_model::{NodeId, Op, Unary};

type Results = Result<Vec<Option<Value>>, Problem>;

impl Lowering {
    /// `round(x / scale) + zero`, ties to even, in the range of the integer type.
    pub(super) fn quantize(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 3)?;
        let axis = node.attributes.int("axis")?.unwrap_or(1);
        let block = node.attributes.int("block_size")?.unwrap_or(0);
        let declared = node.attributes.int("output_dtype")?.filter(|&code| code != 0);
        let declared =
            match declared {
                Some(code) => {
                    let kind = i32::try_from(code).ok().and_then(Kind::of);
                    Some(kind.ok_or_else(|| {
                        node.problem("attribute `output_dtype` is no type of 8 bits")
                    })?)
                }
                None => None,
            };
        node.attributes.ignore("saturate");
        node.attributes.ignore("precision");
        let kind = args.get(2).map(Value::kind).or(declared).unwrap_or(Kind::U8);
        let x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        let scale = self.weights(node, args, 1, "scale")?;
        let scale = spread(node, scale, &shape, axis, block)?;
        let zero = match node.has(2) {
            true => {
                let zero = self.weights(node, args, 2, "zero point")?;
                Some(spread(node, zero, &shape, axis, block)?)
            }
            false => None,
        };
        let id = self.on_scale(node, x, &scale, zero, kind)?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// `(x - zero) scale`.
    pub(super) fn dequantize(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 3)?;
        let axis = node.attributes.int("axis")?.unwrap_or(1);
        let block = node.attributes.int("block_size")?.unwrap_or(0);
        let declared = node.attributes.int("output_dtype")?.filter(|&code| code != 0);
        let kind = declared
            .and_then(|code| i32::try_from(code).ok())
            .and_then(Kind::of)
            .or(args.get(1).map(Value::kind))
            .unwrap_or(Kind::F32);
        let mut x = self.operand(node, args, 0)?;
        let shape = self.shape_of(x).to_vec();
        match args.get(2) {
            None => {}
            Some(Value::Constant(_)) => {
                let zero = self.weights(node, args, 2, "zero point")?;
                let zero = spread(node, zero, &shape, axis, block)?;
                x = self.less(&format!("{}.centred", node.name), x, zero)?;
            }
            Some(Value::Computed(_)) => {
                let zero = self.single(node, args, 2, "zero")?;
                x = self.push(&format!("{}.centred", node.name), Op::Sub, &[x, zero])?;
            }
        }
        let id = match args.tensor(1) {
            Some(_) => {
                let scale = self.weights(node, args, 1, "scale")?;
                let scale = spread(node, scale, &shape, axis, block)?;
                let scale = self.constant(&format!("{}.scale", node.name), scale)?;
                self.push(&node.name, Op::Mul, &[x, scale])?
            }
            None => {
                let scale = self.single(node, args, 1, "scale")?;
                self.push(&node.name, Op::Mul, &[x, scale])?
            }
        };
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// Operand `at`, one computed number.
    fn single(
        &mut self,
        node: &Node,
        args: &Args,
        at: usize,
        what: &str,
    ) -> Result<NodeId, Problem> {
        let x = self.operand(node, args, at)?;
        if self.shape_of(x).iter().product::<usize>() != 1 {
            return Err(node.problem(format!("several numbers of {what} that depend on an input")));
        }
        self.reshaped(&format!("{}.{what}", node.name), x, &[])
    }

    /// `uint8` on the scale on which the operand's range, with zero, just fits; the scale; the zero
    /// point.
    pub(super) fn quantize_dynamically(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(1, 1)?;
        let x = self.operand(node, args, 0)?;
        let part = |part: &str| format!("{}.{part}", node.name);
        let elements = self.shape_of(x).iter().product();
        let flat = self.reshaped(&part("flat"), x, &[elements])?;
        let negative = self.scaled(&part("negative"), flat, -1.0)?;
        let mut ends = vec![];
        for (name, x) in [("most", flat), ("least", negative)] {
            let end = self.largest(&part(name), x, &[0])?;
            let end = self.reshaped(&part(&format!("{name}_one")), end, &[])?;
            // The range has zero in it.
            ends.push(self.push(&part(&format!("{name}_side")), Op::Unary(Unary::Relu), &[end])?);
        }
        let spread = self.push(&part("spread"), Op::Add, &[ends[0], ends[1]])?;
        let scale = self.scaled(&part("scale"), spread, 1.0 / 255.0)?;
        let inverse = self.push(&part("inverse"), Op::Unary(Unary::Reciprocal), &[spread])?;
        let inverse = self.scaled(&part("steps"), inverse, 255.0)?;
        let zero = self.push(&part("zero_place"), Op::Mul, &[ends[1], inverse])?;
        let zero = self.rounded_within(&part("zero"), zero, Kind::U8)?;
        let steps = self.push(&part("places"), Op::Mul, &[x, inverse])?;
        let steps = self.push(&part("rounded"), Op::Unary(Unary::Round), &[steps])?;
        let moved = self.push(&part("moved"), Op::Add, &[steps, zero])?;
        let id = self.push(&node.name, Op::Unary(Unary::Clip(0.0, 255.0)), &[moved])?;
        Ok(vec![
            Some(self.computed(Kind::U8, id)),
            Some(self.computed(Kind::F32, scale)),
            Some(self.computed(Kind::U8, zero)),
        ])
    }

    /// `round(x / scale) + zero` within the range of `kind`.
    pub(super) fn on_scale(
        &mut self,
        node: &Node,
        x: NodeId,
        scale: &ArrayD<f32>,
        zero: Option<ArrayD<f32>>,
        kind: Kind,
    ) -> Result<NodeId, Problem> {
        let Some((least, most)) = range_of(kind) else {
            return Err(node.problem(format!("integers of type {}", kind.name())));
        };
        if let Some(scale) = scale.iter().find(|&&scale| scale <= 0.0) {
            return Err(node.problem(format!("a scale of {scale}")));
        }
        let steps = self.with_constants(node, x, scale, |scale| Some(Unary::Steps(scale)))?;
        let moved = match zero {
            Some(zero) if uniform(&zero) != Some(0.0) => {
                let zero = self.constant(&format!("{}.zero", node.name), zero)?;
                self.push(&format!("{}.moved", node.name), Op::Add, &[steps, zero])?
            }
            _ => steps,
        };
        self.push(&node.name, Op::Unary(Unary::Clip(least, most)), &[moved])
    }

    /// `x` rounded to the integers of a kind.
    fn rounded_within(&mut self, name: &str, x: NodeId, kind: Kind) -> Result<NodeId, Problem> {
        let rounded = self.push(&format!("{name}.rounded"), Op::Unary(Unary::Round), &[x])?;
        let (least, most) = range_of(kind).unwrap_or((f32::MIN, f32::MAX));
        self.push(name, Op::Unary(Unary::Clip(least, most)), &[rounded])
    }

    /// `x` less constants.
    fn less(&mut self, name: &str, x: NodeId, constants: ArrayD<f32>) -> Result<NodeId, Problem> {
        if uniform(&constants) == Some(0.0) {
            return Ok(x);
        }
        let constants = self.constant(&format!("{name}.by"), constants)?;
        self.push(name, Op::Sub, &[x, constants])
    }
}

/// Smallest and largest integer of a type of 8 bits.
fn range_of(kind: Kind) -> Option<(f32, f32)> {
    match kind {
        Kind::U8 => Some((0.0, 255.0)),
        Kind::I8 => Some((-128.0, 127.0)),
        _ => None,
    }
}

/// Scales or zero points so that they broadcast to `shape`: one, one for each position of an axis,
/// or one for each block of positions.
pub(super) fn spread(
    node: &Node,
    values: ArrayD<f32>,
    shape: &[usize],
    axis: i64,
    block: i64,
) -> Result<ArrayD<f32>, Problem> {
    let misfit =
        || node.problem(format!("scales of {:?} for an operand of {shape:?}", values.shape()));
    if values.len() == 1 {
        return Ok(ArrayD::from_elem(vec![], values.sum()));
    }
    let axis = axis_of(node, axis, shape.len())?;
    if block == 0 {
        if values.shape() != [shape[axis]] {
            return Err(misfit());
        }
        let mut aligned = vec![1; shape.len()];
        aligned[axis] = shape[axis];
        return values.to_shape(aligned).map(|values| values.into_owned()).map_err(|_| misfit());
    }
    let block = usize::try_from(block).map_err(|_| misfit())?;
    let mut expected = shape.to_vec();
    expected[axis] = shape[axis].div_ceil(block);
    if values.shape() != expected {
        return Err(misfit());
    }
    let places: Vec<usize> = (0..shape[axis]).map(|at| at / block).collect();
    Ok(values.select(Axis(axis), &places))
}
