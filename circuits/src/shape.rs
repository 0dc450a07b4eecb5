//! The shape builder: the constraint system, with linear forms kept as the operations that made
//! them.
//!
//! A row of A, B or C is an element of some vector of linear forms, and each such vector is a node
//! of a graph of linear operations over the wires. The setup needs `A^T l`, not A: that is one
//! reverse pass through the graph, in which every operation is applied transposed (the chain rule
//! of a linear function). Memory is O(weights + wires + constraints); time is one
//! multiply-accumulate of an integer and a field element per weight use.

mod pass;

use std::sync::Arc;

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use lemma_graph::LinearMap;

use crate::builder::{Builder, Site, Values};
use crate::relation::{Columns, Layout, Relation};

/// A vector of linear forms: an index into the operations of a [`Circuit`].
#[derive(Clone, Copy, Debug)]
pub struct FormId(u32);

#[derive(Debug)]
enum Operation {
    Constant(Arc<[i64]>),
    FieldConstant(Arc<[Fr]>),
    /// A public wire.
    Public(usize),
    /// Round-1 wires from `start`.
    Round1(usize),
    /// Round-2 wires from `start`.
    Round2(usize),
    Linear(Arc<LinearMap>, FormId),
    Gather(Arc<[u32]>, Vec<FormId>),
    Combine(Vec<(i64, FormId)>, i64),
    Divide(FormId, u32),
    Repeat(FormId),
    Total(FormId),
}

/// Constraints `a_i * b_i = c_i` on rows from `start`.
#[derive(Debug)]
struct Block {
    start: usize,
    a: FormId,
    b: FormId,
    c: Option<FormId>,
    site: Site,
}

/// Which of the three matrices.
#[derive(Clone, Copy)]
enum Side {
    A,
    B,
    C,
}

/// A constraint system with structured linear forms.
#[derive(Debug)]
pub struct Circuit {
    operations: Vec<(Operation, usize)>,
    blocks: Vec<Block>,
    constraints: usize,
    round1: usize,
    round2: usize,
    public_values: usize,
    layer: Arc<str>,
    gadget: &'static str,
}

impl Default for Circuit {
    fn default() -> Circuit {
        Circuit {
            operations: Vec::new(),
            blocks: Vec::new(),
            constraints: 0,
            round1: 0,
            round2: 0,
            public_values: 0,
            layer: "".into(),
            gadget: "",
        }
    }
}

impl Circuit {
    /// Declares the number of public values that `phi` folds.
    pub fn set_public_values(&mut self, n: usize) {
        self.public_values = n;
    }

    /// Which constraint row `row` is.
    pub fn site(&self, row: usize) -> Option<&Site> {
        let after = self.blocks.partition_point(|block| block.start <= row);
        self.blocks.get(after.checked_sub(1)?).map(|block| &block.site)
    }

    /// The sites of all constraints, each with its rows.
    pub fn sites(&self) -> impl Iterator<Item = (&Site, std::ops::Range<usize>)> {
        self.blocks
            .iter()
            .map(|block| (&block.site, block.start..block.start + self.length(block.a)))
    }

    /// `A z`, `B z` and `C z`, computed from the linear forms alone: the checker's independent
    /// reading.
    pub fn evaluate(&self, wires: &[Fr]) -> Columns {
        let values = self.forward(wires);
        let rows = |side: Side| {
            let mut out = vec![Fr::ZERO; self.constraints];
            for block in &self.blocks {
                if let Some(form) = block.form(side) {
                    let value = &values[form.0 as usize];
                    out[block.start..block.start + value.len()].copy_from_slice(value);
                }
            }
            out
        };
        Columns { a: rows(Side::A), b: rows(Side::B), c: rows(Side::C) }
    }

    fn push(&mut self, operation: Operation, len: usize) -> FormId {
        self.operations.push((operation, len));
        FormId(self.operations.len() as u32 - 1)
    }

    fn length(&self, form: FormId) -> usize {
        self.operations[form.0 as usize].1
    }

    fn site_of(&self, name: &'static str) -> Site {
        Site { layer: self.layer.clone(), gadget: self.gadget, name }
    }
}

impl Block {
    fn form(&self, side: Side) -> Option<FormId> {
        match side {
            Side::A => Some(self.a),
            Side::B => Some(self.b),
            Side::C => self.c,
        }
    }
}

impl Relation for Circuit {
    fn layout(&self) -> Layout {
        Layout {
            constraints: self.constraints,
            round1: self.round1,
            round2: self.round2,
            public_values: self.public_values,
        }
    }

    fn columns(&self, rows: &[Fr]) -> Columns {
        Columns {
            a: self.reverse(rows, Side::A),
            b: self.reverse(rows, Side::B),
            c: self.reverse(rows, Side::C),
        }
    }
}

impl Builder for Circuit {
    type Form = FormId;

    fn enter(&mut self, layer: &Arc<str>, gadget: &'static str) {
        self.layer = layer.clone();
        self.gadget = gadget;
    }

    fn len(&self, x: &FormId) -> usize {
        self.length(*x)
    }

