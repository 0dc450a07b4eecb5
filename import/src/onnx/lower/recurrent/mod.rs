//! `RNN`, `GRU` and `LSTM`, unrolled: one copy of the cell for every step.
//!
//! With `X_t` the input of a step, `H` and `C` the state before it, gates side by side in the
//! columns of `W` and `R`, and `f`, `g`, `h` the activations, as ONNX defines them:
//!
//! ```text
//! RNN   H' = f(X_t W + H R + b)
//! GRU   z, r = f(X_t W + H R + b)   n = g(X_t W_n + (r H) R_n + b_n)   H' = (1 - z) n + z H
//!       with linear_before_reset    n = g(X_t W_n + r (H R_n + a_n) + b_n)
//! LSTM  i, f = f(X_t W + H R + P C + b)   c = g(X_t W_c + H R_c + b_c)   C' = f C + i c
//!       o = f(X_t W_o + H R_o + P_o C' + b_o)   H' = o h(C')
//! ```
//!
//! The products with `W` are one layer over all steps. What a state of zeros multiplies is left
//! out.

mod cell;

use ndarray::{Array1, ArrayD, Axis, Ix1, Ix2, s};

use super::value::{Args, Value};
use super::{Lowering, Node, Problem};
use cell::{Activation, Cell, Direction, Layer, State};
use lemma_model::{NodeId, Op, Unary, View};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Most steps of a sequence: each has a copy of the cell.
const MAX_STEPS: usize = 1 << 12;

impl Lowering {
    pub(super) fn recurrent(&mut self, node: &mut Node, args: &Args) -> Results {
        let (cell, inputs) = match node.op.as_str() {
            "RNN" => (Cell::Rnn, 6),
            "GRU" => (Cell::Gru, 6),
            _ => (Cell::Lstm, 8),
        };
        node.takes(3, inputs)?;
        node.gives(if cell == Cell::Lstm { 3 } else { 2 })?;
        let batch_first = node.attributes.flag("layout")?.unwrap_or(false);
        let late =
            cell == Cell::Gru && node.attributes.flag("linear_before_reset")?.unwrap_or(false);
        if cell == Cell::Lstm && node.attributes.flag("input_forget")?.unwrap_or(false) {
            return Err(
                node.problem("input and forget gate coupled by `input_forget` are not supported")
            );
        }
        node.attributes.ignore("output_sequence");
        let clip = node.attributes.float("clip")?.filter(|clip| *clip > 0.0);
        let wanted = node.attributes.int("hidden_size")?;
        let reverse = match node.attributes.string("direction")?.as_deref() {
            None | Some("forward") => vec![false],
            Some("reverse") => vec![true],
            Some("bidirectional") => vec![false, true],
            Some(other) => {
                return Err(
                    node.problem(format!("attribute `direction` is {}", other.escape_default()))
                );
            }
        };
        let weight = self.weights(node, args, 1, "weight")?;
        let recurrence = self.weights(node, args, 2, "recurrence weight")?;
        let &[directions, rows, width] = weight.shape() else {
            return Err(node.problem("its weight has not three axes"));
        };
        let hidden = recurrence.shape().last().copied().unwrap_or(0);
        let (gates, rank) = (cell.gates(), reverse.len());
        let fits = directions == rank
            && rows == gates * hidden
            && recurrence.shape() == [rank, rows, hidden];
        if !fits || wanted.is_some_and(|wanted| wanted != hidden as i64) || hidden == 0 {
            let (weight, recurrence) = (weight.shape(), recurrence.shape());
            return Err(node.problem(format!(
                "weights {weight:?} and {recurrence:?} do not fit {rank} \
                    directions of {gates} gates"
            )));
        }
        let mut x = self.operand(node, args, 0)?;
        if self.shape_of(x).len() != 3 {
            return Err(node.problem("its input has not three axes"));
        }
        if batch_first {
            x = self.transposed(&format!("{}.steps", node.name), x, &[1, 0, 2])?;
        }
        let (whole, batch) = (self.shape_of(x)[0], self.shape_of(x)[1]);
        if self.shape_of(x)[2] != width {
            return Err(node.problem(format!(
                "its input has {} columns, its weight {width}",
                self.shape_of(x)[2]
            )));
        }
        let steps = self.steps(node, args, whole, batch)?;
        let bias = self.optional(node, args, 3, "bias", &[rank, 2 * rows])?;
        let peepholes = self.optional(node, args, 7, "peephole weight", &[rank, 3 * hidden])?;
        let activations = activations(node, cell, rank)?;
        let name = node.name.clone();
        let layer = Layer { name: &name, cell, steps, batch, hidden, clip, late };
        let (mut outputs, mut last) = (vec![], vec![]);
        for (at, (reverse, activations)) in reverse.into_iter().zip(activations).enumerate() {
            let matrix = |array: &ArrayD<f32>| {
                array.index_axis(Axis(0), at).into_dimensionality::<Ix2>().map(|m| m.t().to_owned())
            };
            let misfit = |_| node.problem("its weights have not three axes");
            let (weight, recurrence) =
                (matrix(&weight).map_err(misfit)?, matrix(&recurrence).map_err(misfit)?);
            let (bias, late_bias) = biases(&layer, bias.as_ref().map(|bias| row(bias, at)), rows);
            let peepholes = peepholes
                .as_ref()
                .map(|all| row(all, at))
                .and_then(|all| all.into_shape_with_order((3, hidden)).ok());
            let direction =
                Direction { activations, weight, recurrence, bias, late_bias, peepholes, reverse };
            let state = State {
                hidden: self.initial(node, args, 5, at, &layer, rank, batch_first)?,
                cell: self.initial(node, args, 6, at, &layer, rank, batch_first)?,
            };
            let (output, state) = self.unrolled(&layer, &direction, x, state, (at, whole))?;
            outputs.push(output);
            last.push(state);
        }
        let kind = args.get(0).map_or(super::Kind::F32, Value::kind);
        let mut results = vec![];
        for (what, at) in [("Y", None), ("Y_h", Some(false)), ("Y_c", Some(true))]
            .into_iter()
            .take(node.outputs.len())
        {
            if node.outputs.get(results.len()).is_none_or(Option::is_none) {
                results.push(None);
                continue;
            }
            let parts: Vec<NodeId> = match at {
                None => outputs.clone(),
                Some(of_cell) => last
                    .iter()
                    .filter_map(|state| if of_cell { state.cell } else { state.hidden })
                    .collect(),
            };
            let name = format!("{name}.{what}");
            let joined = match parts[..] {
                [one] => one,
                _ => self.push(&name, Op::View(View::Concat(usize::from(at.is_none()))), &parts)?,
            };
            let turned = match (batch_first, at) {
                (false, _) => joined,
                (true, None) => self.transposed(&format!("{name}.first"), joined, &[2, 0, 1, 3])?,
                (true, Some(_)) => self.transposed(&format!("{name}.first"), joined, &[1, 0, 2])?,
            };
            results.push(Some(self.computed(kind, turned)));
        }
        Ok(results)
    }

