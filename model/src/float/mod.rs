//! The `f32` interpreter of a [`Model`]: what calibration observes and what accuracy is measured
//! against.
//!
//! Values are `f32`; dot products accumulate in `f32`, means, variances, softmax sums and unary
//! functions in `f64`. Peak memory is the live tensors plus one bounded convolution buffer; a run
//! that would need more than [`MAX_LIVE_ELEMENTS`] elements at once is refused.

mod error;
mod linear;
mod pointwise;

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array2, ArrayD, ArrayViewD, CowArray, IxDyn};

use super::{Model, Node, NodeId, Op, ShapeError};

pub use error::ExecuteError;

/// Largest number of elements that may be alive at once: 2^30, four gibibytes.
pub const MAX_LIVE_ELEMENTS: usize = 1 << 30;

impl Model {
    /// Runs the model and keeps the value of every node, in node order. Token inputs are ids
    /// written as `f32`.
    ///
    /// # Errors
    /// An input that is missing, unknown, of the wrong shape, not finite or not a token id; an
    /// inconsistent model; too many live elements; an output that is not finite.
    pub fn execute(
        &self,
        inputs: &BTreeMap<String, ArrayD<f32>>,
    ) -> Result<Vec<ArrayD<f32>>, ExecuteError> {
        let values = self.interpret(inputs, true, |_, _| ())?;
        Ok(values.into_iter().flatten().map(CowArray::into_owned).collect())
    }

    /// Runs the model and returns the outputs, in the model's order. Other values are dropped after
    /// their last use.
    ///
    /// # Errors
    /// As [`Model::execute`].
    pub fn run(
        &self,
        inputs: &BTreeMap<String, ArrayD<f32>>,
    ) -> Result<Vec<ArrayD<f32>>, ExecuteError> {
        self.visit(inputs, |_, _| ())
    }

