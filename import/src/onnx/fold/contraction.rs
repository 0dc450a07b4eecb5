//! Products of matrices, and sums of products in general.
//!
//! A multiplication is one step of work; sums are in double precision and rounded once.

use super::super::Problem;
use super::super::tensor::{Kind, Tensor, Values};
use super::Evaluate::One;
use super::Operator;
use super::call::Call;
use super::elements::wrapped;
use super::equation::Equation;

pub(super) const OPERATORS: &[Operator] =
    &[("MatMul", 1, One(matmul)), ("Gemm", 1, One(gemm)), ("Einsum", 12, One(einsum))];

/// Labels of the axes of a product of matrices.
const ROW: usize = 0;
const COLUMN: usize = 1;
const SUMMED: usize = 2;
const STACK: usize = 3;

/// Products of the matrices of two stacks, which broadcast; an operand of one axis is a row on the
/// left and a column on the right.
fn matmul(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(2, 2)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    let (rank_a, rank_b) = (a.shape().len(), b.shape().len());
    if rank_a == 0 || rank_b == 0 {
        return Err(call.problem("an operand without axes"));
    }
    call.meet(a.shape()[rank_a - 1], b.shape()[rank_b.saturating_sub(2)])?;
    // Stacks are labelled from the last axis, so that they are aligned.
    let labels = |rank: usize, last: [usize; 2]| match rank {
        1 => vec![SUMMED],
        _ => [(STACK..STACK + rank - 2).rev().collect(), last.to_vec()].concat(),
    };
    let (left, right) = (labels(rank_a, [ROW, SUMMED]), labels(rank_b, [SUMMED, COLUMN]));
    let stack = (STACK..STACK + rank_a.max(rank_b).saturating_sub(2)).rev();
    let output =
        stack.chain((rank_a > 1).then_some(ROW)).chain((rank_b > 1).then_some(COLUMN)).collect();
    contract(call, &[a, b], Equation { operands: vec![left, right], output })
}

impl Call<'_> {
    /// Refuses a row and a column of different lengths.
    fn meet(&self, row: usize, column: usize) -> Result<(), Problem> {
        if row == column {
            Ok(())
        } else {
            Err(self.problem(format!("rows of {row} elements meet columns of {column}")))
        }
    }
}

fn einsum(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(1, usize::MAX)?;
    let operands = call.all()?;
    let text = call
        .attributes()
        .string("equation")?
        .ok_or_else(|| call.problem("the equation is missing"))?;
    let ranks: Vec<usize> = operands.iter().map(|operand| operand.shape().len()).collect();
    let equation = Equation::parse(&text, &ranks)
        .map_err(|problem| call.problem(format!("`{text}`: {problem}")))?;
    contract(call, &operands, equation)
}

/// The sum of products that `equation` describes.
fn contract(
    call: &mut Call<'_>,
    operands: &[&Tensor],
    equation: Equation,
) -> Result<Tensor, Problem> {
    let kind = call.one_kind(operands)?;
    let shapes: Vec<&[usize]> = operands.iter().map(|operand| operand.shape()).collect();
    let plan = equation.plan(&shapes).map_err(|problem| call.problem(problem))?;
    let elements = call.allot(&plan.shape)?;
    call.work(&[&[elements, operands.len()], &plan.summed[..]].concat())?;
    if kind.is_float() {
        let doubles: Vec<Vec<f64>> =
            operands.iter().map(|operand| operand.as_doubles().iter().copied().collect()).collect();
        let term = |at: &[usize]| {
            at.iter().zip(&doubles).map(|(&at, operand)| operand[at]).product::<f64>()
        };
        let sums = plan.sums(0.0, |sum, at| sum + term(at));
        return Ok(Tensor::new(kind, Values::F64(call.array(&plan.shape, sums)?)));
    }
    if !kind.is_integer() {
        return Err(call.not_on(kind));
    }
    let integers: Vec<Vec<i64>> =
        operands.iter().map(|operand| operand.as_ints().unwrap_or_default()).collect();
    let low = |value: i128| i128::from(value as u64);
    let term = |at: &[usize]| {
        at.iter()
            .zip(&integers)
            .fold(1, |product, (&at, operand)| low(product * i128::from(operand[at])))
    };
    let sums = plan.sums(0, |sum, at| low(sum + term(at)));
    let sums: Result<Vec<i64>, &str> = sums.into_iter().map(|sum| wrapped(kind, sum)).collect();
    let sums = sums.map_err(|problem| call.problem(problem))?;
    call.integers(kind, &plan.shape, sums)
}

/// `alpha A B + beta C`, where `C` broadcasts to the result; until opset 6 only if `broadcast` is
/// set.
fn gemm(call: &mut Call<'_>) -> Result<Tensor, Problem> {
    call.arity(if call.opset() < 11 { 3 } else { 2 }, 3)?;
    let alpha = f64::from(call.attributes().float("alpha")?.unwrap_or(1.0));
    let beta = f64::from(call.attributes().float("beta")?.unwrap_or(1.0));
    let is_turned = [
        call.attributes().flag("transA")?.unwrap_or(false),
        call.attributes().flag("transB")?.unwrap_or(false),
    ];
    let broadcasts = call.opset() >= 7 || call.attributes().flag("broadcast")?.unwrap_or(false);
    let (a, b) = (call.input(0)?, call.input(1)?);
    if a.shape().len() != 2 || b.shape().len() != 2 {
        return Err(call.problem(format!(
            "operands of shapes {:?} and {:?}; matrices expected",
            a.shape(),
            b.shape()
        )));
    }
    let kind = call.one_kind(&[a, b])?;
    if !kind.is_float() {
        return Err(call.not_on(kind));
    }
    let left = if is_turned[0] { vec![SUMMED, ROW] } else { vec![ROW, SUMMED] };
    let right = if is_turned[1] { vec![COLUMN, SUMMED] } else { vec![SUMMED, COLUMN] };
    call.meet(a.shape()[usize::from(!is_turned[0])], b.shape()[usize::from(is_turned[1])])?;
    // Unrounded until `C` is added.
    let doubles = [a, b].map(|operand| Tensor::new(Kind::F64, operand.values.clone()));
    let product = contract(
        call,
        &[&doubles[0], &doubles[1]],
        Equation { operands: vec![left, right], output: vec![ROW, COLUMN] },
    )?;
    let mut result = product.as_doubles().mapv(|x| alpha * x).into_shared();
    if let Some(c) = call.optional(2) {
        call.one_kind(&[a, c])?;
        let shape = product.shape();
        if call.common_shape(&[&product, c])? != shape || !broadcasts && c.shape() != shape {
            return Err(call.problem(format!(
                "an addend of shape {:?} for a result of shape {shape:?}",
                c.shape()
            )));
        }
        result =
            call.zipped(&result, &c.as_doubles().into_shared(), shape, |x, c| Ok(x + beta * c))?;
    }
    Ok(Tensor::new(kind, Values::F64(result)))
}
