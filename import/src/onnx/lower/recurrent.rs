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

use ndarray::{Array1, Array2, ArrayD, Axis, Ix1, Ix2, s};

use super::value::{Args, Value};
use super::{Lowering, Node, Problem};
use lemma_model::{NodeId, Op, Unary, View};

type Results = Result<Vec<Option<Value>>, Problem>;

/// Most steps of a sequence: each has a copy of the cell.
const MAX_STEPS: usize = 1 << 12;

/// The kind of cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Rnn,
    Gru,
    Lstm,
}

impl Cell {
    /// Gates side by side in the weights.
    fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }

    /// The activations of a direction, where the file names none.
    fn activations(self) -> &'static [&'static str] {
        match self {
            Cell::Rnn => &["Tanh"],
            Cell::Gru => &["Sigmoid", "Tanh"],
            Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// An activation: `outer * function(inner * x) + offset`.
#[derive(Clone, Copy)]
struct Activation {
    function: Option<Unary>,
    inner: f32,
    outer: f32,
    offset: f32,
}

/// What all directions share.
struct Layer<'n> {
    name: &'n str,
    cell: Cell,
    steps: usize,
    batch: usize,
    hidden: usize,
    clip: Option<f32>,
    /// Whether a GRU resets after its product.
    late: bool,
}

/// One direction.
struct Direction {
    activations: Vec<Activation>,
    /// `[input, gates * hidden]`.
    weight: Array2<f32>,
    /// `[hidden, gates * hidden]`.
    recurrence: Array2<f32>,
    /// Of the products with the input.
    bias: Array1<f32>,
    /// Of the last gate of a GRU that resets after its product.
    late_bias: Option<Array1<f32>>,
    /// Of an LSTM, `[3, hidden]` for i, o, f.
    peepholes: Option<Array2<f32>>,
    reverse: bool,
}

/// The state of a cell; `None` where it is zero.
#[derive(Clone, Copy, Default)]
struct State {
    hidden: Option<NodeId>,
    cell: Option<NodeId>,
}

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

    /// `count` elements of an axis.
    fn part(
        &mut self,
        name: &str,
        x: NodeId,
        axis: usize,
        start: usize,
        count: usize,
    ) -> Result<NodeId, Problem> {
        let mut shape = self.shape_of(x).to_vec();
        if shape[axis] == count {
            return Ok(x);
        }
        shape[axis] = count;
        self.push_shaped(name, Op::View(View::Slice { axis, start, step: 1 }), &[x], &shape)
    }

    /// All steps of a direction: outputs `[steps of the input, 1, batch, hidden]`, and the last
    /// state with an axis in front.
    fn unrolled(
        &mut self,
        layer: &Layer,
        direction: &Direction,
        x: NodeId,
        mut state: State,
        (at, whole): (usize, usize),
    ) -> Result<(NodeId, State), Problem> {
        let Layer { name, steps, batch, hidden, .. } = *layer;
        let op = Op::Dense { weight: direction.weight.clone(), bias: Some(direction.bias.clone()) };
        let projected = self.push(&format!("{name}.{at}.input"), op, &[x])?;
        let columns = layer.cell.gates() * hidden;
        let mut outputs = vec![];
        let order: Vec<usize> =
            if direction.reverse { (0..steps).rev().collect() } else { (0..steps).collect() };
        for step in order {
            let place = format!("{name}.{at}.{step}");
            let input = self.part(&format!("{place}.input"), projected, 0, step, 1)?;
            let input = self.reshaped(&format!("{place}.columns"), input, &[batch, columns])?;
            state = self.cell_step(layer, direction, &place, input, state)?;
            if let Some(output) = state.hidden {
                outputs.push((
                    step,
                    self.reshaped(&format!("{place}.output"), output, &[1, 1, batch, hidden])?,
                ));
            }
        }
        outputs.sort_unstable();
        let outputs: Vec<NodeId> = outputs.into_iter().map(|(_, id)| id).collect();
        let mut output = match outputs[..] {
            [one] => one,
            _ => self.push(&format!("{name}.{at}.outputs"), Op::View(View::Concat(0)), &outputs)?,
        };
        if steps < whole {
            let amounts = vec![(0, whole - steps), (0, 0), (0, 0), (0, 0)];
            output = self.push(
                &format!("{name}.{at}.padded"),
                Op::View(View::Pad { amounts, value: 0.0 }),
                &[output],
            )?;
        }
        let mut last = |what: &str, state: Option<NodeId>| match state {
            Some(state) => {
                self.reshaped(&format!("{name}.{at}.{what}"), state, &[1, batch, hidden]).map(Some)
            }
            None => Ok(None),
        };
        let state = State { hidden: last("last", state.hidden)?, cell: last("cell", state.cell)? };
        Ok((output, state))
    }

    /// One step: `input` is `X_t W + b` of all gates, `[batch, gates * hidden]`.
    fn cell_step(
        &mut self,
        layer: &Layer,
        direction: &Direction,
        place: &str,
        input: NodeId,
        state: State,
    ) -> Result<State, Problem> {
        let hidden = layer.hidden;
        let named = |what: &str| format!("{place}.{what}");
        let gate = |at: usize| at * hidden..(at + 1) * hidden;
        // The products of the state with the first gates; a GRU treats its last one apart.
        let early = if layer.cell == Cell::Gru { 2 } else { layer.cell.gates() };
        let mut sums = self.part(&named("gates"), input, 1, 0, early * hidden)?;
        if let Some(h) = state.hidden {
            let weight = direction.recurrence.slice(s![.., ..early * hidden]).to_owned();
            let product =
                self.push(&named("recurrence"), Op::Dense { weight, bias: None }, &[h])?;
            sums = self.push(&named("sum"), Op::Add, &[sums, product])?;
        }
        match layer.cell {
            Cell::Rnn => {
                let next = self.activated(layer, &named("next"), sums, direction.activations[0])?;
                Ok(State { hidden: Some(next), cell: None })
            }
            Cell::Gru => {
                let gates =
                    self.activated(layer, &named("update"), sums, direction.activations[0])?;
                let update = self.part(&named("z"), gates, 1, 0, hidden)?;
                let reset = self.part(&named("r"), gates, 1, hidden, hidden)?;
                let mut sum = self.part(&named("n"), input, 1, 2 * hidden, hidden)?;
                let weight = direction.recurrence.slice(s![.., gate(2)]).to_owned();
                let late = direction.late_bias.clone().filter(|_| layer.late);
                let addend = match (state.hidden, late) {
                    (Some(h), bias) if layer.late => {
                        let product =
                            self.push(&named("late"), Op::Dense { weight, bias }, &[h])?;
                        Some(self.push(&named("reset"), Op::Mul, &[reset, product])?)
                    }
                    (Some(h), _) => {
                        let kept = self.push(&named("reset"), Op::Mul, &[reset, h])?;
                        Some(self.push(
                            &named("late"),
                            Op::Dense { weight, bias: None },
                            &[kept],
                        )?)
                    }
                    (None, Some(bias)) => {
                        let bias =
                            self.constant(&named("bias"), bias.insert_axis(Axis(0)).into_dyn())?;
                        Some(self.push(&named("reset"), Op::Mul, &[reset, bias])?)
                    }
                    (None, None) => None,
                };
                if let Some(addend) = addend {
                    sum = self.push(&named("m"), Op::Add, &[sum, addend])?;
                }
                let new = self.activated(layer, &named("new"), sum, direction.activations[1])?;
                // (1 - z) n + z h = n + z (h - n), one product.
                let next = match state.hidden {
                    Some(h) => {
                        let apart = self.push(&named("apart"), Op::Sub, &[h, new])?;
                        let moved = self.push(&named("moved"), Op::Mul, &[update, apart])?;
                        self.push(&named("next"), Op::Add, &[new, moved])?
                    }
                    None => {
                        let dropped = self.push(&named("dropped"), Op::Mul, &[update, new])?;
                        self.push(&named("next"), Op::Sub, &[new, dropped])?
                    }
                };
                Ok(State { hidden: Some(next), cell: None })
            }
            Cell::Lstm => {
                let [f, g, h] = direction.activations[..] else {
                    return Err(Problem::Malformed("an LSTM without activations".into()));
                };
                let before = state.cell;
                let input_gate = self.gate(layer, direction, place, (sums, 0), before, f)?;
                let candidate = self.part(&named("c"), sums, 1, 3 * hidden, hidden)?;
                let candidate = self.activated(layer, &named("candidate"), candidate, g)?;
                let mut cell = self.push(&named("taken"), Op::Mul, &[input_gate, candidate])?;
                if let Some(before) = before {
                    let forget = self.gate(layer, direction, place, (sums, 2), Some(before), f)?;
                    let kept = self.push(&named("kept"), Op::Mul, &[forget, before])?;
                    cell = self.push(&named("cell"), Op::Add, &[kept, cell])?;
                }
                let output_gate = self.gate(layer, direction, place, (sums, 1), Some(cell), f)?;
                let shown = self.shaped(&named("shown"), cell, h)?;
                let next = self.push(&named("next"), Op::Mul, &[output_gate, shown])?;
                Ok(State { hidden: Some(next), cell: Some(cell) })
            }
        }
    }

    /// Gate `at` of an LSTM in the order i, o, f, with its peephole at `cell`.
    fn gate(
        &mut self,
        layer: &Layer,
        direction: &Direction,
        place: &str,
        (sums, at): (NodeId, usize),
        cell: Option<NodeId>,
        activation: Activation,
    ) -> Result<NodeId, Problem> {
        let named = |what: &str| format!("{place}.{}{what}", ["i", "o", "f"][at]);
        let mut sum = self.part(&named(""), sums, 1, at * layer.hidden, layer.hidden)?;
        if let (Some(peepholes), Some(cell)) = (&direction.peepholes, cell) {
            let weight = self.constant(
                &named(".peephole"),
                peepholes.slice(s![at..at + 1, ..]).to_owned().into_dyn(),
            )?;
            let seen = self.push(&named(".seen"), Op::Mul, &[cell, weight])?;
            sum = self.push(&named(".sum"), Op::Add, &[sum, seen])?;
        }
        self.activated(layer, &named(".gate"), sum, activation)
    }

    /// An activation of a sum, which is clipped before where the file says so.
    fn activated(
        &mut self,
        layer: &Layer,
        name: &str,
        mut sum: NodeId,
        activation: Activation,
    ) -> Result<NodeId, Problem> {
        if let Some(clip) = layer.clip {
            sum =
                self.push(&format!("{name}.clip"), Op::Unary(Unary::Clip(-clip, clip)), &[sum])?;
        }
        self.shaped(name, sum, activation)
    }

    /// `outer * function(inner * x) + offset`.
    fn shaped(
        &mut self,
        name: &str,
        mut x: NodeId,
        activation: Activation,
    ) -> Result<NodeId, Problem> {
        let Activation { function, inner, outer, offset } = activation;
        if inner != 1.0 {
            x = self.scaled(&format!("{name}.inner"), x, inner)?;
        }
        if let Some(function) = function {
            x = self.push(name, Op::Unary(function), &[x])?;
        }
        if outer != 1.0 {
            x = self.scaled(&format!("{name}.outer"), x, outer)?;
        }
        if offset != 0.0 {
            let offset = self.number(&format!("{name}.offset"), offset, x)?;
            x = self.push(&format!("{name}.moved"), Op::Add, &[x, offset])?;
        }
        Ok(x)
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