    /// Runs the model, shows every node's value to `observer` in node order, and returns the
    /// outputs. Values are dropped after their last use, so this is how large models are
    /// calibrated.
    ///
    /// # Errors
    /// As [`Model::execute`].
    pub fn visit(
        &self,
        inputs: &BTreeMap<String, ArrayD<f32>>,
        observer: impl FnMut(NodeId, ArrayViewD<'_, f32>),
    ) -> Result<Vec<ArrayD<f32>>, ExecuteError> {
        let values = self.interpret(inputs, false, observer)?;
        let output =
            |id: &NodeId| values.get(id.0).and_then(Option::as_ref).map(|value| value.to_owned());
        Ok(self.outputs.iter().filter_map(|(_, id)| output(id)).collect())
    }

    fn interpret<'a>(
        &'a self,
        inputs: &'a BTreeMap<String, ArrayD<f32>>,
        keep: bool,
        mut observer: impl FnMut(NodeId, ArrayViewD<'_, f32>),
    ) -> Result<Vec<Option<CowArray<'a, f32, IxDyn>>>, ExecuteError> {
        self.check()?;
        self.check_inputs(inputs)?;
        let released = self.plan(keep)?;
        let constant = self.constants();
        let mut values: Vec<Option<CowArray<'a, f32, IxDyn>>> = vec![None; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let value = match &node.op {
                Op::Input | Op::Tokens { .. } => inputs.get(&node.name).map(CowArray::from),
                Op::Constant(value) => Some(CowArray::from(value)),
                Op::Mask => Some(self.masked(node, &values, &constant)?.into()),
                _ => {
                    let operands: Vec<_> = node
                        .inputs
                        .iter()
                        .filter_map(|id| values.get(id.0).and_then(Option::as_ref))
                        .map(|value| value.view())
                        .collect();
                    Some(evaluate(node, &operands)?.into())
                }
            };
            if let Some(value) = &value {
                observer(NodeId(at), value.view());
            }
            values[at] = value;
            for &dead in &released[at] {
                values[dead] = None;
            }
        }
        for (name, id) in &self.outputs {
            if values[id.0].as_ref().is_some_and(|value| value.iter().any(|x| !x.is_finite())) {
                return Err(ExecuteError::OutputNotFinite { name: name.clone() });
            }
        }
        Ok(values)
    }

    /// Scores under a mask: minus infinity where a constant hides them, the lowest number where an
    /// input does, so that in a row without visible scores the weights are equal on those that no
    /// constant hides.
    fn masked(
        &self,
        node: &Node,
        values: &[Option<CowArray<'_, f32, IxDyn>>],
        constant: &[bool],
    ) -> Result<ArrayD<f32>, ExecuteError> {
        let operand =
            |index: usize| node.inputs.get(index).and_then(|id| values.get(id.0)?.as_ref());
        let constant = node.inputs.get(1).is_some_and(|id| constant.get(id.0) == Some(&true));
        let floor = if constant { f32::NEG_INFINITY } else { f32::MIN };
        let masked = match (operand(0), operand(1)) {
            (Some(scores), Some(hidden)) => {
                pointwise::masked(&scores.view(), &hidden.view(), &node.shape, floor)
            }
            _ => Err("a mask without operands".into()),
        };
        masked.map_err(|problem| ShapeError { node: node.name.clone(), problem }.into())
    }

    /// Per node the values that nobody reads after it: none when everything is kept, and never an
    /// output.
    fn plan(&self, keep: bool) -> Result<Vec<Vec<usize>>, ExecuteError> {
        let mut last: Vec<Option<usize>> =
            (0..self.nodes.len()).map(|at| (!keep).then_some(at)).collect();
        for (at, node) in self.nodes.iter().enumerate().filter(|_| !keep) {
            for id in &node.inputs {
                last[id.0] = Some(at);
            }
        }
        for (_, id) in &self.outputs {
            last[id.0] = None;
        }
        let mut released = vec![vec![]; self.nodes.len()];
        for (at, last) in last.into_iter().enumerate() {
            if let Some(last) = last {
                released[last].push(at);
            }
        }
        let size = |at: usize| self.nodes[at].shape.iter().product::<usize>();
        let mut live = 0usize;
        for (at, node) in self.nodes.iter().enumerate() {
            live = live.saturating_add(size(at));
            if live > MAX_LIVE_ELEMENTS {
                return Err(ExecuteError::TooLarge { node: node.name.clone() });
            }
            live -= released[at].iter().map(|&dead| size(dead)).sum::<usize>();
        }
        Ok(released)
    }

    fn check_inputs(&self, inputs: &BTreeMap<String, ArrayD<f32>>) -> Result<(), ExecuteError> {
        let nodes: Vec<&Node> = self.inputs.iter().filter_map(|&id| self.node(id)).collect();
        for node in &nodes {
            let array = inputs.get(&node.name).ok_or_else(|| ExecuteError::MissingInput {
                name: node.name.clone(),
                shape: node.shape.clone(),
                given: inputs.keys().cloned().collect(),
            })?;
            check_input(node, array)?;
        }
        let known: BTreeSet<&String> = nodes.iter().map(|node| &node.name).collect();
        match inputs.keys().find(|name| !known.contains(name)) {
            Some(name) => Err(ExecuteError::UnknownInput {
                name: name.clone(),
                inputs: nodes.iter().map(|node| node.name.clone()).collect(),
            }),
            None => Ok(()),
        }
    }
}

fn check_input(node: &Node, array: &ArrayD<f32>) -> Result<(), ExecuteError> {
    let name = || node.name.clone();
    if array.shape() != node.shape {
        let (expected, found) = (node.shape.clone(), array.shape().to_vec());
        return Err(ExecuteError::InputShape { name: name(), expected, found });
    }
    if let Some((position, &value)) = array.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        return Err(ExecuteError::NotFinite { name: name(), position, value });
    }
    let Op::Tokens { vocabulary } = node.op else {
        return Ok(());
    };
    match array.iter().enumerate().find(|(_, x)| token(**x, vocabulary).is_none()) {
        Some((position, &value)) => {
            Err(ExecuteError::NotToken { name: name(), position, value, vocabulary })
        }
        None => Ok(()),
    }
}

/// The id that `value` stands for, if it is one.
fn token(value: f32, vocabulary: usize) -> Option<usize> {
    let id = value as usize;
    (id as f32 == value && value >= 0.0 && id < vocabulary).then_some(id)
}

