//! The count builder: what a relation costs, per layer, before anything is built.

use std::collections::BTreeMap;
use std::sync::Arc;

use ark_bn254::Fr;
use lemma_graph::LinearMap;
use serde::Serialize;

use crate::builder::{Builder, Values};

/// What a relation or a part of it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Rank-1 constraints.
    pub constraints: usize,
    /// Wires assigned before the challenge.
    pub round1: usize,
    /// Wires assigned after the challenge.
    pub round2: usize,
    /// Lookups.
    pub lookups: usize,
    /// Table rows.
    pub table_rows: usize,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.constraints += other.constraints;
        self.round1 += other.round1;
        self.round2 += other.round2;
        self.lookups += other.lookups;
        self.table_rows += other.table_rows;
    }
}

/// Counts; a form is only its length.
#[derive(Default)]
pub struct Count {
    total: Cost,
    /// What was spent each time that a layer was entered.
    spent: Vec<(Arc<str>, Cost)>,
}

impl Count {
    /// The whole relation.
    pub fn total(&self) -> Cost {
        self.total
    }

    /// Per layer.
    pub fn layers(&self) -> BTreeMap<Arc<str>, Cost> {
        let mut layers: BTreeMap<Arc<str>, Cost> = BTreeMap::new();
        for (layer, cost) in self.spent.iter().filter(|(_, cost)| *cost != Cost::default()) {
            *layers.entry(layer.clone()).or_default() += *cost;
        }
        layers
    }

    fn spend(&mut self, cost: Cost) {
        self.total += cost;
        self.spent.last_mut().into_iter().for_each(|(_, spent)| *spent += cost);
    }
}

impl Builder for Count {
    type Form = usize;

    fn enter(&mut self, layer: &Arc<str>, _gadget: &'static str) {
        if self.spent.last().is_none_or(|(last, _)| !Arc::ptr_eq(last, layer)) {
            self.spent.push((layer.clone(), Cost::default()));
        }
    }

    fn len(&self, x: &usize) -> usize {
        *x
    }

    fn constant(&mut self, len: usize, _values: impl FnOnce() -> Arc<[i64]>) -> usize {
        len
    }

    fn field_constant(&mut self, len: usize, _values: impl FnOnce() -> Arc<[Fr]>) -> usize {
        len
    }

    fn linear(&mut self, map: &Arc<LinearMap>, x: &usize) -> usize {
        map.output_len(*x).unwrap_or(0)
    }

    fn gather(&mut self, index: &Arc<[u32]>, _operands: &[&usize]) -> usize {
        index.len()
    }

    fn combine(&mut self, terms: &[(i64, &usize)], _constant: i64) -> usize {
        terms.first().map_or(0, |(_, len)| **len)
    }

    fn divide(&mut self, x: &usize, _shift: u32) -> usize {
        *x
    }

    fn repeat(&mut self, _x: &usize, len: usize) -> usize {
        len
    }

    fn total(&mut self, _x: &usize) -> usize {
        1
    }

    fn chi(&mut self) -> usize {
        1
    }

    fn phi(&mut self) -> usize {
        1
    }

    fn witness(
        &mut self,
        _name: &'static str,
        len: usize,
        _of: &[&usize],
        _hint: impl FnOnce(&[&[i64]]) -> Vec<i64>,
    ) -> usize {
        self.spend(Cost { round1: len, ..Cost::default() });
        len
    }

    fn late_witness(
        &mut self,
        _name: &'static str,
        len: usize,
        _of: &[&usize],
        _hint: impl FnOnce(&[&Values]) -> Vec<Fr>,
    ) -> usize {
        self.spend(Cost { round2: len, ..Cost::default() });
        len
    }

    fn enforce(&mut self, _name: &'static str, a: &usize, _b: &usize, _c: Option<&usize>) {
        self.spend(Cost { constraints: *a, ..Cost::default() });
    }

    fn note_lookups(&mut self, lookups: usize, table_rows: usize) {
        self.spend(Cost { lookups, table_rows, ..Cost::default() });
    }
}