    fn constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[i64]>) -> FormId {
        self.push(Operation::Constant(values()), len)
    }

    fn field_constant(&mut self, len: usize, values: impl FnOnce() -> Arc<[Fr]>) -> FormId {
        self.push(Operation::FieldConstant(values()), len)
    }

    fn linear(&mut self, map: &Arc<LinearMap>, x: &FormId) -> FormId {
        let len = map.output_len(self.length(*x)).unwrap_or(0);
        self.push(Operation::Linear(map.clone(), *x), len)
    }

    fn gather(&mut self, index: &Arc<[u32]>, operands: &[&FormId]) -> FormId {
        let operands = operands.iter().map(|x| **x).collect();
        self.push(Operation::Gather(index.clone(), operands), index.len())
    }

    fn combine(&mut self, terms: &[(i64, &FormId)], constant: i64) -> FormId {
        let len = terms.first().map_or(0, |(_, x)| self.length(**x));
        debug_assert!(terms.iter().all(|(_, x)| self.length(**x) == len));
        self.push(Operation::Combine(terms.iter().map(|(c, x)| (*c, **x)).collect(), constant), len)
    }

    fn divide(&mut self, x: &FormId, shift: u32) -> FormId {
        let len = self.length(*x);
        self.push(Operation::Divide(*x, shift), len)
    }

    fn repeat(&mut self, x: &FormId, len: usize) -> FormId {
        debug_assert!(len.is_multiple_of(self.length(*x)));
        self.push(Operation::Repeat(*x), len)
    }

    fn total(&mut self, x: &FormId) -> FormId {
        self.push(Operation::Total(*x), 1)
    }

    fn chi(&mut self) -> FormId {
        self.push(Operation::Public(1), 1)
    }

    fn phi(&mut self) -> FormId {
        self.push(Operation::Public(2), 1)
    }

    fn witness(
        &mut self,
        _name: &'static str,
        len: usize,
        _of: &[&FormId],
        _hint: impl FnOnce(&[&[i64]]) -> Vec<i64>,
    ) -> FormId {
        let start = self.round1;
        self.round1 += len;
        self.push(Operation::Round1(start), len)
    }

    fn late_witness(
        &mut self,
        _name: &'static str,
        len: usize,
        _of: &[&FormId],
        _hint: impl FnOnce(&[&Values]) -> Vec<Fr>,
    ) -> FormId {
        let start = self.round2;
        self.round2 += len;
        self.push(Operation::Round2(start), len)
    }

    fn enforce(&mut self, name: &'static str, a: &FormId, b: &FormId, c: Option<&FormId>) {
        let len = self.length(*a);
        debug_assert!(self.length(*b) == len && c.is_none_or(|c| self.length(*c) == len));
        let site = self.site_of(name);
        self.blocks.push(Block { start: self.constraints, a: *a, b: *b, c: c.copied(), site });
        self.constraints += len;
    }

    fn note_lookups(&mut self, _lookups: usize, _rows: usize) {}
}

/// `2^-shift`.
pub(crate) fn inverse_power(shift: u32) -> Fr {
    Fr::from(2u64).inverse().unwrap_or(Fr::ZERO).pow([shift as u64])
}

#[cfg(test)]
mod tests {
    use lemma_graph::ZERO;

    use super::*;

    /// Every operation once, with random rows: `l · (M z) = (M^T l) · z`.
    #[test]
    fn the_reverse_pass_is_adjoint_to_the_forward_pass() {
        let mut c = Circuit::default();
        let x = c.witness("x", 6, &[], |_| vec![]);
        let y = c.late_witness("y", 2, &[], |_| vec![]);
        let k = c.constant(6, || Arc::from([3, -4, 5, 6, 7, -8]));
        let map =
            LinearMap::Dense { weight: Arc::from([1, -2, 3, 4, 5, -6]), outputs: 2, inputs: 3 };
        let dense = c.linear(&Arc::new(map), &x);
        let gathered = c.gather(&Arc::from([3, ZERO, 1, 0, 7, 2]), &[&dense, &x]);
        let repeated = c.repeat(&y, 6);
        let field = c.field_constant(6, || (0..6u64).map(|i| -Fr::from(i).pow([99])).collect());
        let mixed = c.combine(&[(2, &gathered), (-1, &repeated), (7, &k), (3, &field)], -9);
        let divided = c.divide(&mixed, 3);
        let total = c.total(&divided);
        let chi = c.chi();
        let phi = c.phi();
        c.enforce("vector", &divided, &x, Some(&repeated));
        c.enforce("scalar", &total, &chi, Some(&phi));
        let layout = c.layout();
        let random = |n: usize, seed: u64| -> Vec<Fr> {
            (0..n as u64).map(|i| Fr::from(seed + i).pow([5 + i])).collect()
        };
        let mut wires = random(layout.wires(), 3);
        wires[0] = Fr::ONE;
        let rows = random(layout.constraints, 77);
        let dot = |a: &[Fr], b: &[Fr]| -> Fr { a.iter().zip(b).map(|(x, y)| *x * y).sum() };
        let (forward, reverse) = (c.evaluate(&wires), c.columns(&rows));
        assert_eq!(dot(&rows, &forward.a), dot(&reverse.a, &wires));
        assert_eq!(dot(&rows, &forward.b), dot(&reverse.b, &wires));
        assert_eq!(dot(&rows, &forward.c), dot(&reverse.c, &wires));
    }

    #[test]
    fn a_row_knows_its_site() {
        let mut c = Circuit::default();
        let x = c.witness("x", 3, &[], |_| vec![]);
        c.enter(&"first".into(), "gadget");
        c.enforce("one", &x, &x, None);
        c.enter(&"second".into(), "gadget");
        c.enforce("two", &x, &x, None);
        assert_eq!(c.site(2).map(|s| s.name), Some("one"));
        assert_eq!(c.site(3).map(|s| (&*s.layer, s.name)), Some(("second", "two")));
    }
}