/// One node's value.
///
/// # Errors
/// Operands that do not fit the operation, which a checked model does not have; an embedding of
/// something that is no id.
pub(crate) fn evaluate(
    node: &Node,
    operands: &[ArrayViewD<'_, f32>],
) -> Result<ArrayD<f32>, ExecuteError> {
    let values = match (&node.op, operands) {
        (Op::Embedding { table }, [ids]) => {
            shaped(&node.shape, chosen_rows(&node.name, table, ids)?)
        }
        _ => value(node, operands),
    };
    values.map_err(|problem| ShapeError { node: node.name.clone(), problem }.into())
}

/// The value of every operation but an embedding, or how the operands do not fit.
fn value(node: &Node, operands: &[ArrayViewD<'_, f32>]) -> Result<ArrayD<f32>, String> {
    let shape = node.shape.as_slice();
    match (&node.op, operands) {
        (Op::Constant(value), []) => Ok(value.clone()),
        (Op::Add, [a, b]) => pointwise::binary(a, b, shape, |a, b| a + b),
        (Op::Sub, [a, b]) => pointwise::binary(a, b, shape, |a, b| a - b),
        (Op::Mul, [a, b]) => pointwise::binary(a, b, shape, |a, b| a * b),
        (Op::MatMul, [a, b]) => linear::matrix_product(a, b, shape),
        (Op::Mask, [scores, hidden]) => pointwise::masked(scores, hidden, shape, f32::NEG_INFINITY),
        (Op::View(view), parts) => view.arrange(parts, shape, |value| value).ok_or_else(|| {
            let found: Vec<_> = parts.iter().map(|operand| operand.shape()).collect();
            format!("{view:?} of operands {found:?} does not give {shape:?}")
        }),
        (op, [x]) => unary_value(op, x, shape),
        _ => Err(format!("{} operands do not fit the operation", operands.len())),
    }
}

fn unary_value(op: &Op, x: &ArrayViewD<'_, f32>, shape: &[usize]) -> Result<ArrayD<f32>, String> {
    match op {
        Op::Dense { weight, bias } => linear::dense(x, weight, bias.as_ref()),
        Op::Conv { weight, bias, window, groups } => {
            linear::convolve(x, weight, bias.as_ref(), window, *groups)
        }
        Op::AveragePool { window, count_padding } => {
            linear::average_pool(x, window, *count_padding, shape)
        }
        Op::MaxPool { window } => linear::max_pool(x, window, shape),
        Op::Unary(function) => Ok(x.mapv(|x| function.evaluate(f64::from(x)) as f32)),
        Op::Composed(function) => Ok(x.mapv(|x| function.evaluate(f64::from(x)) as f32)),
        Op::PRelu { slope } => {
            pointwise::binary(
                x,
                &slope.view(),
                shape,
                |x, slope| if x > 0.0 { x } else { slope * x },
            )
        }
        Op::Softmax => Ok(pointwise::softmax(x)),
        Op::LogSoftmax => Ok(pointwise::log_softmax(x)),
        Op::ArgMax => shaped(shape, pointwise::argmax(x)),
        Op::Top { count } => shaped(shape, pointwise::top(x, *count)),
        Op::Norm(norm) => norm.evaluate(x),
        Op::Trees(trees) => shaped(
            shape,
            x.rows().into_iter().flat_map(|row| trees.evaluate(&row.to_vec())).collect(),
        ),
        Op::Sum { axes } => pointwise::sum(x, axes),
        Op::Mean { axes } => pointwise::mean(x, axes),
        _ => Err("one operand does not fit the operation".into()),
    }
}

/// The rows of `table` that `ids` choose, one after the other.
fn chosen_rows(
    name: &str,
    table: &Array2<f32>,
    ids: &ArrayViewD<'_, f32>,
) -> Result<Vec<f32>, ExecuteError> {
    let vocabulary = table.nrows();
    let mut values = Vec::with_capacity(ids.len().saturating_mul(table.ncols()));
    for (position, &value) in ids.iter().enumerate() {
        let bad = || ExecuteError::NotToken { name: name.to_string(), position, value, vocabulary };
        values.extend(table.row(token(value, vocabulary).ok_or_else(bad)?));
    }
    Ok(values)
}

/// An array from row-major values.
fn shaped(shape: &[usize], values: Vec<f32>) -> Result<ArrayD<f32>, String> {
    let count = values.len();
    ArrayD::from_shape_vec(shape, values).map_err(|_| format!("{count} values for shape {shape:?}"))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::Unary;

    fn inputs(entries: &[(&str, ArrayD<f32>)]) -> BTreeMap<String, ArrayD<f32>> {
        entries.iter().map(|(name, array)| (name.to_string(), array.clone())).collect()
    }

    fn classifier() -> Model {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1, 2]).unwrap();
        let dense = Op::Dense {
            weight: array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            bias: Some(array![0.5, 0.0, -0.5]),
        };
        let y = model.push("dense", dense, &[x]).unwrap();
        let z = model.push("relu", Op::Unary(Unary::Relu), &[y]).unwrap();
        model.outputs.push(("z".into(), z));
        model
    }

    #[test]
    fn keeps_every_node_and_agrees_with_the_outputs() {
        let x = inputs(&[("x", array![[1.0, -1.0]].into_dyn())]);
        let model = classifier();
        let values = model.execute(&x).unwrap();
        assert_eq!(values.len(), 3);
        assert_eq!(values[1], array![[-2.5, -3.0, -3.5]].into_dyn());
        assert_eq!(model.run(&x).unwrap(), vec![values[2].clone()]);
        let mut seen = vec![];
        model.visit(&x, |id, value| seen.push((id, value.to_owned()))).unwrap();
        assert!(seen.iter().all(|(id, value)| values[id.0] == *value));
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn rejects_a_missing_input() {
        let error = classifier().run(&BTreeMap::new()).unwrap_err();
        assert!(matches!(error, ExecuteError::MissingInput { name, .. } if name == "x"));
    }

    #[test]
    fn rejects_an_unknown_input() {
        let x = array![[1.0, 1.0]].into_dyn();
        let error = classifier().run(&inputs(&[("x", x.clone()), ("y", x)])).unwrap_err();
        assert!(matches!(error, ExecuteError::UnknownInput { name, .. } if name == "y"));
    }

    #[test]
    fn rejects_an_input_of_another_shape() {
        let error = classifier().run(&inputs(&[("x", array![1.0, 1.0].into_dyn())])).unwrap_err();
        assert!(matches!(error, ExecuteError::InputShape { name, .. } if name == "x"));
    }

    #[test]
    fn rejects_an_input_that_is_not_finite() {
        for value in [f32::NAN, f32::INFINITY] {
            let error =
                classifier().run(&inputs(&[("x", array![[1.0, value]].into_dyn())])).unwrap_err();
            assert!(matches!(error, ExecuteError::NotFinite { position: 1, .. }));
        }
    }

    #[test]
    fn rejects_an_id_outside_the_vocabulary() {
        let mut model = Model::default();
        let ids = model.push_input("ids", Op::Tokens { vocabulary: 3 }, &[1, 2]).unwrap();
        let rows = model.push("rows", Op::Embedding { table: Array2::eye(3) }, &[ids]).unwrap();
        model.outputs.push(("rows".into(), rows));
        let good = model.run(&inputs(&[("ids", array![[2.0, 0.0]].into_dyn())])).unwrap();
        assert_eq!(good[0], array![[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]].into_dyn());
        for bad in [3.0, -1.0, 0.5] {
            let error = model.run(&inputs(&[("ids", array![[0.0, bad]].into_dyn())])).unwrap_err();
            assert!(
                matches!(error, ExecuteError::NotToken { position: 1, vocabulary: 3, .. }),
                "{bad}"
            );
        }
    }

    #[test]
    fn rejects_operands_that_do_not_fit_and_names_the_node() {
        let model = classifier();
        let x = array![[1.0, 2.0, 3.0]].into_dyn();
        for operands in [vec![], vec![x.view()], vec![x.view(), x.view()]] {
            let error = evaluate(&model.nodes[1], &operands).unwrap_err();
            assert!(
                matches!(error, ExecuteError::Model(ShapeError { node, .. }) if node == "dense")
            );
        }
    }

    #[test]
    fn rejects_an_output_that_overflows() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[1]).unwrap();
        let y = model.push("y", Op::Unary(Unary::Exp), &[x]).unwrap();
        model.outputs.push(("y".into(), y));
        let error = model.run(&inputs(&[("x", array![1000.0].into_dyn())])).unwrap_err();
        assert_eq!(error, ExecuteError::OutputNotFinite { name: "y".into() });
    }

    #[test]
    fn rejects_a_run_with_too_many_live_elements() {
        let mut model = Model::default();
        let x = model.push_input("x", Op::Input, &[MAX_LIVE_ELEMENTS / 4]).unwrap();
        for at in 0..4 {
            let name = format!("copy{at}");
            let id = model.push(name.clone(), Op::Add, &[x, x]).unwrap();
            model.outputs.push((name, id));
        }
        assert_eq!(model.plan(false), Err(ExecuteError::TooLarge { node: "copy3".into() }));
    }
}
