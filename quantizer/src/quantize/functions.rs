//! Functions of one number by table.
//!
//! A table has a row for every key of the operand's declared range, as far as it is a function
//! there: rows end before a pole and where the function is not defined, and beyond what calibration
//! saw where a row would stand for values too far apart. A value without a row has no proof.
//!
//! Nodes of the same function share a table where each of them keeps its accuracy on what
//! calibration saw; where the activation bits do not resolve the function, the operand gets more,
//! and where nothing helps, the node is refused with its largest error.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::line::Line;
use super::{Lowering, QuantizeError, Tensor, dequantize, quantize_value};
use lemma_graph::{Interval, Op as Primitive, Table};
use lemma_model::{Composition, Node, NodeId, Op, Unary};

/// Most bits that an operand has beyond those of an activation.
const MOST_FINER: i32 = 6;

/// Most rows of a table whose operand has more bits than an activation.
const MOST_ROWS: u64 = 1 << 18;

/// Most rows of the tables of all functions of a model: each is a constraint.
pub const MAX_TABLE_ROWS: u64 = 1 << 22;

/// Values of a table stay below this.
const MOST_VALUE: f64 = (1i64 << 40) as f64;

/// Errors of a table over the largest value: what finer operands aim at, what nodes that share a
/// table put up with, and what is refused. With fewer than twelve activation bits each is as many
/// times larger as an activation's step.
const AIMED: f64 = 1.0 / 128.0;
const SHARED: f64 = 1.0 / 64.0;
const REFUSED: f64 = 1.0 / 32.0;

/// The tables of a model's functions.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    nodes: BTreeMap<NodeId, Arc<Planned>>,
    /// Fractional bits that tables need of inputs.
    inputs: BTreeMap<NodeId, i32>,
}

/// A table and its scales.
#[derive(Debug)]
struct Planned {
    function: Composition,
    /// Fractional bits of keys.
    frac: i32,
    /// Fractional bits of values.
    out: i32,
    table: Arc<Table>,
}

/// A node with a function.
struct Member {
    id: NodeId,
    layer: String,
    operand: NodeId,
    /// Fractional bits that its own operand and result would have.
    frac: i32,
    out: i32,
    /// What an operand that follows from an input is rounded to.
    grid: Option<Grid>,
    /// Largest result.
    magnitude: f64,
    /// Arguments that calibration saw, and results.
    seen: Vec<(f64, f64)>,
}

/// `offset` and the multiples of `step` from there.
#[derive(Clone, Copy)]
struct Grid {
    step: f64,
    offset: f64,
}

/// Nodes that share a table.
struct Group {
    function: Composition,
    frac: i32,
    out: i32,
    members: Vec<Member>,
}

/// The largest error and the argument at which it is.
#[derive(Clone, Copy)]
struct Worst {
    error: f64,
    at: f64,
}

impl Tables {
    /// Fractional bits of the operand that a node's table takes.
    pub(super) fn operand_bits(&self, id: NodeId) -> Option<i32> {
        self.nodes.get(&id).map(|planned| planned.frac)
    }

    /// Fractional bits that tables need of an input, where they need more than those of an
    /// activation.
    pub(super) fn input_bits(&self, id: NodeId) -> Option<i32> {
        self.inputs.get(&id).copied()
    }

    /// Notes that what follows from an input needs so many fractional bits.
    pub(super) fn need(&mut self, line: &Line, frac: i32) {
        let frac = frac.saturating_add(line.slope.abs().log2().ceil() as i32);
        self.need_bits(line.input, frac);
    }

    /// Notes that an input needs so many fractional bits.
    pub(super) fn need_bits(&mut self, input: NodeId, frac: i32) {
        let bits = self.inputs.entry(input).or_insert(frac);
        *bits = frac.max(*bits);
    }
}

