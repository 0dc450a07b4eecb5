//! The exact integer interpreter: the definition of what a graph means.

use thiserror::Error;

use super::interval::{Interval, round_shift};
use super::linear::IntegerSum;
use super::op::{Causal, Energy, Leak, MatMul, Op, ZERO, rsqrt};
use super::{Graph, Node};

/// Why an execution stops.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExecuteError {
    /// The number of input tensors is wrong.
    #[error("the model takes {expected} inputs, {found} were given")]
    InputCount {
        /// Inputs of the model.
        expected: usize,
        /// Inputs given.
        found: usize,
    },
    /// The number of salts is wrong.
    #[error("the model commits to {expected} tensors, {found} salts were given")]
    SaltCount {
        /// Committed tensors of the model.
        expected: usize,
        /// Salts given.
        found: usize,
    },
    /// An input has the wrong number of elements.
    #[error("input `{name}` has {found} elements, the model takes {expected}")]
    InputLength {
        /// The input.
        name: String,
        /// Elements that the model takes.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A value left the range that calibration declared.
    #[error(
        "layer `{layer}`: element {index} is {} the calibrated range [{}, {}]; \
         this input differs from the calibration data: compile again with data like it or with more headroom",
        if *value > range.hi { "above" } else { "below" }, range.lo, range.hi
    )]
    OutOfRange {
        /// The layer.
        layer: String,
        /// Flat index of the element.
        index: usize,
        /// The integer value; the message leaves it out, since it may be private.
        value: i64,
        /// The declared range.
        range: Interval,
    },
}

