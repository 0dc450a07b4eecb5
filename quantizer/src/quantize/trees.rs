//! Ensembles of trees.
//!
//! ```text
//! n = round((x - c) 2^f)                 each column that is compared, with c amid its bounds;
//!                                        beyond `bits` bits the nearer end of them
//! b = 1 where n <= T, else 0             each distinct bound, by one table for all: T - n is a
//!                                        key, and its sign the value
//! left = b * node,  right = node - left  each inner node: whether the row comes to its children;
//!                                        1 at a root
//! ```
//!
//! All bounds of a column lie inside its bits, so a value beyond them compares as the end does: no
//! row is refused for a column that the samples had smaller. A bound lies between the samples on
//! its two sides wherever the integers tell them apart, and columns get up to [`MOST_FINER`] bits
//! more until they do. Every integer that the ranges accept has one value of `b`: the table has a
//! row for each key. The comparison is that of rounded numbers: a value closer to a bound than a
//! column's step may fall on the other side, and the report's agreement shows where that matters.
//!
//! `b` and the products are exact integers. Intervals do not see that `node - left` is a flag;
//! where they would grow past [`LOOSE`], `right` is the product of `node` and `1 - b`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::Tables;
use super::{Lowering, QuantizeError, Tensor, quantize_value};
use crate::calibrate::Sides;
use lemma_graph::{Interval, Leak, Op as Primitive, Table};
use lemma_model::{Branch, Node, NodeId, Op, Split, Trees};

/// Bits of a column, or the activation bits where they are fewer.
const BITS: u32 = 12;

/// Fewest bits of a column.
const FEWEST_BITS: u32 = 8;

/// Most bits that a column has beyond these.
const MOST_FINER: u32 = 3;

/// Bits of a column before it is brought into its range.
const WIDEST: u32 = 38;

/// An input that is only compared may be this many times as large as its range has it.
pub(super) const STRANGERS: f64 = 1024.0;

/// Widest interval that a flag is thought to have.
const LOOSE: u64 = 64;

/// Most fractional bits of an input beyond those that fill the activation bits, so that strangers
/// have room in 60 bits.
const MOST_INPUT_BITS: i32 = 32;

/// How a column becomes an integer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    /// The middle.
    center: f64,
    /// Fractional bits.
    frac: i32,
}

impl Grid {
    /// The steps of a column of which `bounds` are asked for, each with the samples next to it.
    fn of(bounds: &[(f64, [f64; 2])], bits: u32) -> Grid {
        let (least, most) =
            bounds.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (x, _)| {
                (low.min(*x), high.max(*x))
            });
        let width = most - least;
        // Of what lies outside of all bounds only that it does matters. About a single bound the
        // samples next to it must be told apart.
        let gaps = bounds.iter().flat_map(|(bound, [below, above])| [bound - below, above - bound]);
        let gap = gaps.filter(|gap| gap.is_finite()).fold(0.0, f64::max);
        let margin = match width > 0.0 {
            true => width / 8.0,
            false if gap > 0.0 => gap,
            false => most.abs().max(1.0),
        };
        Grid {
            center: (least + most) / 2.0,
            frac: bits as i32 - 2 - (width / 2.0 + margin).log2().floor() as i32,
        }
    }

    /// The integer of `x`, which was first rounded to `operand` fractional bits.
    fn position(self, x: f64, operand: i32) -> i64 {
        let offset = quantize_value(x, operand).saturating_sub(self.offset(operand));
        match operand - self.frac {
            shift if shift > 0 => {
                (offset.saturating_add(1 << (shift.min(62) - 1))) >> shift.min(62)
            }
            shift => offset.saturating_mul(1 << shift.unsigned_abs().min(62)),
        }
    }

    /// The middle at `operand` fractional bits.
    fn offset(self, operand: i32) -> i64 {
        quantize_value(self.center, operand)
    }
}

/// The scales of an ensemble.
#[derive(Debug)]
pub(super) struct Planned {
    bits: u32,
    grids: BTreeMap<usize, Grid>,
}