    /// How many steps there are: the sequence lengths must be known and all the same.
    fn steps(
        &self,
        node: &Node,
        args: &Args,
        whole: usize,
        batch: usize,
    ) -> Result<usize, Problem> {
        let mut steps = whole;
        if node.has(4) {
            let lengths = self.integers(node, args, 4, "sequence lengths")?;
            let first = lengths.first().copied().unwrap_or(0);
            if lengths.len() != batch || lengths.iter().any(|length| *length != first) {
                return Err(node.problem(format!(
                    "sequence lengths {lengths:?} that differ; give each \
                        sequence a model of its length"
                )));
            }
            steps = usize::try_from(first)
                .ok()
                .filter(|steps| (1..=whole).contains(steps))
                .ok_or_else(|| {
                    node.problem(format!("a sequence length of {first} for {whole} steps"))
                })?;
        }
        if steps > MAX_STEPS || steps == 0 {
            return Err(node.problem(format!(
                "{steps} steps; 1 to {MAX_STEPS} can be unrolled: export the \
                    model for shorter sequences"
            )));
        }
        Ok(steps)
    }

    /// Constants of a shape, where input `at` is given.
    fn optional(
        &self,
        node: &Node,
        args: &Args,
        at: usize,
        what: &str,
        shape: &[usize],
    ) -> Result<Option<ArrayD<f32>>, Problem> {
        if !node.has(at) {
            return Ok(None);
        }
        let values = self.weights(node, args, at, what)?;
        if values.shape() != shape {
            return Err(node
                .problem(format!("a {what} of shape {:?} instead of {shape:?}", values.shape())));
        }
        Ok(Some(values))
    }

