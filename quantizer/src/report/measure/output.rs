//! What the entries of an output mean, and how two models are compared by it.

use crate::report::OutputError;
use lemma_model::{Model, NodeId, Unary};

/// A choice whose score is by this part of the row's spread below the largest is no near tie.
const TIE: f64 = 0.05;

/// What the entries of an output mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Each is an index, an id or a flag.
    Indices,
    /// Rows of scores of this length, the largest of which is chosen.
    Scores(usize),
    /// Each is a probability, of class 1 rather than 0.
    Probability,
    /// Each is a number; as a class, its sign.
    Number,
}

impl Meaning {
    pub(super) fn of(model: &Model, id: NodeId) -> Meaning {
        let width = model.node(id).and_then(|node| node.shape.last()).copied().unwrap_or(1);
        match width {
            _ if holds_indices(model, id) => Meaning::Indices,
            0 | 1 if is_probability(model, id) => Meaning::Probability,
            0 | 1 => Meaning::Number,
            _ => Meaning::Scores(width),
        }
    }

    /// The choice of each row; of scores the first largest.
    pub(super) fn choices(self, values: &[f64]) -> Vec<i64> {
        match self {
            Meaning::Indices => values.iter().map(|v| v.round() as i64).collect(),
            Meaning::Scores(width) => {
                values.chunks(width.max(1)).map(|row| first_largest(row) as i64).collect()
            }
            Meaning::Probability => values.iter().map(|v| i64::from(*v >= 0.5)).collect(),
            Meaning::Number => values.iter().map(|v| i64::from(*v > 0.0)).collect(),
        }
    }

    /// Classes that an output of `len` entries has; zero when it makes several choices, to which no
    /// single label belongs.
    pub(super) fn classes(self, model: &Model, id: NodeId, len: usize) -> usize {
        match self {
            Meaning::Scores(width) if len == width => width,
            Meaning::Probability | Meaning::Number if len == 1 => 2,
            Meaning::Indices if len == 1 => choices_of(model, id),
            _ => 0,
        }
    }
}

/// What is summed of an output.
pub(super) struct Sums {
    name: String,
    pub(super) id: NodeId,
    meaning: Meaning,
    /// The scores that indices were chosen by, and the length of their rows, where the float model
    /// has a row for each index.
    pub(super) scores: Option<(NodeId, usize)>,
    lowest: f64,
    highest: f64,
    largest_error: f64,
    squares: f64,
    count: u64,
    columns: Vec<Moments>,
    rows: usize,
    equal: usize,
    reversed: usize,
}

/// Mean and sum of squared deviations of numbers that come one by one (Welford, 1962).
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    deviation: f64,
}

impl Moments {
    fn add(&mut self, x: f64) {
        self.count += 1.0;
        let before = x - self.mean;
        self.mean += before / self.count;
        self.deviation += before * (x - self.mean);
    }
}

impl Sums {
    pub(super) fn new(name: &str, id: NodeId, model: &Model) -> Sums {
        let meaning = Meaning::of(model, id);
        let columns = if let Meaning::Scores(width) = meaning { width } else { 1 };
        Sums {
            name: name.to_owned(),
            id,
            meaning,
            scores: if meaning == Meaning::Indices { scores_of(model, id) } else { None },
            lowest: f64::INFINITY,
            highest: f64::NEG_INFINITY,
            largest_error: 0.0,
            squares: 0.0,
            count: 0,
            columns: vec![Moments::default(); columns],
            rows: 0,
            equal: 0,
            reversed: 0,
        }
    }

    /// Adds a sample; `integer` is `None` when it leaves the calibrated range, `scores` are those
    /// that indices were chosen by.
    pub(super) fn add(&mut self, float: &[f64], integer: Option<&[f64]>, scores: &[f64]) {
        let (wanted, found) =
            (self.meaning.choices(float), integer.map(|values| self.meaning.choices(values)));
        self.rows += wanted.len();
        let Some((values, found)) = integer.zip(found) else {
            self.reversed += wanted.len();
            return;
        };
        for (row, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
            self.equal += usize::from(wanted == found);
            self.reversed +=
                usize::from(wanted != found && !self.is_tie(float, scores, row, *found));
        }
        let width = self.columns.len();
        for (i, (float, integer)) in float.iter().zip(values).enumerate() {
            let error = (float - integer).abs();
            self.lowest = self.lowest.min(*float);
            self.highest = self.highest.max(*float);
            self.largest_error = self.largest_error.max(error);
            self.squares += error * error;
            self.count += 1;
            if let Some(column) = self.columns.get_mut(i % width) {
                column.add(*float);
            }
        }
    }

    /// Whether the float model has the other choice of a row almost as high as its own.
    fn is_tie(&self, float: &[f64], scores: &[f64], row: usize, other: i64) -> bool {
        match (self.meaning, self.scores) {
            (Meaning::Indices, Some((_, width))) => is_near_largest(scores, width, row, other),
            (Meaning::Indices, None) => false,
            (Meaning::Probability, _) => float.get(row).is_some_and(|p| (p - 0.5).abs() <= TIE),
            (Meaning::Number, _) => true,
            (Meaning::Scores(width), _) => is_near_largest(float, width, row, other),
        }
    }