impl Planned {
    fn new(trees: &Trees, sides: &Sides, bits: u32) -> Planned {
        let mut columns: BTreeMap<usize, Vec<(f64, [f64; 2])>> = BTreeMap::new();
        for (split, (below, above)) in trees.splits.iter().zip(&sides.splits) {
            let asked = (f64::from(split.bound), [f64::from(*below), f64::from(*above)]);
            columns.entry(split.column).or_default().push(asked);
        }
        let grids = columns.into_iter().map(|(column, asked)| (column, Grid::of(&asked, bits)));
        Planned { bits, grids: grids.collect() }
    }

    /// The fractional bits of the finest column.
    pub(super) fn finest(&self) -> i32 {
        self.grids.values().map(|grid| grid.frac).max().unwrap_or(0)
    }

    /// All integers of a column.
    fn range(&self) -> Interval {
        Interval { low: -(1 << (self.bits - 1)), high: (1 << (self.bits - 1)) - 1 }
    }

    /// The largest integer that counts as at most a bound, and whether samples on both sides have
    /// different integers. The bound keeps `slack` steps from the samples where there is room: a
    /// column that is computed may be off by as much.
    fn bound(
        &self,
        split: &Split,
        (below, above): (f32, f32),
        operand: i32,
        slack: i64,
    ) -> (i64, bool) {
        let Some(grid) = self.grids.get(&split.column) else { return (0, true) };
        let position = |x: f32| x.is_finite().then(|| grid.position(f64::from(x), operand));
        let steps = (f64::from(split.bound) - grid.center) * f64::from(grid.frac).exp2();
        let (least, most) = (
            position(below).unwrap_or(i64::MIN),
            position(above).map_or(i64::MAX, |above| above - 1),
        );
        let parts = least <= most;
        let kept = (least.saturating_add(slack), most.saturating_sub(slack));
        let (least, most) =
            if kept.0 <= kept.1 { kept } else { (least.min(most), most.max(least)) };
        (
            // The ends of the range stand for all that is beyond them, which is no bound.
            (steps.floor() as i64)
                .clamp(least, most)
                .clamp(self.range().low, self.range().high - 1),
            parts,
        )
    }
}

