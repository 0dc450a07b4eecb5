//! What all quantizations of a model with one number of activation bits have in common, wherever
//! tensors are rounded: the tables of its functions above all. A search over placements makes it
//! once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::functions::Tables;
use super::line::{Line, lines};
use super::options::{BITS, Options, Placement, WEIGHT_BITS};
use super::reciprocal::Division;
use super::trees::Planned;
use super::weights::Weights;
use super::{Lowering, QuantizeError, Quantized};
use crate::calibrate::Ranges;
use lemma_graph::Table;
use lemma_model::{Model, NodeId};

/// A model that is ready to be quantized with one number of activation bits.
pub struct Prepared<'a> {
    model: &'a Model,
    ranges: &'a Ranges,
    options: Options,
    shared: Shared,
}

/// What does not depend on where tensors are rounded.
#[derive(Default)]
pub(super) struct Shared {
    /// What follows from an input by numbers alone.
    pub(super) lines: Vec<Option<Line>>,
    /// The nodes that read each node, ascending.
    pub(super) readers: Vec<Vec<NodeId>>,
    /// Nodes that nothing but masks needs the values of.
    pub(super) only_flags: Vec<bool>,
    /// Reciprocals that are divisions.
    pub(super) reciprocals: BTreeMap<NodeId, Division>,
    /// Tables of functions.
    pub(super) tables: Tables,
    /// Scales of ensembles of trees.
    pub(super) trees: BTreeMap<NodeId, Planned>,
    /// Fractional bits of the operands of softmaxes.
    pub(super) softmax_bits: i32,
    /// Integers of the layers' weights.
    pub(super) weights: Weights,
    /// Tables of softmaxes, by the fractional bits of their keys.
    pub(super) exponentials: RefCell<BTreeMap<i32, Arc<Table>>>,
}

impl<'a> Prepared<'a> {
    /// Plans the tables of a model, which may have `rows` rows together. The placement of `options`
    /// does not count.
    ///
    /// # Errors
    /// An option out of range, or a function that no table resolves or that takes too many rows.
    pub fn new(
        model: &'a Model,
        ranges: &'a Ranges,
        options: &Options,
        rows: u64,
    ) -> Result<Prepared<'a>, QuantizeError> {
        if !BITS.contains(&options.bits) {
            return Err(QuantizeError::Options(format!(
                "{} activation bits; {BITS:?} are possible",
                options.bits
            )));
        }
        if !WEIGHT_BITS.contains(&options.weight_bits) {
            return Err(QuantizeError::Options(format!(
                "{} weight bits; {WEIGHT_BITS:?} are possible",
                options.weight_bits
            )));
        }
        if !(1.0..=65536.0).contains(&options.headroom) {
            return Err(QuantizeError::Options(format!(
                "a headroom of {}; it must be at least 1",
                options.headroom
            )));
        }
        let mut shared = Shared {
            lines: lines(model),
            readers: readers(model),
            only_flags: model.only_flags(),
            weights: Weights::of(model),
            ..Shared::default()
        };
        (shared.reciprocals, shared.tables) =
            Lowering::new(model, ranges, options, &shared).plan_reciprocals();
        let lowering = Lowering::new(model, ranges, options, &shared);
        let mut tables = lowering.plan_tables(rows)?;
        let trees = lowering.plan_trees(&mut tables);
        (shared.tables, shared.trees, shared.softmax_bits) =
            (tables, trees, lowering.softmax_bits());
        Ok(Prepared { model, ranges, options: options.clone(), shared })
    }

    /// Quantizes with tensors rounded where `placement` says.
    ///
    /// # Errors
    /// An unsupported operation, an unknown public name, or values that would pass 62 bits.
    pub fn place(&self, placement: Placement) -> Result<Quantized, QuantizeError> {
        let options = Options { placement, ..self.options.clone() };
        Lowering::new(self.model, self.ranges, &options, &self.shared).quantized()
    }
}

/// The nodes that read each node of a model, each once.
fn readers(model: &Model) -> Vec<Vec<NodeId>> {
    let mut readers: Vec<Vec<NodeId>> = vec![Vec::new(); model.nodes.len()];
    for (at, node) in model.nodes.iter().enumerate() {
        for operand in &node.inputs {
            let of = readers.get_mut(operand.0).filter(|of| of.last() != Some(&NodeId(at)));
            of.into_iter().for_each(|of| of.push(NodeId(at)));
        }
    }
    readers
}
