//! A builder around another one that notes where in the code of the gadgets each check is asked
//! for, and may leave one of these places out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;

use ark_bn254::Fr;
use lemma_circuits::builder::{Builder, Values};
use lemma_graph::LinearMap;

/// A place of the code that asks for a constraint, a range or a lookup.
pub type Place = &'static Location<'static>;

/// A reading of a relation.
pub struct Reading<B> {
    /// The reading that is noted.
    pub inner: B,
    /// Every constraint, as `gadget.name`, with its rows.
    pub blocks: Vec<(String, Range<usize>)>,
    /// Every place that asked, with the names of the constraints that it added; ranges and lookups
    /// add theirs at the end, elsewhere.
    pub places: BTreeMap<Place, BTreeSet<String>>,
    without: Option<Place>,
    gadget: &'static str,
    rows: usize,
}

impl<B> Reading<B> {
    /// A reading without one place.
    pub fn new(inner: B, without: Option<Place>) -> Self {
        Reading { inner, blocks: Vec::new(), places: BTreeMap::new(), without, gadget: "", rows: 0 }
    }

    fn asked(&mut self, place: Place) -> &mut BTreeSet<String> {
        self.places.entry(place).or_default()
    }
}

impl<B: Builder> Builder for Reading<B> {
    type Form = B::Form;

    fn enter(&mut self, layer: &Arc<str>, gadget: &'static str) {
        self.gadget = gadget;
        self.inner.enter(layer, gadget);
    }

    #[track_caller]
    fn enforce(&mut self, name: &'static str, a: &B::Form, b: &B::Form, c: Option<&B::Form>) {
        let place = Location::caller();
        let name_of_all = format!("{}.{name}", self.gadget);
        self.asked(place).insert(name_of_all.clone());
        if self.without == Some(place) {
            return;
        }
        let start = self.rows;
        self.rows += self.inner.len(a);
        self.blocks.push((name_of_all, start..self.rows));
        self.inner.enforce(name, a, b, c);
    }

    #[track_caller]
    fn keeps(&mut self) -> bool {
        let place = Location::caller();
        self.asked(place);
        self.without != Some(place)
    }

    fn len(&self, x: &B::Form) -> usize {
        self.inner.len(x)
    }

    fn constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[i64]>) -> B::Form {
        self.inner.constant(len, values)
    }

    fn field_constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[Fr]>) -> B::Form {
        self.inner.field_constant(len, values)
    }

    fn linear(&mut self, map: &Arc<LinearMap>, x: &B::Form) -> B::Form {
        self.inner.linear(map, x)
    }

    fn gather(&mut self, index: &Arc<[u32]>, operands: &[&B::Form]) -> B::Form {
        self.inner.gather(index, operands)
    }

    fn combine(&mut self, terms: &[(i64, &B::Form)], constant: i64) -> B::Form {
        self.inner.combine(terms, constant)
    }

    fn divide(&mut self, x: &B::Form, shift: u32) -> B::Form {
        self.inner.divide(x, shift)
    }

    fn repeat(&mut self, x: &B::Form, len: usize) -> B::Form {
        self.inner.repeat(x, len)
    }

    fn total(&mut self, x: &B::Form) -> B::Form {
        self.inner.total(x)
    }

    fn chi(&mut self) -> B::Form {
        self.inner.chi()
    }

    fn phi(&mut self) -> B::Form {
        self.inner.phi()
    }

    fn witness(
        &mut self,
        name: &'static str,
        len: usize,
        of: &[&B::Form],
        hint: impl FnOnce(&[&[i64]]) -> Vec<i64>,
    ) -> B::Form {
        self.inner.witness(name, len, of, hint)
    }

    fn late_witness(
        &mut self,
        name: &'static str,
        len: usize,
        of: &[&B::Form],
        hint: impl FnOnce(&[&Values]) -> Vec<Fr>,
    ) -> B::Form {
        self.inner.late_witness(name, len, of, hint)
    }

    fn note_lookups(&mut self, lookups: usize, rows: usize) {
        self.inner.note_lookups(lookups, rows);
    }
}