impl Lowering<'_> {
    /// Chooses the scales of all ensembles: the fewest bits with which most bounds part their
    /// samples.
    pub(super) fn plan_trees(&self, tables: &mut Tables) -> BTreeMap<NodeId, Planned> {
        let mut plans = BTreeMap::new();
        for (at, node) in self.model.nodes.iter().enumerate() {
            let (Op::Trees(trees), Some(sides)) = (&node.op, self.ranges.sides(NodeId(at))) else {
                continue;
            };
            let plan = |bits: u32| {
                let planned = Planned::new(trees, sides, bits);
                let operand = planned.finest();
                let bounds = trees
                    .splits
                    .iter()
                    .zip(&sides.splits)
                    .map(|(split, sides)| planned.bound(split, *sides, operand, 0));
                let mixed = bounds.filter(|(_, parts)| !parts).count();
                (mixed, bits, planned)
            };
            // A row of the table for each step: few comparisons are worth fewer.
            let worth = trees.splits.len().max(1).ilog2() + 5;
            let least = self.options.bits.min(worth.clamp(FEWEST_BITS, BITS));
            let bits = least..=self.options.bits.min(BITS) + MOST_FINER;
            let Some((_, _, planned)) =
                bits.map(plan).min_by_key(|(mixed, bits, _)| (*mixed, *bits))
            else {
                continue;
            };
            let operand = node.inputs.first().copied().unwrap_or(NodeId(0));
            if matches!(self.model.node(operand).map(|node| &node.op), Some(Op::Input)) {
                tables.need_bits(
                    operand,
                    planned.finest().min(self.natural(operand) + MOST_INPUT_BITS),
                );
            }
            plans.insert(NodeId(at), planned);
        }
        plans
    }

    /// Leaves that a row comes to.
    pub(super) fn trees(
        &mut self,
        id: NodeId,
        node: &Node,
        trees: &Trees,
    ) -> Result<Tensor, QuantizeError> {
        let (Some(planned), Some(sides)) = (self.shared.trees.get(&id), self.ranges.sides(id))
        else {
            return Err(self.unsupported(node, "trees without calibrated columns"));
        };
        let operand = self.operand(node, 0)?;
        if self.shape(operand).iter().rev().skip(1).any(|extent| *extent != 1) {
            return Err(self.unsupported(node, "trees over more than one row"));
        }
        let (positions, places) = self.positions(node, operand, planned)?;
        let source = node.inputs.first().and_then(|source| self.model.node(*source));
        let slack = i64::from(!source.is_some_and(|source| matches!(source.op, Op::Input)));
        // Equal comparisons of all trees are one.
        let (mut bounds, mut number, mut bits) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (split, sides) in trees.splits.iter().zip(&sides.splits) {
            let (bound, _) = planned.bound(split, *sides, operand.frac, slack);
            let place = places.get(&split.column).copied().unwrap_or(0);
            bits.push(*number.entry((place, bound)).or_insert_with(|| {
                bounds.push((place, bound));
                bounds.len() as u32 - 1
            }));
        }
        let len = [bounds.len()];
        let compared = self.push(
            node,
            Primitive::Gather(bounds.iter().map(|(place, _)| *place).collect()),
            &[positions],
            &len,
            0,
        )?;
        let constant = self.push(
            node,
            Primitive::Constant(bounds.iter().map(|(_, bound)| *bound).collect()),
            &[],
            &len,
            0,
        )?;
        let keys =
            self.push(node, Primitive::Sum([1, -1].into()), &[constant, compared], &len, 0)?;
        let edge = 1i64 << planned.bits;
        let table = Table::tabulate("at most", Interval { low: -edge, high: edge - 1 }, |key| {
            i64::from(key >= 0)
        });
        let table =
            Arc::new(table.ok_or_else(|| self.unsupported(node, "too many bits of a column"))?);
        let flags = self.push(node, Primitive::Table { shift: 0, table }, &[keys], &len, 0)?;
        self.paths(node, trees, flags, &bits)
    }

    /// The columns that are compared as integers, and where each of them is.
    fn positions(
        &mut self,
        node: &Node,
        operand: Tensor,
        planned: &Planned,
    ) -> Result<(Tensor, BTreeMap<usize, u32>), QuantizeError> {
        let mut groups: BTreeMap<i32, Vec<(usize, Grid)>> = BTreeMap::new();
        for (column, grid) in &planned.grids {
            groups.entry(grid.frac).or_default().push((*column, *grid));
        }
        let (mut parts, mut places) = (Vec::new(), BTreeMap::new());
        for (frac, members) in groups {
            let shape = [members.len()];
            let index = members.iter().map(|(column, _)| *column as u32).collect();
            let part =
                self.push(node, Primitive::Gather(index), &[operand], &shape, operand.frac)?;
            let offsets = members.iter().map(|(_, grid)| grid.offset(operand.frac)).collect();
            let offsets =
                self.push(node, Primitive::Constant(offsets), &[], &shape, operand.frac)?;
            let part = self.push(
                node,
                Primitive::Sum([1, -1].into()),
                &[part, offsets],
                &shape,
                operand.frac,
            )?;
            let (part, shift) = if operand.frac > frac {
                let (part, shift, _) = self.shifted(node, part, frac)?;
                (part, shift)
            } else {
                (self.raise(node, part, frac)?, 0)
            };
            parts.push(self.clamped(node, part, shift, planned.range())?);
            for (column, _) in members {
                places.insert(column, places.len() as u32);
            }
        }
        let all = self.push(
            node,
            Primitive::Gather((0..places.len() as u32).collect()),
            &parts,
            &[places.len()],
            0,
        )?;
        Ok((all, places))
    }

    /// The quotient of a column, where it lies outside `range` the nearer end of that: no bound is
    /// beyond, so the comparisons are the same. `lo + relu(q - lo) - relu(q - hi)`.
    fn clamped(
        &mut self,
        node: &Node,
        column: Tensor,
        shift: u32,
        range: Interval,
    ) -> Result<Tensor, QuantizeError> {
        let shape = self.shape(column);
        let all = self.bounds(column).round_shift(shift);
        let end = 1i64 << WIDEST;
        let wide = Interval { low: all.low.max(-end), high: all.high.min(end) };
        let op = |range| Primitive::Rescale { shift, range };
        if range.covers(wide) || wide.low > range.high || wide.high < range.low {
            return self.push(node, op(range), &[column], &shape, 0);
        }
        // A whole number of bits, as ranges are cheapest.
        let size = wide.low.unsigned_abs().max(wide.high.unsigned_abs()).next_power_of_two() as i64;
        let wide = Interval { low: -size, high: size - 1 };
        let q = self.push(node, op(wide), &[column], &shape, 0)?;
        let above = |lowering: &mut Self, end: i64| {
            let end = vec![end; shape.iter().product()];
            let end = lowering.push(node, Primitive::Constant(end.into()), &[], &shape, 0)?;
            let over = lowering.push(node, Primitive::Sum([1, -1].into()), &[q, end], &shape, 0)?;
            let bits = size.ilog2() + 1;
            let relu = Primitive::Relu { shift: 0, bits, leak: Leak::none() };
            lowering.push(node, relu, &[over], &shape, 0)
        };
        let (low, high) = (above(self, range.low)?, above(self, range.high)?);
        let floor = vec![range.low; shape.iter().product()];
        let floor = self.push(node, Primitive::Constant(floor.into()), &[], &shape, 0)?;
        // Intervals do not see that the result is inside; the keys that are made of it are.
        let signs = Primitive::Sum([1, 1, -1].into());
        self.push(node, signs, &[floor, low, high], &shape, 0)
    }

    /// Whether an input is read by nothing but trees, which compare and do not compute.
    pub(super) fn only_compared(&self, id: NodeId) -> bool {
        let mut readers = self.readers(id).peekable();
        readers.peek().is_some()
            && !self.model.outputs.iter().any(|(_, output)| *output == id)
            && readers.all(|(reader, node)| match &node.op {
                Op::Trees(_) => true,
                Op::View(_) => self.only_compared(reader),
                _ => false,
            })
    }

    /// Whether the row comes to each leaf; `bits` says which of `flags` each inner node asks for.
    fn paths(
        &mut self,
        node: &Node,
        trees: &Trees,
        flags: Tensor,
        bits: &[u32],
    ) -> Result<Tensor, QuantizeError> {
        let mut level: Vec<(usize, Option<u32>)> = Vec::new();
        let mut leaves = vec![0u32; trees.leaves];
        for root in &trees.roots {
            match root {
                Branch::Split(at) => level.push((*at, None)),
                Branch::Leaf(_) => return Err(self.unsupported(node, "a tree that is a leaf")),
            }
        }
        // Children of the level before, and of all levels.
        let (mut before, mut all, mut total): ([Tensor; 2], Vec<Tensor>, u32) =
            ([flags; 2], Vec::new(), 0);
        while !level.is_empty() {
            let len = [level.len()];
            let asked = level.iter().filter_map(|(at, _)| bits.get(*at).copied()).collect();
            let asked = self.push(node, Primitive::Gather(asked), &[flags], &len, 0)?;
            let parents: Option<Arc<[u32]>> = level.iter().map(|(_, parent)| *parent).collect();
            let not = |lowering: &mut Self| {
                let ones = lowering.push(
                    node,
                    Primitive::Constant(vec![1; len[0]].into()),
                    &[],
                    &len,
                    0,
                )?;
                lowering.push(node, Primitive::Sum([1, -1].into()), &[ones, asked], &len, 0)
            };
            before = match parents {
                None => [asked, not(self)?],
                Some(parents) => {
                    let parent = self.push(node, Primitive::Gather(parents), &before, &len, 0)?;
                    let left = self.push(node, Primitive::Product, &[parent, asked], &len, 0)?;
                    let right = if self.bounds(parent).magnitude() < LOOSE {
                        self.push(node, Primitive::Sum([1, -1].into()), &[parent, left], &len, 0)?
                    } else {
                        let other = not(self)?;
                        self.push(node, Primitive::Product, &[parent, other], &len, 0)?
                    };
                    [left, right]
                }
            };
            let mut next = Vec::new();
            for (slot, (at, _)) in level.iter().enumerate() {
                let Some(split) = trees.splits.get(*at) else { continue };
                for (branch, slot) in [(split.at_most, slot), (split.above, slot + level.len())] {
                    match branch {
                        Branch::Split(at) => next.push((at, Some(slot as u32))),
                        Branch::Leaf(at) => leaves
                            .get_mut(at)
                            .into_iter()
                            .for_each(|place| *place = total + slot as u32),
                    }
                }
            }
            all.extend(before);
            total += 2 * level.len() as u32;
            level = next;
        }
        self.push(node, Primitive::Gather(leaves.into()), &all, &node.shape, 0)
    }
}