    pub(super) fn finished(&self) -> OutputError {
        let deviation: f64 = self.columns.iter().map(|column| column.deviation).sum();
        let share = |n: usize| n as f64 / self.rows.max(1) as f64;
        let varies = deviation > 0.0 && self.meaning != Meaning::Indices;
        let chooses = self.meaning != Meaning::Number;
        OutputError {
            output: self.name.clone(),
            lowest: if self.count > 0 { self.lowest } else { 0.0 },
            highest: if self.count > 0 { self.highest } else { 0.0 },
            largest_error: self.largest_error,
            rms_error: (self.squares / self.count.max(1) as f64).sqrt(),
            r_squared: varies.then(|| 1.0 - self.squares / deviation),
            rows: self.rows,
            agreement: chooses.then(|| share(self.equal)),
            reversed: chooses.then(|| share(self.reversed)),
        }
    }
}

/// Whether a node holds ids or flags, moved or not, or indices that an [`lemma_model::Op::ArgMax`]
/// chose.
pub(super) fn holds_indices(model: &Model, id: NodeId) -> bool {
    model.node(id).is_some_and(|node| match node.op {
        lemma_model::Op::Tokens { .. } => true,
        lemma_model::Op::View(_) => node.inputs.iter().any(|input| holds_indices(model, *input)),
        _ => holds_choices(model, id),
    })
}

/// Whether a node holds indices that an [`lemma_model::Op::ArgMax`] chose, moved or multiplied by a
/// mask where they are not left as they are.
fn holds_choices(model: &Model, id: NodeId) -> bool {
    let is_mask = |id: NodeId| match model.node(id).map(|node| &node.op) {
        Some(lemma_model::Op::Constant(values)) => values.iter().all(|v| *v == 0.0 || *v == 1.0),
        _ => true,
    };
    model.node(id).is_some_and(|node| match node.op {
        lemma_model::Op::ArgMax | lemma_model::Op::Top { .. } => true,
        // Numbers of classes.
        lemma_model::Op::Embedding { ref table }
            if table.ncols() == 1 && table.iter().all(|v| v.fract() == 0.0) =>
        {
            node.inputs.iter().any(|input| holds_choices(model, *input))
        }
        lemma_model::Op::View(_) => node.inputs.iter().any(|input| holds_choices(model, *input)),
        lemma_model::Op::Mul => {
            node.inputs.iter().any(|input| holds_choices(model, *input))
                && node.inputs.iter().all(|input| is_mask(*input))
        }
        _ => false,
    })
}

/// Whether an entry of a row of scores is almost the largest.
fn is_near_largest(scores: &[f64], width: usize, row: usize, entry: i64) -> bool {
    let scores = scores.get(row * width..(row + 1) * width).unwrap_or_default();
    let edges = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = scores.iter().fold(edges, |(low, high), v| (low.min(*v), high.max(*v)));
    let chosen = usize::try_from(entry).ok().and_then(|at| scores.get(at));
    chosen.is_some_and(|chosen| high - chosen <= TIE * (high - low))
}

/// The scores that the indices of a node were chosen by, row by row in the same order, and the
/// length of a row.
fn scores_of(model: &Model, id: NodeId) -> Option<(NodeId, usize)> {
    let node = model.node(id)?;
    match node.op {
        lemma_model::Op::ArgMax => {
            let scores = *node.inputs.first()?;
            Some((scores, *model.node(scores)?.shape.last()?))
        }
        lemma_model::Op::View(lemma_model::View::Reshape) => {
            scores_of(model, *node.inputs.first()?)
        }
        lemma_model::Op::Mul => node
            .inputs
            .iter()
            .filter(|input| model.node(**input).is_some_and(|other| other.shape == node.shape))
            .find_map(|input| scores_of(model, *input)),
        _ => None,
    }
}

/// Entries that an index was chosen among.
fn choices_of(model: &Model, id: NodeId) -> usize {
    let Some(node) = model.node(id) else { return 0 };
    let operand = node.inputs.first().copied();
    match (&node.op, operand) {
        (lemma_model::Op::ArgMax | lemma_model::Op::Top { .. }, Some(scores)) => {
            model.node(scores).and_then(|node| node.shape.last()).copied().unwrap_or(0)
        }
        (lemma_model::Op::Tokens { vocabulary }, _) => *vocabulary,
        // Numbers of classes, which need not be places.
        (lemma_model::Op::Embedding { table }, _) => {
            table.iter().fold(0, |most, v| most.max(*v as usize + 1))
        }
        (_, Some(operand)) => choices_of(model, operand),
        _ => 0,
    }
}

fn is_probability(model: &Model, id: NodeId) -> bool {
    model.node(id).is_some_and(|node| match node.op {
        lemma_model::Op::Unary(Unary::Sigmoid | Unary::HardSigmoid(..)) => true,
        lemma_model::Op::View(_) => {
            node.inputs.first().is_some_and(|input| is_probability(model, *input))
        }
        _ => false,
    })
}

fn first_largest(scores: &[f64]) -> usize {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter().position(|score| *score == largest).unwrap_or(0)
}