    /// The initial state `[batch, hidden]` of direction `at`; `None` where it is zero.
    #[expect(clippy::too_many_arguments, reason = "a place in a tensor")]
    fn initial(
        &mut self,
        node: &Node,
        args: &Args,
        input: usize,
        at: usize,
        layer: &Layer,
        directions: usize,
        batch_first: bool,
    ) -> Result<Option<NodeId>, Problem> {
        if !node.has(input)
            || args
                .tensor(input)
                .is_some_and(|tensor| tensor.finite("").is_ok_and(|v| v.iter().all(|v| *v == 0.0)))
        {
            return Ok(None);
        }
        let (batch, hidden) = (layer.batch, layer.hidden);
        let shape =
            if batch_first { [batch, directions, hidden] } else { [directions, batch, hidden] };
        let state = self.operand(node, args, input)?;
        if self.shape_of(state) != shape {
            return Err(node.problem(format!(
                "an initial state of shape {:?} instead of {shape:?}",
                self.shape_of(state)
            )));
        }
        let name = format!("{}.{at}.initial{input}", layer.name);
        let axis = usize::from(batch_first);
        let state = self.part(&name, state, axis, at, 1)?;
        Ok(Some(self.reshaped(&format!("{name}.state"), state, &[batch, hidden])?))
    }
}

/// Row `at` of a matrix of constants.
fn row(values: &ArrayD<f32>, at: usize) -> Array1<f32> {
    let row = values.index_axis(Axis(0), at);
    row.into_dimensionality::<Ix1>().map(|row| row.to_owned()).unwrap_or_default()
}

/// The biases of both products in one; that of a late reset stays apart.
fn biases(
    layer: &Layer,
    both: Option<Array1<f32>>,
    rows: usize,
) -> (Array1<f32>, Option<Array1<f32>>) {
    let Some(both) = both else { return (Array1::zeros(rows), None) };
    let (mut bias, mut second) =
        (both.slice(s![..rows]).to_owned(), both.slice(s![rows..]).to_owned());
    let mut late = None;
    if layer.late {
        let mut last = second.slice_mut(s![2 * layer.hidden..]);
        late = Some(last.to_owned());
        last.fill(0.0);
    }
    bias += &second;
    (bias, late)
}

/// The activations of each direction, with their parameters in the order of the file.
fn activations(
    node: &mut Node,
    cell: Cell,
    directions: usize,
) -> Result<Vec<Vec<Activation>>, Problem> {
    let count = cell.activations().len();
    let names = node.attributes.strings("activations")?.unwrap_or_else(|| {
        cell.activations()
            .iter()
            .cycle()
            .take(count * directions)
            .map(|name| (*name).to_owned())
            .collect()
    });
    if names.len() != count * directions {
        return Err(node.problem(format!(
            "{} activations instead of {}",
            names.len(),
            count * directions
        )));
    }
    let mut alphas = node.attributes.floats("activation_alpha")?.unwrap_or_default().into_iter();
    let mut betas = node.attributes.floats("activation_beta")?.unwrap_or_default().into_iter();
    let plain = |function: Unary| Activation {
        function: Some(function),
        inner: 1.0,
        outer: 1.0,
        offset: 0.0,
    };
    let mut all = vec![];
    for name in &names {
        let mut alpha = |default: f32| alphas.next().unwrap_or(default);
        let mut beta = |default: f32| betas.next().unwrap_or(default);
        all.push(match name.to_ascii_lowercase().as_str() {
            "relu" => plain(Unary::Relu),
            "tanh" => plain(Unary::Tanh),
            "sigmoid" => plain(Unary::Sigmoid),
            "softsign" => plain(Unary::Softsign),
            "softplus" => plain(Unary::Softplus),
            "leakyrelu" => plain(Unary::LeakyRelu(alpha(0.01))),
            "elu" => plain(Unary::Elu(alpha(1.0))),
            "hardsigmoid" => plain(Unary::HardSigmoid(alpha(0.2), beta(0.5))),
            "scaledtanh" => {
                Activation { outer: alpha(1.0), inner: beta(1.0), ..plain(Unary::Tanh) }
            }
            "affine" => {
                Activation { function: None, inner: 1.0, outer: alpha(1.0), offset: beta(0.0) }
            }
            _ => {
                return Err(
                    node.problem(format!("activation {} is not supported", name.escape_default()))
                );
            }
        });
    }
    Ok(all.chunks(count).map(<[Activation]>::to_vec).collect())
}