impl Graph {
    /// Values of every node for the given inputs, in the order of [`Graph::inputs`].
    pub fn execute(&self, inputs: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, ExecuteError> {
        if inputs.len() != self.inputs.len() {
            return Err(ExecuteError::InputCount { expected: self.inputs.len(), found: inputs.len() });
        }
        let mut values: Vec<Vec<i64>> = Vec::with_capacity(self.nodes().len());
        for (id, node) in self.nodes().iter().enumerate() {
            let operands: Vec<&[i64]> = node.inputs.iter().map(|i| values[i.0].as_slice()).collect();
            let value = match &node.op {
                Op::Input { range } => {
                    let position = self.inputs.iter().position(|port| port.node.0 == id);
                    let Some((port, given)) = position.map(|p| (&self.inputs[p], &inputs[p])) else {
                        return Err(ExecuteError::InputCount { expected: self.inputs.len(), found: inputs.len() });
                    };
                    if given.len() != node.len() {
                        return Err(ExecuteError::InputLength {
                            name: port.name.clone(),
                            expected: node.len(),
                            found: given.len(),
                        });
                    }
                    inside(node, given.clone(), *range)?
                }
                _ => evaluate(node, &operands)?,
            };
            values.push(value);
        }
        Ok(values)
    }
}

/// One operation on its operands.
fn evaluate(node: &Node, operands: &[&[i64]]) -> Result<Vec<i64>, ExecuteError> {
    let x = operands.first().copied().unwrap_or(&[]);
    let quotients = |shift: u32| -> Vec<i64> { x.iter().map(|v| round_shift(*v, shift)).collect() };
    Ok(match &node.op {
        Op::Input { .. } => x.to_vec(),
        Op::Constant(values) => values.to_vec(),
        Op::Linear(map) => map.apply::<IntegerSum>(x),
        Op::Gather(index) => {
            let all = operands.concat();
            index.iter().map(|i| if *i == ZERO { 0 } else { all[*i as usize] }).collect()
        }
        Op::Sum(coefficients) => {
            let mut sum = vec![0i64; node.len()];
            for (operand, c) in operands.iter().zip(coefficients.iter()) {
                sum.iter_mut().zip(*operand).for_each(|(s, v)| *s += c * v);
            }
            sum
        }
        Op::Product => x.iter().zip(operands[1]).map(|(a, b)| a * b).collect(),
        Op::Requantize { shift, range } => inside(node, quotients(*shift), *range)?,
        Op::Relu { shift, bits, leak } => {
            let edge = (1i64 << bits) - 1;
            let q = inside(node, quotients(*shift), Interval { lo: -edge, hi: edge })?;
            q.iter().enumerate().map(|(i, q)| relu(*q, i, leak)).collect()
        }
        Op::Table { shift, table } => {
            let q = inside(node, quotients(*shift), table.keys())?;
            q.iter().filter_map(|q| table.get(*q)).collect()
        }
        Op::TableBelowMax { shift, groups, range, table } => {
            let hidden = operands.get(1).copied().unwrap_or(&[]);
            let (maxima, distances) = below_max(&quotients(*shift), hidden, groups);
            inside(node, maxima.into_iter().flatten().collect(), *range)?;
            let visible = |d: &Option<i64>| d.map_or(Some(0), |d| table.get(d));
            inside(node, distances.iter().map(|d| d.unwrap_or(0)).collect(), table.keys())?;
            distances.iter().filter_map(visible).collect()
        }
        Op::Max { shift, group, bits, range } => {
            let q = quotients(*shift);
            let spreads = q.chunks(*group).map(|g| maximum(g) - g.iter().copied().min().unwrap_or(0)).collect();
            inside(node, spreads, Interval { lo: 0, hi: (1 << bits) - 1 })?;
            inside(node, q.chunks(*group).map(maximum).collect(), *range)?
        }
        Op::ArgMax { group } => x
            .chunks(*group)
            .map(|g| {
                let largest = maximum(g);
                g.iter().position(|v| *v == largest).unwrap_or(0) as i64
            })
            .collect(),
        Op::Reciprocal { bits } => x.iter().map(|v| (1i64 << bits) / v).collect(),
        Op::Normalize { energy, bits } => {
            let energies = x.chunks(energy.group).map(|g| energy.rounded(Energy::squares(g)).0 + energy.epsilon).collect();
            let energies = inside(node, energies, energy.range)?;
            let roots = energies.iter().map(|e| rsqrt(*e, *bits));
            x.chunks(energy.group).zip(roots).flat_map(|(group, y)| group.iter().map(move |x| x * y)).collect()
        }
        Op::MatMul(dims) => matmul(dims, x, operands[1]),
        Op::RowGather(table) => x.iter().flat_map(|id| table.row(*id).unwrap_or(&[])).map(|v| (*v).into()).collect(),
    })
}

/// [`Op::Relu`] of the quotient `q` of element `i`.
pub fn relu(q: i64, i: usize, leak: &Leak) -> i64 {
    if q >= 0 { q << leak.bits } else { q * leak.slope(i) }
}

/// [`Op::MatMul`].
pub fn matmul(dims: &MatMul, a: &[i64], b: &[i64]) -> Vec<i64> {
    let MatMul { m, k, n, causal, .. } = *dims;
    let mut c = Vec::with_capacity(a.len() / k * n);
    for (a, b) in a.chunks(m * k).zip(b.chunks(k * n)) {
        for (i, row) in a.chunks(k).enumerate() {
            let terms = if causal == Causal::Left { i + 1 } else { k };
            let cells = if causal == Causal::Result { i + 1 } else { n };
            let mut sums = vec![0i64; n];
            for (x, right) in row.iter().zip(b.chunks(n)).take(terms) {
                sums.iter_mut().zip(right).take(cells).for_each(|(s, y)| *s = s.wrapping_add(x.wrapping_mul(*y)));
            }
            c.extend(sums);
        }
    }
    c
}

/// Consecutive groups of the given lengths.
pub fn split<'a, T>(values: &'a [T], groups: &'a [u32]) -> impl Iterator<Item = &'a [T]> + Clone {
    groups.iter().scan(values, |rest, n| {
        let (group, others) = rest.split_at_checked(*n as usize)?;
        *rest = others;
        Some(group)
    })
}

/// Of [`Op::TableBelowMax`]: the maximum of the visible elements of each group, where there are any, and each element's distance to it; none for a
/// hidden one, and zero throughout a group without visible ones. Nothing is hidden when `hidden` is empty.
pub fn below_max(q: &[i64], hidden: &[i64], groups: &[u32]) -> (Vec<Option<i64>>, Vec<Option<i64>>) {
    let is_visible = |i: usize| hidden.get(i).is_none_or(|hidden| *hidden == 0);
    let (mut maxima, mut distances, mut start) = (Vec::with_capacity(groups.len()), Vec::with_capacity(q.len()), 0);
    for group in split(q, groups) {
        let places = start..start + group.len();
        let visible = std::iter::zip(places.clone(), group).filter(|(i, _)| is_visible(*i));
        let maximum = visible.map(|(_, q)| *q).max();
        distances.extend(std::iter::zip(places, group).map(|(i, q)| match maximum {
            Some(m) => is_visible(i).then(|| m - q),
            None => Some(0),
        }));
        maxima.push(maximum);
        start += group.len();
    }
    (maxima, distances)
}

fn maximum(group: &[i64]) -> i64 {
    group.iter().copied().max().unwrap_or(0)
}

/// `values`, when all of them lie in `range`.
fn inside(node: &Node, values: Vec<i64>, range: Interval) -> Result<Vec<i64>, ExecuteError> {
    match values.iter().position(|v| !range.contains(*v)) {
        None => Ok(values),
        Some(index) => Err(ExecuteError::OutOfRange { layer: node.layer.clone(), index, value: values[index], range }),
    }
}