impl Member {
    /// The largest error of a table with `frac` and `out` fractional bits, for an operand that was
    /// rounded to `grid` before.
    fn worst(&self, function: &Composition, frac: i32, out: i32, grid: Option<Grid>) -> Worst {
        let mut worst = Worst { error: 0.0, at: 0.0 };
        for &(x, expected) in &self.seen {
            let rounded = grid.map_or(x, |grid| {
                ((x - grid.offset) / grid.step).round() * grid.step + grid.offset
            });
            let key = quantize_value(rounded, frac);
            let value = function.evaluate(dequantize(key, frac));
            let error = (dequantize(quantize_value(value, out), out) - expected).abs();
            let error = if value.is_finite() { error } else { f64::INFINITY };
            if error > worst.error {
                worst = Worst { error, at: x };
            }
        }
        worst
    }
}

impl Group {
    /// Takes a member in, when it and all others keep their accuracy.
    fn admit(&mut self, member: Member, allowed: impl Fn(&Member) -> f64) -> Option<Member> {
        let (frac, out) = (self.frac.min(member.frac), self.out.min(member.out));
        let moved = (frac, out) != (self.frac, self.out);
        let fits = |one: &Member| one.worst(&self.function, frac, out, None).error <= allowed(one);
        let others = self.members.iter().filter(|_| moved);
        if !std::iter::once(&member).chain(others).all(fits) {
            return Some(member);
        }
        (self.frac, self.out) = (frac, out);
        self.members.push(member);
        None
    }
}

