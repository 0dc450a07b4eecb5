//! Operators between quantized tensors: products of what is left without the zero points, and
//! operators of the numbers that the integers stand for.

use ndarray::{ArrayD, Axis};

use super::quantized::spread;
use super::step::{constant, int};
use super::value::{Args, Value};
use super::{Kind, Lowering, Node, Problem};

type Results = Result<Vec<Option<Value>>, Problem>;

/// ONNX's code of `float`.
const FLOAT: i64 = 1;

impl Lowering {
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

fn with_kind(value: Value, kind: Kind) -> Value {
    match value {
        Value::Computed(value) => Value::Computed(super::value::Computed { kind, ..value }),
        constant => constant,
    }
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
