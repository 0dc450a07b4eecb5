//! Quantized tensors: integers that stand for numbers on a scale.
//!
//! The integers are values of the model, so that what the file rounds and cuts off is rounded and
//! cut off here too: a function of one number with a step for each integer. Scales and zero points
//! are constants, but for those that `DynamicQuantizeLinear` computes.

use ndarray::{ArrayD, Axis};

use super::step::{constant, int};
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
        let declared = match declared {
            Some(code) => {
                let kind = i32::try_from(code).ok().and_then(Kind::of);
                Some(kind.ok_or_else(|| {
                    node.problem("attribute `output_dtype` is no type of 8 or 16 bits")
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

    /// `MatMulInteger` and `ConvInteger`: products of what is left without the zero points.
    pub(super) fn integer_product(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(2, 4)?;
        let conv = node.op == "ConvInteger";
        let mut operands = vec![];
        for (at, part) in [(0, "left"), (1, "right")] {
            let x = args.get(at).ok_or_else(|| node.problem(format!("input {at} is missing")))?;
            let float = self.step_of(
                node,
                &format!("{part}_number"),
                "Cast",
                &[x],
                vec![int("to", FLOAT)],
            )?;
            let Some(zero) = args.get(at + 2) else {
                operands.push(float);
                continue;
            };
            let zero = self.step_of(
                node,
                &format!("{part}_zero"),
                "Cast",
                &[zero],
                vec![int("to", FLOAT)],
            )?;
            let zero = self.aligned_zero(node, part, &zero, x.shape(), at == 1, conv)?;
            operands.push(self.step_of(node, part, "Sub", &[&float, &zero], vec![])?);
        }
        let op = if conv { "Conv" } else { "MatMul" };
        let attributes = if conv { node.attributes.rest() } else { vec![] };
        let [left, right] = &operands[..] else {
            return Err(node.problem("two operands expected"));
        };
        let product = self.step_of(node, "product", op, &[left, right], attributes)?;
        Ok(vec![Some(with_kind(product, Kind::I32))])
    }

    /// A zero point of each row of the first operand, of each column of the second, or of each
    /// kernel, with the axes that it broadcasts over.
    fn aligned_zero(
        &mut self,
        node: &Node,
        part: &str,
        zero: &Value,
        shape: &[usize],
        is_right: bool,
        conv: bool,
    ) -> Result<Value, Problem> {
        let (rank, count) = (shape.len(), zero.shape().iter().product::<usize>());
        if count == 1 {
            return self.step_shaped(node, &format!("{part}_one"), zero, &[]);
        }
        if zero.shape().len() != 1 {
            return Ok(zero.clone());
        }
        let mut aligned = vec![1; rank.max(1)];
        let axis = match (conv, is_right) {
            (true, true) => 0,
            (false, true) => rank - 1,
            (false, false) if rank > 1 => rank - 2,
            _ => return Err(node.problem("several zero points for the first operand")),
        };
        aligned[axis] = count;
        self.step_shaped(node, &format!("{part}_aligned"), zero, &aligned)
    }

    /// `QLinearConv` and `QLinearMatMul`: whole numbers multiplied, and their sums brought to the
    /// result's scale in one step.
    pub(super) fn quantized_product(&mut self, node: &mut Node, args: &Args) -> Results {
        node.takes(8, 9)?;
        let conv = node.op == "QLinearConv";
        let mut numbers = vec![];
        let mut scales = vec![];
        for (at, part) in [(0, "left"), (3, "right")] {
            let x = args.get(at).ok_or_else(|| node.problem(format!("input {at} is missing")))?;
            let float = self.step_of(
                node,
                &format!("{part}_number"),
                "Cast",
                &[x],
                vec![int("to", FLOAT)],
            )?;
            let zero = self.weights(node, args, at + 2, "zero point")?;
            let zero = constant(zero);
            let zero = self.aligned_zero(node, part, &zero, x.shape(), at == 3, conv)?;
            numbers.push(self.step_of(node, part, "Sub", &[&float, &zero], vec![])?);
            scales.push(self.weights(node, args, at + 1, "scale")?);
        }
        let op = if conv { "Conv" } else { "MatMul" };
        let attributes = if conv { node.attributes.rest() } else { vec![] };
        let [left, right] = &numbers[..] else { return Err(node.problem("operands are missing")) };
        let mut operands = vec![left, right];
        let bias = match (conv && node.has(8), args.get(8)) {
            (true, Some(bias)) => {
                Some(self.step_of(node, "bias", "Cast", &[bias], vec![int("to", FLOAT)])?)
            }
            _ => None,
        };
        operands.extend(&bias);
        let sums = self.step_of(node, "sums", op, &operands, attributes)?;
        let sums = self.plain(node, &sums, &node.name)?;
        let shape = self.shape_of(sums).to_vec();
        let wanted = self.weights(node, args, 6, "scale of the result")?;
        let zero = self.weights(node, args, 7, "zero point of the result")?;
        let kind = args.get(7).map_or(Kind::U8, Value::kind);
        let axis = if conv { 1 } else { shape.len() as i64 - 1 };
        let [mut left, right] = [&scales[0], &scales[1]].map(Clone::clone);
        if !conv && left.len() > 1 && left.ndim() == 1 {
            // One for each row.
            left = left.insert_axis(Axis(1));
        } else {
            left = spread(node, left, &shape, axis, 0)?;
        }
        let right = spread(node, right, &shape, axis, 0)?;
        let wanted = spread(node, wanted, &shape, axis, 0)?;
        let zero = spread(node, zero, &shape, axis, 0)?;
        let steps = broadcast_with(node, &wanted, &left, |wanted, left| wanted / left)?;
        let steps = broadcast_with(node, &steps, &right, |steps, right| steps / right)?;
        let id = self.on_scale(node, sums, &steps, Some(zero), kind)?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// `round(x / scale) + zero` within the range of `kind`.
    fn on_scale(
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

    /// Operators of quantized tensors that are an operator between scales: `QLinearAdd` and others.
    pub(super) fn between_scales(&mut self, node: &mut Node, args: &Args) -> Results {
        let (op, count) = match node.op.as_str() {
            "QLinearAdd" => ("Add", 2),
            "QLinearMul" => ("Mul", 2),
            "QLinearSigmoid" => ("Sigmoid", 1),
            "QLinearLeakyRelu" => ("LeakyRelu", 1),
            "QLinearGlobalAveragePool" => ("GlobalAveragePool", 1),
            _ => ("AveragePool", 1),
        };
        node.takes(3 * count + 1, 3 * count + 2)?;
        if node.attributes.flag("channels_last")? == Some(true) {
            return Err(
                node.problem("attribute `channels_last` is set; export with channels first")
            );
        }
        let mut operands = vec![];
        for at in 0..count {
            operands.push(self.dequantized(node, &format!("operand_{at}"), args, 3 * at)?);
        }
        let attributes = node.attributes.rest();
        let operands: Vec<&Value> = operands.iter().collect();
        let result = self.step_of(node, "result", op, &operands, attributes)?;
        let kind = args.get(0).map_or(Kind::U8, Value::kind);
        let result = self.plain(node, &result, &node.name)?;
        let scale = self.weights(node, args, 3 * count, "scale of the result")?;
        let zero = match node.has(3 * count + 1) {
            true => Some(self.weights(node, args, 3 * count + 1, "zero point of the result")?),
            false => None,
        };
        let id = self.on_scale(node, result, &scale, zero, kind)?;
        Ok(vec![Some(self.computed(kind, id))])
    }

    /// The numbers that operand `at` stands for, with its scale and zero point after it.
    fn dequantized(
        &mut self,
        node: &Node,
        part: &str,
        args: &Args,
        at: usize,
    ) -> Result<Value, Problem> {
        let given: Vec<&Value> = (at..at + 3).map_while(|at| args.get(at)).collect();
        self.step_of(node, part, "DequantizeLinear", &given, vec![])
    }
}

/// ONNX's code of `float`.
const FLOAT: i64 = 1;

/// Smallest and largest integer of a type of 8 or 16 bits.
fn range_of(kind: Kind) -> Option<(f32, f32)> {
    match kind {
        Kind::U8 => Some((0.0, 255.0)),
        Kind::I8 => Some((-128.0, 127.0)),
        Kind::U16 => Some((0.0, 65535.0)),
        Kind::I16 => Some((-32768.0, 32767.0)),
        _ => None,
    }
}

fn with_kind(value: Value, kind: Kind) -> Value {
    match value {
        Value::Computed(value) => Value::Computed(super::value::Computed { kind, ..value }),
        constant => constant,
    }
}

/// Scales or zero points so that they broadcast to `shape`: one, one for each position of an axis,
/// or one for each block of positions.
fn spread(
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

fn broadcast_with(
    node: &Node,
    a: &ArrayD<f32>,
    b: &ArrayD<f32>,
    f: impl Fn(f32, f32) -> f32,
) -> Result<ArrayD<f32>, Problem> {
    let misfit = || node.problem("its scales do not fit each other");
    let shape = lemma_model::broadcast(a.shape(), b.shape()).ok_or_else(misfit)?;
    let (a, b) = (
        a.broadcast(shape.as_slice()).ok_or_else(misfit)?,
        b.broadcast(shape.as_slice()).ok_or_else(misfit)?,
    );
    Ok(ndarray::Zip::from(a).and(b).map_collect(|&a, &b| f(a, b)))
}