impl Lowering<'_> {
    /// Plans the tables of all functions, of at most `rows` rows together.
    pub(super) fn plan_tables(&self, rows: u64) -> Result<Tables, QuantizeError> {
        let mut members: Vec<(Composition, Member)> = Vec::new();
        for (id, node) in self.model.nodes.iter().enumerate() {
            let function = match &node.op {
                Op::Unary(Unary::Relu | Unary::LeakyRelu(_)) => continue,
                Op::Unary(function) => Composition::from(*function),
                Op::Composed(function) => (**function).clone(),
                _ => continue,
            };
            if self.shared.reciprocals.contains_key(&NodeId(id)) {
                continue;
            }
            if let Some(operand) = node.inputs.first() {
                members
                    .push((function.clone(), self.member(NodeId(id), node, *operand, &function)));
            }
        }
        // Coarse tables first: who can shares them.
        members.sort_by_key(|(_, member)| member.frac);
        let coarser = self.coarser();
        let mut groups: Vec<Group> = Vec::new();
        for (function, member) in members {
            let allowed = |one: &Member| {
                let own = one.worst(&function, one.frac, one.out, None).error;
                own.max(SHARED * coarser * one.magnitude)
            };
            let mut left = Some(member);
            for group in groups.iter_mut().filter(|group| group.function == function) {
                left = left.and_then(|member| group.admit(member, allowed));
            }
            if let Some(member) = left {
                let (frac, out) = (member.frac, member.out);
                groups.push(Group { function: function.clone(), frac, out, members: vec![member] });
            }
        }
        let mut tables = self.shared.tables.clone();
        let mut left = rows;
        for group in groups {
            self.plan(group, &mut tables, &mut left)?;
        }
        Ok(tables)
    }

    fn member(&self, id: NodeId, node: &Node, operand: NodeId, function: &Composition) -> Member {
        let (magnitude, result) = (self.ranges.magnitude(operand), self.ranges.magnitude(id));
        let frac = self.fitting(magnitude);
        let edge = f64::from(self.options.bits as i32 - frac).exp2();
        let seen = self
            .ranges
            .observed(operand)
            .filter(|x| x.abs() <= edge)
            .map(|x| (x, function.evaluate(x)));
        Member {
            id,
            layer: node.name.clone(),
            operand,
            frac,
            out: if function.is_whole() {
                self.fitting(result).max(0)
            } else {
                self.fitting(result)
            },
            grid: self.line(operand).map(|line| {
                let nonnegative = self.ranges.of(line.input).is_some_and(|range| range.low >= 0.0);
                let frac = self.declared(self.ranges.magnitude(line.input), nonnegative).0;
                Grid { step: line.slope.abs() * f64::from(-frac).exp2(), offset: line.offset }
            }),
            magnitude: result,
            seen: seen.collect(),
        }
    }

    /// How many times larger an activation's step is than with twelve bits.
    fn coarser(&self) -> f64 {
        f64::from(12 - self.options.bits as i32).exp2().max(1.0)
    }

    /// Makes the table of a group, the coarsest that resolves the function, where it fits the rows
    /// that are `left`.
    fn plan(&self, group: Group, tables: &mut Tables, left: &mut u64) -> Result<(), QuantizeError> {
        let coarser = self.coarser();
        let mut best: Option<(f64, i32, &Member, Worst)> = None;
        for finer in 0..=MOST_FINER {
            let frac = group.frac + finer;
            if finer > 0 && self.keys(&group, frac, finer).size() > MOST_ROWS {
                break;
            }
            let worst = group.members.iter().map(|member| {
                let grid = member.grid.filter(|_| finer == 0);
                let mut worst = member.worst(&group.function, frac, group.out, grid);
                if group.function.is_whole() && frac < 0 {
                    worst.error = f64::INFINITY;
                }
                (worst.error / member.magnitude, frac, member, worst)
            });
            let Some(found) = worst.max_by(|a, b| a.0.total_cmp(&b.0)) else { return Ok(()) };
            if best.as_ref().is_none_or(|best| found.0 < best.0) {
                best = Some(found);
            }
            if found.0 <= AIMED * coarser {
                break;
            }
        }
        let Some((share, frac, member, worst)) = best else { return Ok(()) };
        if share > REFUSED * coarser {
            return Err(unresolved(&member.layer, &group.function, worst));
        }
        // Rows that calibration saw are there in any case.
        let refused = |most| QuantizeError::Rows { layer: member.layer.clone(), most };
        let most = *left;
        let (first, last) = self.seen_keys(&group, frac, frac - group.frac);
        if last.abs_diff(first) >= most {
            return Err(refused(most));
        }
        let table = Arc::new(self.rows(&group, frac, frac - group.frac)?);
        *left = most.checked_sub(table.values().len() as u64).ok_or_else(|| refused(most))?;
        let planned = Arc::new(Planned { function: group.function, frac, out: group.out, table });
        for member in group.members {
            tables.nodes.insert(member.id, planned.clone());
            if let Some(line) = self.line(member.operand).filter(|_| frac > group.frac) {
                tables.need(&line, frac);
            }
        }
        Ok(())
    }

    /// All keys that a table with `finer` bits beyond those of an activation may have.
    fn keys(&self, group: &Group, frac: i32, finer: i32) -> Interval {
        let edge = 1i64 << (self.options.bits as i32 + finer);
        let ranges = || group.members.iter().filter_map(|member| self.ranges.of(member.operand));
        let low = ranges().map(|range| f64::from(range.low)).fold(f64::INFINITY, f64::min);
        let high = ranges().map(|range| f64::from(range.high)).fold(f64::NEG_INFINITY, f64::max);
        // A little room for roundings on the side that calibration did not see.
        let slack = edge >> 6;
        let keys = Interval {
            low: if low >= 0.0 { 0 } else { -edge },
            high: if high <= 0.0 { slack } else { edge - 1 },
        };
        if finer == 0 {
            return keys;
        }
        let headroom = self.options.headroom;
        let least =
            quantize_value(low * if low < 0.0 { headroom } else { 1.0 / headroom }, frac) - slack;
        let most =
            quantize_value(high * if high > 0.0 { headroom } else { 1.0 / headroom }, frac) + slack;
        Interval { low: keys.low.max(least), high: keys.high.min(most).max(keys.low) }
    }

    /// The least and the greatest key that calibration saw.
    fn seen_keys(&self, group: &Group, frac: i32, finer: i32) -> (i64, i64) {
        let keys = self.keys(group, frac, finer);
        let seen = || {
            group
                .members
                .iter()
                .flat_map(|member| &member.seen)
                .map(|(x, _)| quantize_value(*x, frac))
        };
        let within = |key: i64| key.clamp(keys.low, keys.high);
        (within(seen().min().unwrap_or(0)), within(seen().max().unwrap_or(0)))
    }

    /// The rows: those of all keys that calibration saw, and on either side those that are
    /// resolved.
    fn rows(&self, group: &Group, frac: i32, finer: i32) -> Result<Table, QuantizeError> {
        let (function, out) = (&group.function, group.out);
        let keys = self.keys(group, frac, finer);
        let scaled = |x: f64| function.evaluate(x) * f64::from(out).exp2();
        let at = |key: i64| scaled(dequantize(key, frac));
        let (first, last) = self.seen_keys(group, frac, finer);
        let is_value = |value: f64| value.abs() <= MOST_VALUE;
        let pole = |key: &i64| {
            let between = *key > first
                && function.has_pole_between(dequantize(*key - 1, frac), dequantize(*key, frac));
            between || !is_value(at(*key))
        };
        if let Some(key) = (first..=last).find(pole) {
            let layer =
                group.members.first().map(|member| member.layer.clone()).unwrap_or_default();
            return Err(QuantizeError::Pole {
                layer,
                function: function.name(),
                value: dequantize(key, frac),
            });
        }
        let declared = f64::from(self.options.bits).exp2();
        let resolved = |key: &i64| {
            let value = at(*key);
            let room = declared.max(value.abs()) / 16.0;
            let edges =
                [-0.5, 0.5].map(|half| scaled((*key as f64 + half) * f64::from(-frac).exp2()));
            is_value(value)
                && edges.into_iter().all(|edge| edge.is_nan() || (edge - value).abs() <= room)
        };
        let high = (last + 1..=keys.high).take_while(resolved).last().unwrap_or(last);
        let low = (keys.low..first).rev().take_while(resolved).last().unwrap_or(first);
        let name = format!("{} {frac} {out}", function.name());
        let table = Table::tabulate(&name, Interval { low, high }, |key| at(key).round() as i64);
        table.ok_or_else(|| {
            QuantizeError::Options(
                "a function's table is too long; use fewer activation bits".into(),
            )
        })
    }

    /// A function of one number by its table.
    pub(super) fn table(&mut self, id: NodeId, node: &Node) -> Result<Tensor, QuantizeError> {
        let Some(planned) = self.shared.tables.nodes.get(&id).cloned() else {
            return Err(self.unsupported(node, "a function without a table"));
        };
        let operand = self.operand(node, 0)?;
        // Every rounding before counts.
        let member = self.member(
            id,
            node,
            node.inputs.first().copied().unwrap_or(NodeId(0)),
            &planned.function,
        );
        let grid = Grid { step: f64::from(-operand.frac).exp2(), offset: 0.0 };
        let mut worst = member.worst(&planned.function, planned.frac, planned.out, Some(grid));
        if planned.function.is_whole() && operand.frac < 0 {
            worst.error = f64::INFINITY;
        }
        if worst.error > REFUSED * self.coarser() * member.magnitude {
            return Err(unresolved(&node.name, &planned.function, worst));
        }
        let operand = self.raise(node, operand, planned.frac)?;
        let (operand, shift, _) = self.shifted(node, operand, planned.frac)?;
        let table = planned.table.clone();
        self.push(node, Primitive::Table { shift, table }, &[operand], &node.shape, planned.out)
    }
}

fn unresolved(layer: &str, function: &Composition, worst: Worst) -> QuantizeError {
    QuantizeError::Unresolved {
        layer: layer.to_owned(),
        function: function.name(),
        error: worst.error,
        value: worst.at,
    }
}
