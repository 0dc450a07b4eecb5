//! The cells, and their copies one after the other.

use ndarray::{Array1, Array2, Axis, s};

use super::super::{Lowering, Problem};
use lemma_model::{NodeId, Op, Unary, View};

/// The kind of cell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Rnn,
    Gru,
    Lstm,
}

impl Cell {
    /// Gates side by side in the weights.
    pub(super) fn gates(self) -> usize {
        match self {
            Cell::Rnn => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }

    /// The activations of a direction, where the file names none.
    pub(super) fn activations(self) -> &'static [&'static str] {
        match self {
            Cell::Rnn => &["Tanh"],
            Cell::Gru => &["Sigmoid", "Tanh"],
            Cell::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// An activation: `outer * function(inner * x) + offset`.
#[derive(Clone, Copy)]
pub(super) struct Activation {
    pub(super) function: Option<Unary>,
    pub(super) inner: f32,
    pub(super) outer: f32,
    pub(super) offset: f32,
}

/// What all directions share.
pub(super) struct Layer<'n> {
    pub(super) name: &'n str,
    pub(super) cell: Cell,
    pub(super) steps: usize,
    pub(super) batch: usize,
    pub(super) hidden: usize,
    pub(super) clip: Option<f32>,
    /// Whether a GRU resets after its product.
    pub(super) late: bool,
}

/// One direction.
pub(super) struct Direction {
    pub(super) activations: Vec<Activation>,
    /// `[input, gates * hidden]`.
    pub(super) weight: Array2<f32>,
    /// `[hidden, gates * hidden]`.
    pub(super) recurrence: Array2<f32>,
    /// Of the products with the input.
    pub(super) bias: Array1<f32>,
    /// Of the last gate of a GRU that resets after its product.
    pub(super) late_bias: Option<Array1<f32>>,
    /// Of an LSTM, `[3, hidden]` for i, o, f.
    pub(super) peepholes: Option<Array2<f32>>,
    pub(super) reverse: bool,
}

/// The state of a cell; `None` where it is zero.
#[derive(Clone, Copy, Default)]
pub(super) struct State {
    pub(super) hidden: Option<NodeId>,
    pub(super) cell: Option<NodeId>,
}

impl Lowering {
    /// All steps of a direction: outputs `[steps of the input, 1, batch, hidden]`, and the last
    /// state with an axis in front.
    pub(super) fn unrolled(
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
